/**
 * The `event` and `autoResetEvent` fields: something has happened, and whoever waits for it goes on.
 *
 * ## The word
 *
 * Bit 0 says that the event is set, bit 1 that somebody sleeps, or did. The other 30 bits of an `event` count how often it has been set, so that a sleeper
 * notices a set that a reset followed at once.
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | E1 | word: set, and counted, by compare-exchange | set; who sleeps finds out at the next look ({@linkcode LOOK_AGAIN_MS}), or when somebody else sets it |
 * | E2 | if somebody sleeps: wakes all | they are awake |
 * | E3 | word: nobody sleeps, by compare-exchange, if it is still that of E1 | set |
 * | W1 | word: somebody sleeps, by compare-exchange, if it is not set | a wake-up for nobody |
 * | W2 | sleeps while the word has exactly that value | nothing |
 * | W3 | `autoResetEvent`: word: set → not set, by compare-exchange | the event went to the one that died |
 *
 * No wake-up is lost: W1 and E1 change one word, so one is first. If W1 is, E1 finds bit 1 and E2 wakes. If E1 is, W1 finds the event set, or another word
 * than the one that it would sleep on. All operations on the word are sequentially consistent, so what a setter wrote before E1 is seen by whom E1 lets
 * go on.
 *
 * Nobody owns an event, so no death leaves it locked. E2 wakes all, not one: one may be stopped, or killed before it runs, and of an
 * `autoResetEvent` the first that runs takes it. What E3 wipes out, whoever comes too late for W3 writes again (W1).
 *
 * @module
 */

import type { ObjectField } from "../memory/field.ts";
import { closedError, type Memory } from "../memory/memory.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Mapping } from "../sys/memory.ts";
import { isProbed } from "../sys/probe.ts";
import { EVENT_IN_C } from "./event_in_c.ts";
import { ALL, futexWake, type FutexWord, futexWord } from "./futex.ts";
import { oncePerPlace } from "./placed.ts";
import { tellSync, tellWait } from "./tell.ts";
import { waitForChange, waitForChangeSync } from "./word_wait.ts";

/**
 * An event that processes, Workers and tasks share: set or not, and waited for. No system call is made but to sleep and to wake who sleeps.
 *
 * Who waits sees what was written before `set()`. It has no owner: a process that dies takes nothing with it but, of an `autoResetEvent`, the
 * one event that it was about to return from waiting for.
 */
export interface SharedEvent {
  /** Whether it is set at this moment. */
  readonly isSet: boolean;
  /**
   * Sets it. An `event` lets everybody go on who waits now, and stays set until `reset()`. An `autoResetEvent` lets one go on, who waits now or comes
   * next; while it is set, setting it again does nothing.
   *
   * @throws {ClosedError} When the memory is closed.
   */
  set(): void;
  /**
   * Makes it not set. Who waited for an `event` when it was set goes on all the same.
   *
   * @throws {ClosedError} When the memory is closed.
   */
  reset(): void;
  /**
   * Waits on the event loop until it is set.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`. Neither takes an event.
   * @throws {PosixError} ENOSYS when it would have to wait before Linux 5.16.
   * @throws {ClosedError} When the memory is closed.
   */
  wait(options?: WaitOptions): Promise<void>;
  /**
   * Blocks this thread until it is set.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {ClosedError} When the memory is closed.
   */
  waitSync(options?: SyncWaitOptions): void;
  /**
   * Goes on if it is set, as a wait would.
   *
   * @returns Whether it was set.
   * @throws {ClosedError} When the memory is closed.
   */
  tryWait(): boolean;
}

/**
 * A struct field: an event that stays set until it is reset, and lets all who wait go on. All-zero memory is one that is not set.
 *
 * @example Wait for a start
 * ```ts
 * import { createAnonymousMemory, event, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Race = struct({ start: event });
 * using memory = createAnonymousMemory({ size: Race.byteLength });
 * const { start } = Race.create(memory);
 * const runners = [start.wait(), start.wait({ timeoutMs: 1000 })];
 * assertEquals(start.tryWait(), false);
 * start.set();
 * await Promise.all(runners);
 * start.waitSync();
 * assertEquals(start.isSet, true);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/futex.2.html futex(2)}
 * @tags allow-ffi
 */
export const event: ObjectField<SharedEvent> = field("event", false);

/**
 * A struct field: an event that one waiter takes, and that is not set then. All-zero memory is one that is not set.
 *
 * @example One of two goes on
 * ```ts
 * import { autoResetEvent, createAnonymousMemory, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Bell = struct({ rang: autoResetEvent });
 * using memory = createAnonymousMemory({ size: Bell.byteLength });
 * const { rang } = Bell.create(memory);
 * rang.set();
 * rang.set();
 * assertEquals([rang.tryWait(), rang.tryWait()], [true, false]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/futex.2.html futex(2)}
 * @tags allow-ffi
 */
export const autoResetEvent: ObjectField<SharedEvent> = field("autoResetEvent", true);

function field(layout: string, autoReset: boolean): ObjectField<SharedEvent> {
  return {
    kind: "object",
    size: 4,
    alignment: 4,
    layout,
    c: { type: "struct causeway_event", definitions: EVENT_IN_C },
    place: oncePerPlace(({ memory, offset }, mapping) => new FutexEvent(memory, mapping, offset, autoReset)),
  };
}

const SET = 1;
const WAITERS = 2;
/** One set more. */
const COUNT = 4;

const WHAT = "Waiting for an event";

class FutexEvent implements SharedEvent {
  readonly #memory: Memory;
  readonly #word: FutexWord;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #autoReset: boolean;
  readonly #offset: number;
  #waiting = 0;

  constructor(memory: Memory, mapping: Mapping, offset: number, autoReset: boolean) {
    this.#memory = memory;
    this.#word = futexWord(mapping, offset);
    this.#words = this.#word.words;
    this.#autoReset = autoReset;
    this.#offset = offset;
    mapping.askBeforeClose(() => this.#waiting > 0 ? "an event in it is waited for" : undefined);
  }

  get isSet(): boolean {
    return (this.#load() & SET) !== 0;
  }

  set(): void {
    if (isProbed()) tellSync("event.set", this.#memory, this.#offset);
    let seen = this.#load();
    let set = seen;
    while ((seen & SET) === 0) {
      set = (this.#autoReset ? seen : seen + COUNT) | SET;
      const found = Atomics.compareExchange(this.#words, 0, seen, set);
      if (found === seen) break;
      seen = set = found;
    }
    // Also when it was set already: whoever set it may have died before waking.
    if ((set & WAITERS) === 0) return;
    futexWake(this.#word.pointer, ALL);
    Atomics.compareExchange(this.#words, 0, set, set & ~WAITERS);
  }

  reset(): void {
    this.#requireOpen();
    Atomics.and(this.#words, 0, ~SET);
  }

  tryWait(): boolean {
    while (true) {
      const seen = this.#load();
      if ((seen & SET) === 0) return false;
      if (this.#take(seen)) break;
    }
    if (isProbed()) tellSync("event.wait", this.#memory, this.#offset);
    return true;
  }

  waitSync(options: SyncWaitOptions = {}): void {
    const deadline = new Deadline(WHAT, options.timeoutMs);
    const since = this.#load();
    let ended: (() => void) | undefined;
    try {
      for (let expected = this.#look(since); expected !== undefined; expected = this.#look(since)) {
        ended ??= tellWait("event", this.#memory, this.#offset);
        if (!waitForChangeSync([{ ...this.#word, expected }], deadline)) throw deadline.timeoutError();
      }
      if (isProbed()) tellSync("event.wait", this.#memory, this.#offset);
    } finally {
      ended?.();
    }
  }

  async wait(options: WaitOptions = {}): Promise<void> {
    const deadline = new Deadline(WHAT, options.timeoutMs);
    options.signal?.throwIfAborted();
    const since = this.#load();
    this.#waiting++;
    let ended: (() => void) | undefined;
    try {
      for (let expected = this.#look(since); expected !== undefined; expected = this.#look(since)) {
        ended ??= tellWait("event", this.#memory, this.#offset);
        await waitForChange(WHAT, [{ ...this.#word, expected }], options, deadline);
      }
      if (isProbed()) tellSync("event.wait", this.#memory, this.#offset);
    } finally {
      ended?.();
      this.#waiting--;
    }
  }

  /**
   * W1 and W3, as far as they are needed.
   *
   * @param since The word when the wait began: a set since then counts, though a reset has followed.
   * @returns What to sleep on; `undefined` when the wait is over.
   */
  #look(since: number): number | undefined {
    while (true) {
      const seen = Atomics.load(this.#words, 0);
      if (!this.#autoReset && (seen & -COUNT) !== (since & -COUNT)) return undefined;
      if ((seen & SET) !== 0) {
        if (this.#take(seen)) return undefined;
      } else if ((seen & WAITERS) !== 0) {
        return seen;
      } else if (Atomics.compareExchange(this.#words, 0, seen, seen | WAITERS) === seen) {
        return seen | WAITERS;
      }
    }
  }

  /** W3. Whether the event was there. */
  #take(seen: number): boolean {
    return !this.#autoReset || Atomics.compareExchange(this.#words, 0, seen, seen & ~SET) === seen;
  }

  #load(): number {
    this.#requireOpen();
    return Atomics.load(this.#words, 0);
  }

  #requireOpen(): void {
    if (this.#memory.closed) throw closedError(this.#memory);
  }
}
