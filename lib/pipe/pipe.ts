/**
 * Anonymous pipes, made here or inherited.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { Fd, statusFlags } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { publish } from "../sys/probe.ts";
import { objectOf } from "../sys/probe_object.ts";
import { adoptPipe } from "./adopt_pipe.ts";
import { KernelPipeReader, KernelPipeWriter } from "./kernel_ends.ts";
import type { PipeReader } from "./pipe_reader.ts";
import { checkCapacity, setCapacity } from "./pipe_size.ts";
import type { PipeWriter } from "./pipe_writer.ts";

/** How {@linkcode pipe} makes a pipe. */
export interface PipeOptions {
  /**
   * Bytes that the pipe holds before a writer must wait; rounded up by the kernel to a power of two of pages.
   * @default {65536}
   */
  capacity?: number | undefined;
  /**
   * Packet mode: each write of at most {@linkcode PIPE_BUF} bytes is one packet (a longer one several), and each read gives one packet. Such
   * waits for reading take the epoll thread.
   * @default {false}
   */
  packets?: boolean | undefined;
}

/** The two ends of a pipe that {@linkcode pipe} made. */
export interface Pipe {
  /** The end that is read. */
  readonly reader: PipeReader;
  /** The end that is written. */
  readonly writer: PipeWriter;
}

/**
 * `pipe2(O_CLOEXEC | O_NONBLOCK)`: makes a pipe. Synchronous: nothing waits.
 *
 * Bytes written to `writer` come out of `reader` in order, each copied twice by the kernel. Give an end to a child and the kernel joins the
 * two processes; the end here is closed by that, so that end of file and EPIPE work. When this process dies, the kernel closes what it had.
 *
 * @throws {RangeError} When `capacity` is not a whole number of at least 1.
 * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left; EPERM for a capacity above `/proc/sys/fs/pipe-max-size` (1 MiB) without
 * CAP_SYS_RESOURCE.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 *
 * @example Write, close, read to the end
 * ```ts
 * import { pipe } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const { reader, writer } = pipe();
 * using _reader = reader;
 * await writer.write(new TextEncoder().encode("hello"));
 * writer.close();
 *
 * const buffer = new Uint8Array(100);
 * assertEquals(await reader.read(buffer), 5);
 * assertEquals(await reader.read(buffer), null);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/pipe.2.html pipe(2)}
 * @see {@link https://man7.org/linux/man-pages/man7/pipe.7.html pipe(7)}
 *
 * @tags allow-ffi
 */
export function pipe(options: PipeOptions = {}): Pipe {
  const { capacity, packets = false } = options;
  if (capacity !== undefined) checkCapacity(capacity);
  const numbers = new Int32Array(2);
  check(libc().pipe2(numbers, O.CLOEXEC | O.NONBLOCK | (packets ? platform().O_DIRECT : 0)), "pipe2");
  const reader = Fd.own(numbers[0]!, "Pipe reader");
  const writer = Fd.own(numbers[1]!, "Pipe writer");
  try {
    if (capacity !== undefined) setCapacity(writer, capacity);
  } catch (error) {
    reader.close();
    writer.close();
    throw error;
  }
  publish(() => ({
    kind: "pipe",
    reader: reader.generation,
    writer: writer.generation,
    object: objectOf(reader),
  }));
  return { reader: new KernelPipeReader(reader, { packets }), writer: new KernelPipeWriter(writer) };
}

/**
 * `open("/proc/self/fd/N")`: makes a reader of a pipe or FIFO that this process inherited or received.
 *
 * The pipe is opened anew under the same number, so that reading without blocking here does not change how others read who share the old
 * open file.
 *
 * @param fd From {@linkcode fromDescriptor} or a socket. The reader owns it from now on.
 * @throws {TypeError} When it is not a pipe or FIFO, or not open for reading; it then stays with the caller.
 * @throws {PosixError} EMFILE, ENFILE; EACCES when the pipe belongs to another user.
 *
 * @example Read from descriptor 3, which the parent gave
 * ```ts ignore
 * import { fromDescriptor, pipeReader } from "@causeway/causeway";
 *
 * using jobs = pipeReader(fromDescriptor(3));
 * for await (const chunk of jobs.readable) console.log(chunk.byteLength);
 * ```
 *
 * @tags allow-ffi
 */
export function pipeReader(fd: Fd): PipeReader {
  adoptPipe(fd, O.RDONLY);
  return new KernelPipeReader(fd, { packets: (statusFlags(fd) & platform().O_DIRECT) !== 0 });
}

/**
 * `open("/proc/self/fd/N")`: makes a writer of a pipe or FIFO that this process inherited or received.
 *
 * The pipe is opened anew under the same number, so that writing without blocking here does not change how others write who share the old
 * open file.
 *
 * @param fd From {@linkcode fromDescriptor} or a socket. The writer owns it from now on.
 * @throws {TypeError} When it is not a pipe or FIFO, or not open for writing; it then stays with the caller.
 * @throws {PosixError} EMFILE, ENFILE; EACCES when the pipe belongs to another user.
 *
 * @example Say on descriptor 4, which the parent gave, that this process is ready
 * ```ts ignore
 * import { fromDescriptor, pipeWriter } from "@causeway/causeway";
 *
 * using ready = pipeWriter(fromDescriptor(4));
 * await ready.write(new Uint8Array([1]));
 * ```
 *
 * @tags allow-ffi
 */
export function pipeWriter(fd: Fd): PipeWriter {
  adoptPipe(fd, O.WRONLY);
  return new KernelPipeWriter(fd);
}
