/**
 * A Unix socket, and an open file that travels through it.
 *
 * @module
 */

import { pipe, pipeWriter } from "../../pipe/mod.ts";
import { connectUnix, listenUnix } from "../../socket/mod.ts";
import type { Mechanism } from "./mechanism.ts";

const GREETING = "hello\n";
const ANSWER = "through the pipe that you gave me\n";

/** The child connects and says hello; the parent sends it one end of a pipe; the child answers there. */
export const SOCKET: Mechanism = {
  model: "synchronous, through the kernel",
  about: "both directions, two copies; the kernel says who is at the other end; open files can be passed on",

  async play(scene) {
    const path = `${scene.directory}/socket`;
    const listener = scene.use(await listenUnix(path, { descriptors: true }));
    scene.did("listens at a path");
    const child = scene.peer([path]);
    const socket = scene.use(await listener.accept());
    scene.did(`accepts: the kernel says that pid ${socket.peer.pid} uid ${socket.peer.uid} connected`);
    const hello = new Uint8Array(64);
    const greeting = text(hello, await socket.read(hello));
    scene.did(`reads ${JSON.stringify(greeting)}`);
    const { reader, writer } = pipe();
    scene.use(reader);
    scene.did("makes a pipe, and sends its writing end");
    await socket.sendDescriptors(new Uint8Array(1), [writer]);
    const buffer = new Uint8Array(64);
    const answer = text(buffer, await reader.read(buffer));
    scene.did(`reads ${JSON.stringify(answer)} from the pipe`);
    scene.check("the kernel named the child", socket.peer.pid === child.pid);
    scene.check("the greeting arrived", greeting === GREETING);
    scene.check("the descriptor works in the other process", answer === ANSWER);
    await scene.over(child);
  },

  async peer(report, [path = ""]) {
    report.did("connects");
    using socket = await connectUnix(path, { descriptors: true });
    report.did(`writes ${JSON.stringify(GREETING)}`);
    await socket.write(new TextEncoder().encode(GREETING));
    using message = await socket.receiveDescriptors();
    const descriptor = message?.descriptors.shift();
    if (descriptor === undefined) throw new Error("No descriptor came");
    report.did("gets a descriptor, writes into it");
    using writer = pipeWriter(descriptor);
    await writer.write(new TextEncoder().encode(ANSWER));
  },
};

function text(buffer: Uint8Array, count: number | null): string {
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
}
