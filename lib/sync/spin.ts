/**
 * A short busy wait before a long sleep: a lock is often free again in less time than falling asleep takes.
 *
 * @module
 */

import { OWNER } from "./robust_word.ts";

/** Some microseconds. On one CPU the owner could not run meanwhile. */
const SPINS = navigator.hardwareConcurrency > 1 ? 100 : 0;

/** Waits a little while somebody owns the word. */
export function spinWhileOwned(words: Int32Array<ArrayBuffer>): void {
  for (let spin = 0; spin < SPINS && (Atomics.load(words, 0) & OWNER) !== 0; spin++) Atomics.pause();
}
