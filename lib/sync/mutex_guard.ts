/**
 * What the owner of a mutex has in its hands.
 *
 * @module
 */

import { PosixError } from "../errors.ts";

/** The right of the one owner, until `unlock()` or the end of its `using` scope. */
export interface MutexGuard extends Disposable {
  /**
   * Whether an owner before died while it held the lock, so that what the lock guards may be half changed. Check it, mend it, and call
   * `markConsistent()`; else the lock is of no use to anybody from this guard's end on. (A wait for a `Condition` takes the lock anew: look again
   * after it.)
   */
  readonly previousOwnerDied: boolean;
  /**
   * Says that what the lock guards is in order again. Does nothing when no owner died.
   *
   * @throws {PosixError} EPERM when this guard does not hold the lock any more.
   */
  markConsistent(): void;
  /**
   * Gives the lock back.
   *
   * @throws {PosixError} EPERM when this guard does not hold the lock any more. (Leaving a `using` scope after `unlock()` is fine.)
   * @throws {ProtocolError} When a peer overwrote the lock meanwhile.
   */
  unlock(): void;
}

/** What a guard is told of the owners before: nothing; that one died; that one died and its work has been mended. */
export type Inheritance = typeof SOUND | typeof BROKEN | typeof MENDED;
export const SOUND = 0;
export const BROKEN = 1;
export const MENDED = 2;

/** The lock behind a guard. */
export interface GuardedLock {
  /** The guard ends. */
  leave(inheritance: Inheritance): void;
  /** The guard has mended what the lock guards. */
  markConsistent(): void;
  /** The guard lets go of the lock for a while, and wants it back: `blocking` when its thread runs nothing else meanwhile. */
  suspend(blocking: boolean): void;
  /** Gives the lock back to a guard that let go. */
  resume(): Promise<Guard>;
  /** `resume`, blocking this thread. */
  resumeSync(): Guard;
}

/** A lock that a guard has let go of. Exactly one of the two is called, once. */
export interface Suspension {
  /** Waits for the lock and gives it back to the guard. When that fails, the guard holds nothing. */
  resume(): Promise<void>;
  /** `resume`, blocking this thread. */
  resumeSync(): void;
}

/**
 * {@linkcode MutexGuard}. It forgets its lock as soon as it does not hold it any more, so one that somebody kept can do nothing.
 */
export class Guard implements MutexGuard {
  #lock: GuardedLock | undefined;
  #inheritance: Inheritance;

  constructor(lock: GuardedLock, inheritance: Inheritance) {
    this.#lock = lock;
    this.#inheritance = inheritance;
  }

  get previousOwnerDied(): boolean {
    return this.#inheritance !== SOUND;
  }

  markConsistent(): void {
    const lock = this.#held("markConsistent");
    if (this.#inheritance !== BROKEN) return;
    lock.markConsistent();
    this.#inheritance = MENDED;
  }

  unlock(): void {
    const lock = this.#lock;
    if (lock === undefined) throw notHeld("unlock");
    this.#lock = undefined;
    lock.leave(this.#inheritance);
  }

  [Symbol.dispose](): void {
    if (this.#lock !== undefined) this.unlock();
  }

  /** Lets go of the lock until the suspension ends. Without a lock meanwhile: the guard does not hold it. */
  suspend(call: string, blocking: boolean): Suspension {
    const lock = this.#held(call);
    if (this.#inheritance === BROKEN) {
      throw new PosixError({
        code: "EOWNERDEAD",
        syscall: call,
        hint: "mend what the lock guards, and call markConsistent() first",
      });
    }
    this.#lock = undefined;
    lock.suspend(blocking);
    return {
      resume: async () => this.#takeOver(lock, await lock.resume()),
      resumeSync: () => this.#takeOver(lock, lock.resumeSync()),
    };
  }

  /** What another guard of the lock holds becomes this one's. */
  #takeOver(lock: GuardedLock, other: Guard): void {
    this.#inheritance = other.#inheritance;
    other.#lock = undefined;
    this.#lock = lock;
  }

  #held(call: string): GuardedLock {
    if (this.#lock === undefined) throw notHeld(call);
    return this.#lock;
  }
}

function notHeld(call: string): PosixError {
  return new PosixError({ code: "EPERM", syscall: call, hint: "this guard does not hold the lock any more" });
}

/**
 * Lets go of a mutex for a while.
 *
 * @param call Who asks, for errors.
 * @param blocking Whether this thread runs nothing else until the suspension ends.
 * @throws {TypeError} When the guard is none of a mutex.
 * @throws {PosixError} EPERM when it does not hold its lock; EOWNERDEAD while what the lock guards is not marked consistent.
 */
export function suspend(guard: MutexGuard, call: string, blocking: boolean): Suspension {
  return requireGuard(guard).suspend(call, blocking);
}

function requireGuard(guard: MutexGuard): Guard {
  if (guard instanceof Guard) return guard;
  throw new TypeError(`guard must be a guard of a mutex, got ${Deno.inspect(guard)}`);
}
