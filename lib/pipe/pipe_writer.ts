/**
 * The end of a pipe or FIFO that is written, as a program sees it.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Movable } from "../sys/inheritable.ts";

/**
 * The end of a pipe or FIFO that is written.
 *
 * A writer waits while the pipe is full. A write of at most {@linkcode PIPE_BUF} bytes is atomic: it goes whole, and never mixes with what
 * others write; a longer one may be cut by theirs. When the last reader has closed its end or died, a write fails with EPIPE and the process
 * lives (SIGPIPE is ignored). When the last writer closes, the reader gets what was written and then the end of file.
 *
 * Waiting takes the one epoll thread, whatever the number of waiters. Writes queue up: each begins when the one before it has ended.
 *
 * @example Feed a child's standard input
 * ```ts
 * import { command, pipe } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const { reader, writer } = pipe();
 * await using child = command("tr", ["a-z", "A-Z"], { stdin: reader, stdout: "piped" }).spawn();
 * await writer.write(new TextEncoder().encode("hello"));
 * writer.close();
 * assertEquals(await new Response(child.stdout).text(), "HELLO");
 * await child.status;
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/pipe.7.html pipe(7)}
 */
export interface PipeWriter extends Disposable, Movable {
  /** Whether `close()` was called, or the end was given away. */
  readonly closed: boolean;

  /** Bytes that the kernel has taken from this object so far. The difference tells how far a write went that was aborted or timed out. */
  readonly bytesWritten: number;

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

  /** A web stream whose chunks are written. Closing or aborting it closes this end; an abort does not wait for a full pipe. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * `write(2)`: writes everything, waiting on the event loop while the pipe is full. What an aborted write had written stays written: see
   * `bytesWritten`.
   *
   * @throws {PosixError} EPIPE when there is no reader any more.
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  write(bytes: Uint8Array, options?: WaitOptions): Promise<void>;

  /**
   * Writes like `write`, blocking this thread.
   *
   * @throws {Deno.errors.Busy} While a `write` is pending: its bytes would be cut in two.
   *
   * @tags allow-ffi
   */
  writeSync(bytes: Uint8Array, options?: SyncWaitOptions): void;

  /**
   * Writes what fits, never waiting. At most {@linkcode PIPE_BUF} bytes go whole or not at all; of more, some may go.
   *
   * @returns How many bytes went; `undefined` when none could, or while a `write` is pending.
   * @throws {PosixError} EPIPE when there is no reader any more.
   *
   * @tags allow-ffi
   */
  tryWrite(bytes: Uint8Array): number | undefined;

  /**
   * Opens the same pipe once more, through `/proc/self/fd`: an end of its own, whose state no other owner can change. (A plain `dup(2)`
   * would share the non-blocking flag, which `Deno.Command` clears on what it is given.) The reader meets the end of file when both ends
   * are closed.
   *
   * @throws {PosixError} EMFILE, ENFILE; EACCES when the pipe belongs to another user.
   * @throws {ClosedError} After `close()`.
   *
   * @tags allow-ffi
   */
  duplicate(): PipeWriter;

  /** `close(2)`. Pending writes reject with `ClosedError`. May be called twice. */
  close(): void;
}
