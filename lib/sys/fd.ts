/**
 * File descriptors with one owner. A bare integer never leaves this file except as `fd.raw`.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { check } from "./errno.ts";
import { libc } from "./libc.ts";
import { CLOSE_RANGE_CLOEXEC, F, O } from "./linux.ts";

/** Who owns which number in this isolate. A number that is owned cannot be adopted, and a stale owner cannot close it. */
const owners = new Map<number, Fd>();
let generations = 0;

/**
 * An open file descriptor of this process: close-on-exec from birth, closed once, by its one owner.
 *
 * Every owned descriptor has a generation of its own, so that a number the kernel hands out again is never taken for the old descriptor.
 *
 * @example Adopt a descriptor that this process was started with
 * ```ts ignore
 * import { fromDescriptor } from "@causeway/causeway";
 *
 * using ready = fromDescriptor(3);
 * console.log(ready.raw);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/open.2.html open(2)}
 */
export class Fd implements Disposable {
  /** What the descriptor is, for errors, capitalised. */
  readonly what: string;
  /** Different for every descriptor that this isolate ever owned. */
  readonly generation: number = ++generations;
  readonly #raw: number;
  #close: (raw: number) => void;
  #closed = false;

  private constructor(raw: number, what: string, close: (raw: number) => void) {
    this.#raw = raw;
    this.what = what;
    this.#close = close;
  }

  /**
   * Takes ownership of a number that a call just returned.
   *
   * @param raw The descriptor, open and close-on-exec.
   * @param what What it is, for errors.
   * @param close How it is closed; `close(2)` when left out.
   */
  static own(raw: number, what: string, close: (raw: number) => void = closeRaw): Fd {
    const before = owners.get(raw);
    if (before !== undefined) {
      // The kernel gave the number out again: somebody closed it behind its owner. That owner must not close the stranger.
      before.#closed = true;
    }
    const fd = new Fd(raw, what, close);
    owners.set(raw, fd);
    return fd;
  }

  /** Whether a live object owns a number. */
  static isOwned(raw: number): boolean {
    return owners.has(raw);
  }

  /**
   * The number, for a system call that comes at once.
   *
   * @throws {ClosedError} After `close()`.
   */
  get raw(): number {
    if (this.#closed) throw new ClosedError(this.what);
    return this.#raw;
  }

  /** Whether the descriptor is closed or was given away. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * `fcntl(F_DUPFD_CLOEXEC)`: a second descriptor of the same open file. The two share offset and status flags.
   *
   * @throws {ClosedError} After `close()`.
   * @throws {PosixError} EMFILE when the process has no descriptor left.
   */
  duplicate(): Fd {
    return Fd.own(check(libc().fcntl(this.raw, F.DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD_CLOEXEC)", this.what), this.what);
  }

  /** Hands the duty to close over to whoever works with the number from now on (a `net.Socket`). */
  closeWith(close: (raw: number) => void): void {
    this.#close = close;
  }

  /** Closes the descriptor. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (owners.get(this.#raw) === this) owners.delete(this.#raw);
    this.#close(this.#raw);
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * `fcntl(F_SETFD, FD_CLOEXEC)`: adopts a descriptor that this process inherited or received, and marks it close-on-exec.
 *
 * @param raw The number, for example `3`.
 * @throws {TypeError} When something in this program owns it already.
 * @throws {RangeError} When it is no descriptor number.
 * @throws {PosixError} EBADF when it is not open.
 *
 * @tags allow-ffi
 */
export function fromDescriptor(raw: number): Fd {
  if (!Number.isInteger(raw) || raw < 0 || raw > 0x7fffffff) {
    throw new RangeError(`Descriptor must be an integer of at least 0, got ${Deno.inspect(raw)}`);
  }
  if (owners.has(raw)) throw new TypeError(`Descriptor ${raw} already has an owner: ${owners.get(raw)?.what}`);
  const flags = check(libc().fcntl(raw, F.GETFD, 0), "fcntl(F_GETFD)", raw);
  check(libc().fcntl(raw, F.SETFD, flags | F.CLOEXEC), "fcntl(F_SETFD)", raw);
  return Fd.own(raw, `Descriptor ${raw}`);
}

/** Makes reads and writes of an open file description return EAGAIN instead of blocking the thread. */
export function setNonblocking(fd: Fd): void {
  setStatusFlags(fd, (flags) => flags | O.NONBLOCK);
}

/** Undoes {@linkcode setNonblocking}: what a child expects of a descriptor that it is given. */
export function setBlocking(fd: Fd): void {
  setStatusFlags(fd, (flags) => flags & ~O.NONBLOCK);
}

/** `fcntl(F_GETFL)`: access mode and status flags of an open file description. */
export function statusFlags(fd: Fd): number {
  return check(libc().fcntl(fd.raw, F.GETFL, 0), "fcntl(F_GETFL)", fd.what);
}

/** `fcntl(F_SETFL)`, when that changes anything. */
export function setStatusFlags(fd: Fd, change: (flags: number) => number): void {
  const before = statusFlags(fd);
  const after = change(before);
  if (after !== before) check(libc().fcntl(fd.raw, F.SETFL, after), "fcntl(F_SETFL)", fd.what);
}

/**
 * `close_range(2)` with CLOSE_RANGE_CLOEXEC: marks every descriptor above 2 close-on-exec, those included that Deno itself was started
 * with. A child then has 0, 1, 2 and what it was given.
 */
export function markDescriptorsCloseOnExec(): void {
  check(libc().close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC), "close_range");
}

/**
 * `close(2)`. Its errors are not thrown: on Linux the number is free whatever it returns, and what EIO would tell (data of a regular file
 * that did not reach the disk) is what `fsync` is for.
 */
function closeRaw(raw: number): void {
  libc().close(raw);
}
