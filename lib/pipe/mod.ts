/**
 * Bytes through the kernel, in one direction: pipes and FIFOs.
 *
 * Model: synchronous, through the kernel. A reader waits while the pipe is empty, a writer while it is full (64 KiB). Every byte is copied
 * twice, into the kernel and out of it. Writes of at most {@linkcode PIPE_BUF} bytes are atomic, so several writers can share a pipe. When the
 * last writer is gone, however it ended, the reader gets the rest and then the end of file; when the last reader is gone, writers get EPIPE.
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
export { PIPE_BUF } from "../sys/linux.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export { ClosedError, PosixError } from "../errors.ts";
export { type Fd, fromDescriptor } from "../sys/fd.ts";
export { type Movable, moveDescriptor } from "../sys/inheritable.ts";
