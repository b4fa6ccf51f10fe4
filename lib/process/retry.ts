/**
 * Trying again: how often, and how long to wait before.
 *
 * @module
 */

/** When something that failed is tried again. */
export interface RetryOptions {
  /** How often it is tried again at most, after the first time. */
  times: number;
  /**
   * Milliseconds before the second try.
   * @default {100}
   */
  delayMs?: number | undefined;
  /**
   * By what the delay is multiplied for each further try.
   * @default {2}
   */
  factor?: number | undefined;
  /**
   * The longest delay in milliseconds.
   * @default {30000}
   */
  maxDelayMs?: number | undefined;
  /**
   * Which part of each delay is left to chance, from 0 to 1: those that failed together do not come back together.
   * @default {0.5}
   */
  jitter?: number | undefined;
  /**
   * Whether a failure is worth another try; every one is when left out.
   *
   * @param error What went wrong.
   * @param attempt Which try it was, from 1.
   */
  when?: ((error: unknown, attempt: number) => boolean) | undefined;
}

/** Retry options with nothing left out. */
export type Retry = { readonly [K in keyof RetryOptions]-?: NonNullable<RetryOptions[K]> };

/** A number of tries, or options, as options; a number alone waits as the defaults say. */
export function retryPolicy(options: number | RetryOptions = 0): Retry {
  const { times, delayMs = 100, factor = 2, maxDelayMs = 30_000, jitter = 0.5, when = () => true } =
    typeof options === "number" ? { times: options } : options;
  if (!(times === Infinity || Number.isInteger(times)) || times < 0) {
    throw new RangeError(`retry.times must be a whole number of at least 0, got ${Deno.inspect(times)}`);
  }
  checkAtLeast("retry.delayMs", delayMs, 0);
  checkAtLeast("retry.factor", factor, 1);
  checkAtLeast("retry.maxDelayMs", maxDelayMs, 0);
  if (!(jitter >= 0 && jitter <= 1)) {
    throw new RangeError(`retry.jitter must be from 0 to 1, got ${Deno.inspect(jitter)}`);
  }
  if (typeof when !== "function") throw new TypeError(`retry.when must be a function, got ${Deno.inspect(when)}`);
  return { times, delayMs, factor, maxDelayMs, jitter, when };
}

/**
 * Milliseconds to wait after a failure.
 *
 * @param attempt Which try has failed, from 1.
 * @param random A number from 0 to 1.
 */
export function retryDelayMs(policy: Retry, attempt: number, random: number = Math.random()): number {
  const delayMs = Math.min(policy.maxDelayMs, policy.delayMs * policy.factor ** (attempt - 1));
  return delayMs * (1 - policy.jitter * random);
}

function checkAtLeast(name: string, value: number, least: number): void {
  if (typeof value === "number" && value >= least) return;
  throw new RangeError(`${name} must be a number of at least ${least}, got ${Deno.inspect(value)}`);
}
