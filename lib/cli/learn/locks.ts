/**
 * Lesson 9: locks, and the deadlock.
 *
 * @module
 */

import { counter, countTogether, createBoard, watch, withBoard } from "./counters.ts";
import type { Lesson } from "./lesson.ts";

const TIMES = 20_000;
const UNCONTENDED = 100_000;

/** How long each side of the deadlock waits before it gives up. */
const GIVES_UP_MS = 400;

/** A mutex. */
export const LOCKS: Lesson = {
  model: "synchronous, in shared memory",
  text: [
    "A lock is a word in the shared memory and an agreement: whoever changes it from 0 to its own number, by one atomic instruction, may touch what it",
    "guards. Who finds it taken sleeps in the kernel, on that word (a futex), and is woken. So a lock that is free costs no system call at all, and",
    "only waiting does.",
  ],
  experiment: {
    about: "The counter of the last lesson again, count += 1, but under a lock. And what a free lock costs.",
    command: ["using guard = board.lock.lockSync(); board.plainCount += 1;"],
    async play(scene) {
      const { board } = createBoard(scene);
      const startedAt = performance.now();
      for (let i = 0; i < UNCONTENDED; i++) board.lock.lockSync().unlock();
      const nsEach = (performance.now() - startedAt) * 1e6 / UNCONTENDED;
      scene.did(`locks and unlocks a free lock ${UNCONTENDED} times`);
      const total = await countTogether(scene, "locked", TIMES);
      scene.check(`two processes counted to exactly ${2 * TIMES}`, total === 2 * TIMES);
      return [
        `Under the lock ${total} of ${2 * TIMES}: not one addition is lost, however the two were interleaved.`,
        `A free lock: ${
          nsEach.toFixed(0)
        } ns to lock and unlock. A lock that others want costs sleeping and waking, thousands of times that.`,
      ];
    },
    shown: {
      scene: "mutex",
      claim: "a trace shows the lock going from one to the other",
      shows: ({ messages }) => messages.some(({ mechanism }) => mechanism === "lock"),
    },
  },
  question: {
    ask: "A takes lock 1 and then wants lock 2. B takes lock 2 and then wants lock 1. What can happen?",
    answers: [
      { text: "nothing bad: each lock is correct", right: false, why: "each is. The two together make a circle." },
      {
        text: "both wait for ever, sometimes",
        right: true,
        why: "if each gets its first before the other's second. In tests it seldom happens, in production it does.",
      },
      {
        text: "the kernel notices and lets one go on",
        right: false,
        why: "a futex is a word to the kernel; it knows nothing of owners that wait for each other.",
      },
    ],
  },
  broken: {
    about:
      "Take two locks in opposite orders, at the same time. Both sides give up after a while, or they would still be there.",
    command: [
      "first.lockSync(); second.lockSync({ timeoutMs: 400 })   against   second.lockSync(); first.lockSync({ timeoutMs: 400 })",
    ],
    async play(scene) {
      const { board, name } = createBoard(scene);
      const both = [scene.peer(["taker", name, "first", "second"]), scene.peer(["taker", name, "second", "first"])];
      await watch(() => board.ready.load() === both.length, "the two");
      for (const child of both) await scene.over(child);
      const stuck = both.filter((child) => child.told.some((did) => did.startsWith("gives up"))).length;
      const owned = board.owner.load();
      // Who gives up first sets the other free, if that still waits: so one at least gave up, and before that nobody had both.
      scene.check("nobody got the second lock before somebody gave up", stuck >= 1);
      const same = scene.peer(["taker", name, "first", "second"]);
      await scene.over(same);
      scene.check("alone, or in the same order, it works", board.owner.load() === owned + 1);
      return [
        `Both held one lock and wanted the other's. After ${GIVES_UP_MS} ms ${
          stuck === 2 ? "both" : "one"
        } gave up; without a limit they would wait for ever.`,
        "Neither lock did anything wrong. The cure is an order: whoever needs both takes the first one first.",
      ];
    },
  },
  peers: {
    counter,
    async taker(report, [name, one, other]) {
      await withBoard(name, async (board) => {
        const locks = { first: board.lock, second: board.second };
        if (one !== "first" && one !== "second") throw new TypeError(`No such lock: ${one}`);
        using _mine = locks[one].lockSync();
        report.did(`holds the ${one} lock, wants the ${other} one`);
        board.ready.add(1);
        // A meeting of the two: the circle is not left to luck. Who comes later, alone, finds both counted already.
        await watch(() => board.ready.load() >= 2, "the other");
        try {
          using _theirs = locks[one === "first" ? "second" : "first"].lockSync({ timeoutMs: GIVES_UP_MS });
          report.did("has both");
          board.owner.add(1);
        } catch (error) {
          if (!(error instanceof DOMException) || error.name !== "TimeoutError") throw error;
          report.did(`gives up after ${GIVES_UP_MS} ms`);
        }
      });
    },
  },
};
