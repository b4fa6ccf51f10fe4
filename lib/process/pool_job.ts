/**
 * One job of a pool, from its first wait for a place to its last try.
 *
 * @module
 */

import type { JobContext, JobFacts, JobResult } from "./pool_options.ts";
import type { Slots } from "./pool_slots.ts";
import { type Retry, retryDelayMs } from "./retry.ts";

/** How a job is over: with a result, or without ever having been started. */
export type JobEnd<R, T> = JobResult<R, T> | { readonly kind: "dropped"; readonly reason: unknown };

/** What a {@linkcode Job} is made of. */
export interface JobParts<R, T> {
  readonly index: number;
  readonly item: T;
  /** Does the work of one try. */
  readonly work: (context: JobContext, limit: TimeLimit) => Promise<R>;
  readonly timeoutMs: number;
  readonly retry: Retry;
  /** Called when a try begins. */
  readonly onStart: () => void;
  /** Called when a try has failed and another will follow. */
  readonly onRetry: (error: unknown, attempt: number, delayMs: number) => void;
  /** Called once, when the job is over and before its place is free. */
  readonly onEnd: (end: JobEnd<R, T>) => void;
}

/** The time limit of one try. */
export interface TimeLimit {
  /** Hands the clock over to whoever can keep it better: the milliseconds that are left; `Infinity` without a limit. */
  takeOver(): number;
}

/** setTimeout cannot wait longer. */
const LONGEST_MS = 2 ** 31 - 1;

/** A job. */
export class Job<R, T> {
  readonly #slots: Slots;
  readonly #parts: JobParts<R, T>;
  #state: "queued" | "running" | "waiting" | "over" = "queued";
  #attempts = 0;
  #startedAt = 0;
  #durationMs = 0;
  #lastError: unknown;
  #controller: AbortController | undefined;
  #cancelled: { readonly reason: unknown } | undefined;
  #lastTry = false;
  /** Takes it out of the queue, or off the clock. */
  #withdraw: () => void = () => {};

  constructor(slots: Slots, parts: JobParts<R, T>) {
    this.#slots = slots;
    this.#parts = parts;
  }

  /** What it does at the moment. */
  get state(): "queued" | "running" | "waiting" | "over" {
    return this.#state;
  }

  /** Queues up for a place. */
  queue(): void {
    this.#state = "queued";
    const withdraw = this.#slots.request((slot) => void this.#attempt(slot), this.#attempts > 0);
    if (this.#state === "queued") this.#withdraw = withdraw;
  }

  /** Ends the job, whatever it does. One that was not started is dropped, one that runs is told by its signal. */
  cancel(reason: unknown): void {
    if (this.#state === "over" || this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    if (this.#state === "running") return void this.#controller?.abort(reason);
    this.#withdraw();
    this.#end(this.#attempts === 0 ? { kind: "dropped", reason } : { ...this.#facts(), kind: "cancelled", reason });
  }

  /** Lets the job end, but not be started (again). */
  halt(reason: unknown): void {
    this.#lastTry = true;
    if (this.#state === "running" || this.#state === "over") return;
    this.#withdraw();
    const error = this.#lastError;
    this.#end(this.#attempts === 0 ? { kind: "dropped", reason } : { ...this.#facts(), kind: "failed", error });
  }

  async #attempt(slot: number): Promise<void> {
    this.#state = "running";
    this.#attempts++;
    this.#startedAt = Date.now();
    const begin = performance.now();
    const controller = this.#controller = new AbortController();
    const limit = new AttemptLimit(this.#parts.timeoutMs, controller);
    const { index } = this.#parts;
    const context: JobContext = { signal: controller.signal, index, attempt: this.#attempts, slot };
    let outcome: { readonly value: R } | { readonly error: unknown };
    try {
      this.#parts.onStart();
      outcome = { value: await this.#parts.work(context, limit) };
    } catch (error) {
      outcome = { error };
    }
    limit.takeOver();
    this.#durationMs = performance.now() - begin;
    // The pool hears of the end before the place is free: it may want to start no more.
    this.#settle(outcome);
    this.#slots.release(slot);
  }

  #settle(outcome: { readonly value: R } | { readonly error: unknown }): void {
    if ("value" in outcome) return this.#end({ ...this.#facts(), kind: "done", value: outcome.value });
    if (this.#cancelled !== undefined) {
      return this.#end({ ...this.#facts(), kind: "cancelled", reason: this.#cancelled.reason });
    }
    const { error } = outcome;
    const verdict = this.#mayRetry(error);
    if (!verdict.retry) return this.#end({ ...this.#facts(), kind: "failed", error: verdict.error });
    this.#lastError = error;
    this.#state = "waiting";
    const delayMs = Math.min(retryDelayMs(this.#parts.retry, this.#attempts), LONGEST_MS);
    const timer = setTimeout(() => this.queue(), delayMs);
    this.#withdraw = () => clearTimeout(timer);
    this.#parts.onRetry(error, this.#attempts, delayMs);
  }

  #mayRetry(error: unknown): { readonly retry: boolean; readonly error: unknown } {
    const { retry } = this.#parts;
    try {
      return { retry: !this.#lastTry && this.#attempts <= retry.times && retry.when(error, this.#attempts), error };
    } catch (thrown) {
      // The judge itself failed: that is what the caller must hear.
      return { retry: false, error: thrown };
    }
  }

  #facts(): JobFacts<T> {
    const { index, item } = this.#parts;
    const startedAt = new Date(this.#startedAt);
    return { index, item, attempts: this.#attempts, startedAt, durationMs: this.#durationMs };
  }

  #end(end: JobEnd<R, T>): void {
    this.#state = "over";
    this.#parts.onEnd(end);
  }
}

class AttemptLimit implements TimeLimit {
  readonly #controller: AbortController;
  readonly #atMs: number;
  readonly #timeoutMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(timeoutMs: number, controller: AbortController) {
    this.#controller = controller;
    this.#timeoutMs = timeoutMs;
    this.#atMs = performance.now() + timeoutMs;
    if (timeoutMs !== Infinity) this.#wind();
  }

  takeOver(): number {
    clearTimeout(this.#timer);
    return Math.max(0, this.#atMs - performance.now());
  }

  #wind(): void {
    const leftMs = this.#atMs - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(() => this.#wind(), Math.min(leftMs, LONGEST_MS));
    else this.#controller.abort(new DOMException(`Job timed out after ${this.#timeoutMs} ms`, "TimeoutError"));
  }
}
