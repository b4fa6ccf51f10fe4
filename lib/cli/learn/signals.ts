/**
 * Lesson 2: signals interrupt, and standard ones do not count.
 *
 * @module
 */

import { kill, queueSignal, realtime, signals } from "../../signal/mod.ts";
import { Heard } from "./heard.ts";
import type { Lesson } from "./lesson.ts";
import { stopped } from "./waiting.ts";

const BUSY = `trap 'echo "interrupted in round $i"' USR1; trap 'echo "worked $i rounds"; exit' TERM; ` +
  `i=1; echo "works"; while :; do i=$((i+1)); done`;

const TIMES = 3;
const MANY = 100;

/** The asynchronous model. */
export const SIGNALS: Lesson = {
  model: "asynchronous",
  text: [
    "A signal is a tap on the shoulder. The recipient does not wait for it: wherever it is in its work, the kernel makes it run a handler, and then",
    "it goes on as if nothing had been. The sender does not wait either. A signal carries its number and almost nothing else.",
  ],
  experiment: {
    about:
      `A shell counts as fast as it can and never looks at anything. This process sends it SIGUSR1 ${TIMES} times.`,
    command: [`sh -c '${BUSY.replaceAll("'", `'"'"'`)}'`, "kill -USR1 PID"],
    async play(scene) {
      const child = scene.program("sh", ["-c", BUSY], { stdout: "piped" });
      const heard = new Heard(scene, child, "sh");
      await heard.line("works");
      for (let time = 1; time <= TIMES; time++) {
        scene.did("sends SIGUSR1");
        kill(child.pid, "SIGUSR1");
        await heard.line("interrupted", time);
      }
      scene.did("sends SIGTERM");
      kill(child.pid, "SIGTERM");
      await heard.over;
      const rounds = heard.lines.slice(1).map((line) => Number(/\d+/.exec(line)?.[0]));
      scene.check(
        `it was interrupted ${TIMES} times`,
        heard.lines.filter((line) => line.startsWith("int")).length === TIMES,
      );
      scene.check("and went on counting each time", rounds.every((round, index) => round >= (rounds[index - 1] ?? 1)));
      return [
        `It was interrupted in rounds ${rounds.slice(0, -1).join(", ")}, wherever it was, and had worked ${
          rounds.at(-1)
        } when it was told to end.`,
        "Nothing in its loop looks for signals.",
      ];
    },
    shown: {
      scene: "signal",
      claim: "a trace shows the recipient interrupted",
      shows: ({ messages }) => messages.some(({ mechanism }) => mechanism === "signal"),
    },
  },
  question: {
    ask:
      `A process is stopped, ${MANY} times somebody sends it SIGUSR1, and then it goes on. How often does its handler run?`,
    answers: [
      { text: `${MANY} times`, right: false, why: "the kernel keeps one bit for a standard signal: pending, or not." },
      {
        text: "once",
        right: true,
        why: "a standard signal is pending or it is not: one bit. The other 99 found it set.",
      },
      { text: "never: a stopped process gets no signals", right: false, why: "they stay pending until it goes on." },
    ],
  },
  broken: {
    about:
      `Lose signals: stop a process, send ${MANY} of one kind, let it go on. Then the same with a real-time signal.`,
    command: ["kill -STOP PID; for i in $(seq 100); do kill -USR1 PID; done; kill -CONT PID"],
    async play(scene) {
      const child = scene.program("sh", ["-c", BUSY], { stdout: "piped" });
      const heard = new Heard(scene, child, "sh");
      await heard.line("works");
      kill(child.pid, "SIGSTOP");
      await stopped(child.pid);
      for (let time = 0; time < MANY; time++) kill(child.pid, "SIGUSR1");
      scene.did(`has stopped sh, sent SIGUSR1 ${MANY} times, and lets it go on`);
      kill(child.pid, "SIGCONT");
      await heard.line("interrupted");
      kill(child.pid, "SIGTERM");
      await heard.over;
      const ran = heard.lines.filter((line) => line.startsWith("interrupted")).length;
      scene.check(`of ${MANY} standard signals one was delivered`, ran === 1);

      const counter = scene.peer(["counter"]);
      await counter.said("listens");
      kill(counter.pid, "SIGSTOP");
      await stopped(counter.pid);
      for (let value = 0; value < MANY; value++) queueSignal(counter.pid, realtime(1), value);
      scene.did(`has stopped the child, queued SIGRTMIN+1 with the values 0 to ${MANY - 1}, and lets it go on`);
      kill(counter.pid, "SIGCONT");
      await scene.over(counter);
      scene.check(`of ${MANY} real-time signals all came, in order`, counter.told.includes(allCame(MANY)));
      return [
        `SIGUSR1: ${MANY} sent, ${ran} handled, ${
          MANY - ran
        } lost without a trace. Count nothing with standard signals.`,
        `SIGRTMIN+1: ${MANY} queued, ${MANY} handled in order, each with its value. Real-time signals queue, up to RLIMIT_SIGPENDING.`,
      ];
    },
  },
  peers: {
    async counter(report) {
      using listener = signals([realtime(1)]);
      report.did("listens to SIGRTMIN+1");
      report.send();
      let expected = 0;
      for await (const event of listener) {
        if (!("value" in event) || event.value !== expected) {
          throw new Error(`Expected ${expected}, got ${JSON.stringify(event)}`);
        }
        if (++expected === MANY) break;
      }
      report.did(allCame(expected));
    },
  },
};

function allCame(count: number): string {
  return `got ${count} signals with their values in order`;
}
