/**
 * Starting a program that was written a moment ago.
 *
 * @module
 */

import { PosixError } from "../errors.ts";

/** Waits before each new try, in milliseconds: about a fifth of a second together. */
const WAITS_MS = [1, 2, 4, 8, 16, 32, 64, 64];

/**
 * Starts something, and again when the kernel says ETXTBSY: somebody still has the program open for writing. Often that is another child
 * which was born while it was being written and is about to become another program. Blocks this thread between the tries.
 *
 * @see {@link https://github.com/golang/go/issues/22315 The race, told at length}
 */
export function retryWhileBusy<T>(start: () => T): T {
  for (const waitMs of WAITS_MS) {
    try {
      return start();
    } catch (error) {
      if (!(error instanceof PosixError) || error.code !== "ETXTBSY") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
    }
  }
  return start();
}
