/**
 * Waiting for a descriptor by blocking this thread.
 *
 * @module
 */

import type { Deadline } from "./clock.ts";
import { ERRNO, errno, fail } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { POLL } from "./linux.ts";
import { isProbed, publishWait } from "./probe.ts";
import { objectOf } from "./probe_object.ts";

/** `struct pollfd { int fd; short events; short revents; }` */
const pollfd = new ArrayBuffer(8);
const pollfdView = new DataView(pollfd);

/**
 * `poll(2)`: blocks this thread until a descriptor is ready. A signal does not end the wait: it goes on with the time that remains.
 *
 * @param events `POLL.*` to wait for. Errors and hang-ups always end the wait.
 * @returns The events that are there.
 * @throws {DOMException} `TimeoutError` at the deadline.
 */
export function pollSync(fd: Fd, events: number, deadline: Deadline): number {
  if (isProbed()) return told(fd, events, () => pollUntilReady(fd, events, deadline));
  return pollUntilReady(fd, events, deadline);
}

function pollUntilReady(fd: Fd, events: number, deadline: Deadline): number {
  while (true) {
    const ready = pollOnce(fd, events, deadline.remainingMs);
    if (ready !== 0) return ready;
    if (deadline.remainingMs === 0) throw deadline.timeoutError();
  }
}

/**
 * The same, but a signal ends the wait, for somebody who waits for what a signal handler does.
 *
 * @returns The events that are there; 0 after a signal.
 */
export function pollUntilSignal(fd: Fd, events: number, deadline: Deadline): number {
  const poll = () => pollOnce(fd, events, deadline.remainingMs);
  const ready = isProbed() ? told(fd, events, poll) : poll();
  if (ready === 0 && deadline.remainingMs === 0) throw deadline.timeoutError();
  return ready;
}

/** Tells the probe of a wait. */
function told(fd: Fd, events: number, poll: () => number): number {
  const ended = publishWait({ for: (events & POLL.OUT) === 0 ? "read" : "write", what: fd.what, object: objectOf(fd) });
  try {
    return poll();
  } finally {
    ended();
  }
}

/** What a descriptor is ready for now; never waits. */
export function pollNow(fd: Fd, events: number): number {
  return pollOnce(fd, events, 0);
}

function pollOnce(fd: Fd, events: number, timeoutMs: number): number {
  pollfdView.setInt32(0, fd.raw, true);
  pollfdView.setInt16(4, events, true);
  pollfdView.setInt16(6, 0, true);
  // poll counts whole milliseconds: round up, so that the wait never ends early and spins.
  const whole = timeoutMs === Infinity ? -1 : Math.min(Math.ceil(timeoutMs), 0x7fffffff);
  const result = libc().poll(pollfd, 1, whole);
  // Of its own errors only these can happen here. Any other number is what was left of EINTR when somebody else had written over it.
  const number = result === -1 ? errno() : 0;
  if (result === -1 && number !== ERRNO.EINVAL && number !== ERRNO.ENOMEM) return 0;
  if (result === -1) fail(number, "poll", fd.what);
  return pollfdView.getInt16(6, true);
}
