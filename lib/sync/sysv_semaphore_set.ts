/**
 * An open System V semaphore set.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { backOff } from "../sys/back_off.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC, SEM } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import {
  type EncodedOperations,
  encodeOperations,
  failOnSet,
  operateBlocking,
  operateNow,
  requireIndex,
  requireValue,
  type SysvSemaphoreOperation,
} from "./sysv_operations.ts";

/**
 * An open set. It lives until it is removed or the machine goes down. Once it is removed, every call on it, also one that waits, throws PosixError
 * EIDRM.
 */
export interface SysvSemaphores extends Disposable {
  /** The key; `"private"` for a set that only its id leads to. */
  readonly key: number | "private";
  /** The kernel's id, for `openSysvSemaphores({ id })` and `ipcs`. */
  readonly id: number;
  /** How many semaphores it has. */
  readonly length: number;
  /**
   * `semctl(GETALL)`: all values of one instant.
   *
   * @throws {PosixError} EACCES, EIDRM.
   * @throws {ClosedError} After `close()`.
   */
  readonly values: number[];
  /**
   * `semop(2)`: does all of the operations as one step, as soon as it finds all of them possible. **It polls**: the kernel has no way to wait for
   * semaphores beside other events. It tries at once, then with growing pauses of at most 20 ms; whoever sleeps in `operateSync` or in C is
   * faster. A wait that ends early has changed nothing.
   *
   * @throws {PosixError} E2BIG for more than SEMOPM operations, EACCES, EIDRM, ENOMEM, ERANGE when a value would be over 32767.
   * @throws {RangeError} For an index or a change that cannot be.
   * @throws {DOMException} `TimeoutError`.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  operate(operations: readonly SysvSemaphoreOperation[], options?: WaitOptions): Promise<void>;
  /**
   * `semtimedop(2)`: does all of the operations as one step, blocking this thread until all are possible. On the monotonic clock. A signal does not
   * end the wait. Throws as `operate` does.
   */
  operateSync(operations: readonly SysvSemaphoreOperation[], options?: SyncWaitOptions): void;
  /**
   * `semop(IPC_NOWAIT)`: does all of the operations as one step, or none. Throws as `operate` does.
   *
   * @returns Whether it did them.
   */
  tryOperate(operations: readonly SysvSemaphoreOperation[]): boolean;
  /**
   * Takes permits off one semaphore, with `undo`: they come back when they are released, at the end of the `using` block, and also when this
   * process dies. **It polls**, as `operate` does, and throws as it does.
   */
  acquire(index: number, options?: SysvAcquireOptions & WaitOptions): Promise<SysvPermit>;
  /** Takes permits like `acquire`, blocking this thread until they are there. */
  acquireSync(index: number, options?: SysvAcquireOptions & SyncWaitOptions): SysvPermit;
  /** Takes permits like `acquire`, or returns `undefined` when they are not there. */
  tryAcquire(index: number, options?: SysvAcquireOptions): SysvPermit | undefined;
  /**
   * `semctl(SETVAL)`: stores a value, whatever it was, and wakes whom that lets go on. What processes would have undone on this semaphore
   * is forgotten.
   *
   * @throws {PosixError} EACCES, EIDRM.
   * @throws {RangeError} For an index or a value that cannot be.
   * @throws {ClosedError} After `close()`.
   */
  set(index: number, value: number): void;
  /**
   * `semctl(GETVAL, GETPID, GETNCNT, GETZCNT)`: what the kernel says of one semaphore. Four calls: the numbers may be of different instants.
   *
   * @throws {PosixError} EACCES, EIDRM.
   * @throws {RangeError} For an index that cannot be.
   * @throws {ClosedError} After `close()`.
   */
  status(index: number): SysvSemaphoreStatus;
  /**
   * `semctl(IPC_RMID)`: removes the set at once, for everybody. Whoever waits gets EIDRM, and the key is free.
   *
   * @throws {PosixError} EIDRM when it is removed already; EPERM.
   * @throws {ClosedError} After `close()`.
   */
  remove(): void;
  /** Gives up this handle; the set stays, and so do permits. May be called twice. */
  close(): void;
}

/** How many permits are taken. */
export interface SysvAcquireOptions {
  /**
   * So many at once, or none.
   * @default {1}
   */
  count?: number | undefined;
}

/** Permits that this process holds. The kernel gives them back when the process ends. */
export interface SysvPermit extends Disposable {
  /** Of which semaphore. */
  readonly index: number;
  /** How many. */
  readonly count: number;
  /**
   * Gives them back. May be called twice; of a set that has been removed there is nothing to give back.
   *
   * @throws {PosixError} ERANGE when somebody has set the value so high that there is no room.
   */
  release(): void;
}

/** What the kernel says of one semaphore. */
export interface SysvSemaphoreStatus {
  /** Its value. */
  readonly value: number;
  /** The process that last operated on it; 0 when none did. */
  readonly lastPid: number;
  /** How many threads sleep until it is larger: those in `operateSync` and in C, not those that poll. */
  readonly waitingForMore: number;
  /** How many threads sleep until it is 0. */
  readonly waitingForZero: number;
}

/** {@linkcode SysvSemaphores} over an id. */
export class SysvSemaphoreSet implements SysvSemaphores {
  readonly key: number | "private";
  readonly id: number;
  readonly length: number;
  readonly #target: string;
  #closed = false;

  constructor(key: number | "private", id: number, length: number, target: string) {
    this.key = key;
    this.id = id;
    this.length = length;
    this.#target = target;
  }

  get values(): number[] {
    this.#requireOpen();
    const values = new Uint16Array(this.length);
    const result = libc().semctl(this.id, 0, SEM.GETALL, values);
    if (result === -1) failOnSet(errno(), "semctl(GETALL)", this.#target);
    return [...values];
  }

  async operate(operations: readonly SysvSemaphoreOperation[], options: WaitOptions = {}): Promise<void> {
    const encoded = encodeOperations(operations, this.length, IPC.NOWAIT, true);
    const what = `Operating on ${this.#target}`;
    await backOff(what, options, new Deadline(what, options.timeoutMs), () => this.#try(encoded) || undefined);
  }

  operateSync(operations: readonly SysvSemaphoreOperation[], options: SyncWaitOptions = {}): void {
    this.#requireOpen();
    const encoded = encodeOperations(operations, this.length, 0);
    const deadline = new Deadline(`Operating on ${this.#target}`, options.timeoutMs);
    operateBlocking(this.id, encoded, deadline, this.#target);
  }

  tryOperate(operations: readonly SysvSemaphoreOperation[]): boolean {
    return this.#try(encodeOperations(operations, this.length, IPC.NOWAIT));
  }

  async acquire(index: number, options: SysvAcquireOptions & WaitOptions = {}): Promise<SysvPermit> {
    const { count = 1 } = options;
    await this.operate([taking(index, count)], options);
    return new Permit(this.id, index, count, this.#target);
  }

  acquireSync(index: number, options: SysvAcquireOptions & SyncWaitOptions = {}): SysvPermit {
    const { count = 1 } = options;
    this.operateSync([taking(index, count)], options);
    return new Permit(this.id, index, count, this.#target);
  }

  tryAcquire(index: number, options: SysvAcquireOptions = {}): SysvPermit | undefined {
    const { count = 1 } = options;
    return this.tryOperate([taking(index, count)]) ? new Permit(this.id, index, count, this.#target) : undefined;
  }

  set(index: number, value: number): void {
    requireValue(value);
    this.#control(index, SEM.SETVAL, "SETVAL", value);
  }

  status(index: number): SysvSemaphoreStatus {
    return {
      value: this.#control(index, SEM.GETVAL, "GETVAL"),
      lastPid: this.#control(index, SEM.GETPID, "GETPID"),
      waitingForMore: this.#control(index, SEM.GETNCNT, "GETNCNT"),
      waitingForZero: this.#control(index, SEM.GETZCNT, "GETZCNT"),
    };
  }

  remove(): void {
    this.#control(0, IPC.RMID, "IPC_RMID");
    publish(() => ({ kind: "semaphore.unlink", semaphore: "sysv", name: this.#target }));
  }

  close(): void {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #try(encoded: EncodedOperations): boolean {
    this.#requireOpen();
    return operateNow(this.id, encoded, this.#target);
  }

  #control(index: number, operation: number, name: string, value = 0): number {
    this.#requireOpen();
    requireIndex(index, this.length);
    const result = libc().semctl_value(this.id, index, operation, value);
    if (result === -1) failOnSet(errno(), `semctl(${name})`, this.#target);
    return result;
  }

  #requireOpen(): void {
    if (this.#closed) throw new ClosedError(this.#target);
  }
}

function taking(index: number, count: number): SysvSemaphoreOperation {
  if (!Number.isInteger(count) || count < 1 || count > SEM.VMX) {
    throw new RangeError(`count must be an integer in 1..${SEM.VMX}, got ${count}`);
  }
  return { index, change: -count, undo: true };
}

class Permit implements SysvPermit {
  readonly index: number;
  readonly count: number;
  readonly #id: number;
  readonly #target: string;
  #released = false;

  constructor(id: number, index: number, count: number, target: string) {
    this.#id = id;
    this.index = index;
    this.count = count;
    this.#target = target;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    const giving = [{ index: this.index, change: this.count, undo: true }];
    const encoded = encodeOperations(giving, this.index + 1, IPC.NOWAIT);
    const result = libc().semtimedop(this.#id, encoded, 1, null);
    if (result === 0) return;
    const number = errno();
    if (number !== ERRNO.EINVAL && number !== ERRNO.EIDRM) failOnSet(number, "semop", this.#target);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
