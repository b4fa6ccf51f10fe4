/**
 * The writing end of a `latest` value: W1 to W3 of latest_memory.ts, and the readers who come and go.
 *
 * @module
 */

import type { AnonymousMemory } from "../memory/anonymous_memory.ts";
import { mappingOf } from "../memory/memory.ts";
import { ALL, futexWake, type FutexWord } from "../sync/futex.ts";
import { publish } from "../sys/probe.ts";
import { ASLEEP, createPage, DATA, EMPTY, mailboxOf, PAGE, posted, type Values } from "./latest_memory.ts";
import type { Rendezvous } from "./rendezvous.ts";
import { keepDoor } from "./rendezvous_door.ts";
import { OwnLife, PeerLife } from "./rendezvous_life.ts";

/** No slot. */
const NONE = -1;

/** Writes values that readers always find whole. */
export class SlotWriter {
  readonly values: Values<AnonymousMemory>;
  readonly #life: OwnLife;
  readonly #readers = new Set<ReaderSlot>();
  #current = NONE;
  #version = 0;
  #closed = false;

  constructor(values: Values<AnonymousMemory>, what: string) {
    this.values = values;
    this.#life = new OwnLife(mappingOf(values.memory), DATA.life, what);
  }

  /** How many values there have been. */
  get version(): number {
    return this.#version;
  }

  /** Where the newest value is; `undefined` before the first. */
  get current(): number | undefined {
    return this.#current === NONE ? undefined : this.#current;
  }

  /** How many readers live. */
  get readers(): number {
    this.sweep();
    return this.#readers.size;
  }

  /** W1: a slot that nobody sees. It stays so until `post`. */
  free(): number {
    for (let slot = 0; slot < this.values.division.slots; slot++) {
      if (slot !== this.#current && !this.#isHeld(slot)) return slot;
    }
    // As many slots as readers and two: this cannot be.
    throw new Error("There is no free slot");
  }

  /** W3: the value in a slot that `free` gave is whole. */
  post(slot: number, byteLength: number): void {
    this.values.label(slot, byteLength, ++this.#version);
    this.#current = slot;
    for (const reader of this.#readers) {
      if (!reader.post(slot)) this.#drop(reader, "wrote into its mailbox what it must not");
    }
  }

  /** Whether there is room for one more reader: the dead ones make some. */
  get hasRoom(): boolean {
    return this.readers < this.values.division.slots - 2;
  }

  /** A new reader, with the newest value in its mailbox. */
  admit(page: AnonymousMemory): ReaderSlot {
    const reader = new ReaderSlot(page);
    if (this.#current !== NONE) reader.post(this.#current);
    this.#readers.add(reader);
    return reader;
  }

  /** Gives up what a reader had. */
  remove(reader: ReaderSlot): void {
    if (this.#readers.delete(reader)) reader.page.close();
  }

  /** Gives up what dead readers, and those who have gone, had. */
  sweep(): void {
    for (const reader of this.#readers) {
      if (!reader.isGone) continue;
      this.remove(reader);
      publish(() => ({ kind: "latest.leave", readers: this.#readers.size }));
    }
  }

  /** A clean end: who waits is told. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#life.end();
    for (const { page } of this.#readers) page.close();
    this.#readers.clear();
    this.values.memory.close();
  }

  #drop(reader: ReaderSlot, why: string): void {
    this.remove(reader);
    publish(() => ({ kind: "latest.drop", why }));
  }

  #isHeld(slot: number): boolean {
    for (const reader of this.#readers) if (reader.held === slot) return true;
    return false;
  }
}

/** What the writer knows of a reader. */
class ReaderSlot {
  readonly page: AnonymousMemory;
  readonly #mailbox: FutexWord;
  readonly #life: PeerLife;
  /** The slot in its mailbox, unless it has taken it. */
  #posted = NONE;
  #welcomed = false;
  /** The slot that it has taken last. */
  held = NONE;

  constructor(page: AnonymousMemory) {
    this.page = page;
    this.#mailbox = mailboxOf(page);
    this.#life = new PeerLife(mappingOf(page), PAGE.life);
  }

  /** Whether it has died, or gone. */
  get isGone(): boolean {
    return this.#welcomed && this.#life.state !== "alive";
  }

  /** From now on its word counts. */
  welcomed(): void {
    this.#welcomed = true;
  }

  /** The exchange of W3. @returns Whether the mailbox said something that it can say. */
  post(slot: number): boolean {
    const found = Atomics.exchange(this.#mailbox.words, 0, posted(slot));
    if (found === EMPTY || found === ASLEEP) {
      if (this.#posted !== NONE) this.held = this.#posted;
      if (found === ASLEEP) futexWake(this.#mailbox.pointer, ALL);
    } else if (found !== posted(this.#posted)) return false;
    this.#posted = slot;
    return true;
  }
}

/** Lets readers in until the rendezvous is closed. */
export function letReadersIn(rendezvous: Rendezvous, writer: SlotWriter): Promise<void> {
  const { name } = rendezvous;
  return keepDoor(rendezvous, async (guest) => {
    const { slots, maxBytes } = writer.values.division;
    if (!writer.hasRoom) return guest.refuse(`${name} has ${slots - 2} readers already (maxReaders)`);
    const reader = writer.admit(createPage(name));
    try {
      await guest.welcome([slots, maxBytes], [writer.values.memory.fd, reader.page.fd]);
    } catch (error) {
      writer.remove(reader);
      throw error;
    }
    reader.welcomed();
    publish(() => ({ kind: "latest.join", name, readers: writer.readers }));
  });
}
