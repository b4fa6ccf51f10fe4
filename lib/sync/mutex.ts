/**
 * The `mutex` field: a lock in shared memory that survives its owner.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import type { ObjectField, Place } from "../memory/field.ts";
import { closedError, type Memory, nameOf } from "../memory/memory.ts";
import { cancellable, Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Mapping } from "../sys/memory.ts";
import { NextTurn } from "../sys/next_turn.ts";
import { isProbed, publish } from "../sys/probe.ts";
import { Courtesy } from "./courtesy.ts";
import { sleepersSettled, sleepOn } from "./futex_sleeper.ts";
import { MUTEX_IN_C, ROBUST_LIST_IN_C } from "./mutex_in_c.ts";
import { BROKEN, Guard, type GuardedLock, type Inheritance, type MutexGuard, SOUND } from "./mutex_guard.ts";
import { passOn } from "./participants.ts";
import { oncePerPlace } from "./placed.ts";
import { robustList } from "./robust_list.ts";
import { blockUntilFree, tooMany } from "./robust_wait.ts";
import { ROBUST_WORD_BYTES, RobustWord, type Taken, WAITERS } from "./robust_word.ts";
import { tellSync, tellWait } from "./tell.ts";

/**
 * A lock that one owner has at a time, of all processes, Workers and tasks that share it. The kernel releases it when the owner's thread ends in
 * whatever way; the next owner is told.
 *
 * Locking and unlocking a free lock makes no system call. Asynchronous waits take no thread each: all of a program wait in one call. Waiting tasks of
 * one thread get the lock in the order in which they asked; between threads the order is open, but who releases the lock lets who
 * sleeps for it go first.
 */
export interface Mutex {
  /**
   * Waits for the lock on the event loop. Other tasks run meanwhile, and may hold other locks. There is no recursion: a task that asks for what it
   * holds waits for itself.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`. Neither leaves a later grant behind.
   * @throws {PosixError} ENOTRECOVERABLE when an owner died and the next did not call `markConsistent()`; ENOSYS when it would have to wait
   * before Linux 5.16.
   * @throws {ClosedError} When the memory is closed.
   */
  lock(options?: WaitOptions): Promise<MutexGuard>;
  /**
   * Blocks this thread until it has the lock. Goes before tasks of this thread that wait.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {PosixError} EDEADLK when this thread holds the lock; ENOTRECOVERABLE as `lock()`.
   * @throws {ClosedError} When the memory is closed.
   */
  lockSync(options?: SyncWaitOptions): MutexGuard;
  /**
   * Takes the lock if it is free; `undefined` at once if it is not.
   *
   * @throws {PosixError} ENOTRECOVERABLE as `lock()`.
   * @throws {ClosedError} When the memory is closed.
   */
  tryLock(): MutexGuard | undefined;
}

/**
 * A struct field: a lock that survives its owner. All-zero memory is a free lock.
 *
 * @example Lock, change, unlock
 * ```ts
 * import { createAnonymousMemory, i64, mutex, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Account = struct({ lock: mutex, balance: i64 });
 * using memory = createAnonymousMemory({ size: Account.byteLength });
 * const account = Account.create(memory);
 * {
 *   using guard = await account.lock.lock({ timeoutMs: 1000 });
 *   if (guard.previousOwnerDied) guard.markConsistent();
 *   account.balance += 10n;
 *   assertEquals(account.lock.tryLock(), undefined);
 * }
 * account.lock.lockSync().unlock();
 * ```
 *
 * @see {@link https://docs.kernel.org/locking/robust-futexes.html Robust futexes}
 * @tags allow-ffi
 */
export const mutex: ObjectField<Mutex> = {
  kind: "object",
  size: ROBUST_WORD_BYTES,
  alignment: 8,
  layout: "mutex",
  c: { type: "struct causeway_mutex", definitions: [ROBUST_LIST_IN_C, MUTEX_IN_C] },
  place: oncePerPlace((place, mapping) => mutexAt(place, mapping)),
};

/**
 * The lock inside another primitive, which sees to it that there is one object for one place.
 *
 * @param what What waits, for the message of the `TimeoutError`.
 */
export function mutexAt({ memory, offset }: Place, mapping: Mapping, what = "Locking a mutex"): Mutex {
  return new RobustMutex(memory, mapping, offset, what);
}

/** Words of the field, by index: see docs/layouts.md. Only the owner writes them. */
const STATE = 1;
const TURNS = 2;

/** What the lock guards is in order; or its owner died; or it was then not put in order. */
const CONSISTENT = 0;
const INCONSISTENT = 1;
const UNRECOVERABLE = 2;

interface Waiter {
  resolve: (guard: Guard) => void;
  reject: (reason: unknown) => void;
}

class RobustMutex implements Mutex, GuardedLock {
  readonly #memory: Memory;
  readonly #word: RobustWord;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #courtesy: Courtesy;
  readonly #offset: number;
  /** Whether a guard of this thread has it. Ownership is what is known here, never what is read from the word. */
  #held = false;
  /** How many guards have let go of it for a while. */
  #suspended = 0;
  /** The tasks of this thread that want it. Only the first contends with the world. */
  readonly #queue: Waiter[] = [];
  /** WAITERS once this thread has slept for the word: others may still do. */
  #slept = 0;
  #stopSleeping: (() => void) | undefined;
  #sleptOn = 0;
  /** While it is somebody else's turn, every turn of the event loop looks whether it has been taken. */
  readonly #nextLook = new NextTurn();
  readonly #what: string;

  constructor(memory: Memory, mapping: Mapping, offset: number, what: string) {
    this.#memory = memory;
    this.#what = what;
    this.#offset = offset;
    this.#word = new RobustWord(mapping, offset);
    this.#words = this.#word.words;
    this.#courtesy = new Courtesy(this.#word.words, TURNS, mapping.pointerAt(offset + 4 * TURNS));
    mapping.askBeforeClose(() => {
      if (this.#held) return "a lock in it is held";
      if (this.#suspended > 0) return "a condition is waited for with a lock in it";
      return this.#queue.length > 0 ? "a lock in it is waited for" : undefined;
    });
  }

  tryLock(): MutexGuard | undefined {
    return this.#takeQuickly() ?? this.#try();
  }

  lockSync(options?: SyncWaitOptions): MutexGuard {
    if (options?.timeoutMs === undefined && !this.#courtesy.isPromised) {
      const guard = this.#takeQuickly();
      if (guard !== undefined) return guard;
    }
    return this.#lockSlowly(options?.timeoutMs);
  }

  async lock(options: WaitOptions = {}): Promise<MutexGuard> {
    if (this.#memory.closed) throw closedError(this.#memory);
    new Deadline(this.#what, options.timeoutMs);
    options.signal?.throwIfAborted();
    return await this.#lockOnLoop(options);
  }

  async #lockOnLoop(options: WaitOptions): Promise<Guard> {
    if (!this.#held && this.#queue.length === 0 && !this.#courtesy.owed) {
      const guard = this.#takeQuickly() ?? this.#attempt(0);
      if (guard !== undefined) return guard;
    }
    const ended = tellWait("lock", this.#memory, this.#offset);
    try {
      return await cancellable<Guard>(this.#what, options, (resolve, reject) => {
        const waiter = { resolve, reject };
        this.#queue.push(waiter);
        this.#advance();
        return () => this.#withdraw(waiter);
      });
    } finally {
      ended?.();
      // Nothing may be pending for a wait that is over.
      await sleepersSettled();
    }
  }

  leave(inheritance: Inheritance): void {
    if (inheritance === BROKEN) Atomics.store(this.#words, STATE, UNRECOVERABLE);
    if (isProbed()) tellSync("unlock", this.#memory, this.#offset);
    if (this.#word.releaseAlone(robustList())) this.#held = false;
    else this.#release();
    if (this.#queue.length > 0) this.#advance();
  }

  markConsistent(): void {
    Atomics.store(this.#word.words, STATE, CONSISTENT);
  }

  suspend(blocking: boolean): void {
    if (isProbed()) tellSync("unlock", this.#memory, this.#offset);
    this.#release();
    this.#suspended++;
    // A task of a thread that blocks could do nothing with the lock, and nobody else could have it.
    if (!blocking && this.#queue.length > 0) this.#advance();
  }

  async resume(): Promise<Guard> {
    try {
      return await this.#lockOnLoop({});
    } finally {
      this.#suspended--;
    }
  }

  resumeSync(): Guard {
    try {
      return this.#takeQuickly() ?? this.#lockSlowly();
    } catch (error) {
      this.#advance();
      throw error;
    } finally {
      this.#suspended--;
    }
  }

  #release(): void {
    this.#held = false;
    const released = this.#word.release(robustList());
    if (released === 0) return;
    if (released === "overwritten") {
      this.#advance();
      throw new ProtocolError(`${nameOf(this.#memory)}: a peer overwrote a lock that was held here`);
    }
    this.#courtesy.woke();
  }

  /**
   * Takes a free lock of which nobody died: two atomic operations, this one and the release, and no allocation that outlives the guard. Whatever
   * else there is to it (another owner, a death, closed memory) is for the long way.
   */
  #takeQuickly(): Guard | undefined {
    if (this.#held || !this.#word.takeAlone(robustList())) return undefined;
    return this.#words[STATE] === CONSISTENT ? this.#own(SOUND) : this.#enter("yes");
  }

  #try(): Guard | undefined {
    if (this.#memory.closed) throw closedError(this.#memory);
    return this.#held ? undefined : this.#attempt(0);
  }

  #lockSlowly(timeoutMs?: number): Guard {
    if (this.#memory.closed) throw closedError(this.#memory);
    const deadline = new Deadline(this.#what, timeoutMs);
    if (this.#held) throw this.#deadlock();
    this.#courtesy.wait();
    return this.#attempt(0) ?? this.#blockUntilTaken(deadline);
  }

  /** T0 to T5 of robust_word.ts, once. */
  #attempt(waiters: number): Guard | undefined {
    if (this.#word.owner !== 0) return undefined;
    const list = robustList();
    if (list.full) throw tooMany("lock", nameOf(this.#memory));
    list.begin(this.#word);
    const taken = this.#word.take(list, waiters);
    list.end();
    return taken === "no" ? undefined : this.#enter(taken);
  }

  /** The word is ours: looks at what it guards. */
  #enter(taken: Taken): Guard {
    const { words } = this.#word;
    const state = words[STATE];
    const died = taken === "after death" || state !== CONSISTENT;
    if (died) {
      // Whatever a peer may have written there: only what is known to be usable is.
      if (state !== CONSISTENT && state !== INCONSISTENT) {
        this.#word.release(robustList());
        throw new PosixError({
          code: "ENOTRECOVERABLE",
          syscall: "lock",
          target: nameOf(this.#memory),
          hint: UNUSABLE,
        });
      }
      // If this owner dies before the store, the kernel sets OWNER_DIED again.
      Atomics.store(words, STATE, INCONSISTENT);
      publish(() => ({ kind: "lock.ownerDied", memory: nameOf(this.#memory) }));
    }
    return this.#own(died ? BROKEN : SOUND);
  }

  #own(inheritance: Inheritance): Guard {
    this.#courtesy.taken();
    this.#held = true;
    if (isProbed()) tellSync("lock", this.#memory, this.#offset, { previousOwnerDied: inheritance !== SOUND });
    return new Guard(this, inheritance);
  }

  /** S1 to S4 of robust_word.ts. */
  #blockUntilTaken(deadline: Deadline): Guard {
    const ended = tellWait("lock", this.#memory, this.#offset);
    try {
      return blockUntilFree(this.#word, deadline, (waiters) => this.#attempt(waiters), () => this.#deadlock());
    } finally {
      ended?.();
    }
  }

  /** Gives the lock to the first task of the queue, or sees to it that this is called again when that may work. */
  #advance(): void {
    while (!this.#held && this.#queue.length > 0) {
      if (this.#courtesy.owed) {
        this.#nextLook.ask(() => this.#advance());
        return;
      }
      let guard: Guard | undefined;
      try {
        guard = this.#attempt(this.#slept);
        const expected = guard === undefined ? this.#word.announce() : undefined;
        if (expected !== undefined) return this.#sleep(expected);
      } catch (error) {
        this.#queue.shift()?.reject(error);
      }
      if (guard !== undefined) this.#queue.shift()?.resolve(guard);
    }
    this.#rest();
  }

  #sleep(expected: number): void {
    this.#slept = WAITERS;
    if (this.#stopSleeping !== undefined && this.#sleptOn === expected) return;
    this.#stopSleeping?.();
    this.#sleptOn = expected;
    this.#stopSleeping = sleepOn({
      words: this.#word.words,
      address: this.#word.address,
      expected,
      wake: () => {
        this.#stopSleeping = undefined;
        this.#advance();
      },
      fail: (reason) => {
        this.#stopSleeping = undefined;
        for (const waiter of this.#queue.splice(0)) waiter.reject(reason);
        this.#rest();
      },
    });
  }

  /** Nobody of this thread waits for the world now. */
  #rest(): void {
    this.#stopSleeping?.();
    this.#stopSleeping = undefined;
    this.#nextLook.callOff();
    if (this.#queue.length === 0) this.#slept = 0;
  }

  #withdraw(waiter: Waiter): void {
    const index = this.#queue.indexOf(waiter);
    if (index !== -1) this.#queue.splice(index, 1);
    if (this.#queue.length > 0) return;
    const slept = this.#stopSleeping !== undefined;
    this.#rest();
    // A release wakes all sleepers, but of a dead owner's the kernel wakes one: this one, perhaps.
    const { words, address, pointer } = this.#word;
    if (slept) passOn([{ words, address, pointer, expected: this.#sleptOn, relay: true }]);
  }

  #deadlock(): PosixError {
    const target = nameOf(this.#memory);
    return new PosixError({ code: "EDEADLK", syscall: "lockSync", target, hint: "this thread holds the lock" });
  }
}

const UNUSABLE = "its owner died and the next owner did not mark what it guards as consistent";
