/**
 * The memory of a `latest` value: one writer, many readers, each step of each of them done in a bounded number of its own steps (wait-free), whatever
 * the others do: be slow, stopped, dead or hostile.
 *
 * ## Where what is
 *
 * Values lie in slots, in memory that only the writer can write (sealed). There are two slots more than readers may come. Each reader has a page of
 * its own with one word, its *mailbox*, that it shares with the writer alone.
 *
 * | mailbox | says |
 * |---|---|
 * | 0 | nothing new |
 * | 1 | nothing new, and the reader sleeps, or did |
 * | 2 × slot + 2 | the newest value is in this slot, and the reader has not taken it |
 *
 * | step | does |
 * |---|---|
 * | W1 | chooses a slot that is neither the current one nor held by a reader |
 * | W2 | writes the value there |
 * | W3 | for each mailbox: exchanges it for the slot. Finds 0 or 1: that reader has taken what was there before, so he holds that now. Finds what was there before: he has not, and never will. Finds 1: wakes him |
 * | R1 | loads the mailbox; at 0 or 1 there is nothing new, and the slot that he holds is the newest |
 * | R2 | exchanges it for 0: holds that slot now, and no other |
 * | S1 | mailbox: 0 → 1, by compare-exchange |
 * | S2 | sleeps while the mailbox is 1 and the writer lives |
 *
 * ## Why nobody waits, and nothing is torn
 *
 * An exchange is one step, so of W3 and R2 on one mailbox one is first, and the writer knows after W3 exactly which slot the reader holds: the one that he
 * took last. He can take only what is in the mailbox, which is the current slot. So with R readers at most R slots are held and one is
 * current, and of R + 2 slots W1 always finds one, in at most R + 2 looks. R1 and R2 are two steps. Nobody loops until somebody else has done something.
 *
 * A slot that is held or current is not written, so what a reader sees between two of its own calls never changes: no copy, no second look, no torn
 * value. A reader that stops for an hour, or dies, keeps one slot from being used, and no more. A writer that dies at any step leaves what the
 * mailboxes say, each of which is a whole value (W2 comes before W3); some readers may then have got the last value and others not.
 *
 * A hostile reader can write only its own page. If it lies about what it holds, it reads a torn value itself. A mailbox with anything else in it than the
 * table allows is closed. A hostile writer can send nonsense, which is checked before use: indices, lengths, and the value itself.
 *
 * (The triple buffer, one for each reader, over one pool of slots. `tests/channel/latest_model_test.ts` tries all interleavings.)
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { type AnonymousMemory, createAnonymousMemory } from "../memory/anonymous_memory.ts";
import { mappingOf, type Memory } from "../memory/memory.ts";
import type { ReadOnlyMemory } from "../memory/read_only.ts";
import { type FutexWord, futexWord } from "../sync/futex.ts";
import type { Fd } from "../sys/fd.ts";
import type { Facts } from "./rendezvous_terms.ts";
import { openPassed } from "./shm_link.ts";

/** Offsets in the page of a reader. */
export const PAGE = { mailbox: 0, life: 64, byteLength: 128 } as const;
/** Offsets in the memory of the values. */
export const DATA = { magic: 0, slots: 8, slotBytes: 12, life: 64, firstSlot: 128 } as const;
/** Offsets in a slot. */
export const SLOT = { byteLength: 0, version: 8, value: 64 } as const;

/** What a mailbox says when there is nothing new. */
export const EMPTY = 0;
/** The same, and the reader sleeps. */
export const ASLEEP = 1;

/** "CWLATEST" */
const MAGIC = 0x54534554_414c5743n;

/** How the memory is divided. */
export interface Division {
  readonly slots: number;
  /** Longest value. */
  readonly maxBytes: number;
}

/** What a mailbox says of a slot. */
export function posted(slot: number): number {
  return 2 * slot + 2;
}

/** Which slot a mailbox names; `undefined` when it names none. */
export function slotIn(mailbox: number, slots: number): number | undefined {
  const slot = mailbox / 2 - 1;
  return Number.isInteger(slot) && slot >= 0 && slot < slots ? slot : undefined;
}

/** The values, as the writer and as a reader map them. */
export class Values<Of extends Memory | ReadOnlyMemory = Memory | ReadOnlyMemory> {
  readonly memory: Of;
  readonly division: Division;
  readonly #data: DataView<ArrayBuffer>;

  constructor(memory: Of, division: Division) {
    this.memory = memory;
    this.division = division;
    this.#data = new DataView(mappingOf(memory).buffer);
  }

  /** Where a value begins. */
  offsetOf(slot: number): number {
    return slotOffset(slot, this.division) + SLOT.value;
  }

  /** The room of a slot for a value; of read-only memory it must not be written. */
  room(slot: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#data.buffer, this.offsetOf(slot), this.division.maxBytes);
  }

  /** How long a value is. @throws {ProtocolError} When it says that it is longer than the room. */
  lengthOf(slot: number): number {
    const byteLength = this.#data.getUint32(slotOffset(slot, this.division) + SLOT.byteLength, true);
    if (byteLength > this.division.maxBytes) {
      throw new ProtocolError(
        `The writer says that a value of at most ${this.division.maxBytes} bytes has ${byteLength}`,
      );
    }
    return byteLength;
  }

  /** The how manieth value it is, from 1. */
  versionOf(slot: number): number {
    const at = slotOffset(slot, this.division) + SLOT.version;
    return this.#data.getUint32(at + 4, true) * 2 ** 32 + this.#data.getUint32(at, true);
  }

  /** Says how long a value is, and the how manieth. */
  label(slot: number, byteLength: number, version: number): void {
    const at = slotOffset(slot, this.division);
    this.#data.setUint32(at + SLOT.byteLength, byteLength, true);
    this.#data.setUint32(at + SLOT.version, version % 2 ** 32, true);
    this.#data.setUint32(at + SLOT.version + 4, Math.floor(version / 2 ** 32), true);
  }
}

/** Makes the memory of the values. Only the mapping of this process can write it, now and later. */
export function createValues(division: Division, name: string): Values<AnonymousMemory> {
  const size = slotOffset(division.slots, division);
  const memory = createAnonymousMemory({ size, seal: "writes", name: `latest:${name}` });
  const data = new DataView(mappingOf(memory).buffer);
  data.setBigUint64(DATA.magic, MAGIC, true);
  data.setUint32(DATA.slots, division.slots, true);
  data.setUint32(DATA.slotBytes, division.maxBytes, true);
  return new Values(memory, division);
}

/**
 * Maps the memory of the values for reading. What the writer says of it is checked against its real size, which is sealed.
 *
 * @param fd Becomes the memory's, and is closed when this throws.
 * @throws {ProtocolError} When it is no such memory.
 */
export function openValues(fd: Fd, facts: Facts): Values<ReadOnlyMemory> {
  const [slots = 0, maxBytes = 0] = facts;
  const memory = openPassed(fd, true);
  const division = { slots, maxBytes };
  const size = slotOffset(slots, division);
  const isWhole = slots >= 3 && size === memory.byteLength && memory.getBigUint64(DATA.magic) === MAGIC &&
    memory.getUint32(DATA.slots) === slots && memory.getUint32(DATA.slotBytes) === maxBytes;
  if (isWhole) return new Values(memory, division);
  const found = memory.byteLength;
  memory.close();
  throw new ProtocolError(`The writer passed memory of ${found} bytes that is not what it says (${size} bytes)`);
}

/** Makes the page that a reader and the writer share. */
export function createPage(name: string): AnonymousMemory {
  return createAnonymousMemory({ size: PAGE.byteLength, name: `latest:${name}:reader` });
}

/** Maps such a page. @throws {ProtocolError} When it is too small, or could be truncated. */
export function openPage(fd: Fd): AnonymousMemory {
  const page = openPassed(fd);
  if (page.byteLength >= PAGE.byteLength) return page;
  page.close();
  throw new ProtocolError(`The writer passed a page of ${page.byteLength} bytes`);
}

/** The mailbox in a page. */
export function mailboxOf(page: Memory): FutexWord {
  return futexWord(mappingOf(page), PAGE.mailbox);
}

function slotOffset(slot: number, { maxBytes }: Division): number {
  return DATA.firstSlot + slot * (SLOT.value + Math.ceil(maxBytes / 64) * 64);
}
