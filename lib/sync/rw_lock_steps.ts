/**
 * The steps of a reader-writer lock in shared memory.
 *
 * The lock's word is the writer's: a robust word. A reader says in its record that it reads, by the generation of its slot in the participant table
 * (participants.ts). A writer that has the word keeps new readers out, and waits until the old ones have left or are dead.
 *
 * ## A reader
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | E0 | looks whether a writer has the word | nothing |
 * | E1 | its record = its generation | the record is void, and a writer that saw it is woken by the kernel |
 * | E2 | looks again whether a writer has the word | the same |
 * | E3 | no writer: looks at the state | the same; nobody wrote meanwhile |
 * | X1 | (leaving; or after E2 or E3 found that it may not read) its record: generation → 0 | a writer that saw the record sleeps on the slot too: as E1 |
 * | X2 | if `waiting` is not 0: `seq` += 1 | as X1; `waiting` stands, so the next who leaves wakes the writer |
 * | X3 | wakes who sleeps on `seq` | it is awake |
 * | X4 | `waiting`: what X2 saw → 0, by compare-exchange | it is awake |
 *
 * ## A writer
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | W1 | takes the word (T1 to T5) | OWNER_DIED, and the state says that nobody wrote: harmless |
 * | W2 | looks through the records; what is void becomes 0 | the same |
 * | W3 | somebody reads: reads `seq`, `waiting` = `seq` + 1, looks again (W2), sleeps on `seq` and on the slots of who reads | the same; readers find `waiting`, and wake nobody once |
 * | W4 | nobody reads: state = WRITING | OWNER_DIED, and the state tells readers and the next writer |
 * | V1 | (leaving) state = CONSISTENT; or UNUSABLE, when told of a death and nothing was mended | OWNER_DIED, and nothing is half written |
 * | V2 | releases the word (R1 to R4), which wakes all who sleep on it | free |
 *
 * A writer that gives up before W4 does V2 only. One that becomes a reader writes its record (E1) before V1.
 *
 * ## Why no reader reads beside a writer
 *
 * A reader stores its record (E1) and then loads the word (E2); a writer stores into the word (W1) and then loads the records (W2). All four are atomic
 * operations of JavaScript or C, so there is one order of them all that every thread agrees on. If E2 found no owner, it came before W1; then
 * E1 came before W2, and the writer saw the record. It goes on to W4 only when the record is gone or void: void is the record of a thread that has
 * ended, and that reads no more.
 *
 * So the state does not change between E2 and X1 either, and E3 may look at any time in between.
 *
 * ## Why no wake-up is lost
 *
 * A writer loads `seq`, stores `seq` + 1 into `waiting`, loads the records, and sleeps; the kernel compares `seq` with what was loaded. A reader stores 0
 * into its record, and loads `waiting`. If the writer saw the record, that load came after the writer's store. The reader finds `waiting` set, adds to `seq`
 * (the kernel does not let the writer sleep any more) and wakes (it may have slept already). Only then `waiting` is wiped, and only if it has still the
 * value that the reader saw before it added: the announcement of somebody who read `seq` before, and so has been woken. A writer that announced itself
 * later wrote another value.
 *
 * Whoever dies in between leaves `waiting` set: the next reader that leaves wakes the writer. What a dead writer left there costs one wake-up.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import { type Memory, nameOf } from "../memory/memory.ts";
import type { Mapping } from "../sys/memory.ts";
import { ALL, announcement, futexWake, type FutexWord, futexWord, type Watched } from "./futex.ts";
import type { Participant, Participants } from "./participants.ts";
import { robustList } from "./robust_list.ts";
import { takeIfFree } from "./robust_wait.ts";
import { OWNER, ROBUST_WORD_BYTES, RobustWord, WAITERS } from "./robust_word.ts";
import type { WatchList } from "./word_wait.ts";

/** Words of the field, by index: see docs/layouts.md. */
const STATE = 1;
export const TURNS = 2;
const SEQ = 3;
const WAITING = 4;

/** Where the records begin, in bytes. */
export const RECORDS_OFFSET = ROBUST_WORD_BYTES;

/** Nobody writes, and what the lock guards is in order. Only a writer changes the state. */
const CONSISTENT = 0;
/** A writer has it: the one that owns the word; without one, it died. */
const WRITING = 1;
/** A writer died, and the next did not mend what the lock guards. */
const UNUSABLE = 2;

/** One reader-writer lock at one place of one mapping. */
export class RwLockSteps {
  /** The writer's word. */
  readonly word: RobustWord;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #seq: FutexWord;
  readonly #records: Int32Array<ArrayBuffer>;
  readonly #participants: Participants;
  readonly #memory: Memory;

  constructor(memory: Memory, mapping: Mapping, offset: number, participants: Participants) {
    this.#memory = memory;
    this.word = new RobustWord(mapping, offset);
    this.#words = this.word.words;
    this.#seq = futexWord(mapping, offset + 4 * SEQ);
    this.#records = new Int32Array(mapping.buffer, offset + RECORDS_OFFSET, participants.slots);
    this.#participants = participants;
  }

  /**
   * E1 to E3.
   *
   * @returns Whether this thread reads now; else a writer has the word.
   * @throws {PosixError} EOWNERDEAD, ENOTRECOVERABLE.
   */
  enter(reader: Participant, call: string): boolean {
    Atomics.store(this.#records, reader.index, reader.generation);
    if ((Atomics.load(this.#words, 0) & OWNER) !== 0) {
      this.leave(reader);
      return false;
    }
    const state = Atomics.load(this.#words, STATE);
    if (state === CONSISTENT) return true;
    this.leave(reader);
    throw state === WRITING ? this.#ownerDied(call) : this.#unusable(call);
  }

  /** E1 by a thread that has the word itself, and lets go of it later. */
  enterBesideOwnWord(reader: Participant): void {
    Atomics.store(this.#records, reader.index, reader.generation);
  }

  /** @throws {PosixError} EOWNERDEAD when the writer before died while it wrote, seen by the thread that has the word. */
  requireNobodyDied(call: string): void {
    if (Atomics.load(this.#words, STATE) !== CONSISTENT) throw this.#ownerDied(call);
  }

  /** X1 to X4. Returns whether the record was what it should be. */
  leave({ index, generation }: Participant): boolean {
    const found = Atomics.compareExchange(this.#records, index, generation, 0);
    const waiting = Atomics.load(this.#words, WAITING);
    if (waiting !== 0) {
      Atomics.add(this.#words, SEQ, 1);
      futexWake(this.#seq.pointer, ALL);
      Atomics.compareExchange(this.#words, WAITING, waiting, 0);
    }
    return found === generation;
  }

  /**
   * W1, once. A lock that is of no use is released at once.
   *
   * @param waiters `WAITERS` when this thread has slept for the word, else 0.
   * @returns Whether the word is this thread's.
   * @throws {PosixError} ENOTRECOVERABLE; EAGAIN when this thread holds as many locks as the kernel can release.
   */
  take(waiters: number, call: string): boolean {
    if (!takeIfFree(this.word, waiters, call, nameOf(this.#memory))) return false;
    this.#requireUsable(call);
    return true;
  }

  /** W1 and W2 for a free lock that nobody reads: the short way. Returns whether this thread writes now. */
  writeAlone(): boolean {
    if (!this.word.takeAlone(robustList())) return false;
    if (this.#words[STATE] === CONSISTENT && !this.isRead) {
      Atomics.store(this.#words, STATE, WRITING);
      return true;
    }
    this.word.release(robustList());
    return false;
  }

  /** W2, without a look at who it is. */
  get isRead(): boolean {
    for (let index = this.#participants.top - 1; index >= 0; index--) {
      if (Atomics.load(this.#records, index) !== 0) return true;
    }
    return false;
  }

  /**
   * W2 and W3, by the thread that has the word.
   *
   * @param reading Whether this thread reads, too.
   * @returns What to sleep on until a reader leaves; `undefined` when there is none.
   */
  readers(reading: boolean): WatchList | undefined {
    if (!this.isRead) return undefined;
    const expected = Atomics.load(this.#words, SEQ);
    Atomics.store(this.#words, WAITING, announcement(expected));
    const living = this.#living(reading);
    if (living.length > 0) return [{ ...this.#seq, expected }, ...living];
    Atomics.store(this.#words, WAITING, 0);
    return undefined;
  }

  /** Whether this thread itself reads, through another mapping of the same memory. */
  isReadByTwin(): boolean {
    for (let index = this.#participants.top - 1; index >= 0; index--) {
      if (Atomics.load(this.#records, index) !== 0 && this.#participants.isTwin(index)) return true;
    }
    return false;
  }

  /** W4. Returns whether the writer before died while it wrote. */
  begin(): boolean {
    const died = Atomics.load(this.#words, STATE) === WRITING;
    Atomics.store(this.#words, STATE, WRITING);
    return died;
  }

  /** V1. */
  end(mended: boolean): void {
    Atomics.store(this.#words, STATE, mended ? CONSISTENT : UNUSABLE);
  }

  /**
   * V2.
   *
   * @returns How many were woken.
   * @throws {ProtocolError} When a peer overwrote the word.
   */
  release(): number {
    const released = this.word.release(robustList());
    if (released !== "overwritten") return released;
    throw new ProtocolError(`${nameOf(this.#memory)}: a peer overwrote a lock that was held here`);
  }

  /** V2, before W4: what a peer has overwritten need not be given back. */
  giveUp(): void {
    this.word.release(robustList());
  }

  /**
   * For a reader that has slept for the word: it does not take it, so it wakes the others in the writer's place when the kernel woke only one.
   */
  passOn(): void {
    const seen = Atomics.load(this.#words, 0);
    if ((seen & OWNER) !== 0 || (seen & WAITERS) === 0) return;
    futexWake(this.word.pointer, ALL);
    Atomics.compareExchange(this.#words, 0, seen, seen & ~WAITERS);
  }

  /** A reader that has waited is in: for courtesy.ts. */
  countTurn(): void {
    Atomics.add(this.#words, TURNS, 1);
  }

  #living(reading: boolean): Watched[] {
    const living: Watched[] = [];
    const own = this.#participants.own;
    for (let index = this.#participants.top - 1; index >= 0; index--) {
      const generation = Atomics.load(this.#records, index);
      if (generation === 0) continue;
      const notOurs = reading || own === undefined || index !== own.index;
      const watched = notOurs ? this.#participants.watch(index, generation) : undefined;
      if (watched === undefined) Atomics.compareExchange(this.#records, index, generation, 0);
      else living.push(watched);
    }
    return living;
  }

  #requireUsable(call: string): void {
    // Whatever a peer may have written there: only what is known to be usable is.
    const state = Atomics.load(this.#words, STATE);
    if (state === CONSISTENT || state === WRITING) return;
    this.word.release(robustList());
    throw this.#unusable(call);
  }

  #ownerDied(call: string): PosixError {
    return new PosixError({
      code: "EOWNERDEAD",
      syscall: call,
      target: nameOf(this.#memory),
      hint: "a writer died while it wrote: a writer must mend what the lock guards, and call markConsistent()",
    });
  }

  #unusable(call: string): PosixError {
    return new PosixError({
      code: "ENOTRECOVERABLE",
      syscall: call,
      target: nameOf(this.#memory),
      hint: "a writer died while it wrote, and the next did not mark what the lock guards as consistent",
    });
  }
}
