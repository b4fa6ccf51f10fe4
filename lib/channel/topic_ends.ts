/**
 * The two ends of a topic, as a program sees them.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { WhenFull } from "./channel.ts";

/** What a publisher knows of a subscriber. */
export interface TopicSubscription {
  /** What happens when it is slow. */
  readonly whenFull: WhenFull;
  /** Messages that it has missed because it was slow. */
  readonly dropped: number;
  /** Bytes that wait for it. */
  readonly waitingBytes: number;
  /** Its process, by the kernel's word when it came. For people, never to signal. */
  readonly pid: number;
}

/**
 * The one who publishes. Messages reach every subscriber whole and in order. Use it in the thread that opened it.
 *
 * Subscribers come and go: one that has closed or died is forgotten, and holds nobody up. One that is slow does what it has chosen: `"block"` makes
 * `publish()` wait for it, `"drop-oldest"` and `"drop-newest"` lose messages and count them, `"error"` ends its subscription.
 */
export interface TopicPublisher<T> extends Disposable, AsyncDisposable {
  /** The address, as it was given. */
  readonly address: string;
  /** Who subscribes now. */
  readonly subscribers: readonly TopicSubscription[];
  /** Whether `close()` was called. */
  readonly closed: boolean;
  /**
   * Sends a message to everybody, waiting on the event loop while a subscriber that blocks has no room. All get it, or nobody does: a wait that ends
   * early has sent nothing. Several of one object are sent in the order of their calls.
   *
   * @returns How many subscribers it was sent to, those that dropped it not counted.
   * @throws {RangeError} When the encoded value is longer than `maxMessageBytes`. @throws {TypeError} When the codec cannot carry it.
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  publish(value: T, options?: WaitOptions): Promise<number>;
  /** Publishes like `publish`, blocking this thread; nobody is let in meanwhile. @throws {Deno.errors.Busy} While a `publish()` waits. */
  publishSync(value: T, options?: SyncWaitOptions): number;
  /** Publishes like `publish`, never waiting: `undefined`, and nothing sent, when a subscriber that blocks has no room. */
  tryPublish(value: T): number | undefined;
  /** Gives the name up; subscribers receive the rest and then the end. May be called twice. */
  close(): void;
  /** `close()`, and waits until nothing of it is under way. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** One of those who subscribe. Use it in the thread that opened it. */
export interface TopicSubscriber<T> extends Disposable, AsyncDisposable, AsyncIterable<T> {
  /** The address, as it was given. */
  readonly address: string;
  /** What happens when this subscriber is slow. */
  readonly whenFull: WhenFull;
  /** Messages that were missed because this subscriber was slow. */
  readonly dropped: number;
  /** Whether `close()` was called. */
  readonly closed: boolean;
  /**
   * The next message, waiting on the event loop. A wait that ends early has lost nothing.
   *
   * @returns `null` when the publisher has closed, and everything was received.
   * @throws {ChannelClosedError} With `reason: "died"`: the publisher died, after everything that it had published.
   * @throws {DOMException} `QuotaExceededError` with `whenFull: "error"`, when this subscriber was too slow, after what came before; `TimeoutError`
   * after `timeoutMs`; an abort rejects with `signal.reason`.
   * @throws {ProtocolError} When what came is no message.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  receive(options?: WaitOptions): Promise<T | null>;
  /** Receives like `receive`, blocking this thread. */
  receiveSync(options?: SyncWaitOptions): T | null;
  /** Receives like `receive`, never waiting: `undefined` when nothing is there. */
  tryReceive(): T | null | undefined;
  /** Ends the subscription. May be called twice. */
  close(): void;
  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Messages until the publisher closes, or this end is closed. Leaving early closes nothing. @throws {ChannelClosedError} When the publisher died. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
}
