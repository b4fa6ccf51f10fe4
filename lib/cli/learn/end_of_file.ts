/**
 * Lesson 4: who holds the writing end decides about the end of file.
 *
 * @module
 */

import { pipe } from "../../pipe/mod.ts";
import { describeStatus, isSuccess } from "../../process/status.ts";
import { Heard } from "./heard.ts";
import type { Lesson } from "./lesson.ts";
import { A_WHILE_MS, isStuck, since } from "./waiting.ts";

const GREETING = new TextEncoder().encode("hello\n");

/** The classic mistake with pipes. */
export const END_OF_FILE: Lesson = {
  model: "synchronous, through the kernel",
  text: [
    "There is no end-of-file byte. A reader meets the end when the pipe is empty and nobody has its writing end open any more: not the writer, not a",
    "child that inherited it, not the parent that made the pipe. One forgotten copy, in any process, and the reader waits for ever.",
  ],
  experiment: {
    about: "cat reads from a pipe. This process writes a line, and closes the writing end, which is the only one.",
    command: ["echo hello | cat"],
    async play(scene) {
      const { reader, writer } = pipe();
      scene.use(writer);
      const child = scene.program("cat", [], { stdin: reader, stdout: "piped" });
      const heard = new Heard(scene, child, "cat");
      await writer.write(GREETING);
      scene.did('writes "hello\\n"');
      await heard.line("hello");
      scene.check("cat waits for more", await isStuck(child.status));
      const closedAt = performance.now();
      writer.close();
      scene.did("closes the writing end");
      const status = await child.status;
      const took = since(closedAt);
      scene.note("cat", `meets the end of file, ${describeStatus(status)}`);
      scene.check("cat met the end of file, and ended well", isSuccess(status));
      return [`cat waited as long as a writer could come, and had ended ${took} after the last one was gone.`];
    },
  },
  question: {
    ask:
      "A program makes a pipe, starts cat with its reading end, writes, and closes its writing end. cat never ends. Why?",
    answers: [
      { text: "cat needs a newline at the end", right: false, why: "cat copies bytes and knows no lines." },
      {
        text: "somebody else has the writing end open",
        right: true,
        why: "a child that was started meanwhile and inherited it, or a copy (dup) in the same process.",
      },
      {
        text: "the pipe was not flushed",
        right: false,
        why: "pipes have no buffer to flush but the kernel's, and cat has read that.",
      },
    ],
  },
  broken: {
    about: "Forget to close: another program, sleep, gets a copy of the writing end that it has no use for.",
    command: ["mkfifo p; cat p & { sleep 1000 & echo hello; } > p"],
    async play(scene) {
      const { reader, writer } = pipe();
      scene.use(writer);
      const child = scene.program("cat", [], { stdin: reader, stdout: "piped" });
      const heard = new Heard(scene, child, "cat");
      // Its standard output is the pipe: it says nothing there, and holds it.
      const sleep = scene.program("sleep", ["1000"], { stdout: writer.duplicate() });
      scene.note("sleep", "has the writing end too, as its standard output");
      await writer.write(GREETING);
      scene.did('writes "hello\\n"');
      await heard.line("hello");
      writer.close();
      scene.did("closes its writing end");
      const stuck = await isStuck(child.status);
      scene.note("cat", `still waits after ${A_WHILE_MS} ms`);
      scene.check("cat met no end of file while sleep had the pipe", stuck);
      scene.did("ends sleep");
      sleep.kill("SIGKILL");
      await sleep.status;
      const status = await child.status;
      scene.note("cat", `meets the end of file, ${describeStatus(status)}`);
      scene.check("cat met it when sleep was gone", isSuccess(status));
      return [
        "The writer had closed its end, and still there was no end of file: sleep, which never writes, could have written.",
        "That is why causeway gives a child 0, 1, 2 and what was asked for, moves ends instead of copying them, and makes every descriptor close-on-exec.",
      ];
    },
  },
};
