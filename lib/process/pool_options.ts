/**
 * What can be said about a pool and its jobs.
 *
 * @module
 */

import type { Halt } from "./pool_halt.ts";
import type { RetryOptions } from "./retry.ts";

/** How one job is run. */
export interface JobOptions {
  /**
   * Milliseconds that one try may take. A command is ended then as by its own `timeoutMs` (SIGTERM, and SIGKILL after the grace); a
   * function hears it from `context.signal`, and its place is free when it has ended.
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
  /**
   * How often a job that failed is tried again, or exactly how. Between two tries it gives up its place.
   * @default {0}
   */
  retry?: number | RetryOptions | undefined;
  /** Ends the job when it aborts, and takes it from the queue when it has not been started. */
  signal?: AbortSignal | undefined;
}

/** How a pool works. */
export interface PoolOptions extends JobOptions {
  /**
   * How many jobs run at a time: a whole number, or `Infinity`.
   * @default {the CPUs that this process may use: its affinity and the quota of its cgroup count}
   */
  concurrency?: number | undefined;
  /**
   * Least milliseconds between the starts of two jobs.
   * @default {0}
   */
  delayMs?: number | undefined;
  /**
   * Milliseconds that a command which is ended has to obey SIGTERM before it gets SIGKILL; the command's own when left out.
   */
  graceMs?: number | undefined;
  /**
   * When the pool stops because of how jobs ended.
   * @default {"never"}
   */
  halt?: Halt | undefined;
  /** Ends the pool when it aborts: running jobs are ended, waiting ones dropped, and what waits for them rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** How `map()` hands over results. */
export interface PoolMapOptions {
  /**
   * `"input"`: in the order of the items; `"finished"`: as jobs end.
   * @default {"input"}
   */
  order?: "input" | "finished" | undefined;
  /**
   * How many results may wait to be taken before no more jobs are started. At no time have more items been taken from the input than
   * results were delivered, plus `concurrency`, plus this.
   * @default {concurrency, at most 1000}
   */
  readAhead?: number | undefined;
}

/** What a function that is a job is told. */
export interface JobContext {
  /** Aborts when the job must end: its time is over, or it or the pool was cancelled. A function that ignores it is waited for. */
  readonly signal: AbortSignal;
  /** The job's number, from 0: of all that `run()` was given, or the item's. */
  readonly index: number;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** The job's place, from 1 to `concurrency`: no two jobs have one at the same time. */
  readonly slot: number;
}

/** What is said of every job that is over. */
export interface JobFacts<T> {
  /** The job's number, from 0, in the order of the input. */
  readonly index: number;
  /** The item that it was made for. */
  readonly item: T;
  /** How often it was started. */
  readonly attempts: number;
  /** When its last try was started. */
  readonly startedAt: Date;
  /** Milliseconds that its last try took. */
  readonly durationMs: number;
}

/** A job that succeeded. */
export interface JobDone<R, T> extends JobFacts<T> {
  /** It succeeded. */
  readonly kind: "done";
  /** What it returned; of a command, what `output()` returns. */
  readonly value: R;
}

/** A job that failed, at its last try. */
export interface JobFailed<T> extends JobFacts<T> {
  /** It failed. */
  readonly kind: "failed";
  /** What it threw; of a command, the `ExitError` or `PosixError`. */
  readonly error: unknown;
}

/** A job that was ended from outside while it ran: the pool was halted at once, or the job's own signal aborted. */
export interface JobCancelled<T> extends JobFacts<T> {
  /** It was ended from outside. */
  readonly kind: "cancelled";
  /** Why. */
  readonly reason: unknown;
}

/** How a job ended. */
export type JobResult<R, T = unknown> = JobDone<R, T> | JobFailed<T> | JobCancelled<T>;

/** Numbers of a pool at one moment. */
export interface PoolStatistics {
  /** Jobs that wait for a place. */
  readonly queued: number;
  /** Jobs that run. */
  readonly running: number;
  /** Jobs that wait for their next try. */
  readonly waiting: number;
  /** Jobs that succeeded. */
  readonly done: number;
  /** Jobs that failed for good. */
  readonly failed: number;
  /** Jobs that were ended from outside, or dropped before they were started. */
  readonly cancelled: number;
  /** Tries after the first, of all jobs. */
  readonly retries: number;
}

/** Checks a pool's options. @throws {RangeError | TypeError} Before anything is started. */
export function checkPoolOptions(options: PoolOptions): void {
  const { concurrency } = options;
  if (concurrency !== undefined) checkWhole("concurrency", concurrency, 1);
  checkMs("delayMs", options.delayMs);
  checkMs("graceMs", options.graceMs);
  checkJobOptions(options);
}

/** Checks a job's options. @throws {RangeError | TypeError} Before it is started. */
export function checkJobOptions(options: JobOptions): void {
  checkMs("timeoutMs", options.timeoutMs);
}

/** Checks the options of `map()`. @throws {RangeError | TypeError} Before an item is taken. */
export function checkMapOptions({ order = "input", readAhead = 0 }: PoolMapOptions): void {
  if (order !== "input" && order !== "finished") {
    throw new TypeError(`order must be "input" or "finished", got ${Deno.inspect(order)}`);
  }
  checkWhole("readAhead", readAhead, 0);
}

function checkWhole(name: string, value: unknown, least: number): void {
  if (typeof value === "number" && (Number.isInteger(value) || value === Infinity) && value >= least) return;
  throw new RangeError(`${name} must be a whole number of at least ${least}, got ${Deno.inspect(value)}`);
}

function checkMs(name: string, value: unknown): void {
  if (value === undefined || (typeof value === "number" && value >= 0)) return;
  throw new RangeError(`${name} must be a number of at least 0, got ${Deno.inspect(value)}`);
}
