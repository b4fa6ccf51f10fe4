/**
 * Messages written and read where they lie: the loans of a road through shared memory.
 *
 * @module
 */

import type { Memory } from "../memory/memory.ts";
import type { Struct } from "../memory/struct.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Borrowed, RingReceiver, RingSender } from "./ring.ts";

/** A message under construction, in the memory that the receiver will read. Disposing of it gives it back unsent. */
export interface LoanedMessage<View> extends Disposable {
  /** The memory; its bytes are whatever was there before. Valid until it is sent or given back. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The memory as a struct. @throws {TypeError} When the channel's codec is no struct. */
  readonly value: View;
  /**
   * Sends it. Nothing is copied, whatever its length.
   *
   * @param byteLength How much of it is the message; all of it when left out.
   * @throws {Error} When it was sent or given back, or another loan has replaced it.
   */
  send(byteLength?: number): void;
}

/** A message that was received, in the memory that the sender has written. Disposing of it gives the memory back to the sender. */
export interface BorrowedMessage<View> extends Disposable {
  /** The message. Whoever sent it could still change it: copy what must not change between two looks. Valid until it is given back. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The message as a struct. @throws {TypeError} When the channel's codec is no struct, or the message has another length. */
  readonly value: View;
}

/**
 * Messages in place, for {@linkcode Channel.inPlace}: what is sent is written straight into the shared memory, and what is received is read there. No encoding,
 * no copy and no schema; the time that it takes does not depend on the length. One loan and one borrowed message at a time.
 */
export interface InPlace<View> {
  /**
   * Memory for a message, waiting on the event loop while the road is full.
   *
   * @param byteLength Of a struct it may be left out.
   * @throws {RangeError} For more than `maxMessageBytes`.
   * @throws {ChannelClosedError} When the peer has closed, or died. @throws {ClosedError} After `close()`.
   */
  loan(byteLength?: number, options?: WaitOptions): Promise<LoanedMessage<View>>;
  /** The same, blocking this thread. */
  loanSync(byteLength?: number, options?: SyncWaitOptions): LoanedMessage<View>;
  /** The same, never waiting: `undefined` when the road is full. */
  tryLoan(byteLength?: number): LoanedMessage<View> | undefined;
  /**
   * The next message, waiting on the event loop. The one before is given back.
   *
   * @returns `null` when the peer has closed and everything was received.
   * @throws {ChannelClosedError} With `reason: "died"`: the peer died, after everything that it had sent. @throws {ClosedError} After `close()`.
   */
  borrow(options?: WaitOptions): Promise<BorrowedMessage<View> | null>;
  /** The same, blocking this thread. */
  borrowSync(options?: SyncWaitOptions): BorrowedMessage<View> | null;
  /** The same, never waiting: `undefined` when nothing is there. */
  tryBorrow(): BorrowedMessage<View> | null | undefined;
}

/** Views of places that were used before are made once, as long as there are not more of them. */
const MOST_VIEWS = 4096;

/** What messages are borrowed from. */
export type Borrowable = Pick<RingReceiver, "borrow" | "borrowSync" | "tryBorrow" | "closed">;

/** Messages in place of two rings. */
export class RingInPlace<View> implements InPlace<View> {
  readonly #sender: RingSender;
  readonly #receiver: Borrowable;
  readonly #memory: Memory;
  readonly #struct: Struct<View> | undefined;
  readonly #views = new Map<number, View>();
  /** The loan, and the borrowed message, that are not over: a later one of either kind ends the one before. */
  readonly #loan: Current = { message: undefined };
  readonly #borrow: Current = { message: undefined };

  /** @param memory That of both rings. */
  constructor(sender: RingSender, receiver: Borrowable, memory: Memory, struct: Struct<unknown> | undefined) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#memory = memory;
    // A message begins at a multiple of 8.
    // Its views are what the channel's type was inferred from.
    this.#struct = struct !== undefined && struct.alignment <= 8 ? struct as Struct<View> : undefined;
  }

  async loan(byteLength?: number, options?: WaitOptions): Promise<LoanedMessage<View>> {
    return this.#loaned(await this.#sender.loan(this.#length(byteLength), options));
  }

  loanSync(byteLength?: number, options?: SyncWaitOptions): LoanedMessage<View> {
    return this.#loaned(this.#sender.loanSync(this.#length(byteLength), options));
  }

  tryLoan(byteLength?: number): LoanedMessage<View> | undefined {
    const bytes = this.#sender.tryLoan(this.#length(byteLength));
    return bytes && this.#loaned(bytes);
  }

  async borrow(options?: WaitOptions): Promise<BorrowedMessage<View> | null> {
    const borrowed = await this.#receiver.borrow(options);
    return borrowed && this.#borrowed(borrowed);
  }

  borrowSync(options?: SyncWaitOptions): BorrowedMessage<View> | null {
    const borrowed = this.#receiver.borrowSync(options);
    return borrowed && this.#borrowed(borrowed);
  }

  tryBorrow(): BorrowedMessage<View> | null | undefined {
    const borrowed = this.#receiver.tryBorrow();
    return borrowed && this.#borrowed(borrowed);
  }

  #length(byteLength: number | undefined): number {
    const length = byteLength ?? this.#struct?.size;
    if (length !== undefined) return length;
    throw new TypeError("A loan needs a length, unless the codec is a struct");
  }

  #loaned(bytes: Uint8Array<ArrayBuffer>): LoanedMessage<View> {
    return new Loan(bytes, this.#sender, this.#loan, this.#viewOf);
  }

  #borrowed(borrowed: Borrowed): BorrowedMessage<View> {
    return new Borrow(borrowed, this.#receiver, this.#borrow, this.#viewOf);
  }

  readonly #viewOf = (bytes: Uint8Array<ArrayBuffer>): View => this.#view(bytes);

  #view({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): View {
    const struct = this.#struct;
    if (struct === undefined) {
      throw new TypeError("value is for channels whose codec is a struct with an alignment of at most 8");
    }
    if (byteLength !== struct.size) {
      throw new TypeError(`The message has ${byteLength} bytes, the struct has ${struct.size}`);
    }
    let view = this.#views.get(byteOffset);
    if (view !== undefined) return view;
    if (this.#views.size >= MOST_VIEWS) this.#views.clear();
    view = struct.place({ memory: this.#memory, buffer, offset: byteOffset });
    this.#views.set(byteOffset, view);
    return view;
  }
}

/** The message in whose turn it is: those before it are over. */
interface Current {
  message: object | undefined;
}

// Classes: there is one object for every message, and a literal with an accessor takes as long to make as five messages to copy.

class Loan<View> implements LoanedMessage<View> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #sender: RingSender;
  readonly #current: Current;
  readonly #view: (bytes: Uint8Array<ArrayBuffer>) => View;

  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    sender: RingSender,
    current: Current,
    view: (bytes: Uint8Array<ArrayBuffer>) => View,
  ) {
    this.bytes = bytes;
    this.#sender = sender;
    this.#current = current;
    this.#view = view;
    current.message = this;
  }

  get value(): View {
    return this.#view(this.bytes);
  }

  send(byteLength: number = this.bytes.byteLength): void {
    const sender = this.#sender;
    if (this.#current.message !== this && !sender.closed) {
      throw new Error(`${sender.name}: the loan was sent, given back or replaced`);
    }
    sender.commit(byteLength);
    this.#current.message = undefined;
  }

  [Symbol.dispose](): void {
    if (this.#current.message !== this) return;
    this.#current.message = undefined;
    if (!this.#sender.closed) this.#sender.abandon();
  }
}

class Borrow<View> implements BorrowedMessage<View> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #borrowed: Borrowed;
  readonly #receiver: Borrowable;
  readonly #current: Current;
  readonly #view: (bytes: Uint8Array<ArrayBuffer>) => View;

  constructor(
    borrowed: Borrowed,
    receiver: Borrowable,
    current: Current,
    view: (bytes: Uint8Array<ArrayBuffer>) => View,
  ) {
    this.bytes = borrowed.bytes;
    this.#borrowed = borrowed;
    this.#receiver = receiver;
    this.#current = current;
    this.#view = view;
    current.message = this;
  }

  get value(): View {
    return this.#view(this.bytes);
  }

  [Symbol.dispose](): void {
    // What was received since then would be given back too.
    if (this.#current.message !== this) return;
    this.#current.message = undefined;
    if (!this.#receiver.closed) this.#borrowed.release();
  }
}
