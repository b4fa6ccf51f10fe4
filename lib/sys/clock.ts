/**
 * Time: deadlines inside this process, and the one clock that processes can compare.
 *
 * @module
 */

import { check } from "./errno.ts";
import { libc } from "./libc.ts";
import { CLOCK_MONOTONIC, CLOCK_REALTIME } from "./linux.ts";
import { nodeTimers } from "./node.ts";

/** How an asynchronous wait can end early. */
export interface WaitOptions {
  /** Ends the wait when it aborts: the promise rejects with `signal.reason`, and nothing that was waited for is lost. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds until the wait ends with a `TimeoutError`.
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
}

/** How a wait that blocks this thread can end early. */
export interface SyncWaitOptions {
  /**
   * Milliseconds until the wait ends with a `TimeoutError`.
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
}

/** A point on this process's monotonic clock until which something may wait. */
export class Deadline {
  readonly #atMs: number;
  readonly #what: string;
  readonly #timeoutMs: number;

  /**
   * @param what What waits, for the message of the `TimeoutError`.
   * @param timeoutMs Milliseconds from now; for ever when left out.
   * @throws {RangeError} When `timeoutMs` is negative or not a number.
   */
  constructor(what: string, timeoutMs: number = Infinity) {
    if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
      throw new RangeError(`timeoutMs must be a number of at least 0, got ${Deno.inspect(timeoutMs)}`);
    }
    this.#what = what;
    this.#timeoutMs = timeoutMs;
    this.#atMs = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
  }

  /** Milliseconds left, never less than 0. */
  get remainingMs(): number {
    return this.#atMs === Infinity ? Infinity : Math.max(0, this.#atMs - performance.now());
  }

  /** The error of a wait that reached this deadline. */
  timeoutError(): DOMException {
    return new DOMException(`${this.#what} timed out after ${Math.ceil(this.#timeoutMs)} ms`, "TimeoutError");
  }
}

/**
 * Runs one cancellable wait: `start` begins it and returns how to withdraw it; abort and timeout withdraw it and reject. Every listener
 * and timer is gone when the promise settles.
 *
 * @param what What waits, for the message of the `TimeoutError`.
 * @param deadline The deadline of the whole, where this wait is one step of it.
 */
export function cancellable<T>(
  what: string,
  options: WaitOptions,
  start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => () => void,
  deadline: Deadline = new Deadline(what, options.timeoutMs),
): Promise<T> {
  const { signal } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise<T>((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let withdraw: (() => void) | undefined;
    let settled = false;
    const settle = () => {
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (reason: unknown) => {
      if (settled) return;
      settle();
      withdraw?.();
      reject(reason);
    };
    const onAbort = () => giveUp(signal?.reason);
    const arm = () => {
      // A timer holds at most 2^31 - 1 milliseconds; a longer wait is armed again.
      const ms = deadline.remainingMs;
      if (ms === Infinity) return;
      timer = setTimeout(
        () => deadline.remainingMs > 0 ? arm() : giveUp(deadline.timeoutError()),
        Math.min(ms, 2 ** 31 - 1),
      );
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    arm();
    try {
      withdraw = start((value) => {
        if (settled) return;
        settle();
        resolve(value);
      }, (reason) => {
        if (settled) return;
        settle();
        reject(reason);
      });
    } catch (error) {
      settle();
      reject(error);
    }
  });
}

const timespec = new BigInt64Array(2);

/**
 * `clock_gettime(CLOCK_MONOTONIC)`: nanoseconds since boot, the same clock for every process of this machine. (`performance.now()`
 * starts when its process does, and does not compare across processes.)
 */
export function monotonicNanoseconds(): bigint {
  check(libc().clock_gettime(CLOCK_MONOTONIC, timespec), "clock_gettime");
  return timespec[0]! * 1_000_000_000n + timespec[1]!;
}

/** {@linkcode monotonicNanoseconds} as a number: exact for 104 days after boot, then in steps of 2 ns. */
export function monotonicNow(): number {
  check(libc().clock_gettime(CLOCK_MONOTONIC, timespec), "clock_gettime");
  return Number(timespec[0]) * 1e9 + Number(timespec[1]);
}

/** How far CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, and by how much that may be wrong: the tightest of several readings, one between two of the other. */
export function realtimeOffset(): { nanoseconds: bigint; errorNs: number } {
  let best = { nanoseconds: 0n, errorNs: Infinity };
  for (let reading = 0; reading < 20; reading++) {
    const before = monotonicNanoseconds();
    check(libc().clock_gettime(CLOCK_REALTIME, timespec), "clock_gettime");
    const realtime = timespec[0]! * 1_000_000_000n + timespec[1]!;
    const after = monotonicNanoseconds();
    const errorNs = Number(after - before) / 2;
    if (errorNs < best.errorNs) best = { nanoseconds: realtime - (before + after) / 2n, errorNs };
  }
  return best;
}

/** After this long, work that never has to wait gives the event loop a turn: timers must not starve. */
const FAIR_SHARE_MS = 4;

let lastTurn = -Infinity;

/** Questions after a turn that are answered without the clock: a loop that waits each time, for a message and its answer, never reads it. */
const FREE_QUESTIONS = 4;

let free = 0;

/** Says that the event loop has just had a turn. */
export function turned(): void {
  free = FREE_QUESTIONS;
}

/** Whether the event loop may have had no turn for too long. At most one clock read: cheap enough to ask before each read or write. */
export function turnIsDue(): boolean {
  if (free > 0) {
    // The share is counted from the last free question.
    if (--free === 0) lastTurn = performance.now();
    return false;
  }
  return performance.now() - lastTurn > FAIR_SHARE_MS;
}

/** Lets timers and other events run: resolves in a later turn of the event loop. (`setTimeout(0)` takes 2 ms, this 5 µs.) */
export async function nextTurn(): Promise<void> {
  await new Promise<void>((resolve) => nodeTimers().setImmediate(resolve));
  lastTurn = performance.now();
}
