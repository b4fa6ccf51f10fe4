/**
 * Lesson 8: shared memory, and the race.
 *
 * @module
 */

import { monotonicNanoseconds } from "../../sys/clock.ts";
import type { Lesson } from "./lesson.ts";
import { counter, countTogether, createBoard, stare, watch, withBoard } from "./counters.ts";

const TIMES = 200_000;
const MANY = 2_000_000;

/** A race need not happen the first time. */
const TRIES = 10;

/** The parent stores 2, 3, 4 … and the child answers each with the same. */
const ROUNDS = 200;

const GREETING = "no copy, no system call";

/** Memory that two processes have. */
export const MEMORY: Lesson = {
  model: "synchronous, in shared memory",
  text: [
    "The kernel can put the same page into the tables of two processes. Then there is no message and no copy: what one stores, the other loads, at the",
    "speed of the memory. The kernel has no part in it any more, which is why it is fast, and why nobody keeps order in it.",
  ],
  experiment: {
    about:
      "This process stores a text and then a word that the child watches. Then two children count in one atomic word.",
    command: ['createSharedMemory("/name", { size })  …  board.text = "…"; board.go.store(1)'],
    async play(scene) {
      const { board, name } = createBoard(scene);
      const child = scene.peer(["watcher", name]);
      await watch(() => board.ready.load() === 1, "the watcher");
      board.text = GREETING;
      board.go.store(1);
      scene.did("stores a text, and 1 in the word");
      const tookNs: number[] = [];
      for (let turn = 2; turn <= ROUNDS; turn++) {
        const storedAt = monotonicNanoseconds();
        board.go.store(turn);
        await stare(() => board.ready.load() === turn, "the answer");
        tookNs.push(Number(monotonicNanoseconds() - storedAt));
      }
      await scene.over(child);
      scene.check(
        "the child read what was stored, from the same page",
        child.told.some((did) => did.includes(GREETING)),
      );
      const total = await countTogether(scene, "atomic", TIMES);
      scene.check(`two processes counted to exactly ${2 * TIMES}`, total === 2 * TIMES);
      return [
        `There and back through one word: ${
          (median(tookNs) / 1000).toFixed(2)
        } µs (median of ${tookNs.length}). No system call, no copy.`,
        `Atomic additions: ${total} of ${2 * TIMES}. The CPU does the load, the addition and the store as one.`,
      ];
    },
    shown: {
      scene: "shared-memory",
      claim: "a trace of the same with shared memory shows no copy",
      shows: ({ messages }) => messages.some(({ mechanism, copies }) => mechanism === "memory" && copies === 0),
    },
  },
  question: {
    ask: "Two processes add 1 to a shared counter with count = count + 1, each a million times. What is in it then?",
    answers: [
      { text: "two million", right: false, why: "only if no two additions ever overlap." },
      {
        text: "anything from 2 to two million",
        right: true,
        why:
          "load, add, store: who stores last overwrites what the other stored in between, be it one addition or thousands.",
      },
      { text: "one million", right: false, why: "only if one side's stores are all lost. Some are, seldom all." },
    ],
  },
  broken: {
    about: `Forget the lock: two processes do count += 1, each ${MANY} times, with nothing between them.`,
    command: ["for (let i = 0; i < 2_000_000; i++) board.plainCount += 1;"],
    async play(scene) {
      let total = 2 * MANY;
      let tries = 0;
      while (total === 2 * MANY && tries++ < TRIES) total = await countTogether(scene, "plain", MANY);
      const lost = 2 * MANY - total;
      scene.check("additions were lost", lost > 0);
      return [
        `${total} instead of ${2 * MANY}: ${lost} additions are lost (${(100 * lost / (2 * MANY)).toFixed(1)} %)${
          tries > 1 ? `, in round ${tries}` : ""
        }.`,
        "No error, no warning, another number every time. A race is not found by testing; it is ruled out by a lock, or by atomic instructions.",
      ];
    },
  },
  peers: {
    counter,
    async watcher(report, [name]) {
      await withBoard(name, async (board) => {
        report.did("has opened the same memory, watches the word");
        board.ready.store(1);
        await watch(() => board.go.load() >= 1, "the word");
        report.did(`sees the word, reads ${JSON.stringify(board.text)}`);
        for (let turn = 2; turn <= ROUNDS; turn++) {
          await stare(() => board.go.load() === turn, "the word");
          board.ready.store(turn);
        }
        report.did(`has answered every word, up to ${ROUNDS}`);
      });
    },
  },
};

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}
