/**
 * The participant table of a struct: by it a primitive that many can hold at once (readers, permits, members of a barrier) notices that a holder died.
 *
 * A thread that holds something for the first time takes a slot of the table, and keeps it until the memory is closed or the thread ends. A slot is
 * a robust word: the kernel releases it when the thread ends, however it ends, and wakes a sleeper. What the thread holds is said in the primitives'
 * own records, one a slot, each with the slot's generation; every taking of a slot begins a new one. A record is worth something only while its slot
 * has an owner and is of the record's generation: what a dead thread leaves behind is void from that instant on, and nobody has to clean up before going on.
 *
 * All tasks of a thread share its slot. Memory that is mapped twice has two objects here, and the thread then two slots.
 *
 * ## Joining, and what a death leaves behind
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | J1 | looks whether the slot's word is free (T0) | nothing |
 * | J2 | takes the word (T1 to T5), with OWNER_DIED in it | the kernel leaves OWNER_DIED: the slot is free |
 * | J3 | generation += 1, never 0: the thread's own | the same |
 * | J4 | word: OWNER_DIED → gone | the same |
 * | J5 | `top` becomes at least the slot's number + 1 | the same |
 *
 * A word that has an owner and OWNER_DIED has a new owner that is still without a generation: that of the dead one before counts no more. So a record is worth
 * something while the slot's word has an owner, and not OWNER_DIED, and the slot is of the record's generation. Looked at in this order: who owned
 * the word after its J4 is the record's holder, or one that came later, and then the generation is another. Nobody but the owner changes it.
 *
 * J5 comes before any record of this slot is written: who reads `top` after seeing the record's effect sees it, and looks no farther than it.
 *
 * Leaving (when the memory is closed, and nothing is held) is R1 to R4.
 *
 * ## Waiting for a holder
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | H1 | slot's word gets WAITERS, by compare-exchange with an owner in it | a wake-up for nobody |
 * | H2 | looks whether the word has no OWNER_DIED, and the generation is still the record's | the same |
 * | H3 | sleeps on the primitive's own word and on the slots' words together | woken and killed: see below |
 * | H4 | a slot's word changed, and has WAITERS: takes it out, by compare-exchange, and wakes all others who sleep on it | they are awake, or look again within a second |
 *
 * The owner that H1 saw is the record's, as above. The kernel wakes one sleeper of a dead slot, so whoever
 * wakes wakes the others (H4); he who gives up waiting looks too. If the one that the kernel woke dies before H4, or is stopped, the
 * others look again within a second.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { FieldLayout, Place } from "../memory/field.ts";
import { nameOf } from "../memory/memory.ts";
import type { Mapping } from "../sys/memory.ts";
import { ALL, futexWake, type Watched } from "./futex.ts";
import { PARTICIPANT_IN_C } from "./participants_in_c.ts";
import { robustList } from "./robust_list.ts";
import { OWNER, OWNER_DIED, ROBUST_WORD_BYTES, RobustWord, WAITERS } from "./robust_word.ts";

/** Words of a slot, by index: see docs/layouts.md. */
const SLOT_WORDS = ROBUST_WORD_BYTES / 4;
const GENERATION = 1;
/** Of the first slot only: so many slots have ever been taken. */
const TOP = 2;

/** How the table lies in memory. */
export function participantTable(slots: number): FieldLayout {
  return {
    size: slots * ROBUST_WORD_BYTES,
    alignment: 8,
    layout: `participants(${slots})`,
    c: { type: "struct causeway_participant", dimensions: [slots], definitions: PARTICIPANT_IN_C },
  };
}

/** The slot that a thread has. */
export interface Participant {
  /** Its number in the table. */
  readonly index: number;
  /** Its generation, never 0. As an Int32Array reads it. */
  readonly generation: number;
}

/**
 * The table at a field's place.
 *
 * @throws {TypeError} When the place has none: the field is in no struct.
 */
export function participantsAt(place: Place, mapping: Mapping, slots: number): Participants {
  const { participants: offset, memory } = place;
  if (offset === undefined) {
    throw new TypeError("This field works in a struct only: the struct has the participant table");
  }
  let placed = tables.get(mapping);
  if (placed === undefined) tables.set(mapping, placed = new Map());
  let table = placed.get(offset);
  if (table === undefined) placed.set(offset, table = new Participants(mapping, offset, slots, nameOf(memory)));
  return table;
}

/** One object for one table of one mapping: a thread has one slot in it. */
const tables = new WeakMap<Mapping, Map<number, Participants>>();

/** A participant table in one mapping. */
export class Participants {
  /** How many slots it has. */
  readonly slots: number;
  readonly #mapping: Mapping;
  readonly #offset: number;
  readonly #name: string;
  readonly #words: Int32Array<ArrayBuffer>;
  /** The slots that this thread has needed so far. */
  readonly #slots: (RobustWord | undefined)[] = [];
  #own: Participant | undefined;
  #tid = 0;

  /** @param name What the memory is called, for errors. */
  constructor(mapping: Mapping, offset: number, slots: number, name: string) {
    this.slots = slots;
    this.#mapping = mapping;
    this.#offset = offset;
    this.#name = name;
    this.#words = new Int32Array(mapping.buffer, offset, slots * SLOT_WORDS);
    mapping.beforeClose(() => this.#leave());
  }

  /** The slot of this thread, if it has joined. */
  get own(): Participant | undefined {
    return this.#own;
  }

  /**
   * The slot of this thread; J1 to J5 when it has none yet, or when somebody overwrote it (zeros, to create the struct anew).
   *
   * @param call Who asks, for the error.
   * @throws {PosixError} ENOSPC when every slot is a living thread's; EAGAIN when this thread holds as many locks as the kernel can release.
   */
  join(call: string): Participant {
    const own = this.#own;
    if (own !== undefined) {
      // Plain loads, which cost next to nothing: nobody but this thread writes there, unless to do harm.
      const at = own.index * SLOT_WORDS;
      if ((this.#words[at]! & OWNER) === this.#tid && this.#words[at + GENERATION] === own.generation) return own;
      this.#leave();
    }
    const joined = this.#join(call);
    this.#tid = robustList().tid;
    return this.#own = joined;
  }

  /** Records beyond it are nobody's. Whatever a peer wrote there, it is in 0..slots. */
  get top(): number {
    const top = Atomics.load(this.#words, TOP);
    return top >= 0 && top <= this.slots ? top : this.slots;
  }

  /** Whether the thread that had a slot in a generation has it still. */
  isAlive(index: number, generation: number): boolean {
    // The word first: an owner that was there before the generation was still current is that generation's.
    const word = Atomics.load(this.#words, index * SLOT_WORDS);
    return (word & OWNER) !== 0 && (word & OWNER_DIED) === 0 &&
      Atomics.load(this.#words, index * SLOT_WORDS + GENERATION) === generation;
  }

  /**
   * H1 and H2: what to sleep on until the thread that has a slot in a generation leaves it or dies.
   *
   * @returns `undefined` when it has.
   */
  watch(index: number, generation: number): Watched | undefined {
    const slot = this.#slot(index);
    const expected = slot.announce();
    if (expected === undefined || !this.isAlive(index, generation)) return undefined;
    const { words, address, pointer } = slot;
    return { words, address, pointer, expected, relay: true };
  }

  /** Whether a slot is this thread's own, joined through another mapping of the same memory. */
  isTwin(index: number): boolean {
    const slot = this.#slot(index);
    return index !== this.#own?.index && slot.owner === robustList().tid && robustList().hasTwin(slot);
  }

  #join(call: string): Participant {
    const list = robustList();
    if (list.full) {
      throw new PosixError({
        code: "EAGAIN",
        syscall: call,
        target: this.#name,
        hint: "this thread holds as many locks as the kernel can release",
      });
    }
    for (let index = 0; index < this.slots; index++) {
      if ((Atomics.load(this.#words, index * SLOT_WORDS) & OWNER) !== 0) continue;
      const slot = this.#slot(index);
      list.begin(slot);
      const taken = slot.take(list, OWNER_DIED);
      list.end();
      if (taken !== "no") return { index, generation: this.#begin(index) };
    }
    throw new PosixError({
      code: "ENOSPC",
      syscall: call,
      target: this.#name,
      hint: `all ${this.slots} slots of its participant table are taken by living threads; ` +
        "say more in struct(fields, { participants })",
    });
  }

  /** J3 to J5. */
  #begin(index: number): number {
    const at = index * SLOT_WORDS;
    let generation = (Atomics.add(this.#words, at + GENERATION, 1) + 1) | 0;
    if (generation === 0) generation = (Atomics.add(this.#words, at + GENERATION, 1) + 1) | 0;
    Atomics.and(this.#words, at, ~OWNER_DIED);
    let top = Atomics.load(this.#words, TOP);
    while (top <= index) {
      const found = Atomics.compareExchange(this.#words, TOP, top, index + 1);
      if (found === top) break;
      top = found;
    }
    return generation;
  }

  #leave(): void {
    if (this.#own === undefined) return;
    // If a peer overwrote the word, there is nothing to give back: the list entry is out all the same.
    this.#slot(this.#own.index).release(robustList());
    this.#own = undefined;
  }

  #slot(index: number): RobustWord {
    return this.#slots[index] ??= new RobustWord(this.#mapping, this.#offset + index * ROBUST_WORD_BYTES);
  }
}

/**
 * H4: passes the news of a death on to all others who sleep on the same robust words. For everybody whose sleep is over, however it ended.
 *
 * Whoever comes first takes WAITERS out of the word, so that the others, who come awake by it, do not wake each other again and again.
 */
export function passOn(watched: readonly Watched[]): void {
  for (const { words, pointer, expected, relay } of watched) {
    if (relay !== true) continue;
    const seen = Atomics.load(words, 0);
    if (seen === expected || (seen & WAITERS) === 0) continue;
    if (Atomics.compareExchange(words, 0, seen, seen & ~WAITERS) === seen) futexWake(pointer, ALL);
  }
}
