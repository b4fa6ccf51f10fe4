/**
 * Named POSIX semaphores: a counter that processes share, in any language. For programs that speak them already, and for strangers who
 * need no more than a counter.
 *
 * Model: synchronous, in shared memory. A post and a wait that need not sleep make no system call. A semaphore has no owner: nobody gives back
 * what a process took and died with. System V semaphores do (`undo`), and so do the permits of a `semaphore` field.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { requireMode } from "../memory/arguments.ts";
import { backOff } from "../sys/back_off.ts";
import { Deadline, monotonicNanoseconds, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { CLOCK_MONOTONIC, POSIX_SEM } from "../sys/linux.ts";
import type { Mapping } from "../sys/memory.ts";
import { publish } from "../sys/probe.ts";
import { createSemaphoreFile, openSemaphoreFile, unlinkSemaphoreFile } from "./semaphore_file.ts";

/** An open POSIX semaphore. It lives until its name is unlinked and the last process closes it, or until the machine goes down. */
export interface PosixSemaphore extends Disposable {
  /** The name, with its slash. */
  readonly name: string;
  /**
   * `sem_getvalue(3)`: how many waits would not have to wait now. Never negative. Another process may change it at any time.
   *
   * @throws {ClosedError} After `close()`.
   */
  readonly value: number;
  /**
   * `sem_post(3)`: adds 1, and wakes one process that sleeps in `waitSync` or in C's `sem_wait`. Never waits.
   *
   * @param count So many times, one after the other. Others may take what is there already meanwhile.
   * @throws {PosixError} EOVERFLOW when the value is 2147483647 already; what was posted before stays.
   * @throws {RangeError} When `count` is no integer of at least 1.
   * @throws {ClosedError} After `close()`.
   */
  post(count?: number): void;
  /**
   * `sem_trywait(3)`: takes 1 if the value is not 0.
   *
   * @returns Whether it took 1.
   * @throws {ClosedError} After `close()`.
   */
  tryWait(): boolean;
  /**
   * Takes 1, as soon as it finds the value not 0. **It polls**: libc has no way to wait for a semaphore beside other events. It tries at once, then
   * with growing pauses of at most 20 ms; whoever sleeps in `waitSync` or in C is faster, so a busy semaphore may let it wait long. A
   * wait that ends early has taken nothing.
   *
   * @throws {DOMException} `TimeoutError`.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  wait(options?: WaitOptions): Promise<void>;
  /**
   * `sem_clockwait(3)`: takes 1, blocking this thread until it can. On the monotonic clock: setting the time of day changes nothing. A signal
   * does not end the wait.
   *
   * @throws {DOMException} `TimeoutError`.
   * @throws {ClosedError} After `close()`.
   */
  waitSync(options?: SyncWaitOptions): void;
  /** Gives up this handle; name and value stay. May be called twice. */
  close(): void;
}

/** What {@linkcode createPosixSemaphore} creates. */
export interface CreatePosixSemaphoreOptions {
  /**
   * The first value, 0..2147483647.
   * @default {0}
   */
  value?: number | undefined;
  /**
   * Permission bits, whatever the umask. Whoever uses a semaphore needs both reading and writing.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/** How {@linkcode openPosixSemaphore} opens. */
export interface OpenPosixSemaphoreOptions {
  /**
   * Whose semaphore is accepted: a user id, or `"any"`. Anybody may create any name, and the owner can truncate the file, which kills
   * who maps it. When left out: this user's or root's.
   */
  owner?: number | "any" | undefined;
}

/**
 * `createPosixSemaphore("/name", { value })`: creates a named semaphore, private to this user, and opens it.
 *
 * It appears under its name when it is whole. Of many creators exactly one wins, a creator that is killed leaves nothing, and an existing
 * semaphore is never reused. It outlives its creator: {@linkcode unlinkPosixSemaphore} removes the name. C and Python open it by
 * `sem_open`. `--allow-ffi` is full trust: no other permission guards the names.
 *
 * @param name A slash and then at most 251 bytes without a slash.
 * @param options Its value, and its mode.
 * @throws {PosixError} EEXIST, ENOSPC, EMFILE, ENFILE.
 * @throws {TypeError} For a name of another form.
 * @throws {RangeError} For a value or mode that cannot be.
 *
 * @example Two permits, for processes that know the name
 * ```ts
 * import { createPosixSemaphore, openPosixSemaphore, unlinkPosixSemaphore } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * using mine = createPosixSemaphore(name, { value: 2 });
 * using theirs = openPosixSemaphore(name);
 * unlinkPosixSemaphore(name);
 * await theirs.wait();
 * mine.waitSync();
 * assertEquals(mine.tryWait(), false);
 * theirs.post();
 * assertEquals(mine.value, 1);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/sem_overview.7.html sem_overview(7)}
 * @tags allow-ffi
 */
export function createPosixSemaphore(name: string, options: CreatePosixSemaphoreOptions = {}): PosixSemaphore {
  const { value = 0, mode = 0o600 } = options;
  if (!Number.isInteger(value) || value < 0 || value > POSIX_SEM.VALUE_MAX) {
    throw new RangeError(`value must be an integer in 0..${POSIX_SEM.VALUE_MAX}, got ${value}`);
  }
  requireMode(mode);
  const semaphore = new PosixSemaphoreObject(name, createSemaphoreFile(name, value, mode));
  publish(() => ({ kind: "semaphore.create", semaphore: "posix", name, value }));
  return semaphore;
}

/**
 * `openPosixSemaphore("/name")`: opens an existing semaphore, made here, in C or in Python.
 *
 * @param name A slash and then at most 251 bytes without a slash.
 * @throws {PosixError} ENOENT, EACCES (also for another user's semaphore), ELOOP for a symbolic link, EMFILE, ENFILE.
 * @throws {ProtocolError} When what has the name is too small to be a semaphore.
 * @throws {TypeError} For a name of another form.
 *
 * @example Nothing is there
 * ```ts
 * import { openPosixSemaphore, PosixError } from "@causeway/causeway";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => openPosixSemaphore(`/causeway-doc-${crypto.randomUUID()}`), PosixError, "ENOENT");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/sem_open.3.html sem_open(3)}
 * @tags allow-ffi
 */
export function openPosixSemaphore(name: string, options: OpenPosixSemaphoreOptions = {}): PosixSemaphore {
  const semaphore = new PosixSemaphoreObject(name, openSemaphoreFile(name, options.owner));
  publish(() => ({ kind: "semaphore.open", semaphore: "posix", name }));
  return semaphore;
}

/**
 * `sem_unlink(3)`: removes the name at once, whoever created it. Who has the semaphore open can go on; a new one may take the name.
 *
 * @throws {PosixError} ENOENT, EACCES.
 * @throws {TypeError} For a name that no semaphore can have.
 *
 * @example Clean up after a process that was killed
 * ```ts
 * import { createPosixSemaphore, unlinkPosixSemaphore } from "@causeway/causeway";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * createPosixSemaphore(name).close();
 * unlinkPosixSemaphore(name);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/sem_unlink.3.html sem_unlink(3)}
 * @tags allow-ffi
 */
export function unlinkPosixSemaphore(name: string): void {
  unlinkSemaphoreFile(name);
  publish(() => ({ kind: "semaphore.unlink", semaphore: "posix", name }));
}

class PosixSemaphoreObject implements PosixSemaphore {
  readonly name: string;
  readonly #mapping: Mapping;
  #pointer: NonNullable<Deno.PointerValue> | undefined;

  constructor(name: string, mapping: Mapping) {
    this.name = name;
    this.#mapping = mapping;
    this.#pointer = mapping.pointer;
  }

  get value(): number {
    check(libc().sem_getvalue(this.#open(), valueWord), "sem_getvalue", this.name);
    return valueWord[0]!;
  }

  post(count = 1): void {
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`count must be an integer of at least 1, got ${count}`);
    }
    const pointer = this.#open();
    for (let posted = 0; posted < count; posted++) check(libc().sem_post(pointer), "sem_post", this.name);
  }

  tryWait(): boolean {
    const result = libc().sem_trywait(this.#open());
    if (result === 0) return true;
    const number = errno();
    return number === ERRNO.EAGAIN ? false : fail(number, "sem_trywait", this.name);
  }

  async wait(options: WaitOptions = {}): Promise<void> {
    const what = `Waiting for semaphore ${this.name}`;
    await backOff(what, options, new Deadline(what, options.timeoutMs), () => this.tryWait() || undefined);
  }

  waitSync(options: SyncWaitOptions = {}): void {
    const deadline = new Deadline(`Waiting for semaphore ${this.name}`, options.timeoutMs);
    if (this.tryWait()) return;
    const pointer = this.#open();
    while (true) {
      setUntil(deadline.remainingMs);
      const result = libc().sem_clockwait(pointer, CLOCK_MONOTONIC, until);
      if (result === 0) return;
      const number = errno();
      if (number !== ERRNO.EINTR && number !== ERRNO.ETIMEDOUT) fail(number, "sem_clockwait", this.name);
      if (deadline.remainingMs === 0) throw deadline.timeoutError();
    }
  }

  close(): void {
    this.#pointer = undefined;
    this.#mapping.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): NonNullable<Deno.PointerValue> {
    if (this.#pointer === undefined) throw new ClosedError(`Semaphore ${this.name}`);
    return this.#pointer;
  }
}

const valueWord = new Int32Array(1);

/** `struct timespec`. */
const until = new BigInt64Array(2);
const LONGEST_WAIT_MS = 2 ** 31;

/** The moment on the monotonic clock; a wait that is longer than the clock can count is taken up again. */
function setUntil(remainingMs: number): void {
  const nanoseconds = BigInt(Math.ceil(Math.min(remainingMs, LONGEST_WAIT_MS) * 1e6));
  const moment = monotonicNanoseconds() + nanoseconds;
  until[0] = moment / 1_000_000_000n;
  until[1] = moment % 1_000_000_000n;
}
