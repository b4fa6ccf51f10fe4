/**
 * A file lock that is held.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import { backOff, backOffSync } from "../sys/back_off.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { publish } from "../sys/probe.ts";
import type { FileLockMode, KernelLock } from "./lock_calls.ts";
import type { LockTarget } from "./lock_target.ts";

/**
 * A lock that this process holds on a file, until `unlock()` or the end of its `using` scope, or until the process ends, however it ends.
 *
 * Children do not inherit it, so none can keep it. Who wants a child to keep it gives it a duplicate of `fd`: the lock then lasts until `unlock()`
 * or until both are gone.
 */
export interface FileLock extends Disposable {
  /** The path, as it was given; `undefined` where a descriptor was. */
  readonly path: string | undefined;
  /** The locked file. Of a path it closes with the lock. */
  readonly fd: Fd;
  /** Which kind of lock it is. */
  readonly kind: "flock" | "ofd";
  /** How it is held now. A conversion that failed may have lost it, and so does closing a descriptor that is the caller's. */
  readonly state: FileLockMode | "unlocked";
  /**
   * Makes a shared lock exclusive or the reverse, waiting as `lockFile` does, by polling.
   *
   * With `"ofd"` the old lock stays until the new one is there: two who share the lock and both want it for themselves wait for each other until
   * their deadlines. With `"flock"` **it is not atomic**: the kernel gives up the old lock first, so others may have had the file in
   * between, also when this returns at once. When it fails, the old lock is taken back, unless somebody has taken the file by then; see
   * `state`.
   *
   * @throws {PosixError} EBADF for an exclusive ofd lock when the file is open for reading only; ESTALE when the path came to name another
   * file meanwhile; the lock is gone then.
   * @throws {DOMException} `TimeoutError`.
   * @throws {ClosedError} When the lock is not held.
   */
  convert(to: FileLockMode, options?: WaitOptions): Promise<void>;
  /**
   * Converts like `convert`, blocking this thread.
   *
   * @throws {PosixError} EDEADLK when this thread itself is in the way, by another lock of the file.
   */
  convertSync(to: FileLockMode, options?: SyncWaitOptions): void;
  /** Converts like `convert` if nobody is in the way, or returns `false`. */
  tryConvert(to: FileLockMode): boolean;
  /** Gives the lock back. May be called twice. */
  unlock(): void;
}

/** What this thread holds. */
const held = new Set<FileLockGuard>();

/** Whether a descriptor has such a lock already: the kernel would convert it, and two guards would share one lock. */
export function isBusy(fd: Fd, lock: KernelLock): boolean {
  if (fd.closed) return false;
  for (const guard of held) {
    if (guard.fd === fd && guard.lock.overlaps(lock)) return true;
  }
  return false;
}

/**
 * Refuses to block this thread for a lock that the thread itself would have to give back.
 *
 * @throws {PosixError} EDEADLK.
 */
export function requireOthers(fd: Fd, lock: KernelLock, mode: FileLockMode, self?: FileLockGuard): void {
  for (const guard of held) {
    if (guard === self || guard.state === "unlocked" || !guard.lock.overlaps(lock)) continue;
    if (guard.fd !== fd && mode === "shared" && guard.state === "shared") continue;
    if (guard.fd !== fd && fileFacts(guard.fd).identity !== fileFacts(fd).identity) continue;
    const hint = "this thread holds a lock of the file, and cannot give it back while it is blocked";
    throw new PosixError({ code: "EDEADLK", syscall: lock.kind, target: fd.what, hint });
  }
}

/** @throws {TypeError} For what is no mode. */
function requireLockMode(mode: FileLockMode): void {
  if (mode !== "exclusive" && mode !== "shared") {
    throw new TypeError(`A file lock is "exclusive" or "shared", got ${Deno.inspect(mode)}`);
  }
}

/** {@linkcode FileLock} over a lock that was just taken. */
export class FileLockGuard implements FileLock {
  readonly fd: Fd;
  readonly lock: KernelLock;
  readonly #target: LockTarget;
  #state: FileLockMode | "unlocked";
  #released = false;

  constructor(target: LockTarget, fd: Fd, lock: KernelLock, mode: FileLockMode) {
    this.#target = target;
    this.fd = fd;
    this.lock = lock;
    this.#state = mode;
    held.add(this);
    publish(() => ({ kind: "lock", lock: lock.kind, name: target.name, mode }));
  }

  get path(): string | undefined {
    return this.#target.path;
  }

  get kind(): "flock" | "ofd" {
    return this.lock.kind;
  }

  get state(): FileLockMode | "unlocked" {
    return this.fd.closed ? "unlocked" : this.#state;
  }

  async convert(to: FileLockMode, options: WaitOptions = {}): Promise<void> {
    requireLockMode(to);
    const before = this.#held();
    const what = this.#what(to);
    const deadline = new Deadline(what, options.timeoutMs);
    try {
      await backOff(what, options, deadline, () => this.#change(to) || undefined);
    } catch (error) {
      this.#takeBack(before);
      throw error;
    }
  }

  convertSync(to: FileLockMode, options: SyncWaitOptions = {}): void {
    requireLockMode(to);
    const before = this.#held();
    const deadline = new Deadline(this.#what(to), options.timeoutMs);
    try {
      if (this.#change(to)) return;
      requireOthers(this.fd, this.lock, to, this);
      if (deadline.remainingMs === Infinity) this.#change(to, "block");
      else backOffSync(deadline, () => this.#change(to) || undefined);
    } catch (error) {
      this.#takeBack(before);
      throw error;
    }
  }

  tryConvert(to: FileLockMode): boolean {
    requireLockMode(to);
    const before = this.#held();
    if (this.#change(to)) return true;
    this.#takeBack(before);
    return false;
  }

  unlock(): void {
    if (this.#released) return;
    this.#released = true;
    this.#state = "unlocked";
    held.delete(this);
    if (this.fd.closed) return;
    // Closing alone would not do: a child that is between fork and exec has the descriptor too.
    this.lock.unlock(this.fd);
    this.#target.release(this.fd);
    publish(() => ({ kind: "unlock", lock: this.lock.kind, name: this.#target.name }));
  }

  [Symbol.dispose](): void {
    this.unlock();
  }

  #what(to: FileLockMode): string {
    return `Making the lock of ${this.#target.name} ${to}`;
  }

  #held(): FileLockMode {
    if (this.state === "unlocked") throw new ClosedError("File lock", "is not held");
    return this.state;
  }

  /** Converts the lock if it can. A `false` has lost a lock of flock's. */
  #change(to: FileLockMode, how: "try" | "block" = "try"): boolean {
    if (this.#released) throw new ClosedError("File lock", "is not held");
    if (this.#state === to) return true;
    if (how === "block") {
      this.lock.block(this.fd, to);
    } else if (!this.lock.try(this.fd, to)) {
      if (!this.lock.convertsAtomically) this.#state = "unlocked";
      return false;
    }
    this.#state = to;
    if (!this.lock.convertsAtomically && !this.#target.isCurrent(this.fd)) {
      this.unlock();
      const hint = "the path named another file while the lock was changed; the lock is gone";
      throw new PosixError({ code: "ESTALE", syscall: this.lock.kind, target: this.#target.name, hint });
    }
    return true;
  }

  #takeBack(before: FileLockMode): void {
    if (this.#released || this.#state !== "unlocked") return;
    if (!this.fd.closed && this.lock.try(this.fd, before) && this.#target.isCurrent(this.fd)) this.#state = before;
    else this.unlock();
  }
}
