/**
 * The reading end of a `latest` value: R1, R2, S1 and S2 of latest_memory.ts.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { AnonymousMemory } from "../memory/anonymous_memory.ts";
import { mappingOf } from "../memory/memory.ts";
import type { ReadOnlyMemory } from "../memory/read_only.ts";
import type { FutexWord } from "../sync/futex.ts";
import { waitForChange, waitForChangeSync, type WatchList } from "../sync/word_wait.ts";
import { type Deadline, nextTurn, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { ASLEEP, DATA, EMPTY, mailboxOf, openPage, openValues, PAGE, slotIn, type Values } from "./latest_memory.ts";
import type { Welcome } from "./rendezvous.ts";
import { type Life, OwnLife, PeerLife } from "./rendezvous_life.ts";

/** Reads the newest value, without waiting for anybody. */
export class SlotReader {
  readonly values: Values<ReadOnlyMemory>;
  readonly #page: AnonymousMemory;
  readonly #mailbox: FutexWord;
  readonly #life: OwnLife;
  readonly #writer: PeerLife;
  readonly #what: string;
  #held: number | undefined;
  #waits = 0;
  #closed = false;

  private constructor(values: Values<ReadOnlyMemory>, page: AnonymousMemory, what: string) {
    this.values = values;
    this.#page = page;
    this.#what = what;
    this.#mailbox = mailboxOf(page);
    this.#writer = new PeerLife(mappingOf(values.memory), DATA.life);
    this.#life = new OwnLife(mappingOf(page), PAGE.life, what);
  }

  /**
   * Maps what a writer passed.
   *
   * @throws {ProtocolError} When it is not what it should be; nothing of it is left then.
   */
  static open({ facts, descriptors }: Welcome, what: string): SlotReader {
    const [data, page] = descriptors.splice(0);
    if (data === undefined || page === undefined) {
      throw new ProtocolError(`The writer did not pass the memory of ${what}`);
    }
    let values: Values<ReadOnlyMemory>;
    try {
      values = openValues(data, facts);
    } catch (error) {
      page.close();
      throw error;
    }
    let mapped: AnonymousMemory | undefined;
    try {
      mapped = openPage(page);
      return new SlotReader(values, mapped, what);
    } catch (error) {
      mapped?.close();
      values.memory.close();
      throw error;
    }
  }

  /** Whether the writer lives, has ended, or has died. */
  get writer(): Life {
    return this.#writer.state;
  }

  /**
   * R1 and R2: the slot with the newest value, which nobody writes until the next call. `undefined` before the first value.
   *
   * @throws {ProtocolError} When the mailbox says what it cannot say.
   */
  take(): number | undefined {
    const { words } = this.#mailbox;
    const seen = Atomics.load(words, 0);
    if (seen === EMPTY || seen === ASLEEP) return this.#held;
    const taken = Atomics.exchange(words, 0, EMPTY);
    const slot = slotIn(taken, this.values.division.slots);
    if (slot === undefined) throw new ProtocolError(`The mailbox of ${this.#what} names no slot: ${taken}`);
    return this.#held = slot;
  }

  /** Whether there is a value that has not been taken. */
  get hasNews(): boolean {
    const seen = Atomics.load(this.#mailbox.words, 0);
    return seen !== EMPTY && seen !== ASLEEP;
  }

  /** S1 and S2: until there is news, or the writer has gone. @returns Whether it came before the deadline. */
  sleepSync(deadline: Deadline): boolean {
    // A hostile writer can seem to have news each time: that is no reason to go on for ever.
    if (deadline.remainingMs === 0) return false;
    const watched = this.#watched();
    if (watched === undefined) return true;
    const woken = waitForChangeSync(watched, deadline);
    this.#writer.passOn();
    return woken;
  }

  /** The same on the event loop. */
  async sleep(options: WaitOptions, deadline: Deadline): Promise<void> {
    if (deadline.remainingMs === 0) throw deadline.timeoutError();
    if (turnIsDue()) await nextTurn();
    options.signal?.throwIfAborted();
    // It may have been closed in that turn.
    if (this.#closed) return;
    const watched = this.#watched();
    if (watched === undefined) return;
    this.#waits++;
    try {
      await waitForChange(this.#what, watched, options, deadline);
    } finally {
      this.#waits--;
      if (this.#closed) this.#unmap();
      else this.#writer.passOn();
    }
  }

  /** Gives up what this reader has. The last value is out of reach then. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Nobody but this reader and the writer sleeps here; a wait of ours that is under way looks again, and finds it closed.
    this.#life.end();
    if (this.#waits === 0) this.#unmap();
  }

  #unmap(): void {
    if (this.#waits > 0) return;
    this.#page.close();
    this.values.memory.close();
  }

  #watched(): WatchList | undefined {
    const found = Atomics.compareExchange(this.#mailbox.words, 0, EMPTY, ASLEEP);
    if (found !== EMPTY && found !== ASLEEP) return undefined;
    const writer = this.#writer.asleep;
    return writer && [{ ...this.#mailbox, expected: ASLEEP }, writer];
  }
}
