/**
 * Lesson 6: sockets, and open files that travel.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { pipe, pipeWriter } from "../../pipe/mod.ts";
import { connectUnix, listenUnix } from "../../socket/mod.ts";
import type { Lesson } from "./lesson.ts";
import { untilKilled } from "./waiting.ts";

const ANSWER = "through the pipe that you gave me\n";

/** A Unix socket. */
export const SOCKETS: Lesson = {
  model: "synchronous, through the kernel",
  text: [
    "A Unix socket is a road with two directions: two copies each way, like two pipes, and a name that a server listens at. The kernel tells each side",
    "who is at the other end, and nobody can lie about that. And a message can carry open files: the receiver gets a descriptor of its own for the",
    "same open file, without any right to its path, and even if it has none.",
  ],
  experiment: {
    about:
      "Another Deno connects. This process makes a pipe, which has no name, and sends its writing end through the socket.",
    command: ["listenUnix(path, { descriptors: true })  …  await socket.sendDescriptors(bytes, [writer])"],
    async play(scene) {
      const path = `${scene.directory}/socket`;
      using listener = await listenUnix(path, { descriptors: true });
      scene.did("listens at a path");
      const child = scene.peer(["client", path]);
      using socket = await listener.accept();
      const { pid, uid } = socket.peer;
      scene.did(`accepts; the kernel says: pid ${pid}, uid ${uid}`);
      const { reader, writer } = pipe();
      scene.use(reader);
      scene.did("makes a pipe, sends its writing end");
      await socket.sendDescriptors(new Uint8Array(1), [writer]);
      const buffer = new Uint8Array(64);
      const count = await reader.read(buffer);
      const text = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
      scene.did(`reads ${JSON.stringify(text)} from the pipe`);
      await scene.over(child);
      const end = await reader.read(buffer);
      scene.check("the kernel named the right process", pid === child.pid);
      scene.check("the sent descriptor works in the other process", text === ANSWER);
      scene.check("sending it moved it: when the child ended, the pipe had no writer", end === null);
      return [
        `The kernel vouched for pid ${pid}: the child never said who it is.`,
        "The pipe has no name and the child did not inherit it. It came through the socket, as a new descriptor for the same open file.",
      ];
    },
    shown: {
      scene: "socket",
      claim: "a trace shows two copies each way",
      shows: ({ messages }) => messages.length > 0 && messages.every(({ copies }) => copies === 2),
    },
  },
  question: {
    ask: "Process A sends descriptor 7 to process B, which receives it as 5. A closes its 7. Can B still use its 5?",
    answers: [
      {
        text: "no, the file is closed",
        right: false,
        why: "A closed its own descriptor. The open file lives as long as any process has one for it.",
      },
      {
        text: "yes",
        right: true,
        why:
          "both numbers meant the same open file, and it stays open while anyone holds it, even while it is on its way.",
      },
      { text: "only if A is still running", right: false, why: "the open file belongs to the kernel, not to A." },
    ],
  },
  broken: {
    about: "Kill the server with SIGKILL: it cannot remove its name. Then connect to it, and start another one.",
    command: ["socat UNIX-LISTEN:s - &  kill -KILL $!;  socat - UNIX-CONNECT:s"],
    async play(scene) {
      const path = `${scene.directory}/socket`;
      const server = scene.peer(["server", path]);
      await server.said("listens");
      (await connectUnix(path)).close();
      scene.did("connects: somebody is there");
      server.kill("SIGKILL");
      await server.finished();
      scene.did("kills the server");
      const left = Deno.lstatSync(path).isSocket === true;
      scene.check("the dead server's name is still there", left);
      const refused = await refusal(path);
      scene.did(`connects: ${refused}`);
      scene.check("connecting to it is ECONNREFUSED, not a hang", refused === "ECONNREFUSED");
      using _listener = await listenUnix(path);
      (await connectUnix(path)).close();
      scene.did("listens at the same path, and connects");
      scene.check("a new server takes the stale name over", true);
      return [
        `The name outlived the server, and connecting to it says ${refused}: a name is not a process.`,
        'A plain bind() then fails with EADDRINUSE. Many servers unlink first, and so steal the name of one that lives; "listenUnix" replaces a stale',
        "name in one step, and refuses to touch a live one.",
      ];
    },
  },
  peers: {
    async client(report, [path = ""]) {
      using socket = await connectUnix(path, { descriptors: true });
      report.did("connects");
      using message = await socket.receiveDescriptors();
      const descriptor = message?.descriptors.shift();
      if (descriptor === undefined) throw new Error("No descriptor came");
      report.did("gets a descriptor, writes into it");
      using writer = pipeWriter(descriptor);
      await writer.write(new TextEncoder().encode(ANSWER));
    },
    async server(report, [path = ""]) {
      using _listener = await listenUnix(path);
      report.did("listens at a path");
      report.send();
      await untilKilled();
    },
  },
};

async function refusal(path: string): Promise<string> {
  try {
    (await connectUnix(path)).close();
    return "no error";
  } catch (error) {
    if (error instanceof PosixError) return error.code;
    throw error;
  }
}
