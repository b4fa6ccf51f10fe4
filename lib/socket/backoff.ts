/**
 * Waiting for what the kernel cannot announce: trying again, less and less often.
 *
 * @module
 */

import { cancellable, type Deadline, type WaitOptions } from "../sys/clock.ts";

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * Tries until there is a result, with pauses of 1 ms, then 2, at last 50 between the tries.
 *
 * @param attempt Returns `undefined` to be tried again.
 */
export async function backOff<T>(
  what: string,
  options: WaitOptions,
  deadline: Deadline,
  attempt: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    options.signal?.throwIfAborted();
    const result = await attempt();
    if (result !== undefined) return result;
    await cancellable<void>(what, options, (resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      return () => clearTimeout(timer);
    }, deadline);
  }
}
