/**
 * Blocking until a robust word is free: S1 to S4 of robust_word.ts.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { Deadline } from "../sys/clock.ts";
import { futexWait, LOOK_AGAIN_MS } from "./futex.ts";
import { robustList } from "./robust_list.ts";
import { OWNER, type RobustWord, WAITERS } from "./robust_word.ts";
import { spinWhileOwned } from "./spin.ts";

/**
 * Blocks this thread until an attempt for the word succeeds.
 *
 * @param attempt Given `WAITERS` when this thread has slept, else 0.
 * @param deadlock What to throw when this thread itself owns the word, by another mapping of the same memory.
 */
export function blockUntilFree<Result>(
  word: RobustWord,
  deadline: Deadline,
  attempt: (waiters: number) => Result | undefined,
  deadlock: () => Error,
): Result {
  const list = robustList();
  let waiters = 0;
  try {
    while (true) {
      spinWhileOwned(word.words);
      if (word.owner === 0) {
        const result = attempt(waiters);
        if (result !== undefined) return result;
      }
      const expected = word.announce();
      if (expected === undefined) continue;
      const namesake = (expected & OWNER) === list.tid;
      if (namesake && list.hasTwin(word)) throw deadlock();
      const remainingMs = deadline.remainingMs;
      if (remainingMs === 0) throw deadline.timeoutError();
      if (namesake) list.end();
      else list.begin(word);
      futexWait(word.pointer, expected, Math.min(remainingMs, LOOK_AGAIN_MS));
      waiters = WAITERS;
    }
  } finally {
    list.end();
  }
}

/**
 * T0 to T5: takes the word if it is free.
 *
 * @param waiters `WAITERS` when this thread has slept for the word, else 0.
 * @throws {PosixError} EAGAIN when this thread holds as many locks as the kernel can release.
 */
export function takeIfFree(word: RobustWord, waiters: number, call: string, target: string): boolean {
  if (word.owner !== 0) return false;
  const list = robustList();
  if (list.full) throw tooMany(call, target);
  list.begin(word);
  const taken = word.take(list, waiters);
  list.end();
  return taken !== "no";
}

/** This thread holds as many locks as the kernel can release. */
export function tooMany(call: string, target: string): PosixError {
  const hint = "this thread holds as many locks as the kernel can release";
  return new PosixError({ code: "EAGAIN", syscall: call, target, hint });
}
