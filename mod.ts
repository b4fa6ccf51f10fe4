/**
 * Causeway: every way that POSIX has for processes to talk, as typed, disposable, cancellable objects, and the orchestration of the
 * processes themselves.
 *
 * Three models: signals interrupt (asynchronous); pipes, FIFOs, sockets and queues go through the kernel, which copies twice and lets
 * whoever must wait (synchronous); shared memory copies nothing, and locks keep order in it (synchronous). Each room says which it is,
 * who waits and what survives.
 *
 * Importing needs no permission and does nothing.
 *
 * @example Start a program, join two, and share memory with a lock
 * ```ts
 * import { command, createAnonymousMemory, i32, mutex, pipeline, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await command("echo", ["hello"]).text(), "hello");
 * assertEquals(await pipeline(["yes"], ["head", "-n", "2"], ["wc", "-l"]).text(), "2");
 *
 * const Counter = struct({ lock: mutex, hits: i32 });
 * using memory = createAnonymousMemory({ size: Counter.byteLength + 64 });
 * const counter = Counter.create(memory);
 * using _guard = await counter.lock.lock();
 * counter.hits += 1;
 * assertEquals(counter.hits, 1);
 * ```
 *
 * @module
 */

export { ClosedError, PosixError, type PosixErrorFacts, ProtocolError } from "./lib/errors.ts";
export type { SyncWaitOptions, WaitOptions } from "./lib/sys/clock.ts";
export { type Fd, fromDescriptor } from "./lib/sys/fd.ts";
export { type Movable, moveDescriptor } from "./lib/sys/inheritable.ts";
export {
  type AsyncIoSignal,
  type ChildChange,
  type ChildSignal,
  type DescriptorSignal,
  type KernelSignal,
  kill,
  killGroup,
  type MessageQueueSignal,
  openPidFd,
  type PidFd,
  type QueuedSignal,
  queueSignal,
  realtime,
  type RealtimeSignal,
  type Signal,
  type SignalAction,
  type SignalEvent,
  type SignalFacts,
  type SignalInfo,
  type SignalListener,
  type SignalName,
  signalName,
  signalNumber,
  SIGNALS,
  signals,
  type SignalSender,
  type SignalsOptions,
  type SignalTarget,
  type StandardSignal,
  type ThreadSignal,
  type TimerSignal,
  type UnknownSignal,
  type UserSignal,
  waitForSignal,
} from "./lib/signal/mod.ts";
export {
  createFifo,
  type CreateFifoOptions,
  openFifo,
  type OpenFifoOptions,
  type Pipe,
  pipe,
  PIPE_BUF,
  type PipeOptions,
  type PipeReader,
  pipeReader,
  type PipeWriter,
  pipeWriter,
  unlinkFifo,
} from "./lib/pipe/mod.ts";
export {
  connectUnix,
  type ConnectUnixOptions,
  type DescriptorLimit,
  type DescriptorMessage,
  listenerFromDescriptor,
  listenUnix,
  type ListenUnixOptions,
  type MessageBuffer,
  type MessageSocket,
  type PeerCredentials,
  type ReceiveDescriptorsOptions,
  type ReceiveDescriptorsSyncOptions,
  type ReceiveMessageOptions,
  type ReceiveMessageSyncOptions,
  socketFromDescriptor,
  type SocketFromDescriptorOptions,
  type SocketMessage,
  type SocketNamespace,
  socketPair,
  type SocketPairOptions,
  type SocketType,
  type StreamSocket,
  type UnixListener,
} from "./lib/socket/mod.ts";
export {
  type AnonymousMemory,
  array,
  type Atomic,
  atomic,
  bool,
  bytes,
  createAnonymousMemory,
  type CreateAnonymousMemoryOptions,
  createMappedFile,
  type CreateMappedFileOptions,
  createSharedMemory,
  type CreateSharedMemoryOptions,
  createSysvMemory,
  type CreateSysvMemoryOptions,
  f32,
  f64,
  type Field,
  type FieldLayout,
  type Fields,
  i16,
  i32,
  i64,
  i8,
  type Infer,
  type MappedFile,
  type Memory,
  type NumericField,
  type ObjectArray,
  type ObjectField,
  openAnonymousMemory,
  type OpenAnonymousMemoryOptions,
  openMappedFile,
  type OpenMappedFileOptions,
  openSharedMemory,
  type OpenSharedMemoryOptions,
  openSysvMemory,
  type OpenSysvMemoryOptions,
  type Place,
  type ReadOnlyMemory,
  type Seal,
  type SharedMemory,
  type Struct,
  struct,
  type SysvMemory,
  u16,
  u32,
  u64,
  u8,
  unlinkSharedMemory,
  utf8,
  type ValueArray,
  type ValueField,
  type ViewOf,
  type ViewOfField,
} from "./lib/memory/mod.ts";
export { type Mutex, mutex, type MutexGuard } from "./lib/sync/mod.ts";
export {
  Child,
  Command,
  command,
  type CommandOptions,
  displayCommand,
  type EndingOptions,
  type ExitedStatus,
  ExitError,
  type ExitErrorFacts,
  isSuccess,
  type OutputTarget,
  Pipeline,
  pipeline,
  type PipelineOptions,
  type PipelineStage,
  Runnable,
  Running,
  type RunResult,
  shellCode,
  type SignaledStatus,
  type StageResult,
  type Status,
  type StdinSource,
  type StdioOptions,
} from "./lib/process/mod.ts";
