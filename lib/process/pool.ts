/**
 * Many jobs, so many at a time.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { cancellable, type WaitOptions } from "../sys/clock.ts";
import { publish } from "../sys/probe.ts";
import { Command } from "./command.ts";
import type { RunResult } from "./exit_error.ts";
import { Pipeline } from "./pipeline.ts";
import { HaltJudge, PoolHaltedError } from "./pool_halt.ts";
import { Job, type JobEnd, type TimeLimit } from "./pool_job.ts";
import { type Intake, mapItems, type PoolItems } from "./pool_map.ts";
import {
  checkJobOptions,
  checkMapOptions,
  checkPoolOptions,
  type JobContext,
  type JobOptions,
  type JobResult,
  type PoolMapOptions,
  type PoolOptions,
  type PoolStatistics,
} from "./pool_options.ts";
import { Slots } from "./pool_slots.ts";
import { type Retry, retryPolicy } from "./retry.ts";

/** A program or a pipeline to run as a job. */
export type PoolCommand = Command | Pipeline;

/**
 * `pool(options)`: runs many jobs, so many at a time: the good part of `xargs -P` and GNU parallel. A job is a command, a pipeline or a
 * function; a function that returns a command has it run in the same place.
 *
 * Never do more jobs run than `concurrency`: the place of a job is free when its process has been reaped, or its function has settled.
 * Jobs start in the order in which they were given. An input is never read whole: see `readAhead`.
 *
 * Disposing of the pool ends every child (SIGTERM, SIGKILL after the grace) and waits for it; nothing is left behind.
 *
 * @throws {RangeError | TypeError} For options that make no sense.
 *
 * @example Compress files, two at a time
 * ```ts
 * import { command, pool } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * await using p = pool({ concurrency: 2, retry: 1 });
 * const lengths: string[] = [];
 * for await (const result of p.map(["a", "bb", "ccc"], (text) => command("expr", ["length", text]))) {
 *   if (result.kind === "done") lengths.push(`${result.item}: ${result.value.stdout.trim()}`);
 * }
 * assertEquals(lengths, ["a: 1", "bb: 2", "ccc: 3"]);
 * ```
 *
 * @example Stop at the first failure
 * ```ts
 * import { command, pool } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * await using p = pool({ concurrency: 1, halt: "soon" });
 * const kinds: string[] = [];
 * for await (const { kind } of p.map([0, 1, 0], (code) => command("sh", ["-c", `exit ${code}`]))) kinds.push(kind);
 * assertEquals(kinds, ["done", "failed"]);
 * assertEquals(p.halted?.message, "Pool halted: 1 job has failed");
 * ```
 *
 * @see {@link https://www.gnu.org/software/parallel/man.html parallel(1)}
 */
export function pool(options: PoolOptions = {}): Pool {
  return new Pool(options);
}

/** Runs jobs, made by {@linkcode pool}. */
export class Pool implements AsyncDisposable {
  /** How many jobs run at a time. */
  readonly concurrency: number;
  readonly #options: PoolOptions;
  readonly #retry: Retry;
  readonly #judge: HaltJudge;
  readonly #slots: Slots;
  readonly #jobs = new Set<Pick<Job<unknown, unknown>, "state" | "cancel" | "halt">>();
  readonly #stopListeners = new Set<() => void>();
  readonly #idleListeners = new Set<() => void>();
  readonly #onAbort = () => this.#stop({ error: this.#options.signal?.reason, quiet: false });
  readonly #counts = { done: 0, failed: 0, cancelled: 0, retries: 0 };
  #next = 0;
  #stopped: { readonly error: unknown; readonly quiet: boolean } | undefined;
  #halted: PoolHaltedError | undefined;

  /** Made by {@linkcode pool}. */
  constructor(options: PoolOptions) {
    checkPoolOptions(options);
    this.#retry = retryPolicy(options.retry);
    this.#judge = new HaltJudge(options.halt);
    this.#options = options;
    this.concurrency = options.concurrency ?? navigator.hardwareConcurrency;
    this.#slots = new Slots(this.concurrency, options.delayMs ?? 0);
    const { signal } = options;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Runs one job as soon as there is a place, after those that were given before.
   *
   * The pool's time limit, signal and grace take the place of the command's own.
   *
   * @param job A command or pipeline, or a function that returns one.
   * @returns What `output()` of the command returns.
   * @throws {ExitError | PosixError} What the last try failed with.
   * @throws {PoolHaltedError} When the pool was halted before the job was over.
   * @throws {ClosedError} When the pool was closed before the job was over.
   * @throws The signal's reason when the pool or the job was aborted.
   */
  run(
    job: PoolCommand | ((context: JobContext) => PoolCommand | Promise<PoolCommand>),
    options?: JobOptions,
  ): Promise<RunResult>;
  /**
   * Runs a function as soon as there is a place, after those jobs that were given before.
   *
   * @param job The work; `context.signal` aborts when it must end.
   * @returns What the function returns.
   * @throws What the last try threw; or as for a command.
   */
  run<R>(job: (context: JobContext) => R | Promise<R>, options?: JobOptions): Promise<R>;
  async run(job: PoolCommand | ((context: JobContext) => unknown), options: JobOptions = {}): Promise<unknown> {
    checkJobOptions(options);
    const { signal } = options;
    signal?.throwIfAborted();
    const work = typeof job === "function" ? job : () => job;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#stopped === undefined) this.#judge.expect(1);
    const cancel = this.#submit(work, options, {
      index: this.#next++,
      item: undefined,
      onStart: () => {},
      onEnd: (end) => {
        if (end.kind === "done") resolve(end.value);
        else reject(end.kind === "failed" ? end.error : end.reason);
      },
    });
    const onAbort = () => cancel(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Runs a command for every item, and hands over how each ended: a failure is a result, not an exception.
   *
   * Starts with the first `next()`. Items are taken from the input only as fast as places and the consumer allow. Leaving the loop early
   * ends the jobs that run, waits for them and closes the input. When the pool is halted the iteration ends after the results that are
   * there. When taking an item throws, so does the iteration, after the results of the items before.
   *
   * @param items An iterable or asynchronous iterable: an array, a generator, a stream.
   * @param job Makes the command for an item.
   * @throws {ClosedError} When the pool was closed meanwhile.
   * @throws The signal's reason when the pool was aborted, as soon as all jobs have ended.
   */
  map<T>(
    items: PoolItems<T>,
    job: (item: T, context: JobContext) => PoolCommand | Promise<PoolCommand>,
    options?: PoolMapOptions,
  ): AsyncGenerator<JobResult<RunResult, T>, void, void>;
  /** Runs a function for every item, and hands over how each ended; otherwise as for commands. */
  map<T, R>(
    items: PoolItems<T>,
    job: (item: T, context: JobContext) => R | Promise<R>,
    options?: PoolMapOptions,
  ): AsyncGenerator<JobResult<R, T>, void, void>;
  map<T>(
    items: PoolItems<T>,
    job: (item: T, context: JobContext) => unknown,
    options: PoolMapOptions = {},
  ): AsyncGenerator<JobResult<unknown, T>, void, void> {
    checkMapOptions(options);
    if (typeof items !== "object" || items === null) {
      throw new TypeError(`Items must be an iterable object, got ${Deno.inspect(items)}`);
    }
    this.#judge.expect(sizeOf(items));
    return mapItems(items, this.#intake(job), options);
  }

  /** What the pool does at this moment, and what became of its jobs. */
  get statistics(): PoolStatistics {
    const now = { queued: 0, running: 0, waiting: 0, over: 0 };
    for (const { state } of this.#jobs) now[state]++;
    const { queued, running, waiting } = now;
    return { queued, running, waiting, ...this.#counts };
  }

  /** Why the pool was halted, if it was. */
  get halted(): PoolHaltedError | undefined {
    return this.#halted;
  }

  /**
   * Stops the pool: no job is started any more, and what waits rejects with {@linkcode PoolHaltedError}. May be called again, to be stricter.
   *
   * @param when `"soon"`: running jobs end by themselves; `"now"`: they are ended.
   */
  halt(when: "soon" | "now" = "soon"): void {
    this.#halt(new PoolHaltedError(when, "Pool halted: halt() was called"));
  }

  /**
   * Waits until no job runs or waits. (Items that `map()` has not taken yet are no jobs.)
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws The signal's reason when it aborts.
   */
  async waitIdle(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#jobs.size === 0) return;
    await cancellable<void>("waitIdle()", options, (resolve) => {
      this.#idleListeners.add(resolve);
      return () => this.#idleListeners.delete(resolve);
    });
  }

  /** Ends every job, waits for all of them, and takes no more. May be called twice. */
  async close(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#stop({ error: new ClosedError("Pool"), quiet: false });
    await this.waitIdle();
  }

  /** Same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #intake<T>(job: (item: T, context: JobContext) => unknown): Intake<unknown, T> {
    const stopped = () => this.#stopped;
    return {
      concurrency: this.concurrency,
      get stopped() {
        return stopped();
      },
      onStop: (listener) => {
        this.#stopListeners.add(listener);
        return () => this.#stopListeners.delete(listener);
      },
      submit: (submission) => this.#submit((context) => job(submission.item, context), {}, submission),
    };
  }

  #submit<T>(
    work: (context: JobContext) => unknown,
    options: JobOptions,
    { index, item, onStart, onEnd }: Parameters<Intake<unknown, T>["submit"]>[0],
  ): (reason: unknown) => void {
    const { timeoutMs = this.#options.timeoutMs ?? Infinity } = options;
    const job: Job<unknown, T> = new Job(this.#slots, {
      index,
      item,
      timeoutMs,
      retry: options.retry === undefined ? this.#retry : retryPolicy(options.retry),
      work: async (context, limit) => {
        const value = await work(context);
        return isCommand(value) ? await this.#runCommand(value, context, limit) : value;
      },
      onStart,
      onRetry: (error, attempt, delayMs) => {
        this.#counts.retries++;
        publish(() => ({ kind: "pool.retry", index, attempt, delayMs, error: String(error) }));
      },
      onEnd: (end) => {
        this.#jobs.delete(job);
        this.#count(end);
        publish(() => ({ kind: "pool.job", index, outcome: end.kind }));
        onEnd(end);
        if (this.#jobs.size === 0) this.#tellIdle();
      },
    });
    this.#jobs.add(job);
    if (this.#stopped === undefined) job.queue();
    else job.cancel(this.#stopped.error);
    return (reason) => job.cancel(reason);
  }

  async #runCommand(command: PoolCommand, { signal }: JobContext, limit: TimeLimit): Promise<RunResult> {
    const { graceMs } = this.#options;
    // Whole milliseconds: the limit stands in the message of the error.
    const timeoutMs = Math.ceil(limit.takeOver());
    return await command.with({
      signal,
      ...(timeoutMs === Infinity ? {} : { timeoutMs }),
      ...(graceMs === undefined ? {} : { graceMs }),
    }).output();
  }

  #count(end: JobEnd<unknown, unknown>): void {
    if (end.kind !== "done" && end.kind !== "failed") {
      this.#counts.cancelled++;
      return;
    }
    this.#counts[end.kind]++;
    const halted = this.#judge.judge(end.kind === "done", end.kind === "done" ? undefined : end.error);
    if (halted !== undefined && this.#stopped === undefined) this.#halt(halted);
  }

  #halt(error: PoolHaltedError): void {
    this.#halted ??= error;
    this.#stop({ error, quiet: true }, error.when);
  }

  #stop(why: { readonly error: unknown; readonly quiet: boolean }, when: "soon" | "now" = "now"): void {
    // What was quiet becomes loud (closed, aborted after halted); what was loud stays as it was.
    if (this.#stopped === undefined || (this.#stopped.quiet && !why.quiet)) this.#stopped = why;
    for (const job of [...this.#jobs]) {
      // A job that waits for another try has failed: a pool that halts says so.
      if (when === "now" && (job.state === "running" || !why.quiet)) job.cancel(why.error);
      else job.halt(why.error);
    }
    for (const listener of [...this.#stopListeners]) listener();
  }

  #tellIdle(): void {
    for (const listener of [...this.#idleListeners]) {
      this.#idleListeners.delete(listener);
      listener();
    }
  }
}

function isCommand(value: unknown): value is PoolCommand {
  return value instanceof Command || value instanceof Pipeline;
}

function sizeOf(items: object): number | undefined {
  if (Array.isArray(items)) return items.length;
  return items instanceof Set || items instanceof Map ? items.size : undefined;
}
