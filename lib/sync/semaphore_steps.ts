/**
 * The steps of a semaphore in shared memory.
 *
 * available = n + `delta` - the permits of all holders. `delta` counts what was posted less what was waited away, which belongs to nobody. What a
 * thread holds is in its record, beside the generation of its slot in the participant table (participants.ts); the permits of a record that is void are
 * available again. Nothing is kept twice, so every change is one atomic operation, and no death leaves anything half done.
 *
 * Who takes goes through the gate, a robust word that is held for some hundred nanoseconds: two must not take the same permit. Who gives does not:
 * giving never waits.
 *
 * ## Taking
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | G1 | takes the gate (T1 to T5) | OWNER_DIED: the next one takes it, and finds everything in order |
 * | A1 | counts what is available | the same |
 * | A2 | its record, if it is of another generation: held = 0, then the generation = its own | the same; the record is void, and empty |
 * | A3 | its held += 1; or, ownerless, `delta` -= 1 | the record is void: available again; or, ownerless, gone |
 * | G2 | releases the gate (R1 to R4) | as A3 |
 *
 * Nothing available, at A1:
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | N1 | reads `seq` and `delta`, `waiting` = `seq` + 1 | whoever gives next wakes nobody, once |
 * | N2 | counts again; held of records that are void becomes 0; the slots of the living get WAITERS | the same |
 * | G2 | releases the gate | the same |
 * | N3 | sleeps on `seq`, `delta`, the bell, and the slots of who holds, together | woken and killed: the others are awake, too |
 *
 * ## Giving
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | P1 | `list_op_pending` = the bell's, a word that is always 0 | the kernel takes the bell for a lock that was just released, and wakes one who sleeps on it |
 * | P2 | its held -= 1; or `delta` += count | the same: that one finds what was given |
 * | P3 | if `waiting` is not 0: `seq` += 1 | the same; `waiting` stands, so the next who gives wakes the others |
 * | P4 | wakes all who sleep on `seq` | they are awake |
 * | P5 | `waiting`: what P3 saw → 0, by compare-exchange | they are awake |
 * | P6 | `list_op_pending` = 0 | the same |
 *
 * Who took and sees that more is available while `waiting` stands does P3 to P5 in the dead one's place (Q): the kernel wakes one, and several may have
 * been posted.
 *
 * ## Why no wake-up is lost
 *
 * The sleeper loads `seq`, stores `seq` + 1 into `waiting`, and counts; the giver stores what it gives, and loads `waiting`. All are atomic operations
 * with one order. If the count missed what was given, the giver's load came after the sleeper's store: it finds `waiting` set, adds to `seq` (the kernel does
 * not let the sleeper sleep any more) and wakes (it may sleep already). Only then `waiting` is wiped, and only if it has still the value that the giver saw
 * before it added: the announcement of those who read `seq` before, and so have been woken. Those who announce themselves later write another value. They
 * do it one after the other, because they have the gate.
 *
 * Whoever dies in between leaves `waiting` set: the next who gives wakes all who still sleep.
 *
 * All are woken, not one: one may be stopped, or killed before it runs. A holder's death wakes by its slot, see participants.ts.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { type Memory, nameOf } from "../memory/memory.ts";
import type { Mapping } from "../sys/memory.ts";
import { ALL, announcement, futexWake, type FutexWord, futexWord, type Watched } from "./futex.ts";
import type { Participant, Participants } from "./participants.ts";
import { ENTRY_OFFSET, pointerBits, robustList } from "./robust_list.ts";
import { ROBUST_WORD_BYTES, RobustWord } from "./robust_word.ts";
import type { WatchList } from "./word_wait.ts";

/** Words of the field, by index: see docs/layouts.md. */
const SEQ = 1;
const WAITING = 2;
const DELTA = 3;
export const TURNS = 4;
const BELL = 5;

/** Where the records begin, in bytes. A record is two words. */
export const RECORDS_OFFSET = ROBUST_WORD_BYTES;
export const RECORD_BYTES = 8;

/** As C's SEM_VALUE_MAX. */
export const MOST_PERMITS = 0x7fff_ffff;

/** One semaphore at one place of one mapping. */
export class SemaphoreSteps {
  /** Who takes owns it meanwhile. */
  readonly gate: RobustWord;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #seq: FutexWord;
  readonly #delta: FutexWord;
  readonly #bell: FutexWord;
  readonly #bellEntry: { readonly bits: number };
  readonly #records: Int32Array<ArrayBuffer>;
  readonly #participants: Participants;
  readonly #memory: Memory;
  readonly #permits: number;

  constructor(memory: Memory, mapping: Mapping, offset: number, participants: Participants, permits: number) {
    this.#memory = memory;
    this.#permits = permits;
    this.#participants = participants;
    this.gate = new RobustWord(mapping, offset);
    this.#words = this.gate.words;
    this.#seq = futexWord(mapping, offset + 4 * SEQ);
    this.#delta = futexWord(mapping, offset + 4 * DELTA);
    this.#bell = futexWord(mapping, offset + 4 * BELL);
    // The kernel only computes with the address of a pending entry; what lies there is not touched.
    this.#bellEntry = { bits: pointerBits(this.#bell.address + BigInt(ENTRY_OFFSET)) };
    this.#records = new Int32Array(mapping.buffer, offset + RECORDS_OFFSET, 2 * participants.slots);
  }

  /** A1. What the dead hold counts as held. */
  get available(): number {
    let available = this.#permits + Atomics.load(this.#words, DELTA);
    for (let index = this.#participants.top - 1; index >= 0; index--) {
      const held = Atomics.load(this.#records, 2 * index + 1);
      // No thread holds less than nothing, whatever a peer wrote.
      if (held > 0) available -= held;
    }
    return available;
  }

  /** What is available now, without the gate: what the dead hold is. */
  get value(): number {
    let available = this.#permits + Atomics.load(this.#words, DELTA);
    for (let index = this.#participants.top - 1; index >= 0; index--) {
      const held = Atomics.load(this.#records, 2 * index + 1);
      if (held <= 0) continue;
      if (this.#participants.isAlive(index, Atomics.load(this.#records, 2 * index))) available -= held;
    }
    return Math.max(0, available);
  }

  /** A2 and A3. The thread has the gate. */
  hold({ index, generation }: Participant, held: number): void {
    // A plain load: nobody but this thread writes there.
    if (this.#records[2 * index] !== generation) {
      Atomics.store(this.#records, 2 * index + 1, 0);
      Atomics.store(this.#records, 2 * index, generation);
    }
    Atomics.store(this.#records, 2 * index + 1, held);
  }

  /** A3, ownerless. The thread has the gate. */
  consume(): void {
    Atomics.sub(this.#words, DELTA, 1);
  }

  /**
   * N1 and N2. The thread has the gate.
   *
   * @param held What this thread holds, by what is known here.
   * @returns What to sleep on; `undefined` when there is something available after all.
   */
  sleepers(held: number): WatchList | undefined {
    const seq = Atomics.load(this.#words, SEQ);
    const delta = Atomics.load(this.#words, DELTA);
    const bell = Atomics.load(this.#words, BELL);
    Atomics.store(this.#words, WAITING, announcement(seq));
    const holders = this.#holders(held);
    if (this.available > 0) return undefined;
    return [
      { ...this.#seq, expected: seq },
      { ...this.#delta, expected: delta },
      { ...this.#bell, expected: bell },
      ...holders,
    ];
  }

  /** Of N2, what the dead hold. The thread has the gate. */
  reclaim(held: number): void {
    this.#eachRecord(held, (index, generation, seen) => {
      if (!this.#participants.isAlive(index, generation)) this.#void(index, seen);
    });
  }

  /** Q. The thread has the gate. */
  passOn(): void {
    if (Atomics.load(this.#words, WAITING) !== 0 && this.available > 0) this.#ring();
  }

  /** What who gives up waiting does, without the gate: when a giver died, the kernel woke one of all sleepers, this one perhaps. */
  giveUp(): void {
    if (Atomics.load(this.#words, WAITING) !== 0 && this.value > 0) this.#ring();
  }

  /**
   * P1 to P6, of a permit.
   *
   * @returns How many were woken, or that a peer overwrote the record.
   */
  giveBack({ index, generation }: Participant, held: number): number | "overwritten" {
    if (this.#records[2 * index] !== generation) return "overwritten";
    const list = robustList();
    list.begin(this.#bellEntry);
    Atomics.store(this.#records, 2 * index + 1, held);
    const woken = this.#ring();
    list.end();
    return woken;
  }

  /**
   * P1 to P6, ownerless.
   *
   * @returns How many were woken.
   * @throws {PosixError} EOVERFLOW.
   */
  post(count: number): number {
    const list = robustList();
    list.begin(this.#bellEntry);
    try {
      let delta = Atomics.load(this.#words, DELTA);
      while (true) {
        if (this.#permits + delta + count > MOST_PERMITS || delta + count > MOST_PERMITS) throw this.#overflow();
        const found = Atomics.compareExchange(this.#words, DELTA, delta, delta + count);
        if (found === delta) return this.#ring();
        delta = found;
      }
    } finally {
      list.end();
    }
  }

  /** P3 to P5. */
  #ring(): number {
    const waiting = Atomics.load(this.#words, WAITING);
    if (waiting === 0) return 0;
    Atomics.add(this.#words, SEQ, 1);
    const woken = futexWake(this.#seq.pointer, ALL);
    Atomics.compareExchange(this.#words, WAITING, waiting, 0);
    return woken;
  }

  /** N2. */
  #holders(held: number): Watched[] {
    const holders: Watched[] = [];
    this.#eachRecord(held, (index, generation, seen) => {
      const watched = this.#participants.watch(index, generation);
      if (watched === undefined) this.#void(index, seen);
      else holders.push(watched);
    });
    return holders;
  }

  /** The records of others that say that something is held. */
  #eachRecord(held: number, see: (index: number, generation: number, seen: number) => void): void {
    const { own, top } = this.#participants;
    for (let index = top - 1; index >= 0; index--) {
      const seen = Atomics.load(this.#records, 2 * index + 1);
      if (seen === 0) continue;
      const generation = Atomics.load(this.#records, 2 * index);
      if (index === own?.index && generation === own.generation) {
        // This thread knows better than its record, where a peer wrote.
        if (seen !== held) Atomics.store(this.#records, 2 * index + 1, held);
      } else {
        see(index, generation, seen);
      }
    }
  }

  #void(index: number, seen: number): void {
    Atomics.compareExchange(this.#records, 2 * index + 1, seen, 0);
  }

  #overflow(): PosixError {
    return new PosixError({
      code: "EOVERFLOW",
      syscall: "post",
      target: nameOf(this.#memory),
      hint: `a semaphore has at most ${MOST_PERMITS} permits`,
    });
  }
}
