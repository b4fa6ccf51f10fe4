/**
 * The `rwLock` field: a lock in shared memory that many readers or one writer have, and that survives any of them.
 *
 * @module
 */

import { type ObjectField, roundUp } from "../memory/field.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { participantsAt, participantTable } from "./participants.ts";
import { oncePerPlace } from "./placed.ts";
import type { ReadGuard, WriteGuard } from "./rw_lock_guard.ts";
import { RW_LOCK_IN_C, RW_RECORDS_IN_C } from "./rw_lock_in_c.ts";
import { SharedRwLock } from "./rw_lock_object.ts";
import { RECORDS_OFFSET } from "./rw_lock_steps.ts";

/**
 * A lock that many readers have at a time, or one writer, of all processes, Workers and tasks that share it. When a thread that has it ends, in
 * whatever way, its right ends with it: a dead reader is in nobody's way, and after the death of a writer the next writer is told. Until that one has
 * mended what the lock guards, nobody reads.
 *
 * Taking and giving back a lock that nobody else wants makes no system call. New readers wait while a writer waits, so writers do not starve; a
 * writer that comes back again and again lets those who sleep go first, so readers do not either. Waiting tasks of one thread get the lock in the order in
 * which they asked.
 *
 * There is no upgrade from reading to writing, and an asynchronous task that asks for the lock while it holds it may wait for itself.
 */
export interface RwLock {
  /**
   * Waits on the event loop until this task may read.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`. Neither leaves a later grant behind.
   * @throws {PosixError} EOWNERDEAD when a writer died while it had the lock, and no other has mended what it guards; ENOTRECOVERABLE when one that
   * should have did not; ENOSPC when the struct's participant table is full of living threads; ENOSYS when it would have to wait before Linux 5.16.
   * @throws {ClosedError} When the memory is closed.
   */
  read(options?: WaitOptions): Promise<ReadGuard>;
  /**
   * Blocks this thread until it may read. A thread that reads already reads once more, whoever waits. Goes before tasks of this thread that wait.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {PosixError} EDEADLK when this thread writes; and as `read()`.
   * @throws {ClosedError} When the memory is closed.
   */
  readSync(options?: SyncWaitOptions): ReadGuard;
  /**
   * Reads if nobody writes or waits to write; `undefined` at once if somebody does.
   *
   * @throws {PosixError} EOWNERDEAD, ENOTRECOVERABLE, ENOSPC as `read()`.
   * @throws {ClosedError} When the memory is closed.
   */
  tryRead(): ReadGuard | undefined;
  /**
   * Waits on the event loop until this task may write: until nobody else writes, and all readers have left. From the moment when it is next, nobody
   * new reads.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`. Neither leaves a later grant behind.
   * @throws {PosixError} ENOTRECOVERABLE as `read()`; ENOSYS when it would have to wait before Linux 5.16.
   * @throws {ClosedError} When the memory is closed.
   */
  write(options?: WaitOptions): Promise<WriteGuard>;
  /**
   * Blocks this thread until it may write. Goes before tasks of this thread that wait.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {PosixError} EDEADLK when this thread reads or writes; ENOTRECOVERABLE as `read()`.
   * @throws {ClosedError} When the memory is closed.
   */
  writeSync(options?: SyncWaitOptions): WriteGuard;
  /**
   * Writes if nobody reads or writes; `undefined` at once if somebody does.
   *
   * @throws {PosixError} ENOTRECOVERABLE as `read()`.
   * @throws {ClosedError} When the memory is closed.
   */
  tryWrite(): WriteGuard | undefined;
}

/**
 * A struct field: a reader-writer lock that survives its owners. All-zero memory is a free one. The struct gets a participant table, in which every
 * thread that reads has a slot: `struct(fields, { participants })` says how many.
 *
 * @example Many read, one writes
 * ```ts
 * import { createAnonymousMemory, f64, rwLock, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Settings = struct({ lock: rwLock, gain: f64 }, { participants: 16 });
 * using memory = createAnonymousMemory({ size: Settings.byteLength });
 * const settings = Settings.create(memory);
 * {
 *   using guard = await settings.lock.write({ timeoutMs: 1000 });
 *   if (guard.previousOwnerDied) guard.markConsistent();
 *   settings.gain = 0.5;
 * }
 * {
 *   using _one = await settings.lock.read();
 *   using _two = settings.lock.readSync();
 *   assertEquals([settings.gain, settings.lock.tryWrite()], [0.5, undefined]);
 * }
 * settings.lock.writeSync().unlock();
 * ```
 *
 * @see {@link https://docs.kernel.org/locking/robust-futexes.html Robust futexes}
 * @tags allow-ffi
 */
export const rwLock: ObjectField<RwLock> = field(64);

function field(slots: number): ObjectField<RwLock> {
  const records = { size: 4 * slots, alignment: 4, layout: "", c: { ...RW_RECORDS_IN_C, dimensions: [slots] } };
  const lock = { size: RECORDS_OFFSET, alignment: 8, layout: "", c: RW_LOCK_IN_C };
  const size = roundUp(RECORDS_OFFSET + records.size, 8);
  return {
    kind: "object",
    size,
    alignment: 8,
    layout: "rwLock",
    c: {
      members: [
        { name: "lock", offset: 0, field: lock },
        { name: "records", offset: RECORDS_OFFSET, field: records },
      ],
      size,
    },
    participants: { table: participantTable, field },
    place: oncePerPlace((place, mapping) => new SharedRwLock(place, mapping, participantsAt(place, mapping, slots))),
  };
}
