/**
 * The producer's end of a ring. What is plain and what is atomic: ring_end.ts.
 *
 * @module
 */

import type { Memory } from "../memory/memory.ts";
import type { Deadline, SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { RingSender } from "./ring.ts";
import { type EndPlace, RingEndObject } from "./ring_end.ts";
import { begin } from "./ring_sleeper.ts";
import { DROPPED, END, HEAD, PADDING, PRODUCER, RECORD, recordBytes, SENT, TAIL } from "./ring_layout.ts";
import { ViewCache } from "./ring_views.ts";

/** No options. */
const FOREVER: WaitOptions = {};

/** Nothing is loaned. */
const NONE = -1;

export class RingSenderEnd extends RingEndObject implements RingSender {
  /** Up to where messages are published: what this end has stored in `tail`, and the only one that does. */
  #tail: number;
  /** Up to where messages are staged. */
  #next: number;
  /** How many messages were staged, those of producers before included: what others may count by, and nothing depends on. */
  #sent: number;
  /** Up to where the consumer has given back, as far as this end has looked. */
  #head: number;
  #loaned = NONE;
  /** Room that a wait is for. */
  #needed = 0;
  readonly #views: ViewCache;
  readonly #mask: number;
  readonly #capacity: number;
  readonly #most: number;

  constructor(memory: Memory, place: EndPlace) {
    super(memory, place, PRODUCER);
    this.#capacity = this.facts.capacity;
    this.#most = this.facts.maxMessageBytes;
    this.#mask = this.#capacity - 1;
    this.#views = new ViewCache(this.data);
    // A producer that died here left its cursor, and nothing behind it counts.
    this.#tail = this.#next = Atomics.load(this.header, TAIL);
    this.#head = Atomics.load(this.header, HEAD);
    this.#sent = this.header[SENT] ?? 0;
    const used = (this.#tail - this.#head) | 0;
    if (used < 0 || used > this.facts.capacity || ((this.#tail | this.#head) & 7) !== 0) {
      const error = this.corrupt("cursors that cannot be");
      this.close();
      throw error;
    }
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.data;
  }

  get words(): Int32Array<ArrayBuffer> {
    return this.dataWords;
  }

  /** What the consumer's end says of itself: read again each time, and worth what the consumer is worth. */
  get peerPolicy(): number {
    return Atomics.load(this.header, this.peerWordAt + END.policy);
  }

  get dropped(): number {
    return this.closed ? 0 : Atomics.load(this.header, DROPPED) >>> 0;
  }

  trySend(message: Uint8Array): boolean {
    this.#requirePeer();
    if (!this.stageCopy(message)) return false;
    this.publish();
    return true;
  }

  sendSync(message: Uint8Array, options: SyncWaitOptions = FOREVER): void {
    const deadline = this.deadline(options.timeoutMs);
    while (!this.trySend(message)) this.#blockForRoom(message.byteLength, deadline);
  }

  async send(message: Uint8Array, options: WaitOptions = FOREVER): Promise<void> {
    const deadline = this.deadline(options.timeoutMs);
    await begin(options);
    while (!this.trySend(message)) await this.#waitForRoom(message.byteLength, options, deadline);
  }

  trySendMany(messages: readonly Uint8Array[]): number {
    this.#requirePeer();
    return this.#stageMany(messages, 0);
  }

  sendManySync(messages: readonly Uint8Array[], options: SyncWaitOptions = FOREVER): void {
    const deadline = this.deadline(options.timeoutMs);
    this.#requirePeer();
    for (let sent = 0; (sent = this.#stageMany(messages, sent)) < messages.length;) {
      this.#blockForRoom(messages[sent]!.byteLength, deadline);
    }
  }

  async sendMany(messages: readonly Uint8Array[], options: WaitOptions = FOREVER): Promise<void> {
    const deadline = this.deadline(options.timeoutMs);
    await begin(options);
    this.#requirePeer();
    for (let sent = 0; (sent = this.#stageMany(messages, sent)) < messages.length;) {
      await this.#waitForRoom(messages[sent]!.byteLength, options, deadline);
    }
  }

  tryLoan(byteLength: number): Uint8Array<ArrayBuffer> | undefined {
    this.#requirePeer();
    const at = this.reserve(byteLength);
    return at < 0 ? undefined : this.#views.at(at, byteLength);
  }

  loanSync(byteLength: number, options: SyncWaitOptions = FOREVER): Uint8Array<ArrayBuffer> {
    const deadline = this.deadline(options.timeoutMs);
    while (true) {
      const loan = this.tryLoan(byteLength);
      if (loan !== undefined) return loan;
      this.#blockForRoom(byteLength, deadline);
    }
  }

  async loan(byteLength: number, options: WaitOptions = FOREVER): Promise<Uint8Array<ArrayBuffer>> {
    const deadline = this.deadline(options.timeoutMs);
    await begin(options);
    while (true) {
      const loan = this.tryLoan(byteLength);
      if (loan !== undefined) return loan;
      await this.#waitForRoom(byteLength, options, deadline);
    }
  }

  commit(byteLength: number = this.#loaned): void {
    this.stage(byteLength);
    this.publish();
  }

  abandon(): void {
    this.#loaned = NONE;
  }

  reserve(byteLength: number): number {
    // An integer in 0..most, by one comparison that NaN fails too.
    if ((byteLength >>> 0) !== byteLength || byteLength > this.#most) throw this.#tooLong(byteLength);
    const size = recordBytes(byteLength);
    const at = this.#next & this.#mask;
    const left = this.#capacity - at;
    const skip = size > left ? left : 0;
    if (size + skip > this.#capacity - ((this.#next - this.#head) | 0)) {
      this.mustBeOpen();
      this.#refreshHead();
      if (size + skip > this.#capacity - ((this.#next - this.#head) | 0)) return -1;
    }
    this.#loaned = byteLength;
    if (skip === 0) return at + RECORD;
    this.dataWords[at >> 2] = PADDING;
    this.#next = (this.#next + skip) | 0;
    return RECORD;
  }

  stage(byteLength: number = this.#loaned): void {
    if (!(byteLength >= 0 && byteLength <= this.#loaned) || !Number.isInteger(byteLength)) {
      throw this.#notLoaned(byteLength);
    }
    this.#loaned = NONE;
    this.dataWords[(this.#next & this.#mask) >> 2] = byteLength;
    this.#next = (this.#next + recordBytes(byteLength)) | 0;
    this.#sent = (this.#sent + 1) | 0;
  }

  publish(): void {
    this.mustBeOpen();
    if (this.#next === this.#tail) return;
    this.#tail = this.#next;
    // Plain, and in the line that P1 writes.
    this.header[SENT] = this.#sent;
    // P1.
    Atomics.store(this.header, TAIL, this.#tail);
    this.wakePeer();
  }

  async waitForRoom(byteLength: number, options: WaitOptions = FOREVER): Promise<void> {
    const deadline = this.deadline(options.timeoutMs);
    await begin(options);
    this.#need(byteLength);
    if (!this.ready()) await this.wait(options, deadline);
    this.#requirePeer();
  }

  waitForRoomSync(byteLength: number, options: SyncWaitOptions = FOREVER): void {
    const deadline = this.deadline(options.timeoutMs);
    this.#need(byteLength);
    if (!this.ready()) this.block(deadline);
    this.#requirePeer();
  }

  /** Whether a message would find room now. */
  hasRoom(byteLength: number): boolean {
    this.mustBeOpen();
    this.#needed = recordBytes(byteLength);
    if (this.#roomWith(this.#head) >= this.#needed) return true;
    this.#refreshHead();
    return this.#roomWith(this.#head) >= this.#needed;
  }

  dropOldest(): boolean {
    this.mustBeOpen();
    if (!this.facts.overwrite) {
      throw new TypeError(`${this.name} is a ring without overwrite: nothing can be taken back`);
    }
    const { capacity } = this.facts;
    while (true) {
      this.#refreshHead();
      const head = this.#head;
      const available = (this.#tail - head) | 0;
      if (available === 0) return false;
      const at = head & this.#mask;
      // The consumer's process can write here: checked like any other word.
      const length = this.dataWords[at >> 2]!;
      const padding = length === PADDING;
      const size = padding ? capacity - at : recordBytes(length);
      if (!padding && (length < 0 || length > this.facts.maxMessageBytes) || size > available || at + size > capacity) {
        throw this.corrupt(`a length of ${length}`);
      }
      // O1. From here on the record is not the consumer's, whatever it has read of it.
      if (Atomics.compareExchange(this.header, HEAD, head, (head + size) | 0) !== head) return true;
      this.#head = (head + size) | 0;
      if (padding) continue;
      // O2. An atomic operation between O1 and the stores into the record: see ring_receiver.ts.
      this.countDrop();
      return true;
    }
  }

  countDrop(): void {
    Atomics.add(this.header, DROPPED, 1);
  }

  protected override beforeClosing(): void {
    // Staged messages were never sent, and there is no room any more: the next call finds out why.
    this.#loaned = NONE;
    this.#head = (this.#next - this.#capacity) | 0;
  }

  override ready(): boolean {
    if (this.closed) return true;
    const head = Atomics.load(this.header, HEAD);
    const used = (this.#tail - head) | 0;
    // A head that cannot be is something to find out about, too.
    if (used < 0 || this.#roomWith(head) >= this.#needed) return true;
    if (this.peerUnchanged) return false;
    const peer = this.look();
    return peer === "closed" || peer === "died";
  }

  async #waitForRoom(byteLength: number, options: WaitOptions, deadline: Deadline): Promise<void> {
    this.#need(byteLength);
    await this.wait(options, deadline);
  }

  #blockForRoom(byteLength: number, deadline: Deadline): void {
    this.#need(byteLength);
    this.block(deadline);
  }

  #roomWith(head: number): number {
    const { capacity } = this.facts;
    const left = capacity - (this.#next & this.#mask);
    const room = capacity - ((this.#next - head) | 0);
    return this.#needed > left ? room - left : room;
  }

  #need(byteLength: number): void {
    if (!(byteLength >= 0 && byteLength <= this.facts.maxMessageBytes) || !Number.isInteger(byteLength)) {
      throw this.#tooLong(byteLength);
    }
    this.#requirePeer();
    // Another wait's need would be forgotten.
    this.mustBeIdle();
    // What is staged and not published can never be given back.
    this.publish();
    this.#needed = recordBytes(byteLength);
  }

  #requirePeer(): void {
    this.mustBeOpen();
    if (this.peerUnchanged) return;
    const peer = this.look();
    if (peer === "closed" || peer === "died") throw this.gone(peer);
  }

  #refreshHead(): void {
    // Read once.
    const head = Atomics.load(this.header, HEAD);
    const used = (this.#tail - head) | 0;
    if (used < 0 || used > ((this.#tail - this.#head) | 0) || (head & 7) !== 0) {
      throw this.corrupt(`a head of ${head >>> 0}`);
    }
    this.#head = head;
  }

  /** Stages a copy of a message; false when the ring is full. */
  stageCopy(message: Uint8Array): boolean {
    const { byteLength } = message;
    const at = this.reserve(byteLength);
    if (at < 0) return false;
    this.data.set(message, at);
    this.stage(byteLength);
    return true;
  }

  /** Stages messages from an index on, and publishes them. Returns the index of the first for which there was no room. */
  #stageMany(messages: readonly Uint8Array[], from: number): number {
    let index = from;
    try {
      while (index < messages.length && this.stageCopy(messages[index]!)) index++;
    } finally {
      if (!this.closed) this.publish();
    }
    return index;
  }

  #tooLong(byteLength: number): Error {
    return new RangeError(
      `A message of ${this.name} has 0..${this.facts.maxMessageBytes} bytes, got ${byteLength}`,
    );
  }

  #notLoaned(byteLength: number): Error {
    this.mustBeOpen();
    if (this.#loaned === NONE) return new Error(`${this.name}: nothing is loaned`);
    return new RangeError(`${this.name}: ${this.#loaned} bytes are loaned, got ${byteLength}`);
  }
}
