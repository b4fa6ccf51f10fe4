/**
 * The `condition` field: waiting, with a mutex, until what the mutex guards has changed.
 *
 * ## The words
 *
 * `seq` counts notifications and is slept on; `waiting` counts who waits; `loops` counts those of them who wait on an event loop.
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | C1 | holding the mutex: `waiting` += 1, on an event loop `loops` += 1 too | the mutex comes back as after any death. The count stays too high |
 * | C2 | e = `seq` | the same |
 * | C3 | releases the mutex (R1 to R4) | the count stays too high: notifying is a system call, and no more, from then on |
 * | C4 | sleeps while `seq` = e | the same; who was woken in its place is N2's matter |
 * | C5 | `waiting` −= 1, `loops` −= 1 | nothing |
 * | C6 | takes the mutex (T0 to T5) | the mutex comes back |
 * | N0 | `waiting` = 0: nothing to do | nothing |
 * | N1 | `seq` += 1 | who sleeps finds out at the next look ({@linkcode LOOK_AGAIN_MS}) |
 * | N2 | wakes one, or all | they are awake |
 *
 * No notification is lost, as long as what is waited for is changed with the mutex held. Whoever changes it either had the mutex before the waiter:
 * then the waiter saw the change, and does not wait. Or after it: then C1 and C2 came before the waiter's release of the mutex, that before the
 * notifier's taking, and that before N0; so N0 sees the waiter, and N1 comes after C2. Then C4 either finds another `seq` and does not sleep, or it sleeps
 * already when N2 wakes. It does not matter whether the notifier still has the mutex. All of these operations are sequentially consistent.
 *
 * A wake-up that is meant for one may reach one that cannot use it: it was killed just then, or stopped, or is one of the tasks that sleep in the
 * one call of an event loop. So N2 wakes all where somebody waits on an event loop, whoever gives up passes on what it may have got (it looks whether
 * `seq` changed), and for the rest everybody looks again within a second: `seq` is another then, and they go on. Hence waits may end for no
 * reason.
 *
 * A `seq` that comes round to the same number while one sleeps (2^32 notifications) would be missed until the next.
 *
 * @module
 */

import type { ObjectField } from "../memory/field.ts";
import { closedError, type Memory } from "../memory/memory.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Mapping } from "../sys/memory.ts";
import { isProbed } from "../sys/probe.ts";
import { CONDITION_IN_C } from "./condition_in_c.ts";
import { ALL, futexWake, type FutexWord, futexWord } from "./futex.ts";
import { type MutexGuard, suspend, type Suspension } from "./mutex_guard.ts";
import { oncePerPlace } from "./placed.ts";
import { tellSync, tellWait } from "./tell.ts";
import { waitForChange, waitForChangeSync } from "./word_wait.ts";

/** How long to wait for a condition. */
export interface ConditionOptions {
  /**
   * What is waited for. It is asked with the lock held, before the wait and after each wake-up; the wait is over when it says `true`.
   * @default {undefined} The wait is over at the first wake-up, which may come for no reason.
   */
  until?: (() => boolean) | undefined;
}

/**
 * A condition that processes, Workers and tasks share. Who waits gives up a mutex and sleeps, as one step, and has the mutex again when it goes on.
 *
 * All who wait use the same mutex, and whoever changes what they wait for holds it. A wait may end without a notification: look at what was waited for,
 * or give `until`. There is no `try` form; what a wait that does not wait comes to is a look.
 */
export interface Condition {
  /**
   * Gives up the lock, waits on the event loop to be notified, and takes the lock again; the guard is the same. Ends with the lock held also when it
   * throws, except ENOTRECOVERABLE and whatever else kept the lock from being taken: the guard holds nothing then. Taking the lock
   * again has no time limit.
   *
   * An owner may have died meanwhile: see `guard.previousOwnerDied`.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`.
   * @throws {PosixError} EPERM when the guard does not hold its lock; EOWNERDEAD, waiting no longer, while what it guards is not marked consistent;
   * ENOTRECOVERABLE as `Mutex.lock`; ENOSYS before Linux 5.16.
   * @throws {ClosedError} When the memory is closed.
   */
  wait(guard: MutexGuard, options?: ConditionOptions & WaitOptions): Promise<void>;
  /** `wait`, blocking this thread. Throws the same. */
  waitSync(guard: MutexGuard, options?: ConditionOptions & SyncWaitOptions): void;
  /**
   * Lets one go on who waits. Makes no system call when nobody does. It is forgotten when nobody does.
   *
   * @throws {ClosedError} When the memory is closed.
   */
  notifyOne(): void;
  /** Lets all go on who wait. Throws as `notifyOne`. */
  notifyAll(): void;
}

/**
 * A struct field: a condition, which goes with a mutex. All-zero memory is one that nobody waits for.
 *
 * @example Wait for an item
 * ```ts
 * import { condition, createAnonymousMemory, i32, mutex, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Shelf = struct({ lock: mutex, stocked: condition, items: i32 });
 * using memory = createAnonymousMemory({ size: Shelf.byteLength });
 * const shelf = Shelf.create(memory);
 *
 * async function take(): Promise<void> {
 *   using guard = await shelf.lock.lock();
 *   await shelf.stocked.wait(guard, { until: () => shelf.items > 0, timeoutMs: 1000 });
 *   shelf.items--;
 * }
 *
 * const taken = take();
 * {
 *   using _guard = await shelf.lock.lock();
 *   shelf.items++;
 *   shelf.stocked.notifyOne();
 * }
 * await taken;
 * assertEquals(shelf.items, 0);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/pthread_cond_wait.3p.html pthread_cond_wait(3p)}
 * @tags allow-ffi
 */
export const condition: ObjectField<Condition> = {
  kind: "object",
  size: 16,
  alignment: 4,
  layout: "condition",
  c: { type: "struct causeway_condition", definitions: CONDITION_IN_C },
  place: oncePerPlace(({ memory, offset }, mapping) => new FutexCondition(memory, mapping, offset)),
};

/** Words of the field, by index: see docs/layouts.md. */
const SEQ = 0;
const WAITING = 1;
const LOOPS = 2;

const WHAT = "Waiting for a condition";

class FutexCondition implements Condition {
  readonly #memory: Memory;
  readonly #offset: number;
  readonly #word: FutexWord;
  readonly #words: Int32Array<ArrayBuffer>;
  #waiting = 0;

  constructor(memory: Memory, mapping: Mapping, offset: number) {
    this.#memory = memory;
    this.#offset = offset;
    this.#word = futexWord(mapping, offset);
    this.#words = new Int32Array(mapping.buffer, offset, 4);
    mapping.askBeforeClose(() => this.#waiting > 0 ? "a condition in it is waited for" : undefined);
  }

  notifyOne(): void {
    this.#notify(1);
  }

  notifyAll(): void {
    this.#notify(ALL);
  }

  waitSync(guard: MutexGuard, options: ConditionOptions & SyncWaitOptions = {}): void {
    const { until } = options;
    const deadline = new Deadline(WHAT, options.timeoutMs);
    this.#requireOpen();
    while (!until?.()) {
      const notified = this.#waitOnceSync(guard, deadline);
      if (until === undefined && notified) return;
      if (notified) continue;
      if (until?.()) return;
      throw deadline.timeoutError();
    }
  }

  async wait(guard: MutexGuard, options: ConditionOptions & WaitOptions = {}): Promise<void> {
    const { until } = options;
    const deadline = new Deadline(WHAT, options.timeoutMs);
    this.#requireOpen();
    options.signal?.throwIfAborted();
    while (!until?.()) {
      const end = await this.#waitOnce(guard, options, deadline);
      if (end === undefined && until === undefined) return;
      if (end === undefined) continue;
      if (until?.()) return;
      throw end.reason;
    }
  }

  /** C1 to C6. Whether it was notified, or nothing came in time. */
  #waitOnceSync(guard: MutexGuard, deadline: Deadline): boolean {
    const expected = this.#announce(0);
    let notified = false;
    let suspension: Suspension | undefined;
    let ended: (() => void) | undefined;
    try {
      ended = tellWait("condition", this.#memory, this.#offset);
      suspension = suspend(guard, "waitSync", true);
      notified = waitForChangeSync([{ ...this.#word, expected }], deadline);
    } finally {
      this.#withdraw(0);
      if (notified && isProbed()) tellSync("condition.wake", this.#memory, this.#offset);
      ended?.();
      suspension?.resumeSync();
    }
    return notified;
  }

  /** C1 to C6. Why it gave up; `undefined` when it was notified. */
  async #waitOnce(
    guard: MutexGuard,
    options: WaitOptions,
    deadline: Deadline,
  ): Promise<{ reason: unknown } | undefined> {
    const expected = this.#announce(1);
    let suspension: Suspension | undefined;
    let end: { reason: unknown } | undefined;
    let ended: (() => void) | undefined;
    try {
      // Asleep first: where the kernel cannot do that, the lock is not given up.
      await waitForChange(WHAT, [{ ...this.#word, expected }], options, deadline, () => {
        ended = tellWait("condition", this.#memory, this.#offset);
        suspension = suspend(guard, "wait", false);
      });
    } catch (reason) {
      if (suspension === undefined) throw reason;
      end = { reason };
    } finally {
      this.#withdraw(1);
      if (end === undefined && suspension !== undefined && isProbed()) {
        tellSync("condition.wake", this.#memory, this.#offset);
      }
      ended?.();
    }
    // A notification that came at the last moment was perhaps for this one.
    if (end !== undefined && Atomics.load(this.#words, SEQ) !== expected) futexWake(this.#word.pointer, ALL);
    await suspension?.resume();
    return end;
  }

  /** C1 and C2. */
  #announce(loops: number): number {
    this.#waiting++;
    Atomics.add(this.#words, WAITING, 1);
    if (loops > 0) Atomics.add(this.#words, LOOPS, loops);
    return Atomics.load(this.#words, SEQ);
  }

  /** C5. */
  #withdraw(loops: number): void {
    this.#waiting--;
    if (loops > 0) Atomics.sub(this.#words, LOOPS, loops);
    Atomics.sub(this.#words, WAITING, 1);
  }

  /** N0 to N2. */
  #notify(most: number): void {
    this.#requireOpen();
    const waiting = Atomics.load(this.#words, WAITING);
    if (isProbed()) tellSync("condition.notify", this.#memory, this.#offset, { all: most === ALL, waiting });
    if (waiting === 0) return;
    Atomics.add(this.#words, SEQ, 1);
    futexWake(this.#word.pointer, Atomics.load(this.#words, LOOPS) === 0 ? most : ALL);
  }

  #requireOpen(): void {
    if (this.#memory.closed) throw closedError(this.#memory);
  }
}
