/**
 * `semop(2)`: several changes of one System V semaphore set as one.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { readProcFile } from "../memory/proc_file.ts";
import type { Deadline } from "../sys/clock.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { SEM } from "../sys/linux.ts";

/** One part of an operation on a set. */
export interface SysvSemaphoreOperation {
  /** Which semaphore, from 0. */
  index: number;
  /**
   * What happens to its value: a positive number is added; a negative one is taken off when the value is large enough; 0 waits until the value
   * is 0. From -32768 to 32767.
   */
  change: number;
  /**
   * `SEM_UNDO`: the kernel reverses the change when this **process** ends, however it ends. Neither the end of a Worker nor `close()` does.
   * @default {false}
   */
  undo?: boolean | undefined;
}

/** Operations as the kernel reads them: `struct sembuf`s, of three 16-bit numbers each. */
export type EncodedOperations = Int16Array<ArrayBuffer>;

const WORDS = SEM.sembuf.byteLength / 2;
const MOST_IN_SCRATCH = 16;
const scratch = Array.from({ length: MOST_IN_SCRATCH + 1 }, (_, count) => new Int16Array(count * WORDS));

/**
 * Checks operations and writes them as `struct sembuf`s.
 *
 * @param length How many semaphores the set has.
 * @param flags `IPC.NOWAIT` or 0.
 * @param keep Whether the result must outlive the next call.
 * @throws {RangeError} For none, and for an index or a change that cannot be.
 */
export function encodeOperations(
  operations: readonly SysvSemaphoreOperation[],
  length: number,
  flags: number,
  keep = false,
): EncodedOperations {
  const count = operations.length;
  if (count === 0) throw new RangeError("operations must have at least 1 element, got 0");
  const encoded = (keep ? undefined : scratch[count]) ?? new Int16Array(count * WORDS);
  const { num, op, flg } = SEM.sembuf;
  for (let position = 0; position < count; position++) {
    const { index, change, undo = false } = operations[position]!;
    requireIndex(index, length);
    if (!Number.isInteger(change) || change < -0x8000 || change > 0x7fff) {
      throw new RangeError(`change must be an integer in -32768..32767, got ${change}`);
    }
    encoded[position * WORDS + num / 2] = index;
    encoded[position * WORDS + op / 2] = change;
    encoded[position * WORDS + flg / 2] = flags | (undo ? SEM.UNDO : 0);
  }
  return encoded;
}

/** @throws {RangeError} When the set has no such semaphore. */
export function requireIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new RangeError(`index must be in 0..${length - 1}, got ${index}`);
  }
}

/** @throws {RangeError} For a value that no semaphore can have. */
export function requireValue(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > SEM.VMX) {
    throw new RangeError(`value must be an integer in 0..${SEM.VMX}, got ${value}`);
  }
}

/** Does all of the operations, or none and returns `false`. */
export function operateNow(id: number, trying: EncodedOperations, target: string): boolean {
  while (true) {
    const result = libc().semtimedop(id, trying, trying.length / WORDS, null);
    if (result === 0) return true;
    const number = errno();
    if (number === ERRNO.EAGAIN) return false;
    if (number !== ERRNO.EINTR) failOnSet(number, "semop", target);
  }
}

/** Does all of the operations, blocking this thread until they are possible. A signal does not end the wait. */
export function operateBlocking(
  id: number,
  waiting: EncodedOperations,
  deadline: Deadline,
  target: string,
): void {
  while (true) {
    const result = libc().semtimedop(id, waiting, waiting.length / WORDS, timespecOf(deadline.remainingMs));
    if (result === 0) return;
    const number = errno();
    if (number !== ERRNO.EAGAIN && number !== ERRNO.EINTR) failOnSet(number, "semtimedop", target);
    if (deadline.remainingMs === 0) throw deadline.timeoutError();
  }
}

/**
 * Throws what went wrong with a set that was there when it was opened. EINVAL then has one cause left, which the kernel calls EIDRM when it
 * finds somebody asleep at the set: so do we, whether the caller was asleep, between two tries, or just comes along.
 */
export function failOnSet(number: number, syscall: string, target: string): never {
  if (number !== ERRNO.EINVAL) fail(number, syscall, target, sysvSemaphoreHints());
  throw new PosixError({ code: "EIDRM", syscall, target, hint: "the set has been removed" });
}

/** What a failed call can be helped with; the limits are read only then. */
export function sysvSemaphoreHints(): Record<string, string> {
  const [perSet, all, perOperation, sets] = readProcFile("/proc/sys/kernel/sem")?.trim().split(/\s+/) ?? [];
  const limit = (name: string, position: string, value = "unknown") =>
    `${name} is ${value}: raise the ${position} number of kernel.sem`;
  return {
    E2BIG: `too many operations at once; ${limit("SEMOPM", "third", perOperation)}`,
    EINVAL: `too many semaphores in a set; ${limit("SEMMSL", "first", perSet)}`,
    ENOSPC: `too many sets, or semaphores in all sets; ${limit("SEMMNI", "fourth", sets)}; ${
      limit("SEMMNS", "second", all)
    }`,
    ERANGE: "a value is at most 32767",
  };
}

const timespec = new BigInt64Array(2);
const LONGEST_WAIT_MS = 2 ** 31;

/** The kernel counts it on the monotonic clock. `null`, for ever. */
function timespecOf(remainingMs: number): BigInt64Array<ArrayBuffer> | null {
  if (remainingMs === Infinity) return null;
  const nanoseconds = BigInt(Math.ceil(Math.min(remainingMs, LONGEST_WAIT_MS) * 1e6));
  timespec[0] = nanoseconds / 1_000_000_000n;
  timespec[1] = nanoseconds % 1_000_000_000n;
  return timespec;
}
