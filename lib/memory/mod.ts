/**
 * Shared memory (synchronous model; zero copies; nobody waits): files, named memory, anonymous memory and System V segments, and typed
 * layouts over them.
 *
 * @module
 */

export { aligned, padded } from "./aligned_field.ts";
export { array, type ObjectArray, type ReadOnlyNumbers, type ReadOnlyValues, type ValueArray } from "./array_field.ts";
export { type Atomic, atomic, type ReadOnlyAtomic } from "./atomic_field.ts";
export {
  type AnonymousMemory,
  createAnonymousMemory,
  type CreateAnonymousMemoryOptions,
  openAnonymousMemory,
  type OpenAnonymousMemoryOptions,
  type Seal,
} from "./anonymous_memory.ts";
export type { CDefinition, CMember, CNamedType, CStructType, CType } from "./c_type.ts";
export { enumeration } from "./enumeration_field.ts";
export type { Field, FieldLayout, NumericField, ObjectField, Participation, Place, ValueField } from "./field.ts";
export {
  createMappedFile,
  type CreateMappedFileOptions,
  type FileSharing,
  type FlushOptions,
  type MappedFile,
  openMappedFile,
  type OpenMappedFileOptions,
} from "./mapped_file.ts";
export type { Memory } from "./memory.ts";
export type { MemoryAdvice, MemoryRange } from "./pages.ts";
export type { ReadOnlyMemory } from "./read_only.ts";
export { bool, f32, f64, i16, i32, i64, i8, u16, u32, u64, u8 } from "./scalars.ts";
export {
  createSharedMemory,
  type CreateSharedMemoryOptions,
  openSharedMemory,
  type OpenSharedMemoryOptions,
  type SharedMemory,
  unlinkSharedMemory,
} from "./shared_memory.ts";
export {
  openShared,
  type OpenSharedOptions,
  openSharedSync,
  type OpenSharedSyncOptions,
  type SharedStruct,
} from "./shared_struct.ts";
export {
  type Fields,
  type Infer,
  type InferReadOnly,
  type ReadOnlyViewOf,
  type ReadOnlyViewOfField,
  type Struct,
  struct,
  type StructOptions,
  type ViewOf,
  type ViewOfField,
} from "./struct.ts";
export {
  createSysvMemory,
  type CreateSysvMemoryOptions,
  openSysvMemory,
  type OpenSysvMemoryOptions,
  type SysvMemory,
  type SysvMemoryStatus,
} from "./sysv.ts";
export { bytes, utf8 } from "./text_fields.ts";
export { ClosedError, PosixError, ProtocolError } from "../errors.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export { type Fd, fromDescriptor } from "../sys/fd.ts";
export { type Movable, moveDescriptor } from "../sys/inheritable.ts";
