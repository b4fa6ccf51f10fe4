/**
 * The steps of a barrier in shared memory.
 *
 * Each thread that comes to the barrier is a member, from its first arrival (or `join`) until it leaves. Its record holds the generation of its slot in
 * the participant table (participants.ts), the phase of its last arrival, how many of its tasks arrived in that phase, and how the phase ended for
 * them if not well. A record is changed with the gate held, a robust word that is held for a microsecond, never while anybody waits. What matters is
 * counted anew each time, so a death with the gate held leaves nothing to repair.
 *
 * ## Arriving
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | B1 | takes a slot of the table (J1 to J5) | nothing: it is no member yet |
 * | B2 | takes the gate (T0 to T5) | OWNER_DIED: the next one takes it |
 * | B3 | looks whether the barrier is broken, or a member is dead (then X1 to X4) | the same; a dead member is found by the next one |
 * | M1 | becomes a member: its record is empty | the same |
 * | M2 | `joins` += 1 | who sleeps finds nothing new, at the next look |
 * | M3 | wakes who sleeps: they all wait for the gate now | they find nothing new |
 * | M4 | record's generation = its own | a dead member: broken |
 * | B4 | record: ended = 0, count = 0, then phase = p, when it was of another phase | a dead member |
 * | B5 | count += 1 | a dead member |
 * | B6 | fewer than n in all: reads what to sleep on, releases the gate (R1 to R4) | a dead member |
 * | B7 | sleeps on `phase`, `joins` and the slots of all other members together | a dead member; who was woken in its place hears of it too, or looks again |
 * | L1 | n in all: takes back marks of a break or reset that came to nothing | a dead member, the phase is not over |
 * | L2 | `phase` = p + 1: the phase is over, for all at once | the phase is over; a dead member in the next |
 * | L3 | releases the gate (R1 to R4), wakes all | the same; the others sleep on its slot too |
 *
 * ## Breaking, when a member is found dead
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | X1 | marks each record of phase p: ended = 1 | a mark that B4 or L1 takes back; the dead member is there still, and found again |
 * | X2 | `broken` = 1 | the same, and nobody new arrives |
 * | X3 | `phase` = p + 1 | who slept goes on, finds its mark, and throws |
 * | X4 | releases the gate, wakes all | the same |
 *
 * ## Resetting
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | Y1 | marks each record of phase p: ended = 2 | a mark that B4 or L1 takes back |
 * | Y2 | `phase` = p + 1 | who slept goes on, finds its mark, and throws |
 * | Y3 | records of the dead: generation = 0 | fewer dead members, and those who had come with them know; `broken` stands |
 * | Y4 | `broken` = 0 | the barrier is like new |
 * | Y5 | releases the gate, wakes all | the same, after a second at the latest |
 *
 * ## Leaving, and giving up
 *
 * A thread leaves with one store, generation = 0: it is no member then, and its death is nobody's matter. A wait that ends early takes count back by 1,
 * with the gate held, unless the phase is over by then.
 *
 * ## Why nobody waits for the dead, and no end of a phase is missed
 *
 * What a member sleeps on it reads with the gate held, so every change of `phase`, `joins` and the records comes either before, and is seen, or after: then
 * `phase` or `joins` is another than slept on. A member that dies later has been announced in its slot (H1 of participants.ts): the kernel
 * wakes one sleeper, which wakes the others. All of these operations are sequentially consistent, and `phase` is stored after the marks: who finds a new
 * `phase` finds the mark too. Its own record cannot be of a later phase before it has looked, because all tasks of its thread look before any of them
 * arrives again.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { Mapping } from "../sys/memory.ts";
import { ALL, futexWake, type FutexWord, futexWord, type Watched } from "./futex.ts";
import type { Participant, Participants } from "./participants.ts";
import { ROBUST_WORD_BYTES, RobustWord } from "./robust_word.ts";
import type { WatchList } from "./word_wait.ts";

/** Words of the field, by index: see docs/layouts.md. */
const PHASE = 1;
const JOINS = 2;
const BROKEN = 3;

/** Where the records begin, in bytes. */
export const RECORDS_OFFSET = ROBUST_WORD_BYTES;
/** Words of a record. */
export const RECORD_BYTES = 16;
const RECORD_WORDS = RECORD_BYTES / 4;
const GENERATION = 0;
const ARRIVED = 1;
const COUNT = 2;
const ENDED = 3;

/** How a phase ended for those who had arrived: well; a member died; somebody reset the barrier. Anything else nobody here wrote. */
export type Ended = number;
export const PASSED = 0;
export const DIED = 1;
export const RESET = 2;
/** A peer overwrote the record. */
const OVERWRITTEN = -1;

/** One barrier at one place of one mapping. */
export class BarrierSteps {
  /** Who changes something has it meanwhile. */
  readonly gate: RobustWord;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #records: Int32Array<ArrayBuffer>;
  readonly #phase: FutexWord;
  readonly #joins: FutexWord;
  readonly #participants: Participants;
  readonly #size: number;

  /** @param size How many pass together. */
  constructor(mapping: Mapping, offset: number, participants: Participants, size: number) {
    this.gate = new RobustWord(mapping, offset);
    this.#words = this.gate.words;
    this.#records = new Int32Array(mapping.buffer, offset + RECORDS_OFFSET, RECORD_WORDS * participants.slots);
    this.#phase = futexWord(mapping, offset + 4 * PHASE);
    this.#joins = futexWord(mapping, offset + 4 * JOINS);
    this.#participants = participants;
    this.#size = size;
  }

  /** The number of the phase that has not ended. */
  get phase(): number {
    return Atomics.load(this.#words, PHASE);
  }

  /** B3: whether somebody has found a dead member. With the gate: finds it, if there is one. */
  get isBroken(): boolean {
    return Atomics.load(this.#words, BROKEN) !== 0;
  }

  /** Whether a member is dead. */
  hasDeadMember(): boolean {
    return this.#members((index, generation) => !this.#participants.isAlive(index, generation)) > 0;
  }

  /**
   * M1 to M4, with the gate. Does nothing for who is a member.
   *
   * @throws {PosixError} ENOSPC when the barrier has as many members as pass together.
   */
  join({ index, generation }: Participant, target: string): void {
    const at = index * RECORD_WORDS;
    if (Atomics.load(this.#records, at + GENERATION) === generation) return;
    if (this.#members(() => true) >= this.#size) {
      const hint = `it has ${this.#size} members; leave() ends a membership, and the dead stay until reset()`;
      throw new PosixError({ code: "ENOSPC", syscall: "join", target, hint });
    }
    Atomics.store(this.#records, at + COUNT, 0);
    Atomics.store(this.#records, at + ENDED, PASSED);
    Atomics.add(this.#words, JOINS, 1);
    this.announceJoin();
    Atomics.store(this.#records, at + GENERATION, generation);
  }

  /** M3. */
  announceJoin(): void {
    futexWake(this.#joins.pointer, ALL);
  }

  /** Ends a membership. Needs no gate. */
  leave({ index, generation }: Participant): void {
    Atomics.compareExchange(this.#records, index * RECORD_WORDS + GENERATION, generation, 0);
  }

  /**
   * B4 and B5, with the gate.
   *
   * @returns Whether all are there.
   */
  arrive({ index }: Participant): boolean {
    const at = index * RECORD_WORDS;
    const { phase } = this;
    if (Atomics.load(this.#records, at + ARRIVED) !== phase || Atomics.load(this.#records, at + COUNT) <= 0) {
      Atomics.store(this.#records, at + ENDED, PASSED);
      Atomics.store(this.#records, at + COUNT, 0);
      Atomics.store(this.#records, at + ARRIVED, phase);
    }
    Atomics.add(this.#records, at + COUNT, 1);
    return this.missing <= 0;
  }

  /** How many have to arrive until the phase ends. */
  get missing(): number {
    let missing = this.#size;
    this.#arrivals((at) => missing -= Atomics.load(this.#records, at + COUNT));
    return missing;
  }

  /** Takes back an arrival, with the gate. */
  withdraw({ index }: Participant): void {
    Atomics.sub(this.#records, index * RECORD_WORDS + COUNT, 1);
  }

  /** L1 and L2, with the gate. `wakeAll` follows. */
  complete(): void {
    this.#endPhase(PASSED);
  }

  /** X1 to X3, with the gate. `wakeAll` follows. */
  breakUp(): void {
    this.#mark(DIED);
    Atomics.store(this.#words, BROKEN, 1);
    Atomics.add(this.#words, PHASE, 1);
  }

  /** Y1 to Y4, with the gate. `wakeAll` follows. */
  reset(): void {
    this.#mark(RESET);
    // First: those who had come with a dead one, and do not know yet, would wait in vain for somebody in its place.
    Atomics.add(this.#words, PHASE, 1);
    this.#members((index, generation) => {
      if (this.#participants.isAlive(index, generation)) return false;
      Atomics.store(this.#records, index * RECORD_WORDS + GENERATION, 0);
      return true;
    });
    Atomics.store(this.#words, BROKEN, 0);
  }

  /** L3, X4, Y5, without the gate. */
  wakeAll(): void {
    futexWake(this.#phase.pointer, ALL);
  }

  /** How a phase that is over ended for a member that had arrived. */
  ended({ index, generation }: Participant, phase: number): Ended {
    const at = index * RECORD_WORDS;
    const own = Atomics.load(this.#records, at + GENERATION) === generation &&
      Atomics.load(this.#records, at + ARRIVED) === phase && Atomics.load(this.#records, at + COUNT) > 0;
    return own ? Atomics.load(this.#records, at + ENDED) : OVERWRITTEN;
  }

  /**
   * B6, with the gate: what to sleep on.
   *
   * @returns `undefined` when a member is dead.
   */
  watchList(me: Participant): WatchList | undefined {
    const others: Watched[] = [];
    const list: WatchList = [
      { ...this.#phase, expected: this.phase },
      { ...this.#joins, expected: Atomics.load(this.#words, JOINS) },
    ];
    const dead = this.#members((index, generation) => {
      if (index === me.index && generation === me.generation) return false;
      const watched = this.#participants.watch(index, generation);
      if (watched !== undefined) others.push(watched);
      return watched === undefined;
    });
    return dead > 0 ? undefined : [...list, ...others];
  }

  /** Looks again and again, for some microseconds, whether the phase has ended. On one CPU nobody could end it meanwhile. */
  spin(phase: number): void {
    for (let spin = 0; spin < SPINS && this.phase === phase; spin++) Atomics.pause();
  }

  #mark(ended: Ended): void {
    this.#arrivals((at) => Atomics.store(this.#records, at + ENDED, ended));
  }

  #endPhase(ended: Ended): void {
    this.#mark(ended);
    Atomics.add(this.#words, PHASE, 1);
  }

  /** The records of who has arrived in this phase. */
  #arrivals(see: (at: number) => void): void {
    const { phase } = this;
    this.#members((index) => {
      const at = index * RECORD_WORDS;
      // Nobody arrives less than not at all, whatever a peer wrote.
      if (Atomics.load(this.#records, at + ARRIVED) === phase && Atomics.load(this.#records, at + COUNT) > 0) see(at);
      return false;
    });
  }

  /** How many members something is true of. */
  #members(is: (index: number, generation: number) => boolean): number {
    let count = 0;
    const { top } = this.#participants;
    for (let index = 0; index < top; index++) {
      const generation = Atomics.load(this.#records, index * RECORD_WORDS + GENERATION);
      if (generation !== 0 && is(index, generation)) count++;
    }
    return count;
  }
}

const SPINS = navigator.hardwareConcurrency > 1 ? 100 : 0;
