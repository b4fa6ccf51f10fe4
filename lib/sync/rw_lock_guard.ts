/**
 * What the readers and the writer of a reader-writer lock have in their hands.
 *
 * @module
 */

import { PosixError } from "../errors.ts";

/** The right to read, shared with all who read, until `unlock()` or the end of its `using` scope. */
export interface ReadGuard extends Disposable {
  /**
   * Gives the right back.
   *
   * @throws {PosixError} EPERM when this guard does not hold it any more. (Leaving a `using` scope after `unlock()` is fine.)
   * @throws {ProtocolError} When a peer overwrote the lock meanwhile.
   */
  unlock(): void;
}

/** The right of the one writer, until `unlock()` or the end of its `using` scope. */
export interface WriteGuard extends Disposable {
  /**
   * Whether a writer before died while it had the lock, so that what the lock guards may be half changed. Check it, mend it, and call
   * `markConsistent()`; else the lock is of no use to anybody from this guard's end on.
   */
  readonly previousOwnerDied: boolean;
  /**
   * Says that what the lock guards is in order again. Does nothing when no writer died.
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
  /**
   * Goes on as a reader: nobody writes in between, and other readers come in at once. This guard holds nothing then.
   *
   * @throws {PosixError} EPERM when this guard does not hold the lock any more; EINVAL when a writer before died and `markConsistent()` has not been
   * called; ENOSPC when the participant table is full.
   * @throws {ProtocolError} When a peer overwrote the lock meanwhile.
   */
  downgrade(): ReadGuard;
}

/** The lock behind the guards. */
export interface GuardedRwLock {
  /** A read guard ends. */
  leaveRead(): void;
  /** A write guard ends: `sound` when what the lock guards is in order. */
  leaveWrite(sound: boolean): void;
  /** Sees to it that `downgrade` will have a slot in the participant table. */
  join(call: string): void;
  /** A write guard becomes a read guard. */
  downgrade(): ReadGuard;
}

/** {@linkcode ReadGuard}. It forgets its lock as soon as it does not hold it any more. */
export class Reading implements ReadGuard {
  #lock: GuardedRwLock | undefined;

  constructor(lock: GuardedRwLock) {
    this.#lock = lock;
  }

  unlock(): void {
    const lock = this.#lock;
    if (lock === undefined) throw notHeld("unlock");
    this.#lock = undefined;
    lock.leaveRead();
  }

  [Symbol.dispose](): void {
    if (this.#lock !== undefined) this.unlock();
  }
}

/** {@linkcode WriteGuard}. It forgets its lock as soon as it does not hold it any more. */
export class Writing implements WriteGuard {
  readonly previousOwnerDied: boolean;
  #lock: GuardedRwLock | undefined;
  #sound: boolean;

  constructor(lock: GuardedRwLock, previousOwnerDied: boolean) {
    this.#lock = lock;
    this.previousOwnerDied = previousOwnerDied;
    this.#sound = !previousOwnerDied;
  }

  markConsistent(): void {
    if (this.#lock === undefined) throw notHeld("markConsistent");
    this.#sound = true;
  }

  unlock(): void {
    const lock = this.#lock;
    if (lock === undefined) throw notHeld("unlock");
    this.#lock = undefined;
    lock.leaveWrite(this.#sound);
  }

  downgrade(): ReadGuard {
    const lock = this.#lock;
    if (lock === undefined) throw notHeld("downgrade");
    if (!this.#sound) {
      const hint = "a writer died: mend, and call markConsistent() first";
      throw new PosixError({ code: "EINVAL", syscall: "downgrade", hint });
    }
    lock.join("downgrade");
    this.#lock = undefined;
    return lock.downgrade();
  }

  [Symbol.dispose](): void {
    if (this.#lock !== undefined) this.unlock();
  }
}

function notHeld(call: string): PosixError {
  return new PosixError({ code: "EPERM", syscall: call, hint: "this guard does not hold the lock any more" });
}
