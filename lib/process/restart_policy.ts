/**
 * When a service that has ended is started again, and when it has been started too often.
 *
 * @module
 */

import { type Retry, retryDelayMs, retryPolicy } from "./retry.ts";
import type { RestartOptions, RestartWhen } from "./supervisor_options.ts";

/** Restart options with nothing left out. */
export interface RestartPolicy {
  readonly when: RestartWhen;
  readonly retry: Retry;
  readonly resetAfterMs: number;
  readonly maxStarts: number;
  readonly withinMs: number;
}

/**
 * Checks what was asked for and fills in the rest.
 *
 * @throws {TypeError | RangeError} For what makes no sense.
 */
export function restartPolicy(options: RestartWhen | RestartOptions = {}, what = "restart"): RestartPolicy {
  const given: RestartOptions = typeof options === "string" ? { when: options } : options;
  const { when = "on-failure", resetAfterMs = 10_000, maxStarts = 5, withinMs = 10_000 } = given;
  if (!["never", "on-failure", "always"].includes(when)) {
    throw new TypeError(`${what} must be "never", "on-failure" or "always", got ${Deno.inspect(when)}`);
  }
  for (const [name, value] of Object.entries({ resetAfterMs, withinMs })) {
    if (!(typeof value === "number" && value >= 0)) {
      throw new RangeError(`${what}.${name} must be a number of at least 0, got ${Deno.inspect(value)}`);
    }
  }
  if (!(maxStarts === Infinity || Number.isInteger(maxStarts)) || maxStarts < 1) {
    throw new RangeError(`${what}.maxStarts must be a whole number of at least 1, got ${Deno.inspect(maxStarts)}`);
  }
  const { delayMs, factor, maxDelayMs, jitter } = given;
  return {
    when,
    retry: retryPolicy({ times: Infinity, delayMs, factor, maxDelayMs, jitter }),
    resetAfterMs,
    maxStarts,
    withinMs,
  };
}

/** Counts the starts of one service. */
export class RestartCounter {
  readonly #policy: RestartPolicy;
  #starts: number[] = [];
  #attempt = 0;

  /** Nothing has been started. */
  constructor(policy: RestartPolicy) {
    this.#policy = policy;
  }

  /**
   * Asks for a start.
   *
   * @param now A time by `performance.now()`.
   * @returns Whether it may be; `false` when it would be one too many.
   */
  start(now: number = performance.now()): boolean {
    this.#starts = this.#starts.filter((at) => now - at < this.#policy.withinMs);
    if (this.#starts.length >= this.#policy.maxStarts) return false;
    this.#starts.push(now);
    return true;
  }

  /**
   * How long to wait after an end.
   *
   * @param readyMs How long the service had been ready.
   */
  delayMs(readyMs: number): number {
    if (readyMs >= this.#policy.resetAfterMs) this.#attempt = 0;
    return retryDelayMs(this.#policy.retry, ++this.#attempt);
  }
}
