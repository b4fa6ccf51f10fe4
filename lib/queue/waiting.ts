/**
 * What the waits of both kinds of queue share.
 *
 * @module
 */

import { nextTurn, type SyncWaitOptions, turnIsDue } from "../sys/clock.ts";

/**
 * A loop over a queue that is never empty, or never full, must not starve timers and other events. The turn comes after the message: the
 * first try is made when the caller asks, and what has been taken is not lost to an abort.
 */
export async function giveTurn(): Promise<void> {
  if (turnIsDue()) await nextTurn();
}

/** Whether a wait has no time limit, so that the kernel itself can keep it. */
export function isForEver({ timeoutMs }: SyncWaitOptions): boolean {
  return timeoutMs === undefined || timeoutMs === Infinity;
}
