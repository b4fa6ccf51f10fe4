/**
 * The consumer's end of a ring. What is plain and what is atomic: ring_end.ts.
 *
 * ## Rings with `overwrite`
 *
 * There the producer may take back the oldest message at any moment, also while it is being received: it moves `head` itself. Nobody waits for anybody.
 *
 * | step | the consumer | step | the producer, to make room |
 * |---|---|---|---|
 * | R1 | loads `head` and `tail` | O1 | `head` past the oldest record, by compare-exchange |
 * | R2 | copies the record's length and bytes, plainly | O2 | counts the drop (atomically) |
 * | R3 | `head` past the record, by compare-exchange: the copy is the message. Or it fails: the copy is nothing, and R1 follows | O3 | writes its message there, plainly |
 *
 * If R2 read anything that O3 wrote, O1 came before it. R2's loads do not move behind R3, which is a read-modify-write; O3's stores do not move before O2's
 * load, nor that before O1's store. So R3 comes after O1 in the order of the atomic operations, finds another `head`, and fails. A length that cannot be is
 * judged only when `head` is still the same: then the producer did write it. `head` would have its old value again after exactly 2^32 bytes between R1 and R3.
 *
 * @module
 */

import type { Memory } from "../memory/memory.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Borrowed, RingReceiver } from "./ring.ts";
import { type EndPlace, RingEndObject } from "./ring_end.ts";
import { begin } from "./ring_sleeper.ts";
import { CONSUMER, DROPPED, HEAD, PADDING, RECORD, recordBytes, TAIL } from "./ring_layout.ts";
import { ViewCache } from "./ring_views.ts";

/** No options. */
const FOREVER: WaitOptions = {};

/** What `next()` returns instead of an offset. */
const NOTHING = -1;
const END_OF_MESSAGES = -2;
const PEER_DIED = -3;

/** So many looks come without a pause between them. */
const EAGER_SPINS = 100;

/** So often is a message copied in vain before `next()` says that there is none: the producer overwrites faster than this end reads. */
const MOST_RETRIES = 100;

export class RingReceiverEnd extends RingEndObject implements RingReceiver {
  /** Up to where this end has received. */
  #at: number;
  /** Up to where it has given back: what it has stored in `head`. */
  #given: number;
  /** Up to where messages are published, as far as this end has looked. */
  #tail: number;
  /** Bytes that are given back together, while there are more messages. */
  readonly #batch: number;
  readonly #mask: number;
  readonly #capacity: number;
  readonly #most: number;
  readonly #ringWords: Int32Array<ArrayBuffer>;
  #length = 0;
  /** What `poll()` returns when there is no message. */
  #found = NOTHING;
  #views: ViewCache;
  #borrowed: BorrowedMessage | undefined;
  /** With `overwrite`: where messages are copied to. It grows as they do. */
  #copy: Uint8Array<ArrayBuffer>;
  #copyWords: Int32Array<ArrayBuffer>;

  constructor(memory: Memory, place: EndPlace) {
    super(memory, place, CONSUMER);
    const { capacity } = this.facts;
    this.#mask = capacity - 1;
    this.#batch = capacity / 8;
    this.#capacity = capacity;
    this.#most = this.facts.maxMessageBytes;
    this.#ringWords = this.dataWords;
    this.#views = new ViewCache(this.data);
    this.#copy = this.data;
    this.#copyWords = this.dataWords;
    if (this.facts.overwrite) this.#growCopy(64);
    this.#at = this.#given = this.#tail = Atomics.load(this.header, HEAD);
    if ((this.#at & 7) !== 0) {
      const error = this.corrupt(`a head of ${this.#at >>> 0}`);
      this.close();
      throw error;
    }
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#copy;
  }

  get words(): Int32Array<ArrayBuffer> {
    return this.#copyWords;
  }

  get length(): number {
    return this.#length;
  }

  get dropped(): number {
    return this.closed ? 0 : Atomics.load(this.header, DROPPED) >>> 0;
  }

  tryReceive(): Uint8Array<ArrayBuffer> | null | undefined {
    // A producer that sleeps for room need not wait for the end of the batch.
    if (this.#at !== this.#given && !this.closed && Atomics.load(this.peerSleep.words, 0) !== 0) this.#giveBack();
    const at = this.next();
    if (at >= 0) return this.view(at);
    return at === NOTHING ? undefined : null;
  }

  receiveSync(options: SyncWaitOptions = FOREVER): Uint8Array<ArrayBuffer> | null {
    const deadline = this.deadline(options.timeoutMs);
    while (true) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
      if (!this.#spin()) this.block(deadline);
    }
  }

  /** Looks for some microseconds whether something is published: the first part of `block()`, without its calls. */
  #spin(): boolean {
    const { header, spins } = this;
    const tail = this.#tail;
    if (this.facts.overwrite) return false;
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.load(header, TAIL) !== tail) return this.#refreshTail();
      // An answer that is on its way is there within the first looks, and a pause takes as long as half the way.
      if (spin >= EAGER_SPINS) Atomics.pause();
    }
    return false;
  }

  async receive(options: WaitOptions = FOREVER): Promise<Uint8Array<ArrayBuffer> | null> {
    const deadline = this.deadline(options.timeoutMs);
    await begin(options);
    while (true) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
      await this.wait(options, deadline);
    }
  }

  tryBorrow(): Borrowed | null | undefined {
    const message = this.tryReceive();
    return message ? this.#borrow(message) : message;
  }

  borrowSync(options?: SyncWaitOptions): Borrowed | null {
    const message = this.receiveSync(options);
    return message && this.#borrow(message);
  }

  async borrow(options?: WaitOptions): Promise<Borrowed | null> {
    const message = await this.receive(options);
    return message && this.#borrow(message);
  }

  next(): number {
    const at = this.poll();
    if (at === PEER_DIED) throw this.gone("died");
    return at;
  }

  /** Whether something is published that was not received. */
  get hasMessage(): boolean {
    return Atomics.load(this.header, TAIL) !== this.#position;
  }

  /** The view of a message whose offset was returned. */
  view(at: number): Uint8Array<ArrayBuffer> {
    return this.#views.at(at, this.#length);
  }

  /** `next()`, but a death is -3: for who asks many rings in turn. */
  poll(): number {
    // Closed or broken, there is nothing between the two; a ring with `overwrite` never has anything there.
    while (this.#at !== this.#tail || this.#look()) {
      const at = this.#at & this.#mask;
      const available = (this.#tail - this.#at) | 0;
      // Read once.
      const length = this.#ringWords[at >> 2]!;
      const size = recordBytes(length);
      // One comparison for lengths that are too long and for negative ones.
      if ((length >>> 0) > this.#most || size > available || at + size > this.#capacity) {
        this.#skip(length, at, available);
        continue;
      }
      if (((this.#at - this.#given) | 0) >= this.#batch) this.#giveBack();
      this.#length = length;
      this.#at = (this.#at + size) | 0;
      return at + RECORD;
    }
    return this.#found;
  }

  release(): void {
    if (this.closed) return;
    if (this.#at !== this.#given) this.#giveBack();
  }

  async waitForMessage(options: WaitOptions = FOREVER): Promise<void> {
    const deadline = this.deadline(options.timeoutMs);
    await begin(options);
    this.mustBeOpen();
    this.release();
    if (!this.ready()) await this.wait(options, deadline);
  }

  waitForMessageSync(options: SyncWaitOptions = FOREVER): void {
    const deadline = this.deadline(options.timeoutMs);
    this.mustBeOpen();
    this.release();
    if (!this.#spin() && !this.ready()) this.block(deadline);
  }

  protected override beforeClosing(): void {
    this.#length = 0;
    this.#tail = this.#at;
  }

  override ready(): boolean {
    if (this.closed || Atomics.load(this.header, TAIL) !== this.#position) return true;
    if (this.peerUnchanged) return false;
    const peer = this.look();
    return peer === "closed" || peer === "died";
  }

  /** Up to where there is nothing to receive. */
  get #position(): number {
    return this.facts.overwrite ? Atomics.load(this.header, HEAD) : this.#at;
  }

  #borrow(message: Uint8Array<ArrayBuffer>): Borrowed {
    const borrowed = this.#borrowed ??= new BorrowedMessage(this);
    borrowed.bytes = message;
    return borrowed;
  }

  /** Gives back what was received. P1 of the other direction. */
  #giveBack(): void {
    if (this.facts.overwrite) return;
    this.#given = this.#at;
    Atomics.store(this.header, HEAD, this.#given);
    this.wakePeer();
  }

  /** Whether more was published than this end knew of. If not, `#found` says what there is instead. */
  #look(): boolean {
    this.mustBeOpen();
    if (this.facts.overwrite) {
      this.#found = this.#nextCopy();
      return false;
    }
    if (this.#refreshTail()) return true;
    this.release();
    if (this.peerUnchanged) {
      this.#found = NOTHING;
      return false;
    }
    this.#found = this.#whyNothing();
    // What a peer that is gone had published, it had published before its word changed.
    return this.#refreshTail();
  }

  #refreshTail(): boolean {
    // Read once.
    const tail = Atomics.load(this.header, TAIL);
    if (tail === this.#tail) return false;
    const unread = (tail - this.#at) | 0;
    if (unread < 0 || ((tail - this.#given) | 0) > this.#capacity || (tail & 7) !== 0) {
      throw this.corrupt(`a tail of ${tail >>> 0}`);
    }
    this.#tail = tail;
    return true;
  }

  #whyNothing(): number {
    const peer = this.look();
    if (peer === "open" || peer === "absent") return NOTHING;
    return peer === "died" ? PEER_DIED : END_OF_MESSAGES;
  }

  /** What is no message is padding, or what cannot be. */
  #skip(length: number, at: number, available: number): void {
    const left = this.#capacity - at;
    if (length === PADDING && at !== 0 && left <= available) {
      this.#at = (this.#at + left) | 0;
      return;
    }
    // Nothing is left to receive.
    this.#tail = this.#at;
    throw this.corrupt(`a record of ${length} bytes at ${this.#at >>> 0}, with ${available} published`);
  }

  /** R1 to R3. */
  #nextCopy(): number {
    const { capacity, maxMessageBytes } = this.facts;
    const { header } = this;
    for (let tries = 0; tries < MOST_RETRIES; tries++) {
      const head = Atomics.load(header, HEAD);
      const available = (Atomics.load(header, TAIL) - head) | 0;
      if (available === 0) {
        if (this.peerUnchanged) return NOTHING;
        const found = this.#whyNothing();
        if (Atomics.load(header, TAIL) === Atomics.load(header, HEAD)) return found;
        continue;
      }
      const at = head & this.#mask;
      const length = this.dataWords[at >> 2]!;
      const padding = length === PADDING && at !== 0;
      const size = padding ? capacity - at : recordBytes(length);
      if (
        available < 0 || available > capacity || (available & 7) !== 0 || (head & 7) !== 0 || size > available ||
        at + size > capacity || (!padding && (length < 0 || length > maxMessageBytes))
      ) {
        if (Atomics.load(header, HEAD) !== head) continue;
        throw this.corrupt(`a record of ${length} bytes at ${head >>> 0}`);
      }
      if (!padding) {
        if (length > this.#copy.byteLength) this.#growCopy(length);
        this.#copyRecord(at + RECORD, length);
      }
      if (Atomics.compareExchange(header, HEAD, head, (head + size) | 0) !== head || padding) continue;
      this.wakePeer();
      this.#length = length;
      return 0;
    }
    return NOTHING;
  }

  #copyRecord(at: number, length: number): void {
    const { buffer, byteOffset } = this.data;
    this.#copy.set(new Uint8Array(buffer, byteOffset + at, length));
  }

  #growCopy(length: number): void {
    this.#copy = new Uint8Array(2 ** Math.ceil(Math.log2(Math.max(length, 64))));
    this.#copyWords = new Int32Array(this.#copy.buffer);
    this.#views = new ViewCache(this.#copy);
  }
}

/** The one object that borrowing returns. */
class BorrowedMessage implements Borrowed {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  readonly #receiver: RingReceiverEnd;

  constructor(receiver: RingReceiverEnd) {
    this.#receiver = receiver;
  }

  release(): void {
    this.#receiver.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
