/**
 * Synchronization in shared memory (synchronous model): locks that survive the death of their owners. Who waits sleeps in the kernel; nothing on
 * the uncontended path is a system call.
 *
 * @module
 */

export { lockFile, type LockFileOptions, lockFileSync, tryLockFile } from "./file_lock.ts";
export type { FileLock } from "./file_lock_guard.ts";
export type { FileLockMode } from "./lock_calls.ts";
export {
  createPosixSemaphore,
  type CreatePosixSemaphoreOptions,
  openPosixSemaphore,
  type OpenPosixSemaphoreOptions,
  type PosixSemaphore,
  unlinkPosixSemaphore,
} from "./posix_semaphore.ts";
export {
  createSysvSemaphores,
  type CreateSysvSemaphoresOptions,
  openSysvSemaphores,
  type OpenSysvSemaphoresOptions,
  openSysvSemaphoresSync,
} from "./sysv_semaphore.ts";
export type { SysvSemaphoreOperation } from "./sysv_operations.ts";
export type { SysvAcquireOptions, SysvPermit, SysvSemaphores, SysvSemaphoreStatus } from "./sysv_semaphore_set.ts";
export { type Barrier, barrier, type BarrierPass } from "./barrier.ts";
export { type Condition, condition, type ConditionOptions } from "./condition.ts";
export { autoResetEvent, event, type SharedEvent } from "./event.ts";
export { type Mutex, mutex } from "./mutex.ts";
export type { MutexGuard } from "./mutex_guard.ts";
export { type RwLock, rwLock } from "./rw_lock.ts";
export type { ReadGuard, WriteGuard } from "./rw_lock_guard.ts";
export { type Permit, type Semaphore, semaphore } from "./semaphore.ts";
export { type Once, once, type OnceRun } from "./once.ts";
export { type Fd, fromDescriptor } from "../sys/fd.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export type { CDefinition, CMember, CNamedType, CStructType, CType } from "../memory/c_type.ts";
export type { FieldLayout, ObjectField, Participation, Place } from "../memory/field.ts";
export type { Memory } from "../memory/memory.ts";
export type { ReadOnlyMemory } from "../memory/read_only.ts";
export { ClosedError, PosixError, ProtocolError } from "../errors.ts";
