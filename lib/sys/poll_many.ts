/**
 * Waiting for several descriptors by blocking this thread.
 *
 * @module
 */

import { check, ERRNO, errno } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";

/** A descriptor, and what it is waited for. */
export interface Polled {
  readonly fd: Fd;
  /** `POLL.*`. Errors and hang-ups always end the wait. */
  readonly events: number;
}

/** `sizeof(struct pollfd)`: `{ int fd; short events; short revents; }` */
const ENTRY = 8;

/**
 * `poll(2)`: blocks this thread until one of several descriptors is ready, or the time is over. A signal may end the wait early.
 *
 * @param timeoutMs `Infinity` for as long as it takes.
 * @returns The events that are there, one number for each descriptor.
 */
export function pollMany(polled: readonly Polled[], timeoutMs: number): number[] {
  const entries = new DataView(new ArrayBuffer(ENTRY * polled.length));
  for (const [index, { fd, events }] of polled.entries()) {
    entries.setInt32(ENTRY * index, fd.raw, true);
    entries.setInt16(ENTRY * index + 4, events, true);
  }
  // poll counts whole milliseconds: round up, so that the wait never ends early and spins.
  const whole = timeoutMs === Infinity ? -1 : Math.min(Math.ceil(timeoutMs), 0x7fffffff);
  const result = libc().poll(entries, polled.length, whole);
  if (result === -1 && errno() === ERRNO.EINTR) return polled.map(() => 0);
  check(result, "poll");
  return polled.map((_, index) => entries.getInt16(ENTRY * index + 6, true));
}
