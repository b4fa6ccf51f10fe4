/**
 * One job for every item of an input that may never end: items are taken as places and the consumer allow, results come in the order that
 * was asked for.
 *
 * @module
 */

import type { JobEnd } from "./pool_job.ts";
import type { JobResult, PoolMapOptions } from "./pool_options.ts";

/** What is mapped over. */
export type PoolItems<T> = Iterable<T> | AsyncIterable<T>;

/** How `map()` gives a job to its pool, for one item. */
export interface Submission<R, T> {
  readonly index: number;
  readonly item: T;
  /** Called when the job has been started for the first time. */
  readonly onStart: () => void;
  /** Called once, when it is over. */
  readonly onEnd: (end: JobEnd<R, T>) => void;
}

/** What `map()` needs of its pool. */
export interface Intake<R, T> {
  readonly concurrency: number;
  /** Why the pool takes no more jobs; `quiet` when that is not to be thrown. */
  readonly stopped: { readonly error: unknown; readonly quiet: boolean } | undefined;
  /** Calls when the pool stops. Returns how to be left in peace. */
  onStop(listener: () => void): () => void;
  /** Starts a job as soon as there is a place. Returns how to cancel it. */
  submit(submission: Submission<R, T>): (reason: unknown) => void;
}

/** Most results that wait for the consumer when nothing else was said. */
const MOST_READ_AHEAD = 1000;

/** Runs a job for every item. Starts with the first `next()`. */
export async function* mapItems<R, T>(
  items: PoolItems<T>,
  intake: Intake<R, T>,
  options: PoolMapOptions,
): AsyncGenerator<JobResult<R, T>, void, void> {
  const run = new MapRun(items, intake, options);
  try {
    yield* run.results();
  } finally {
    await run.leave();
  }
}

class MapRun<R, T> {
  readonly #source: Source<T>;
  readonly #intake: Intake<R, T>;
  readonly #inOrder: boolean;
  /** How far the input may be ahead of the consumer. */
  readonly #window: number;
  readonly #ready = new Map<number, JobResult<R, T>>();
  readonly #cancels = new Map<number, (reason: unknown) => void>();
  readonly #change = new Change();
  readonly #forget: () => void;
  #taken = 0;
  #delivered = 0;
  #active = 0;
  #exhausted = false;
  #left = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(items: PoolItems<T>, intake: Intake<R, T>, options: PoolMapOptions) {
    const { order = "input", readAhead = Math.min(intake.concurrency, MOST_READ_AHEAD) } = options;
    this.#source = new Source(items);
    this.#intake = intake;
    this.#inOrder = order === "input";
    this.#window = intake.concurrency + readAhead;
    this.#forget = intake.onStop(() => this.#change.tell());
  }

  async *results(): AsyncGenerator<JobResult<R, T>, void, void> {
    void this.#feed();
    while (true) {
      const { stopped } = this.#intake;
      const result = stopped === undefined || stopped.quiet ? this.#take() : undefined;
      if (result !== undefined) {
        this.#delivered++;
        this.#change.tell();
        yield result;
      } else if (this.#active === 0 && (this.#exhausted || stopped !== undefined)) {
        if (stopped !== undefined && !stopped.quiet) throw stopped.error;
        if (this.#failure !== undefined) throw this.#failure.error;
        return;
      } else {
        await this.#change.next();
      }
    }
  }

  /** Ends what still runs, waits for it, and closes the input. */
  async leave(): Promise<void> {
    this.#left = true;
    this.#change.tell();
    this.#forget();
    const reason = new DOMException("Nobody wants the results any more", "AbortError");
    for (const cancel of [...this.#cancels.values()]) cancel(reason);
    while (this.#active > 0) await this.#change.next();
    await this.#source.close();
  }

  #take(): JobResult<R, T> | undefined {
    const [index] = this.#inOrder ? [this.#delivered] : this.#ready.keys();
    if (index === undefined) return undefined;
    const result = this.#ready.get(index);
    this.#ready.delete(index);
    return result;
  }

  /** Takes items while there is room; the next one when the job of the last has a place. */
  async #feed(): Promise<void> {
    try {
      while (!this.#over()) {
        if (this.#taken - this.#delivered >= this.#window) {
          await this.#change.next();
          continue;
        }
        const next = await this.#source.next();
        if (next === undefined || this.#over()) return;
        await this.#submit(next.item);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#exhausted = true;
      this.#change.tell();
    }
  }

  #over(): boolean {
    return this.#left || this.#intake.stopped !== undefined;
  }

  /** Resolves when the job was started, or never will be. */
  #submit(item: T): Promise<void> {
    const index = this.#taken++;
    this.#active++;
    return new Promise((resolve) => {
      const onEnd = (end: JobEnd<R, T>) => {
        this.#active--;
        this.#cancels.delete(index);
        if (end.kind !== "dropped") this.#ready.set(index, end);
        resolve();
        this.#change.tell();
      };
      const cancel = this.#intake.submit({ index, item, onStart: resolve, onEnd });
      this.#cancels.set(index, cancel);
    });
  }
}

/** Something has changed: whoever waits looks again. */
class Change {
  #promise = Promise.withResolvers<void>();

  tell(): void {
    this.#promise.resolve();
    this.#promise = Promise.withResolvers<void>();
  }

  next(): Promise<void> {
    return this.#promise.promise;
  }
}

/** An input, taken one item at a time. */
class Source<T> {
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  #state: "open" | "taking" | "over" = "open";

  constructor(items: PoolItems<T>) {
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  }

  async next(): Promise<{ readonly item: T } | undefined> {
    this.#state = "taking";
    let over = true;
    try {
      const { done, value } = await this.#iterator.next();
      over = done === true;
      return done ? undefined : { item: value };
    } finally {
      this.#state = over ? "over" : "open";
    }
  }

  /** Tells the input that no more is wanted. */
  async close(): Promise<void> {
    if (this.#state === "over") return;
    const closing = this.#iterator.return?.();
    // An input that has an item under way may take for ever to give it; nobody waits for that.
    if (this.#state === "open") await closing;
    else Promise.resolve(closing).catch(() => {});
  }
}
