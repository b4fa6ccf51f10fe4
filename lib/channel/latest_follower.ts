/**
 * A reader of a `latest` value that goes on with the next writer when the one that it reads has closed or died.
 *
 * @module
 */

import { ChannelClosedError, ClosedError, ProtocolError } from "../errors.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { LatestReader, WriterState } from "./latest_ends.ts";

/** So long is a successor looked for, each time that `get()` or `tryNext()` finds that the writer has gone. */
const SEEK_MS = 1000;

/** A reader that follows. */
export class LatestFollower implements LatestReader<unknown> {
  readonly address: string;
  readonly #open: (options: WaitOptions) => Promise<LatestReader<unknown>>;
  readonly #closing = new AbortController();
  readonly #moves = new Set<Promise<void>>();
  #end: LatestReader<unknown>;
  /** The reader of the writer before, until there is a newer value than its last. */
  #old: LatestReader<unknown> | undefined;
  /** How many values the writers before have had. */
  #before = 0;
  #seeking = false;

  constructor(first: LatestReader<unknown>, open: (options: WaitOptions) => Promise<LatestReader<unknown>>) {
    this.address = first.address;
    this.#end = first;
    this.#open = open;
  }

  get version(): number {
    return this.#before + this.#end.version;
  }

  get writer(): WriterState {
    return this.#end.writer;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  get(): unknown {
    const value = this.#end.get();
    if (this.#end.writer !== "alive") this.#seek();
    if (this.#old === undefined) return value;
    if (this.#end.version === 0) return this.#old.get();
    this.#forget();
    return value;
  }

  tryNext(): unknown {
    const value = ended(() => this.#end.tryNext());
    if (value === null) this.#seek();
    else if (value !== undefined) this.#forget();
    return value ?? undefined;
  }

  nextSync(options?: SyncWaitOptions): unknown {
    const value = this.#end.nextSync(options);
    if (value !== null) this.#forget();
    return value;
  }

  async next(options: WaitOptions = {}): Promise<unknown> {
    const deadline = new Deadline(`Waiting for a value of ${this.address}`, options.timeoutMs);
    while (true) {
      const end = this.#end;
      const { remainingMs: timeoutMs } = deadline;
      const value = await end.next({ ...options, timeoutMs }).catch(nullOfDeath);
      if (value !== null) {
        if (end === this.#end) this.#forget();
        return value;
      }
      await this.#move(end, { signal: options.signal, timeoutMs: deadline.remainingMs });
    }
  }

  close(): void {
    if (this.closed) return;
    this.#closing.abort(new ClosedError(`Reader of ${this.address}`));
    this.#end.close();
    this.#forget();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.allSettled(this.#moves);
    await this.#end[Symbol.asyncDispose]();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    try {
      while (true) yield await this.next();
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error;
    }
  }

  /** Looks for a successor without anybody waiting for it. */
  #seek(): void {
    if (this.#seeking) return;
    this.#seeking = true;
    const looking = this.#move(this.#end, { timeoutMs: SEEK_MS }).catch(quietly).finally(() => this.#seeking = false);
    const move = looking.finally(() => this.#moves.delete(move));
    this.#moves.add(move);
  }

  /** Opens the successor of a writer, unless that was done meanwhile. */
  async #move(from: LatestReader<unknown>, options: WaitOptions): Promise<void> {
    if (this.#end !== from) return;
    const { signal } = this.#closing;
    const either = options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]);
    const end = await this.#open({ ...options, signal: either });
    if (this.closed || this.#end !== from) return end.close();
    // Two writers without a value: what the one before them has set last is still the newest.
    if (from.version === 0 && this.#old !== undefined) from.close();
    else {
      this.#forget();
      this.#old = from;
    }
    this.#before += from.version;
    this.#end = end;
  }

  #forget(): void {
    this.#old?.close();
    this.#old = undefined;
  }
}

/** A death is an end like any other. */
function nullOfDeath(error: unknown): null {
  if (error instanceof ChannelClosedError && error.reason === "died") return null;
  throw error;
}

function ended(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return nullOfDeath(error);
  }
}

/** Nobody is there, or somebody with other terms: who waits for the next value is told, and a look is not. */
function quietly(error: unknown): void {
  const silent = error instanceof DOMException && error.name === "TimeoutError";
  if (!silent && !(error instanceof ProtocolError) && !(error instanceof ClosedError)) throw error;
}
