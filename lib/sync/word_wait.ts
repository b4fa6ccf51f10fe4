/**
 * Waiting until a word in shared memory has another value: blocking this thread, or on the event loop.
 *
 * @module
 */

import { cancellable, type Deadline, type WaitOptions } from "../sys/clock.ts";
import { anyChanged, LOOK_AGAIN_MS, type Watched } from "./futex.ts";
import { sleepersSettled, sleepOn } from "./futex_sleeper.ts";
import { futexWaitAny } from "./futex_vector.ts";

/** Words to wait for, the first of them the primitive's own. */
export type WatchList = readonly [Watched, ...Watched[]];

/**
 * Blocks this thread until one of the words has another value than expected, or the deadline.
 *
 * @returns Whether a word has changed. It may have got its old value back since.
 */
export function waitForChangeSync(watched: WatchList, deadline: Deadline): boolean {
  while (!anyChanged(watched)) {
    const remainingMs = deadline.remainingMs;
    if (remainingMs === 0) return false;
    futexWaitAny(watched, Math.min(remainingMs, LOOK_AGAIN_MS));
  }
  return true;
}

/**
 * Waits on the event loop until one of the words has another value than expected. Nothing is pending any more when the promise settles.
 *
 * @param what What waits, for the message of the `TimeoutError`.
 * @param asleep Called as soon as nothing that changes can be missed. What it throws ends the wait.
 * @throws {PosixError} ENOSYS before Linux 5.16; `asleep` has not been called then.
 */
export async function waitForChange(
  what: string,
  [{ words, address, expected }, ...also]: WatchList,
  options: WaitOptions,
  deadline: Deadline,
  asleep?: () => void,
): Promise<void> {
  try {
    await cancellable<void>(what, options, (resolve, reject) => {
      const stop = sleepOn({ words, address, expected, also, wake: resolve, fail: reject });
      try {
        asleep?.();
      } catch (error) {
        stop();
        throw error;
      }
      return stop;
    }, deadline);
  } finally {
    await sleepersSettled();
  }
}
