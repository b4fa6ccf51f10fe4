/**
 * Lesson 3: two copies, and back-pressure.
 *
 * @module
 */

import { pipe } from "../../pipe/mod.ts";
import { describeStatus } from "../../process/status.ts";
import { Heard } from "./heard.ts";
import type { Lesson } from "./lesson.ts";
import { isStuck, since } from "./waiting.ts";

/** A pipe that is full. */
export const PIPES: Lesson = {
  model: "synchronous, through the kernel",
  text: [
    "A pipe is a buffer in the kernel with two ends. A write copies bytes from the writer's memory into the kernel, a read copies them out into the",
    "reader's: two copies. The buffer is small on purpose. When it is full the writer waits, when it is empty the reader waits: the slower of the two",
    "sets the pace of both. That is back-pressure, and it is why yes | head does not fill the machine's memory.",
  ],
  experiment: {
    about:
      "This process fills a pipe that nobody reads, writes as much again, and is stuck. Then wc -c becomes the reader.",
    command: ["head -c 131072 /dev/zero | wc -c"],
    async play(scene) {
      const { reader, writer } = pipe();
      scene.use(reader);
      scene.use(writer);
      const { capacity } = writer;
      await writer.write(new Uint8Array(capacity));
      scene.did(`writes ${capacity} bytes: the pipe is full, nobody has read`);
      scene.check("not one byte more fits", writer.tryWrite(new Uint8Array(1)) === undefined);
      const startedAt = performance.now();
      const writing = writer.write(new Uint8Array(capacity));
      scene.did(`writes ${capacity} bytes more, and waits`);
      scene.check("the writer was stuck while nobody read", await isStuck(writing));
      const child = scene.program("wc", ["-c"], { stdin: reader, stdout: "piped" });
      const heard = new Heard(scene, child, "wc");
      await writing;
      const waited = since(startedAt);
      scene.did("the second write is done: wc has made room");
      writer.close();
      scene.did("closes the writing end");
      await heard.over;
      scene.check("everything arrived", heard.lines.join().trim() === String(2 * capacity));
      return [
        `The pipe held ${capacity} bytes. The second write took ${waited}: until somebody read.`,
        `Each of the ${2 * capacity} bytes was copied twice: into the kernel by write, out of it by read.`,
      ];
    },
    shown: {
      scene: "pipe",
      claim: "a trace of one message shows two copies",
      shows: ({ messages }) => messages.length > 0 && messages.every(({ copies }) => copies === 2),
    },
  },
  question: {
    ask: "yes writes for ever. In yes | head -n 1, head reads one line and ends. What becomes of yes?",
    answers: [
      {
        text: "it waits for ever, the pipe being full",
        right: false,
        why: "a full pipe makes wait as long as somebody could read. Nobody can.",
      },
      {
        text: "its next write fails: SIGPIPE ends it",
        right: true,
        why: "writing where no reader is left is SIGPIPE, or EPIPE where that is ignored.",
      },
      {
        text: "it goes on, and the kernel throws its bytes away",
        right: false,
        why: "the kernel never throws away what was written.",
      },
    ],
  },
  broken: {
    about: "Kill the reader: yes writes into a pipe that cat reads, and cat gets SIGKILL.",
    command: ["yes | cat > /dev/null &  kill -KILL $!"],
    async play(scene) {
      const { reader, writer } = pipe();
      const cat = scene.program("cat", [], { stdin: reader, stdout: "piped" });
      const yes = scene.program("yes", [], { stdout: writer });
      const lines = cat.stdout.getReader();
      const { value } = await lines.read();
      lines.releaseLock();
      scene.note("cat", `has copied ${value?.byteLength ?? 0} bytes`);
      scene.did("sends SIGKILL to cat");
      const killedAt = performance.now();
      cat.kill("SIGKILL");
      await cat.stdout.cancel();
      await cat.status;
      scene.note("cat", "is dead");
      const status = await yes.status;
      const took = since(killedAt);
      scene.note("yes", describeStatus(status));
      scene.check("SIGPIPE ended the writer", status.kind === "signaled" && status.signal === "SIGPIPE");
      return [
        `yes ${
          describeStatus(status)
        }, ${took} after cat was killed. The kernel closed cat's end, and the next write told yes.`,
        "So a pipeline cleans up after itself, and a stage that dies of SIGPIPE because its reader ended well is no failure.",
      ];
    },
  },
};
