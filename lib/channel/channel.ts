/**
 * A channel, as a program sees it: typed messages over any road.
 *
 * @module
 */

import type { PeerCredentials } from "../socket/peer.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { ChannelCodec } from "./codec.ts";
import type { StandardSchema } from "./schema.ts";
import type { InPlace } from "./shm_in_place.ts";

/** What a send does when the road is full. */
export type WhenFull = "block" | "drop-oldest" | "drop-newest" | "error";

/** How both ends of a channel understand its messages. */
export interface MessageOptions<In = unknown, Out = unknown> {
  /**
   * How a value becomes bytes: `"json"`, `"text"`, `"bytes"`, a struct (its bytes as they lie in memory, without any encoding), or a codec of
   * one's own. Both ends agree on it at open. JSON carries what it can carry unchanged, and refuses the rest (`NaN`, functions, `Map`, `undefined` in an array, or
   * as the message) with a `TypeError`; a field that is `undefined` is left out.
   * @default {"json"}
   */
  codec?: ChannelCodec<In, Out> | undefined;
  /** Checks what is received, and may transform it: any validator that speaks Standard Schema. */
  schema?: StandardSchema<unknown, In> | undefined;
  /** Checks what is about to be sent, before anything of it is; what the validator makes of it is sent. */
  sendSchema?: StandardSchema<Out, unknown> | undefined;
  /**
   * A name for the type of the messages, for example `"job-2"`: two ends that name different ones (or of which one names none) do not meet. A
   * struct needs none, it has its fingerprint.
   */
  type?: string | undefined;
  /**
   * The longest encoded message. A longer one is refused: on sending before anything of it has gone, on receiving before memory is taken.
   * @default {1_048_576}
   */
  maxMessageBytes?: number | undefined;
  /**
   * What a send does when the road is full: wait (`"block"`), throw a `QuotaExceededError` (`"error"`), or drop the message that waits longest or
   * the new one, and count it in `dropped`. Policies other than `"block"` have room for `highWaterMark` messages in this process, in front
   * of the road, and never wait.
   * @default {"block"}
   */
  whenFull?: WhenFull | undefined;
  /**
   * With a policy other than `"block"`: how many messages may wait in this process while the road is full.
   * @default {16}
   */
  highWaterMark?: number | undefined;
  /**
   * On roads through shared memory: how often a blocking wait (`receiveSync`, `sendSync`) looks before it sleeps in the kernel; some 10 ns each. More is a
   * faster answer for more CPU; 0 sleeps at once. Where this process may run on one CPU only (`taskset`, a container), nobody could answer meanwhile, and the
   * default is 0; say a number if the process is given another CPU later. Waits on the event loop never spin.
   * @default {2000}
   */
  spins?: number | undefined;
}

/** How {@linkcode channel} opens an end. `signal` and `timeoutMs` end the wait for the peer, never a channel that is open. */
export interface ChannelOptions<In = unknown, Out = unknown> extends MessageOptions<In, Out> {
  /**
   * Who makes the name: the listener, or nobody, because the connector expects it. For `"fd:"` it says nothing: a descriptor has no name.
   * @default {"connect"}
   */
  mode?: "listen" | "connect" | undefined;
  /** Ends the wait for the peer. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds until the wait for the peer ends with a `TimeoutError`.
   * @default {10_000 when connecting, Infinity when listening}
   */
  timeoutMs?: number | undefined;
  /**
   * Permission bits of the name that a listener makes.
   * @default {0o600}
   */
  permissions?: number | undefined;
}

/**
 * One end of a channel: sends values of type `Out`, receives values of type `In`.
 *
 * Messages arrive whole, in order and once, or not at all. Several `send()` of one object are sent in the order of their calls, several
 * `receive()` are served in theirs. What differs from road to road is in the table of the module's page.
 *
 * @example Both ends in one program
 * ```ts
 * import { channel } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * const address = `unix:${directory}/jobs`;
 * {
 *   const [server, client] = await Promise.all([
 *     channel<{ job: number }>(address, { mode: "listen" }),
 *     channel<{ job: number }>(address),
 *   ]);
 *   await client.send({ job: 1 });
 *   await client.send({ job: 2 });
 *   client.close();
 *   assertEquals(await Array.fromAsync(server), [{ job: 1 }, { job: 2 }]);
 *   server.close();
 * }
 * await Deno.remove(directory);
 * ```
 */
export interface Channel<In, Out = In> extends Disposable, AsyncDisposable, AsyncIterable<In> {
  /** The address, as it was given. */
  readonly address: string;
  /** Which way messages go from here. */
  readonly directions: "both" | "send" | "receive";
  /** Whether `close()` was called. */
  readonly closed: boolean;
  /** Messages that `whenFull` has dropped here. */
  readonly dropped: number;
  /** Who made the other end, by the kernel's word; `undefined` where the kernel does not say. */
  readonly peer: PeerCredentials | undefined;
  /**
   * Messages without a copy and without a codec, on roads through shared memory (`shm:`, and a pair with `road: "ring"`); `undefined` on all others. Not
   * while a `send` or `receive` waits, and policies (`whenFull`) do not apply.
   */
  readonly inPlace: InPlace<In> | undefined;

  /**
   * Sends a message, waiting on the event loop while the road is full. A send that ends early has sent nothing.
   *
   * @throws {TypeError} When the codec cannot carry the value, or this end only receives. Nothing was sent.
   * @throws {RangeError} When the encoded value is longer than `maxMessageBytes` of either end. Nothing was sent.
   * @throws {ValidationError} When `sendSchema` refuses it. Nothing was sent.
   * @throws {DOMException} `QuotaExceededError` when the road is full and `whenFull` is `"error"`; `TimeoutError` after `timeoutMs`.
   * @throws {ChannelClosedError} When the peer has closed, or died.
   * @throws {ClosedError} After `close()` or `closeSending()`, also when it comes during the wait.
   */
  send(value: Out, options?: WaitOptions): Promise<void>;
  /** Sends like `send`, blocking this thread. @throws {Deno.errors.Busy} While a `send()` waits. */
  sendSync(value: Out, options?: SyncWaitOptions): void;
  /**
   * Sends like `send`, never waiting: `false`, and nothing sent, when the road is full. A road of bytes may have taken a part only: the rest follows as soon as
   * there is room, if this process lives.
   */
  trySend(value: Out): boolean;
  /**
   * Sends several messages, with fewer system calls than one by one. When it ends early, those before some message have been sent and the rest
   * have not.
   *
   * @returns How many were sent: all, unless the wait ended early and threw.
   */
  sendMany(values: Iterable<Out>, options?: WaitOptions): Promise<number>;

  /**
   * The next message, waiting on the event loop. A wait that ends early has lost nothing.
   *
   * @returns `null` when the peer has closed and everything was received.
   * @throws {ChannelClosedError} With `reason: "died"`: the peer died, after everything that it had sent.
   * @throws {ProtocolError} When what came is no message: the channel is then of no more use, unless only the codec could not read it.
   * @throws {ValidationError} When `schema` refuses the message. The next one can be received.
   * @throws {TypeError} When this end only sends.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  receive(options?: WaitOptions): Promise<In | null>;
  /** Receives like `receive`, blocking this thread. @throws {Deno.errors.Busy} While a `receive()` waits. */
  receiveSync(options?: SyncWaitOptions): In | null;
  /** Receives like `receive`, never waiting: `undefined` when nothing is there, or a `receive()` waits for it. */
  tryReceive(): In | null | undefined;
  /**
   * Waits for a message and takes what else is there, at most `max` in all.
   *
   * @param max At least 1. @default {1024}
   * @returns At least one message; `null` at the end.
   */
  receiveMany(max?: number, options?: WaitOptions): Promise<In[] | null>;

  /** The messages as a web stream, until the end. Cancelling it closes the channel. */
  readonly readable: ReadableStream<In>;
  /** A web stream whose chunks are sent. Closing it does what `closeSending()` does; aborting it closes the channel. */
  readonly writable: WritableStream<Out>;
  /** Messages until the peer closes, or this end is closed. Leaving early closes nothing. @throws {ChannelClosedError} When the peer died. */
  [Symbol.asyncIterator](): AsyncIterableIterator<In>;

  /** Half-close: nothing more will be sent from here; the peer receives the rest and then the end. Receiving goes on. May be called twice. */
  closeSending(): void;
  /**
   * Gives this end up; the peer receives the rest and then a clean end. Waits that are pending reject with `ClosedError`. Where the road is full, the
   * goodbye waits for room, for at most a second, and keeps the process alive meanwhile. May be called twice.
   */
  close(): void;
  /** `close()`, and waits until what was sent, and the goodbye, have left this process. */
  [Symbol.asyncDispose](): Promise<void>;
}
