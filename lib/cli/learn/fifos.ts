/**
 * Lesson 5: FIFOs, and that opening waits.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { createFifo, openFifo } from "../../pipe/mod.ts";
import { Heard } from "./heard.ts";
import type { Lesson } from "./lesson.ts";
import { aWhile, since } from "./waiting.ts";

const WRITER = 'echo "opens for writing"; exec 3>"$1"; echo "has it open"; echo hello >&3';

/** Two FIFOs, a and b, opened one after the other. */
const OPENERS = {
  first: 'echo "opens both"; exec 3<"$1" 4>"$2"; echo "has both"',
  wrong: 'echo "opens both"; exec 3<"$2" 4>"$1"; echo "has both"',
  right: 'echo "opens both"; exec 4>"$1" 3<"$2"; echo "has both"',
};

/** A pipe with a name. */
export const FIFOS: Lesson = {
  model: "synchronous, through the kernel",
  text: [
    "A pipe is inherited; two programs that know nothing of each other cannot have one. A FIFO is a pipe with a name in the file system. The name is a",
    "meeting point and nothing else: no byte ever reaches the disk. Since a pipe needs two ends, opening one waits until somebody opens the other.",
  ],
  experiment: {
    about: "A shell opens a FIFO for writing, and nobody reads. Then this process opens it for reading.",
    command: ["mkfifo p; echo hello > p &  sleep 1; cat p"],
    async play(scene) {
      const path = `${scene.directory}/fifo`;
      createFifo(path);
      scene.did("makes a FIFO");
      const startedAt = performance.now();
      const child = scene.program("sh", ["-c", WRITER, "sh", path], { stdout: "piped" });
      const heard = new Heard(scene, child, "sh");
      await heard.line("opens");
      await aWhile();
      scene.check("the writer waits in open() while nobody reads", !heard.lines.includes("has it open"));
      scene.did("opens for reading");
      using reader = await openFifo(path, "read");
      const waited = since(startedAt);
      await heard.line("has it open");
      const text = await new Response(reader.readable).text();
      scene.did(`reads ${JSON.stringify(text)}`);
      await heard.over;
      scene.check("then both were open, and the line came", text === "hello\n");
      const { size } = Deno.statSync(path);
      scene.check("nothing was stored in the file", size === 0);
      return [
        `The shell's open() lasted ${waited}, until the reader came. The file has ${size} bytes, as it always had.`,
      ];
    },
    shown: {
      scene: "fifo",
      claim: "a trace shows two copies here too",
      shows: ({ messages }) => messages.length > 0 && messages.every(({ copies }) => copies === 2),
    },
  },
  question: {
    ask:
      "One program opens FIFO a for reading, then b for writing. Another opens b for reading, then a for writing. What happens?",
    answers: [
      {
        text: "they meet at both",
        right: false,
        why: "neither gets to its second open: each waits in the first for somebody who waits in his first.",
      },
      {
        text: "both wait for ever",
        right: true,
        why: "each waits in its first open for the other's second: a deadlock before any byte.",
      },
      {
        text: "the second gets an error",
        right: false,
        why: "the kernel sees two processes that wait, and nothing wrong with that.",
      },
    ],
  },
  broken: {
    about: "Open in the wrong order: two shells, two FIFOs. And a writer that does not want to wait.",
    command: ["sh -c 'exec 3< a 4> b' &  sh -c 'exec 3< b 4> a'"],
    async play(scene) {
      const [a, b] = [`${scene.directory}/a`, `${scene.directory}/b`];
      createFifo(a);
      createFifo(b);
      const start = (name: string, script: string) => {
        const child = scene.program("sh", ["-c", script, "sh", a, b], { stdout: "piped" });
        return { child, heard: new Heard(scene, child, name) };
      };
      const meet = async (script: string) => {
        const both = [start("first sh", OPENERS.first), start("second sh", script)];
        await Promise.all(both.map(({ heard }) => heard.line("opens")));
        return both;
      };
      const stuck = await meet(OPENERS.wrong);
      await aWhile();
      const opened = stuck.filter(({ heard }) => heard.lines.includes("has both")).length;
      scene.check("in the wrong order nobody gets past open()", opened === 0);
      for (const { child } of stuck) child.kill("SIGKILL");
      await Promise.all(stuck.map(({ child }) => child.status));
      scene.did("kills both, and starts the second with its opens in the other order");
      const met = await meet(OPENERS.right);
      await Promise.all(met.map(({ heard }) => heard.over));
      scene.check("in the right order both open both", met.every(({ heard }) => heard.lines.includes("has both")));
      const refused = await refusal(a);
      scene.did(`opens a for writing without waiting: ${refused}`);
      scene.check("a writer that does not wait gets ENXIO where nobody reads", refused === "ENXIO");
      return [
        "Read-then-write against read-then-write is a circle of two waits. One of the two must open for writing first.",
        `Who cannot wait gets ${refused} ("no such device or address"): POSIX's word for a FIFO without a reader.`,
      ];
    },
  },
};

async function refusal(path: string): Promise<string> {
  try {
    (await openFifo(path, "write", { waitForPeer: false })).close();
    return "no error";
  } catch (error) {
    if (error instanceof PosixError) return error.code;
    throw error;
  }
}
