/**
 * Waiting for what the kernel cannot announce: trying again, less and less often.
 *
 * @module
 */

import { cancellable, Deadline, nextTurn, type WaitOptions } from "./clock.ts";

const FIRST_PAUSE_MS = 0.05;
const LONGEST_PAUSE_MS = 20;

/**
 * Tries at once, then again with growing pauses: a few turns of the event loop, then 1.6 ms, 3.2, at last 20 between the tries. The last try
 * is at the deadline. Nothing is tried after an abort.
 *
 * @param attempt Returns `undefined` to be tried again.
 * @throws {DOMException} `TimeoutError` at the deadline.
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
    const remainingMs = deadline.remainingMs;
    if (remainingMs === 0) throw deadline.timeoutError();
    // A timer takes a millisecond at least.
    if (pauseMs < 1) await nextTurn();
    else await pause(what, Math.min(pauseMs, remainingMs), options, new Deadline(what));
  }
}

/** `backOff` that blocks this thread: its pauses begin at 0.05 ms. */
export function backOffSync<T>(deadline: Deadline, attempt: () => T | undefined): T {
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const result = attempt();
    if (result !== undefined) return result;
    const remainingMs = deadline.remainingMs;
    if (remainingMs === 0) throw deadline.timeoutError();
    Atomics.wait(never, 0, 0, Math.min(pauseMs, remainingMs));
  }
}

/** A word that nobody ever wakes: sleeping on it is how this thread sleeps. */
const never = new Int32Array(new SharedArrayBuffer(4));

/** Waits for a moment, or until the wait is over. */
export function pause(what: string, ms: number, options: WaitOptions, deadline: Deadline): Promise<void> {
  return cancellable<void>(what, { signal: options.signal }, (resolve) => {
    const timer = setTimeout(resolve, ms);
    return () => clearTimeout(timer);
  }, deadline);
}
