/**
 * How long to let a fast stream gather before its next move.
 *
 * Each wake of this process costs tens of microseconds of CPU, which the programs at both ends of the stream need. Whoever moves bytes as
 * soon as there are some is woken for every few KiB and slows a pipeline down to half. Who lets a grown pipe fill up by half
 * meanwhile is woken once for several hundred KiB, and so are the programs: they then run faster than with a plain pipe between them.
 *
 * @module
 */

import type { Deadline, WaitOptions } from "../sys/clock.ts";
import { check } from "../sys/errno.ts";
import { waitFor } from "../sys/event_loop.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { CLOCK_MONOTONIC, EPOLL, TFD } from "../sys/linux.ts";

/** The shortest pause that is worth a wake. */
const SHORTEST_MS = 0.1;
/** The longest: what a stream may be late by. */
const LONGEST_MS = 1;
/** Bytes per millisecond below which a stream is not fast, and is never made late. */
const FAST = 16_384;
/** For how long the rate is measured. */
const WINDOW_MS = 1;

/** Measures a stream and says when to pause. */
export class Pace implements Disposable {
  /** Bytes that may gather: some room is left for a stream that becomes faster. */
  readonly #portion: number;
  #windowStart = performance.now();
  #windowBytes = 0;
  /** Bytes per millisecond. */
  #rate = 0;
  #timer: Fd | undefined;

  /** @param capacity Bytes that the stream can gather during a pause. */
  constructor(capacity: number) {
    this.#portion = capacity / 2;
  }

  /** Counts bytes that were moved, and returns for how long to pause before the next: 0 for not at all. */
  moved(bytes: number): number {
    this.#windowBytes += bytes;
    const now = performance.now();
    const elapsedMs = now - this.#windowStart;
    if (elapsedMs >= WINDOW_MS) {
      this.#rate = this.#windowBytes / elapsedMs;
      this.#windowStart = now;
      this.#windowBytes = 0;
    }
    if (this.#rate < FAST) return 0;
    const pauseMs = Math.min(this.#portion / this.#rate, LONGEST_MS);
    return pauseMs < SHORTEST_MS ? 0 : pauseMs;
  }

  /** Pauses for less than a second on the event loop: a timer of the kernel, because those of JavaScript take 2 ms at least. */
  async pause(ms: number, options: WaitOptions, deadline: Deadline): Promise<void> {
    const timer = this.#timer ??= newTimer();
    if (timer === undefined) return;
    // struct itimerspec: no interval, then seconds and nanoseconds until it rings. Setting it takes back what it rang before.
    const when = new BigInt64Array([0n, 0n, 0n, BigInt(Math.round(ms * 1e6))]);
    check(libc().timerfd_settime(timer.raw, 0, when, null), "timerfd_settime");
    await waitFor(timer, EPOLL.IN, options, deadline);
  }

  /** Pauses by blocking this thread. */
  pauseSync(ms: number, deadline: Deadline): void {
    Atomics.wait(never, 0, 0, Math.min(ms, deadline.remainingMs));
  }

  /** Gives the timer back. */
  [Symbol.dispose](): void {
    this.#timer?.close();
  }
}

/** No timer where no descriptor is left: the stream goes on unpaced. */
function newTimer(): Fd | undefined {
  const raw = libc().timerfd_create(CLOCK_MONOTONIC, TFD.CLOEXEC | TFD.NONBLOCK);
  return raw === -1 ? undefined : Fd.own(raw, "Timer");
}

/** A word that nobody ever wakes. */
const never = new Int32Array(new SharedArrayBuffer(4));
