/**
 * The end of a pipe or FIFO that is read, as a program sees it.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Movable } from "../sys/inheritable.ts";

/**
 * The end of a pipe or FIFO that is read: bytes in the order in which they were written, each read once, by whichever reader comes first.
 *
 * A reader waits while the pipe is empty. When the last writer has closed its end or died, the rest of the data is read, and then the end
 * of file, for good: a writer that opens a FIFO later needs a reader that was opened later. When the last reader closes, writers get EPIPE.
 * The kernel copies every byte twice, in and out.
 *
 * Waiting is done by Deno's event loop and takes no thread. One `read` at a time; a second one is refused with `Deno.errors.Busy`.
 *
 * @example Read what a child writes, straight from its standard output
 * ```ts
 * import { command, pipe } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const { reader, writer } = pipe();
 * using _reader = reader;
 * await using child = command("echo", ["hello"], { stdout: writer }).spawn();
 * assertEquals(await new Response(reader.readable).text(), "hello\n");
 * await child.status;
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/pipe.7.html pipe(7)}
 */
export interface PipeReader extends Disposable, Movable {
  /** Whether `close()` was called, or the end was given away. */
  readonly closed: boolean;

  /**
   * `ioctl(FIONREAD)`: how many bytes can be read without waiting.
   *
   * @throws {ClosedError} After `close()`.
   *
   * @tags allow-ffi
   */
  readonly bytesAvailable: number;

  /**
   * `fcntl(F_GETPIPE_SZ)`, and `F_SETPIPE_SZ` when assigned: how many bytes the pipe holds before a writer must wait. Both ends see the same
   * pipe. The kernel rounds up to a power of two of pages, at least one; read it back to know.
   *
   * @throws {RangeError} When assigned anything but a whole number of at least 1.
   * @throws {PosixError} EPERM above `/proc/sys/fs/pipe-max-size` (1 MiB) without CAP_SYS_RESOURCE; EBUSY when more bytes are in the pipe.
   * @throws {ClosedError} After `close()`.
   *
   * @tags allow-ffi
   */
  capacity: number;

  /** The bytes as a web stream, until the end of file, which closes this end. Cancelling it closes this end too. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;

  /**
   * `read(2)`: reads at least one byte, waiting on the event loop. A read that is aborted or times out has taken nothing.
   *
   * @param into Where to; what does not fit is read next time. From a pipe of packets, what does not fit of the packet is lost.
   * @returns How many bytes; `null` at the end of file; `0` when `into` is empty.
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  read(into: Uint8Array, options?: WaitOptions): Promise<number | null>;

  /**
   * Reads like `read`, blocking this thread.
   *
   * @tags allow-ffi
   */
  readSync(into: Uint8Array, options?: SyncWaitOptions): number | null;

  /**
   * Reads what is there, never waiting.
   *
   * @returns How many bytes; `undefined` when there is nothing yet; `null` at the end of file.
   *
   * @tags allow-ffi
   */
  tryRead(into: Uint8Array): number | null | undefined;

  /**
   * Opens the same pipe once more, through `/proc/self/fd`: an end of its own, whose state no other owner can change. (A plain `dup(2)`
   * would share the non-blocking flag, which `Deno.Command` clears on what it is given.) Both ends then take bytes from the one pipe, so
   * usually one is given away. Bytes that this object has read ahead stay with it.
   *
   * @throws {PosixError} EMFILE, ENFILE; EACCES when the pipe belongs to another user.
   * @throws {ClosedError} After `close()`.
   *
   * @tags allow-ffi
   */
  duplicate(): PipeReader;

  /** `close(2)`. A pending read rejects with `ClosedError`. May be called twice. */
  close(): void;
}
