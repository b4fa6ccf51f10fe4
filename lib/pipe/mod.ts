/**
 * Bytes through the kernel, in one direction: pipes and FIFOs.
 *
 * Model: synchronous, through the kernel. A reader waits while the pipe is empty, a writer while it is full (64 KiB). Every byte is copied
 * twice, into the kernel and out of it. Writes of at most {@linkcode PIPE_BUF} bytes are atomic, so several writers can share a pipe. When the
 * last writer is gone, however it ended, the reader gets the rest and then the end of file; when the last reader is gone, writers get EPIPE.
 *
 * What flows between two programs need not pass through JavaScript to be counted, copied or joined: {@linkcode tap} sits between them,
 * {@linkcode splice} moves bytes from one descriptor to another and {@linkcode tee} duplicates them, all inside the kernel.
 *
 * A pipe has no name: give its ends to children. A FIFO is a pipe with a name, where processes meet that do not know each other.
 *
 * @module
 */

export { createFifo, type CreateFifoOptions, unlinkFifo } from "./fifo.ts";
export { openFifo, type OpenFifoOptions } from "./open_fifo.ts";
export { type Pipe, pipe, type PipeOptions, pipeReader, pipeWriter } from "./pipe.ts";
export type { PipeReader } from "./pipe_reader.ts";
export type { PipeWriter } from "./pipe_writer.ts";
export {
  splice,
  type SpliceOptions,
  type SpliceSize,
  spliceSync,
  type SpliceSyncOptions,
  trySplice,
} from "./splice.ts";
export { type Tap, tap, type TapOptions, type TapResult } from "./tap.ts";
export { tee, teeSync, tryTee } from "./tee.ts";
export { PIPE_BUF } from "../sys/linux.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export { ClosedError, PosixError } from "../errors.ts";
export { type Fd, fromDescriptor } from "../sys/fd.ts";
export { type Movable, moveDescriptor } from "../sys/inheritable.ts";
