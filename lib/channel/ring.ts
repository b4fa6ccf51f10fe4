/**
 * The ring: messages from one producer to one consumer through shared memory, without a copy and, while both are awake, without a system call.
 *
 * Synchronous model, in shared memory. The memory can be any that is writable; a memfd leaves nothing behind. Its layout is in docs/layouts.md, so
 * that C and Python join.
 *
 * @module
 */

import type { Memory } from "../memory/memory.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { RingDoorbell } from "./ring_doorbell.ts";
import { DEFAULT_CAPACITY, ringLayout, writeRing } from "./ring_layout.ts";
import { RingReceiverEnd } from "./ring_receiver.ts";
import { RingSenderEnd } from "./ring_sender.ts";

export type { RingDoorbell } from "./ring_doorbell.ts";

/** What a ring is like: said once, by whoever writes its header. */
export interface CreateRingOptions {
  /**
   * Where in the memory the ring begins: a multiple of 64.
   * @default {0}
   */
  offset?: number | undefined;
  /**
   * Bytes of the data: a power of two, 64 to 2^30. A message takes its length, rounded up to 8, and 8 bytes more.
   * @default {1048576}
   */
  capacity?: number | undefined;
  /**
   * The longest message. At most a half of `capacity` less 8, so that a message fits wherever the ring stands.
   * @default {capacity / 2 - 8}
   */
  maxMessageBytes?: number | undefined;
  /**
   * Whether the producer may take back what the consumer has not received yet, to make room. Messages are then received by one copy.
   * @default {false}
   */
  overwrite?: boolean | undefined;
  /**
   * Where the cursors start, a multiple of 8: they wrap around at 2^32, and a test can begin just before.
   * @default {0}
   */
  firstCursor?: number | undefined;
}

/** How an end of a ring is opened. */
export interface RingEndOptions {
  /**
   * Where in the memory the ring begins.
   * @default {0}
   */
  offset?: number | undefined;
  /** What the ring is called in errors: an address. The memory's name when left out. */
  name?: string | undefined;
  /**
   * How this process sleeps on the event loop, and wakes a peer that does. Both ends need one for it to be used; without, the one futex thread of
   * `lib/sync` waits, for about 30 µs a wake.
   */
  doorbell?: RingDoorbell | undefined;
  /**
   * How often a blocking wait looks before it sleeps in the kernel; some 10 ns each, and 0 for never. Where this process may run on one CPU only, the
   * default is 0: its peer could not answer meanwhile.
   * @default {2000}
   */
  spins?: number | undefined;
}

/** What has become of the other end. `"absent"`: nobody has opened it yet. */
export type RingPeer = "absent" | "open" | "closed" | "died";

/** What both ends have in common. */
export interface RingEnd extends Disposable {
  /** What the ring is called. */
  readonly name: string;
  /** The longest message. */
  readonly maxMessageBytes: number;
  /** Bytes of the data. */
  readonly capacity: number;
  /** The other end, as it is at this moment. */
  readonly peer: RingPeer;
  /** The thread that has the other end, by the process's pid as that process sees it; 0 when nobody has. For people, never to signal. */
  readonly peerPid: number;
  /** Bytes of published messages that have not been given back, with their headers. For people: a hostile peer can make it any number of `capacity` at most. */
  readonly usedBytes: number;
  /** Whether `close()` has been called. */
  readonly closed: boolean;
  /** Gives the end up; the peer sees a clean close. A pending wait here rejects with `ClosedError`. May be called twice. */
  close(): void;
}

/**
 * The producer's end. Messages arrive in the order in which they were published, each whole or not at all: what is not published when this process is killed
 * never was.
 *
 * One message at a time is under construction: `loan` and `reserve` replace what was loaned and not committed.
 */
export interface RingSender extends RingEnd {
  /**
   * Sends a copy of a message; waits on the event loop while the ring is full.
   *
   * @throws {ChannelClosedError} The consumer closed its end, or died.
   * @throws {RangeError} For a message of more than `maxMessageBytes`.
   * @throws {ProtocolError} The consumer wrote a cursor that cannot be.
   * @throws {ClosedError} After `close()`.
   * @throws {Deno.errors.Busy} While another wait of this end is pending.
   */
  send(message: Uint8Array, options?: WaitOptions): Promise<void>;
  /** The same, blocking this thread: it looks for some microseconds, and then sleeps in the kernel. */
  sendSync(message: Uint8Array, options?: SyncWaitOptions): void;
  /** The same, never waiting: false when the ring is full. */
  trySend(message: Uint8Array): boolean;
  /**
   * Sends copies of several messages, published together: the consumer is told once.
   *
   * @returns How many there was room for: the first ones.
   */
  trySendMany(messages: readonly Uint8Array[]): number;
  /** The same, for all of them; waits on the event loop while the ring is full, after publishing what fits. */
  sendMany(messages: readonly Uint8Array[], options?: WaitOptions): Promise<void>;
  /** The same, blocking this thread. */
  sendManySync(messages: readonly Uint8Array[], options?: SyncWaitOptions): void;

  /**
   * Memory of the ring, to write a message in place; its bytes are what the ring had there before. It is not copied, and nobody sees it before `commit()`.
   *
   * @returns The bytes, valid until the next call of this end, and of length 0 after `close()`; `undefined` when the ring is full.
   */
  tryLoan(byteLength: number): Uint8Array<ArrayBuffer> | undefined;
  /** The same; waits on the event loop while the ring is full. */
  loan(byteLength: number, options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** The same, blocking this thread. */
  loanSync(byteLength: number, options?: SyncWaitOptions): Uint8Array<ArrayBuffer>;
  /**
   * Publishes what was loaned, and whatever was staged before.
   *
   * @param byteLength How much of the loan is the message; all of it when left out.
   * @throws {Error} When nothing is loaned.
   */
  commit(byteLength?: number): void;
  /** Gives a loan back unsent. Nothing happens without one. */
  abandon(): void;

  /** The data of the ring, as bytes and as 32-bit words: for code that allocates nothing. `reserve` and the receiver's `next` return offsets in it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory as `bytes`. The word of an offset is at `offset >> 2`. */
  readonly words: Int32Array<ArrayBuffer>;
  /**
   * Room for a message, by its offset in `bytes`, a multiple of 8.
   *
   * @returns -1 when the ring is full.
   */
  reserve(byteLength: number): number;
  /** Puts what was reserved or loaned in line, without telling the consumer: `publish()` does, for all that is staged. */
  stage(byteLength?: number): void;
  /** Publishes what is staged, and wakes the consumer if it sleeps. Without anything staged nothing happens. */
  publish(): void;
  /**
   * Waits on the event loop until the consumer has given back room for a message, or is gone.
   *
   * @throws {ChannelClosedError} It is gone.
   */
  waitForRoom(byteLength: number, options?: WaitOptions): Promise<void>;
  /** The same, blocking this thread. */
  waitForRoomSync(byteLength: number, options?: SyncWaitOptions): void;
  /**
   * Takes back the oldest message that the consumer has not received, to make room. Only in rings with `overwrite`.
   *
   * @returns False when there is none.
   */
  dropOldest(): boolean;
  /** How many messages this ring's producers have dropped, as the shared counter says; it wraps around at 2^32. */
  readonly dropped: number;
  /** Counts a message that was not sent. */
  countDrop(): void;
}

/** A message in place. */
export interface Borrowed extends Disposable {
  /** The message, in the ring itself: a hostile producer can change it at any time, so copy what must not change between two looks. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Gives the memory back to the producer; the same as disposing of it, and as receiving the next message. */
  release(): void;
}

/**
 * The consumer's end. A message is received in place: its bytes are the ring's own until the next receive. (In a ring with `overwrite` it is a copy.)
 *
 * When the producer is gone, what it had published comes first. Then a producer that closed its end is `null`, and one that died throws
 * `ChannelClosedError`.
 */
export interface RingReceiver extends RingEnd {
  /**
   * The next message, and gives the one before it back; waits on the event loop while there is none.
   *
   * @returns The bytes, valid until the next call of this end; `null` when the producer has closed its end and everything was received.
   * @throws {ChannelClosedError} The producer died: after everything that it had published.
   * @throws {ProtocolError} The producer wrote a cursor or a length that cannot be. The end is of no more use.
   * @throws {ClosedError} After `close()`.
   * @throws {Deno.errors.Busy} While another wait of this end is pending.
   */
  receive(options?: WaitOptions): Promise<Uint8Array<ArrayBuffer> | null>;
  /** The same, blocking this thread: it looks for some microseconds, and then sleeps in the kernel. */
  receiveSync(options?: SyncWaitOptions): Uint8Array<ArrayBuffer> | null;
  /** The same, never waiting: `undefined` when there is none. */
  tryReceive(): Uint8Array<ArrayBuffer> | null | undefined;
  /** The next message as something to dispose of; `undefined` when there is none. One message is borrowed at a time, and this object is always the same. */
  tryBorrow(): Borrowed | null | undefined;
  /** The same; waits on the event loop while there is none. */
  borrow(options?: WaitOptions): Promise<Borrowed | null>;
  /** The same, blocking this thread. */
  borrowSync(options?: SyncWaitOptions): Borrowed | null;
  /** Gives back all that was received, so that the producer has its memory. Receiving does so for the message before, in batches. */
  release(): void;

  /** The data of the ring, as bytes and as 32-bit words. (In a ring with `overwrite`: the copy.) */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory as `bytes`. The word of an offset is at `offset >> 2`. */
  readonly words: Int32Array<ArrayBuffer>;
  /**
   * The next message by its offset in `bytes`, and gives the one before it back. Its length is `length`.
   *
   * @returns -1 when there is none, -2 when the producer has closed its end and everything was received.
   */
  next(): number;
  /** Bytes of the message that was received last. */
  readonly length: number;
  /** Waits on the event loop until there is a message, or the producer is gone. */
  waitForMessage(options?: WaitOptions): Promise<void>;
  /** The same, blocking this thread. */
  waitForMessageSync(options?: SyncWaitOptions): void;
  /** How many messages the producer has dropped, as the shared counter says; it wraps around at 2^32. */
  readonly dropped: number;
}

/**
 * `ringByteLength(capacity)`: bytes of memory that a ring of a capacity takes.
 *
 * @param capacity Bytes of the data; 1 MiB when left out.
 * @throws {RangeError} For a capacity that is no power of two in 64..2^30.
 *
 * @example A header of 384 bytes, and the data
 * ```ts
 * import { ringByteLength } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ringByteLength(4096), 384 + 4096);
 * ```
 */
export function ringByteLength(capacity: number = DEFAULT_CAPACITY): number {
  return ringLayout({ capacity }).byteLength;
}

/**
 * `createRing(memory)`: writes the header of an empty ring. Both ends are then free to be opened, each by one thread of one process.
 *
 * The memory must be nobody's meanwhile. What it held is lost.
 *
 * @throws {RangeError} For a capacity that is no power of two, and for memory that is too small.
 * @throws {TypeError} For memory that cannot be written.
 * @throws {ClosedError} When the memory is closed.
 *
 * @example One message, written and read in place
 * ```ts
 * import { createAnonymousMemory, createRing, openRingReceiver, openRingSender, ringByteLength } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using memory = createAnonymousMemory({ size: ringByteLength(4096) });
 * createRing(memory, { capacity: 4096 });
 * using sender = openRingSender(memory);
 * using receiver = openRingReceiver(memory);
 *
 * sender.loanSync(3).set([1, 2, 3]);
 * sender.commit();
 * using message = receiver.tryBorrow();
 * assertEquals(message?.bytes, Uint8Array.of(1, 2, 3));
 * ```
 *
 * @tags allow-ffi
 */
export function createRing(memory: Memory, options: CreateRingOptions = {}): void {
  writeRing(memory, options);
}

/**
 * `openRingSender(memory)`: takes the producer's end of a ring for this thread. The kernel gives it up when the thread ends, however it ends.
 *
 * @throws {ProtocolError} There is no ring there, or it is not what its header says.
 * @throws {PosixError} EBUSY when somebody has that end, or had it: an end is opened once.
 * @throws {RangeError} For an offset that cannot be.
 * @throws {ClosedError} When the memory is closed.
 *
 * @example A batch, published at once
 * ```ts
 * import { createAnonymousMemory, createRing, openRingReceiver, openRingSender, ringByteLength } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using memory = createAnonymousMemory({ size: ringByteLength(4096) });
 * createRing(memory, { capacity: 4096 });
 * using sender = openRingSender(memory);
 * using receiver = openRingReceiver(memory);
 *
 * for (const price of [100, 101, 102]) {
 *   const at = sender.reserve(4);
 *   sender.words[at >> 2] = price;
 *   sender.stage();
 * }
 * sender.publish();
 *
 * let sum = 0;
 * for (let at; (at = receiver.next()) >= 0;) sum += receiver.words[at >> 2]!;
 * assertEquals(sum, 303);
 * ```
 *
 * @tags allow-ffi
 */
export function openRingSender(memory: Memory, options: RingEndOptions = {}): RingSender {
  return new RingSenderEnd(memory, options);
}

/**
 * `openRingReceiver(memory)`: takes the consumer's end of a ring for this thread. The kernel gives it up when the thread ends, however it ends.
 *
 * @throws {ProtocolError} There is no ring there, or it is not what its header says.
 * @throws {PosixError} EBUSY when somebody has that end, or had it: an end is opened once.
 * @throws {RangeError} For an offset that cannot be.
 * @throws {ClosedError} When the memory is closed.
 *
 * @example The end of messages
 * ```ts
 * import { createAnonymousMemory, createRing, openRingReceiver, openRingSender, ringByteLength } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using memory = createAnonymousMemory({ size: ringByteLength(4096) });
 * createRing(memory, { capacity: 4096 });
 * const sender = openRingSender(memory);
 * using receiver = openRingReceiver(memory);
 *
 * await sender.send(Uint8Array.of(1));
 * sender.close();
 * assertEquals(await receiver.receive(), Uint8Array.of(1));
 * assertEquals(await receiver.receive(), null);
 * ```
 *
 * @tags allow-ffi
 */
export function openRingReceiver(memory: Memory, options: RingEndOptions = {}): RingReceiver {
  return new RingReceiverEnd(memory, options);
}
