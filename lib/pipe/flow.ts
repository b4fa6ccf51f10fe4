/**
 * Bytes that flow from one descriptor to another inside the kernel: `splice(2)` moves them, `tee(2)` duplicates them. What was read ahead
 * of a pipe is at its front, and goes first.
 *
 * @module
 */

import { ByteReader } from "../sys/byte_reader.ts";
import { ByteWriter } from "../sys/byte_writer.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd, setBlocking, setNonblocking, statusFlags } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { IO_MAX_BYTES, O, PIPE_BUF, POLL, SPLICE } from "../sys/linux.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { pollNow } from "../sys/poll.ts";
import { publish } from "../sys/probe.ts";
import { FilePipeReader, FilePipeWriter } from "./file_ends.ts";
import { KernelPipeReader, KernelPipeWriter } from "./kernel_ends.ts";
import type { PipeReader } from "./pipe_reader.ts";
import type { PipeWriter } from "./pipe_writer.ts";

const HINTS = {
  EBADF: "it must be open for reading at one end, and for writing at the other",
  EINVAL: "one end must be a pipe, the two must not be the same pipe, and a file must not be open for appending",
};

/**
 * The end that bytes come from.
 *
 * @throws {TypeError} For what is neither a reader nor a descriptor.
 */
export function sourceOf(from: PipeReader | Fd): ByteReader {
  if (from instanceof KernelPipeReader) return from.bytes;
  if (from instanceof Fd) return new ByteReader(from);
  throw notAnEnd("from", "PipeReader", from);
}

/**
 * The end that bytes go to.
 *
 * @throws {TypeError} For what is neither a writer nor a descriptor.
 */
export function sinkOf(to: PipeWriter | Fd, name: string): ByteWriter {
  if (to instanceof KernelPipeWriter) return to.bytes;
  if (to instanceof Fd) return new ByteWriter(to);
  throw notAnEnd(name, "PipeWriter", to);
}

function notAnEnd(name: string, type: string, value: unknown): Error {
  if (value instanceof FilePipeReader || value instanceof FilePipeWriter) return needsFfi(`Splicing a ${type}`);
  return new TypeError(`${name} must be a ${type} or an Fd, got ${Deno.inspect(value, { depth: 0, compact: true })}`);
}

/**
 * Makes the sockets among two ends non-blocking until the returned object is disposed of: SPLICE_F_NONBLOCK speaks of pipes only. Pipes
 * are left alone, because other processes may share their open files.
 */
export function nonblockingSockets(...ends: readonly Fd[]): Disposable {
  const blocking = ends.filter((fd) => (statusFlags(fd) & O.NONBLOCK) === 0 && fileFacts(fd).kind === "socket");
  blocking.forEach(setNonblocking);
  return { [Symbol.dispose]: () => blocking.filter((fd) => !fd.closed).forEach(setBlocking) };
}

/**
 * `splice(2)`: moves what is there, never waiting.
 *
 * @returns How many bytes; `undefined` when there is nothing yet, or no room; `null` at the end of file.
 */
export function moveNow(source: ByteReader, sink: ByteWriter, most: number): number | null | undefined {
  const ahead = source.front.subarray(0, most);
  const moved = ahead.byteLength > 0 ? writeAhead(ahead, sink) : spliceNow(source, sink, most);
  if (typeof moved !== "number") return moved;
  // What was read ahead and written is now taken.
  if (ahead.byteLength > 0) source.tryRead(new Uint8Array(moved));
  sink.wrote(moved);
  publish(() => ({ kind: "splice", from: source.fd.generation, to: sink.fd.generation, bytes: moved }));
  return moved;
}

/**
 * `tee(2)`: duplicates what is there, never waiting, and takes nothing.
 *
 * @returns How many bytes; `undefined` when there is nothing yet, or no room; `null` at the end of file.
 */
export function duplicateNow(source: ByteReader, sink: ByteWriter, most: number): number | null | undefined {
  const ahead = source.front.subarray(0, most);
  const count = ahead.byteLength > 0 ? writeAhead(ahead, sink) : teeNow(source, sink, most);
  if (typeof count !== "number") return count;
  sink.wrote(count);
  publish(() => ({ kind: "tee", from: source.fd.generation, to: sink.fd.generation, bytes: count }));
  return count;
}

/** Whether there is nothing to take from a source at the moment. At the end of file there is: the end. */
export function isEmpty(source: ByteReader): boolean {
  return source.buffered === 0 && !source.ended && pollNow(source.fd, POLL.IN) === 0;
}

/** Whether a sink has room. One that is broken has: it takes the write that says so. */
export function hasRoom(sink: ByteWriter): boolean {
  return pollNow(sink.fd, POLL.OUT) !== 0;
}

function spliceNow(source: ByteReader, sink: ByteWriter, most: number): number | null | undefined {
  if (source.ended) return null;
  const [from, to] = [source.fd, sink.fd];
  const length = Math.min(most, IO_MAX_BYTES);
  while (true) {
    const count = libc().splice(from.raw, null, to.raw, null, length, SPLICE.MOVE | SPLICE.NONBLOCK);
    const number = count === -1 ? errno() : 0;
    if (count > 0) return count;
    // 0 bytes are the end, except on a FIFO that has had no writer since it was opened.
    if (count === 0) return pollNow(from, POLL.IN) === 0 ? undefined : null;
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "splice", `${from.what} to ${to.what}`, HINTS);
  }
}

function teeNow(source: ByteReader, sink: ByteWriter, most: number): number | null | undefined {
  if (source.ended) return null;
  const [from, to] = [source.fd, sink.fd];
  const length = Math.min(most, IO_MAX_BYTES);
  while (true) {
    const count = libc().tee(from.raw, to.raw, length, SPLICE.NONBLOCK);
    const number = count === -1 ? errno() : 0;
    if (count > 0) return count;
    // 0 bytes can also mean that somebody else was faster: the end is only where nothing can be read and the writers have gone.
    if (count === 0) return (pollNow(from, POLL.IN) & (POLL.IN | POLL.HUP)) === POLL.HUP ? null : undefined;
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "tee", `${from.what} to ${to.what}`, HINTS);
  }
}

/** Writes bytes that were read ahead. Of at most PIPE_BUF bytes and after a look, so that even a blocking pipe cannot block. */
function writeAhead(bytes: Uint8Array, sink: ByteWriter): number | undefined {
  const fd = sink.fd;
  const chunk = bytes.slice(0, PIPE_BUF);
  while (true) {
    if (!hasRoom(sink)) return undefined;
    const count = libc().write(fd.raw, chunk, chunk.byteLength);
    const number = count === -1 ? errno() : 0;
    if (count !== -1) return count;
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "write", fd.what);
  }
}
