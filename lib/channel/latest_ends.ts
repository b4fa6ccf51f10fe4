/**
 * The two ends of a `latest` value, as a program sees them.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";

/** What a reader knows of its writer: it lives, has closed its end, or has died without. */
export type WriterState = "alive" | "closed" | "died";

/** The one who sets values. Use it in the thread that opened it. */
export interface LatestWriter<T> extends Disposable, AsyncDisposable {
  /** The address, as it was given. */
  readonly address: string;
  /** How many values there have been: 0 before the first. */
  readonly version: number;
  /** How many readers live now. */
  readonly readers: number;
  /** Whether `close()` was called. */
  readonly closed: boolean;
  /**
   * Makes a value the newest. Wait-free: no reader can delay it.
   *
   * @throws {RangeError} When it is longer than `maxMessageBytes`. Readers keep what they have.
   * @throws {TypeError} When the codec cannot carry it.
   * @throws {ClosedError} After `close()`.
   */
  set(value: T): void;
  /** Gives the name up, and tells the readers. They keep the last value. May be called twice. */
  close(): void;
  /** `close()`, and waits until nothing of it is under way. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The one who sets values that are structs. */
export interface LatestStructWriter<View> extends Omit<LatestWriter<View>, "set"> {
  /**
   * Makes a value the newest: the last one, with these fields assigned.
   *
   * @throws {TypeError} For a field that the struct does not have.
   * @throws {ClosedError} After `close()`.
   */
  set(fields: Partial<View>): void;
  /**
   * Makes a value the newest: the last one, as `change` has changed it, in place. When `change` throws, nothing happens.
   *
   * @param change Given a view that is valid while it runs.
   * @throws {ClosedError} After `close()`.
   */
  update(change: (value: View) => void): void;
}

/** One of those who read. Use it in the thread that opened it. */
export interface LatestReader<T> extends Disposable, AsyncDisposable, AsyncIterable<T> {
  /** The address, as it was given. */
  readonly address: string;
  /** The how manieth value it is that was read last: 0 before the first. What is missing between two of them was skipped. */
  readonly version: number;
  /** What has become of the writer. */
  readonly writer: WriterState;
  /** Whether `close()` was called. */
  readonly closed: boolean;
  /**
   * The newest value; `undefined` before the first. Wait-free, never torn, and it works on when the writer has closed or died. A struct is read in place:
   * what this returns stays as it is until the next `get()`, `next()` or `close()` of this reader. With other codecs it is the same object until
   * there is a newer one.
   *
   * @throws {ProtocolError} When what the writer has written is no value.
   * @throws {ClosedError} After `close()`.
   */
  get(): T | undefined;
  /**
   * A value that is newer than the last one that was read, waiting on the event loop until there is one.
   *
   * @returns `null` when the writer has closed, and the last value was read.
   * @throws {ChannelClosedError} With `reason: "died"`: the writer died, and the last value was read.
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  next(options?: WaitOptions): Promise<T | null>;
  /** Waits like `next`, blocking this thread. */
  nextSync(options?: SyncWaitOptions): T | null;
  /** The same, never waiting: `undefined` when there is nothing newer. */
  tryNext(): T | null | undefined;
  /** Gives the reader up. The writer gets its memory back. May be called twice. */
  close(): void;
  /** `close()`, and waits until nothing of it is under way. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Newer and newer values, until the writer closes or this reader is closed. Who is slow skips. @throws {ChannelClosedError} When the writer died. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
}
