/**
 * A futex word that its owner's death releases: what locks are made of.
 *
 * The word is 0 when nobody has it, else the owner's thread id; `FUTEX_WAITERS` says that somebody sleeps, or did; `FUTEX_OWNER_DIED`, with no
 * owner, that the kernel released it. (In C: docs/layouts.md.)
 *
 * ## Taking, and what a death leaves behind
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | T0 | looks whether the word is free | nothing |
 * | T1 | `list_op_pending` = entry | word not ours: nothing, or, if it is free, the kernel wakes a sleeper. Not ours to release |
 * | T2 | word: free → thread id, by compare-exchange | pending: the kernel finds our id, sets OWNER_DIED, wakes one |
 * | T3 | entry.next = first of list | the same |
 * | T4 | first of list = entry | in the list and pending: the kernel skips it in the list, then the same |
 * | T5 | `list_op_pending` = 0 | in the list: the same |
 *
 * ## Sleeping
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | S1 | word gets WAITERS, by compare-exchange with an owner in it | WAITERS with nobody asleep: one wake-up for nobody |
 * | S2 | `list_op_pending` = entry (synchronous waits) | as T1 |
 * | S3 | sleeps while the word has exactly that value | woken and killed: word free and pending, so the kernel wakes another |
 * | S4 | takes it (T2) with WAITERS, because others may still sleep | as T2 |
 *
 * ## Releasing
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | R1 | `list_op_pending` = entry | as T5: OWNER_DIED |
 * | R2 | takes the entry out of the list | pending: OWNER_DIED |
 * | R3 | word: thread id → 0, by compare-exchange; or, with sleepers, → 0 and all are awake, by one FUTEX_WAKE_OP | free |
 * | R4 | `list_op_pending` = 0 | free |
 *
 * ## One lock at a time
 *
 * A thread that holds a single lock need not put it into the list: it stays pending from T1 to R4, which tells the kernel as much. Then T3 to T5, R1 and
 * R2 are nothing, and a death anywhere between T2 and R3 leaves OWNER_DIED. Before anything else becomes pending (T1, S2 or R1 of another lock) the
 * single one goes into the list:
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | L1 | entry.next = first of list | pending: OWNER_DIED |
 * | L2 | first of list = entry | in the list and pending: the same |
 * | L3 | `list_op_pending` = the other lock's entry | in the list: the same |
 *
 * ## What could go wrong
 *
 * Thread ids of two pid namespaces may be equal. The kernel would take the word of a namesake for this thread's if it is pending at death: so T1 is not
 * done for a word that has an owner, nor S2 for one that has a namesake for an owner. What remains is a namesake that takes the word between T0
 * and T2 of a thread that is killed just there.
 *
 * All sleepers are woken, not one: one may be stopped, busy with its event loop, or killed before it gets to run, and nobody else would know that the
 * word is free. R3 frees the word and wakes in one system call. In two steps, somebody could take the word in between, and the death of the one that
 * was to wake would be nobody's matter; a WAITERS left in the free word for whoever takes it would help, but nobody could take it out again: it cannot
 * be told from that of a later release.
 *
 * So one death costs nobody a wake-up. What is left ends at the sleepers' next look, see {@linkcode LOOK_AGAIN_MS}: the kernel wakes one sleeper of a
 * dead owner's word, and that one dies or stops too. Kernels before 6.2 look for a word of exactly 0 at T1 and S3; when OWNER_DIED is in it, there too
 * the next look helps.
 *
 * @module
 */

import { FUTEX } from "../sys/linux.ts";
import type { Mapping } from "../sys/memory.ts";
import { futexZero } from "./futex.ts";
import { ENTRY_OFFSET, pointerBits, type RobustEntry, type RobustList } from "./robust_list.ts";

/** Bytes from the word to the end of the list entry. */
export const ROBUST_WORD_BYTES = ENTRY_OFFSET + 8;

/** The bits of a word, as signed 32-bit integers: that is how an Int32Array reads them. */
export const WAITERS: number = FUTEX.WAITERS | 0;
export const OWNER_DIED: number = FUTEX.OWNER_DIED;
export const OWNER: number = FUTEX.TID_MASK;

/** What an attempt to take a word came to. */
export type Taken = "no" | "yes" | "after death";

/** What a release found: how many sleepers it woke, or that somebody overwrote the word. */
export type Released = number | "overwritten";

/** A robust word and its list entry, at one place of one mapping. */
export class RobustWord implements RobustEntry {
  /** The word is the first; the others up to the entry are whoever's who uses it. */
  readonly words: Int32Array<ArrayBuffer>;
  readonly pointer: NonNullable<Deno.PointerValue>;
  readonly address: bigint;
  readonly bits: number;
  readonly next: Float64Array<ArrayBuffer>;
  above: RobustEntry | undefined = undefined;
  below: RobustEntry | undefined = undefined;

  /** @param offset Of the word in the mapping, a multiple of 8. */
  constructor(mapping: Mapping, offset: number) {
    this.words = new Int32Array(mapping.buffer, offset, ROBUST_WORD_BYTES / 4);
    this.next = new Float64Array(mapping.buffer, offset + ENTRY_OFFSET, 1);
    this.pointer = mapping.pointerAt(offset);
    this.address = mapping.address + BigInt(offset);
    this.bits = pointerBits(this.address + BigInt(ENTRY_OFFSET));
  }

  /** T0: whose it is; 0 when it is free. */
  get owner(): number {
    return Atomics.load(this.words, 0) & OWNER;
  }

  /**
   * T2 to T4: takes the word if it is free. The caller does T1 and T5.
   *
   * @param waiters `WAITERS` when this thread has slept for the word, else 0; or what else is to be in the word with the owner.
   */
  take(list: RobustList, waiters: number): Taken {
    const seen = Atomics.compareExchange(this.words, 0, 0, list.tid | waiters);
    if (seen === 0) {
      list.link(this);
      return "yes";
    }
    return (seen & OWNER) === 0 ? this.#takeMarked(list, waiters, seen) : "no";
  }

  /**
   * T0 to T2 for a word that is as good as certainly free, by a thread that holds no other lock alone: the short way in.
   *
   * T0 is a plain load, because an atomic one costs half as much as T2. It only says whether T2 is worth trying, and T2 looks again. A stale value (the
   * compiler may keep one in a loop) sends the caller the long way, which loads atomically.
   *
   * @returns Whether the word is this thread's now. If not, nothing has happened. After the mapping is closed it is `false`.
   */
  takeAlone(list: RobustList): boolean {
    if (this.words[0] !== 0 || !list.beginAlone(this)) return false;
    if (Atomics.compareExchange(this.words, 0, 0, list.tid) === 0) {
      list.holdAlone(this);
      return true;
    }
    list.end();
    return false;
  }

  /**
   * R3 and R4 for a word that is held alone and that nobody waits for: the short way out.
   *
   * @returns Whether that was all there is to do. If not, nothing has happened, and `release` does it.
   */
  releaseAlone(list: RobustList): boolean {
    const { tid } = list;
    if (!list.holdsAlone(this) || Atomics.compareExchange(this.words, 0, tid, 0) !== tid) return false;
    list.endAlone();
    return true;
  }

  #takeMarked(list: RobustList, waiters: number, marked: number): Taken {
    let seen = marked;
    while ((seen & OWNER) === 0) {
      const found = Atomics.compareExchange(this.words, 0, seen, list.tid | waiters | (seen & WAITERS));
      if (found === seen) {
        list.link(this);
        return (seen & OWNER_DIED) === 0 ? "yes" : "after death";
      }
      seen = found;
    }
    return "no";
  }

  /**
   * S1: says in the word that somebody is about to sleep.
   *
   * @returns The value to sleep on; `undefined` when the word is free.
   */
  announce(): number | undefined {
    let seen = Atomics.load(this.words, 0);
    while ((seen & OWNER) !== 0) {
      if ((seen & WAITERS) !== 0) return seen;
      const found = Atomics.compareExchange(this.words, 0, seen, seen | WAITERS);
      if (found === seen) return seen | WAITERS;
      seen = found;
    }
    return undefined;
  }

  /** R1 to R4. The word must be this thread's, and in the list. */
  release(list: RobustList): Released {
    list.beginRelease(this);
    const { tid } = list;
    const seen = Atomics.compareExchange(this.words, 0, tid, 0);
    const woken = seen === tid ? 0 : this.#releaseMarked(list, seen);
    list.end();
    return woken;
  }

  #releaseMarked(list: RobustList, marked: number): Released {
    let seen = marked;
    while (true) {
      if ((seen & OWNER) !== list.tid) return "overwritten";
      // Nobody but a sleeper changes it from here on, and sleepers only add WAITERS.
      if ((seen & WAITERS) !== 0) return futexZero(this.pointer);
      const found = Atomics.compareExchange(this.words, 0, seen, 0);
      if (found === seen) return 0;
      seen = found;
    }
  }
}
