/**
 * Synchronization in shared memory (synchronous model): locks that survive the death of their owners. Who waits sleeps in the kernel; nothing on
 * the uncontended path is a system call.
 *
 * @module
 */

export { type Mutex, mutex, type MutexGuard } from "./mutex.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export type { FieldLayout, ObjectField, Place } from "../memory/field.ts";
export type { Memory } from "../memory/memory.ts";
export { ClosedError, PosixError, ProtocolError } from "../errors.ts";
