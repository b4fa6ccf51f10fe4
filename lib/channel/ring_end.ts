/**
 * What both ends of a ring do alike: taking the end, sleeping and waking, and noticing that the peer is gone.
 *
 * ## Sleeping: why no wake-up is lost
 *
 * Each end has a sleep word. It is 0 while the end is awake.
 *
 * | step | who sleeps | step | who publishes (or gives back) |
 * |---|---|---|---|
 * | Z1 | sleep word = how it sleeps | P1 | cursor = its new value |
 * | Z2 | looks at the peer's cursor: not what it waits for | P2 | looks at the peer's sleep word: 0? done |
 * | Z3 | sleeps while the sleep word has that value | P3 | takes the sleep word, leaving 0 (exchange) |
 * | Z4 | sleep word = 0 | P4 | wakes: futex, or the doorbell |
 *
 * All four of Z1, Z2, P1 and P2 are sequentially consistent, so there is one order of them that everybody agrees on (Dekker). If P2 comes before Z1, then so
 * does P1, and Z2 sees the cursor. If Z1 comes before P2, then P2 sees the word, and P3 follows: before Z3, which then does not sleep (the futex
 * compares; a doorbell stays rung), or after it, and P4 wakes. Atomic loads and stores of JavaScript are sequentially consistent; so must those of a
 * C peer be (`atomic_store`, not `memory_order_release`: on x86 that would be the one reordering that the processor does).
 *
 * Whoever dies between P3 and P4 has its liveness word released by the kernel, which wakes who sleeps (Z3 sleeps on both words, or the doorbell hangs up).
 * Whoever is stopped there is made good for by looking again after a second.
 *
 * ## What is a plain access, and why that is enough
 *
 * Messages and their lengths are written and read plainly. P1 is a release and the load of the cursor an acquire, so all plain stores before P1 are seen by
 * loads after the cursor was seen; giving back is the same the other way around: the consumer's loads come before its store of `head`, and
 * the producer's stores into that memory after its load. Between two messages of a batch no atomic operation is needed on either side. The compiler may keep a
 * plain load's value only as long as no atomic operation comes in between, and between two laps over the same bytes there is one.
 *
 * The peer's cursor is kept in a variable and loaded again only when the ring seems full (or empty), so the cache line of a cursor moves once a batch, and not
 * once a message.
 *
 * ## Liveness
 *
 * The word of an end is a robust word (lib/sync/robust_word.ts) that its thread holds as long as it has the end. `state` says how far it got: FREE, OPEN,
 * CLOSED. Opening takes the word and then says OPEN; closing says CLOSED and then releases. So a word without an owner is an end that is closed (CLOSED),
 * dead (anything, with FUTEX_OWNER_DIED), or not yet there (FREE).
 *
 * @module
 */

import { ChannelClosedError, ClosedError, PosixError, ProtocolError } from "../errors.ts";
import { type Memory, nameOf } from "../memory/memory.ts";
import { ALL, futexWake, type FutexWord, futexWord, type Watched } from "../sync/futex.ts";
import { robustList } from "../sync/robust_list.ts";
import { takeIfFree } from "../sync/robust_wait.ts";
import { OWNER, OWNER_DIED, RobustWord } from "../sync/robust_word.ts";
import { Deadline, type WaitOptions } from "../sys/clock.ts";
import { ownPid } from "../sys/identity.ts";
import type { Mapping } from "../sys/memory.ts";
import type { RingEnd, RingEndOptions, RingPeer } from "./ring.ts";
import type { RingDoorbell } from "./ring_doorbell.ts";
import { BY_DOORBELL, DEFAULT_SPINS, Sleeper } from "./ring_sleeper.ts";
import {
  CLOSED,
  CONSUMER,
  DATA,
  END,
  FREE,
  HEAD,
  OPEN,
  PRODUCER,
  readRing,
  type RingFacts,
  TAIL,
} from "./ring_layout.ts";

/** How an end is opened by lanes: what they have in common. */
export interface EndPlace extends RingEndOptions {
  /** The word that this end sleeps on, where it is not its own: all ends of a hub share one. */
  ownSleep?: FutexWord | undefined;
  /** The word that the peer sleeps on, where it is not its own. */
  peerSleep?: FutexWord | undefined;
  /**
   * Whether an end that somebody has had may be taken again.
   * @default {false}
   */
  rejoin?: boolean | undefined;
  /** What is done when the end is this thread's, and before it counts as open. */
  beforeOpen?: ((words: Int32Array<ArrayBuffer>) => void) | undefined;
}

/** One end of a ring. */
export abstract class RingEndObject implements RingEnd {
  readonly name: string;
  /** What waits, for messages. */
  protected readonly what: string;
  protected readonly facts: RingFacts;
  protected readonly mapping: Mapping;
  /** The header. */
  protected readonly header: Int32Array<ArrayBuffer>;
  protected readonly data: Uint8Array<ArrayBuffer>;
  protected readonly dataWords: Int32Array<ArrayBuffer>;
  /** The peer's sleep word is its first element. */
  protected readonly peerSleep: FutexWord;
  readonly #peerSleepWords: Int32Array<ArrayBuffer>;
  /** The peer's liveness word, as it was when it was last looked at. */
  protected knownPeer = 0;
  protected readonly peerWordAt: number;
  readonly #own: RobustWord;
  readonly #peer: RobustWord;
  readonly #ownSleep: FutexWord;
  /** How often a blocking wait looks before it sleeps. */
  protected readonly spins: number;
  readonly #bell: RingDoorbell | undefined;
  readonly #sleeper: Sleeper;
  readonly #never: Deadline;
  /** The memory may outlive many ends, and does not keep them. */
  readonly #withdraw: () => void;
  readonly #lent: ReturnType<Mapping["lend"]> | undefined;
  #closed = false;
  #broken: ProtocolError | undefined;

  protected constructor(memory: Memory, place: EndPlace, own: typeof PRODUCER | typeof CONSUMER) {
    const { offset = 0, name = nameOf(memory), doorbell, spins = DEFAULT_SPINS } = place;
    if (!(spins >= 0)) throw new RangeError(`spins must be a number from 0, got ${Deno.inspect(spins)}`);
    const { mapping, facts } = readRing(memory, offset, name);
    const peer = own === PRODUCER ? CONSUMER : PRODUCER;
    this.name = name;
    this.what = own === PRODUCER ? `Sending to ${name}` : `Receiving from ${name}`;
    this.facts = facts;
    this.mapping = mapping;
    this.header = new Int32Array(mapping.buffer, offset, DATA / 4);
    this.peerWordAt = peer / 4;
    this.#own = new RobustWord(mapping, offset + own);
    this.#peer = new RobustWord(mapping, offset + peer);
    this.#ownSleep = place.ownSleep ?? futexWord(mapping, offset + own + 4 * END.sleep);
    this.peerSleep = place.peerSleep ?? futexWord(mapping, offset + peer + 4 * END.sleep);
    this.#peerSleepWords = this.peerSleep.words;
    this.#bell = doorbell;
    this.spins = spins;
    const word = this.#ownSleep;
    this.#sleeper = new Sleeper({
      what: this.what,
      word,
      doorbell,
      spins,
      ready: () => this.ready(),
      watched: () => this.watched(),
    });
    this.#never = new Deadline(this.what);
    this.#take(own, place);
    // A loan that is kept must not reach the ring when this end is somebody else's: the views of who writes end with it.
    this.#lent = own === PRODUCER ? mapping.lend() : undefined;
    const buffer = this.#lent?.buffer ?? mapping.buffer;
    this.data = new Uint8Array(buffer, offset + DATA, facts.capacity);
    this.dataWords = new Int32Array(buffer, offset + DATA, facts.capacity / 4);
    this.#withdraw = mapping.beforeClose(() => this.close());
    this.look();
    this.wakePeer();
  }

  get maxMessageBytes(): number {
    return this.facts.maxMessageBytes;
  }

  get capacity(): number {
    return this.facts.capacity;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get peer(): RingPeer {
    this.mustBeOpen();
    return this.look();
  }

  get peerPid(): number {
    this.mustBeOpen();
    return this.look() === "open" ? Atomics.load(this.header, this.peerWordAt + END.pid) : 0;
  }

  get usedBytes(): number {
    if (this.#closed) return 0;
    const used = (Atomics.load(this.header, TAIL) - Atomics.load(this.header, HEAD)) | 0;
    return used >= 0 && used <= this.capacity ? used : this.capacity;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.beforeClosing();
    const { words } = this.#own;
    Atomics.store(words, END.state, CLOSED);
    // If a peer overwrote the word, there is nothing to give back: the list entry is out all the same.
    this.#own.release(robustList());
    this.wakePeer();
    this.#sleeper.close();
    this.#withdraw();
    this.#lent?.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Gives back or publishes nothing more; the end is about to be CLOSED. */
  protected abstract beforeClosing(): void;

  /** Whether what is waited for is there, or never will be. Sequentially consistent: Z2. */
  abstract ready(): boolean;

  /** @throws {ClosedError} After `close()`. */
  protected mustBeOpen(): void {
    if (this.#closed) throw new ClosedError(`The end of ${this.name}`);
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** A peer wrote what cannot be: the end is of no more use. */
  protected corrupt(what: string): ProtocolError {
    return this.#broken = new ProtocolError(`${this.name}: the peer wrote ${what}`);
  }

  /** The error for a peer that is gone. */
  protected gone(reason: "closed" | "died"): ChannelClosedError {
    return new ChannelClosedError(this.name, reason);
  }

  /** What has become of the peer. Announces that its death is to wake somebody. */
  look(): RingPeer {
    const { header, peerWordAt } = this;
    for (let tries = 0; tries < 3; tries++) {
      const word = Atomics.load(header, peerWordAt);
      this.knownPeer = word;
      if ((word & OWNER) !== 0) {
        const announced = this.#peer.announce();
        if (announced === undefined) continue;
        this.knownPeer = announced;
        return "open";
      }
      const state = Atomics.load(header, peerWordAt + END.state);
      // It may have come, or gone, between the two loads.
      if (Atomics.load(header, peerWordAt) !== word) continue;
      if (state === CLOSED) return "closed";
      if (state === FREE && (word & OWNER_DIED) === 0) {
        if (this.#bell?.look() !== true) return "absent";
        // It may have come, and closed its end, before it let go of the doorbell.
        if (Atomics.load(header, peerWordAt) !== word || Atomics.load(header, peerWordAt + END.state) !== FREE) {
          continue;
        }
      }
      return "died";
    }
    return "open";
  }

  /** Whether the peer's liveness word is what it was: then there is nothing to look at. Absent peers are looked at where a doorbell tells of them. */
  protected get peerUnchanged(): boolean {
    return Atomics.load(this.header, this.peerWordAt) === this.knownPeer && (this.knownPeer & OWNER) !== 0;
  }

  /** P2 to P4. */
  protected wakePeer(): void {
    if (Atomics.load(this.#peerSleepWords, 0) !== 0) this.wakeSleeper();
  }

  /** P3 and P4. */
  protected wakeSleeper(): void {
    const how = Atomics.exchange(this.peerSleep.words, 0, 0);
    if (how === 0) return;
    if (how === BY_DOORBELL && this.#bell !== undefined) this.#bell.ring();
    else futexWake(this.peerSleep.pointer, ALL);
  }

  /** The deadline of one call. The one that never comes is made once. */
  protected deadline(timeoutMs: number | undefined): Deadline {
    return timeoutMs === undefined ? this.#never : new Deadline(this.what, timeoutMs);
  }

  /** Blocks this thread until `ready()`. */
  protected block(deadline: Deadline): void {
    this.#sleeper.block(deadline);
  }

  /** @throws {Deno.errors.Busy} While a wait of this end is pending. */
  protected mustBeIdle(): void {
    this.#sleeper.mustBeIdle();
  }

  /** Waits on the event loop until `ready()`. */
  protected wait(options: WaitOptions, deadline: Deadline): Promise<void> {
    return this.#sleeper.wait(options, deadline);
  }

  /** The peer's liveness, to sleep on, where there is a peer. */
  watched(): readonly Watched[] {
    if (this.closed || (this.knownPeer & OWNER) === 0) return [];
    const { words, address, pointer } = this.#peer;
    return [{ words, address, pointer, expected: this.knownPeer }];
  }

  #take(own: typeof PRODUCER | typeof CONSUMER, { beforeOpen, rejoin = false }: EndPlace): void {
    const call = own === PRODUCER ? "openRingSender" : "openRingReceiver";
    const { words } = this.#own;
    if (!takeIfFree(this.#own, 0, call, this.name)) {
      throw new PosixError({ code: "EBUSY", syscall: call, target: this.name, hint: "somebody has that end" });
    }
    if (!rejoin && Atomics.load(words, END.state) !== FREE) {
      this.#own.release(robustList());
      throw new PosixError({ code: "EBUSY", syscall: call, target: this.name, hint: "somebody has had that end" });
    }
    Atomics.store(words, END.pid, ownPid());
    Atomics.store(this.#ownSleep.words, 0, 0);
    beforeOpen?.(this.header);
    Atomics.store(words, END.state, OPEN);
  }
}
