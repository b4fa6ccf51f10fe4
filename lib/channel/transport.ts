/**
 * What every road looks like from above: whole messages as bytes. `channel.ts` puts codecs, schemas and policies on top.
 *
 * @module
 */

import type { Struct } from "../memory/struct.ts";
import type { PeerCredentials } from "../socket/peer.ts";
import type { Waiter } from "../sys/adopted.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { InPlace } from "./shm_in_place.ts";

/**
 * One end of a road. Whoever uses it makes one `send…` and one `receive…` at a time, as `message_channel.ts` does. A method of a direction that
 * the road does not have throws `TypeError`.
 */
export interface Transport extends Disposable {
  /** The address, as it is shown. */
  readonly address: string;
  /** Which way messages go. */
  readonly directions: "both" | "send" | "receive";
  /** The longest message. Longer ones are refused before anything of them is sent, and before memory is taken for them. */
  readonly maxMessageBytes: number;

  /** Sends one message, whole or not at all; resolves when the road has it. Waits while the road is full. */
  send(message: Uint8Array, options?: WaitOptions): Promise<void>;
  /** The same, blocking this thread. */
  sendSync(message: Uint8Array, options?: SyncWaitOptions): void;
  /** Never waits: false when the road is full. What it has taken a part of is sent: `flushed`. */
  trySend(message: Uint8Array): boolean;

  /**
   * The next message; `null` when the peer has closed and everything was received. The bytes are valid until the next receive or close of
   * this end: whoever keeps them copies them.
   *
   * @throws {ChannelClosedError} The peer died: after everything that it had sent.
   */
  receive(options?: WaitOptions): Promise<Uint8Array | null>;
  /** The same, blocking this thread. */
  receiveSync(options?: SyncWaitOptions): Uint8Array | null;
  /** Never waits: `undefined` when nothing is there. */
  tryReceive(): Uint8Array | null | undefined;

  /** Half-close: nothing more will be sent from here; the peer receives the rest and then `null`. May be called twice. */
  closeSending(): void;
  /** Gives this end up; the peer sees a clean close. May be called twice. */
  close(): void;

  // Extensions of channel.ts: a road that has nothing better leaves them out.

  /** Who made the other end, by the kernel's word. */
  readonly peer?: PeerCredentials | undefined;
  /** What was read from the kernel already, without another system call: `undefined` when that is nothing. `tryReceive` when left out. */
  takeReceived?(): Uint8Array | null | undefined;
  /** Whether `whenArrived` may be called: nothing was read that could be taken, and no receive is pending. */
  readonly quiet?: boolean;
  /** Tells the waiter, later and once, when `tryReceive` may bring something, or why it never will: a wait that nothing but `close()` ends early. */
  whenArrived?(waiter: Waiter): void;
  /** Sends the first of some messages at once, as many as go, never waiting. @returns How many went: 0 when the road is full. */
  trySendMany?(messages: readonly Uint8Array[]): number;
  /** Where a message can leave in parts: waits until the last one has left whole, unless the wait ends early; it goes all the same. */
  flushed?(options: WaitOptions): Promise<void> | undefined;
  /** Messages written and read where they lie. @param struct What they are, when they are structs: its views are of the type `View`. */
  inPlace?<View>(struct: Struct<unknown> | undefined): InPlace<View>;
  /** After `close()`: resolves when what was sent, and the goodbye, have left this process. */
  readonly left?: Promise<void> | undefined;
}
