/**
 * Moving bytes from one descriptor to another without reading them.
 *
 * @module
 */

import type { ByteReader } from "../sys/byte_reader.ts";
import type { ByteWriter } from "../sys/byte_writer.ts";
import { Deadline, nextTurn, type SyncWaitOptions, turned, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { EPOLL, POLL } from "../sys/linux.ts";
import { pollSync } from "../sys/poll.ts";
import { isEmpty, moveNow, nonblockingSockets, sinkOf, sourceOf } from "./flow.ts";
import { Pace } from "./pace.ts";
import type { PipeReader } from "./pipe_reader.ts";
import { growPipes } from "./pipe_size.ts";
import type { PipeWriter } from "./pipe_writer.ts";

/** What a pipe holds when nobody has changed it. */
const DEFAULT_CAPACITY = 65_536;

/** How much {@linkcode splice} moves, and how its wait can end early. */
export interface SpliceOptions extends WaitOptions, SpliceSize {}

/** How much {@linkcode spliceSync} moves, and how its wait can end early. */
export interface SpliceSyncOptions extends SyncWaitOptions, SpliceSize {}

/** How much a splice moves. */
export interface SpliceSize {
  /**
   * How many bytes to move, unless the end of file comes before.
   * @default {Infinity}
   */
  byteLength?: number | undefined;
}

/**
 * `splice(from, to)`: moves bytes inside the kernel, until the end of file or for `byteLength` bytes, waiting on the event loop.
 *
 * Order is kept and nothing is copied: between two pipes whole pages change hands, and no byte passes through JavaScript. What `from` has
 * read ahead (by a `read` before) goes first. One end must be a pipe or FIFO; the other may also be an `Fd` of a regular file or a stream
 * socket (`socket[moveDescriptor]()` gives one; a file for writing must not be open with O_APPEND). Both pipes are grown to 1 MiB
 * where the kernel allows it.
 *
 * A slow `to` slows `from` down; memory is bounded by what the pipes hold. A stream of more than 16 MB/s is moved in portions, up to 1 ms
 * late, which makes it faster. Both ends stay open. When `to` has no reader any more, the next bytes throw EPIPE: close `from` then, so
 * that whoever writes into it learns it too. (`tap` does all that.) During the splice other reads of `from` are refused and other writes to
 * `to` queue up.
 *
 * @returns How many bytes were moved. When it ends early nothing is lost: what was not moved is still in `from`, and `to.bytesWritten` of a
 * `PipeWriter` tells how far it went.
 * @throws {RangeError} When `byteLength` is not a whole number of at least 0.
 * @throws {PosixError} EPIPE when nobody reads `to`; EINVAL when no end is a pipe, both are the same one, or the file is open with O_APPEND;
 * EBADF when an `Fd` is open the wrong way; ENOSPC, EFBIG, EDQUOT, EIO of the file; ECONNRESET of the socket; ENOMEM.
 * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
 * @throws {ClosedError} When an end is closed, also during the wait.
 * @throws {Deno.errors.Busy} While a `read` of `from` is pending.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 *
 * @example Put a header before the output of a program
 * ```ts
 * import { command, pipe, splice } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [upstream, downstream] = [pipe(), pipe()];
 * using from = upstream.reader;
 * await using source = command("echo", ["body"], { stdout: upstream.writer }).spawn();
 * const upper = command("tr", ["a-z", "A-Z"], { stdin: downstream.reader }).text();
 * await downstream.writer.write(new TextEncoder().encode("header "));
 * assertEquals(await splice(from, downstream.writer), 5);
 * downstream.writer.close();
 * assertEquals(await upper, "HEADER BODY");
 * await source.status;
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/splice.2.html splice(2)}
 *
 * @tags allow-ffi
 */
export async function splice(
  from: PipeReader | Fd,
  to: PipeWriter | Fd,
  options: SpliceOptions = {},
): Promise<number> {
  const [source, sink] = [sourceOf(from), sinkOf(to, "to")];
  const most = checkSize(options.byteLength);
  options.signal?.throwIfAborted();
  const what = describe(source, sink);
  const deadline = new Deadline(what, options.timeoutMs);
  using _source = source.reserve();
  using _sink = await sink.reserve(what, options, deadline);
  if (source.ended) return 0;
  using _ends = nonblockingSockets(source.fd, sink.fd);
  using pace = new Pace(growFor(most, source, sink));
  for (let total = 0; total < most;) {
    if (turnIsDue()) {
      await nextTurn();
      options.signal?.throwIfAborted();
      if (total > 0 && deadline.remainingMs === 0) throw deadline.timeoutError();
    }
    const moved = moveNow(source, sink, most - total);
    if (moved === null) return total;
    if (moved === undefined) await waitUntilReady(source, sink, options, deadline);
    else {
      total += moved;
      const pauseMs = total < most ? pace.moved(moved) : 0;
      if (pauseMs === 0) continue;
      await pace.pause(pauseMs, options, deadline);
    }
    turned();
  }
  return most;
}

/**
 * Moves bytes like {@linkcode splice}, blocking this thread.
 *
 * @throws {Deno.errors.Busy} While a `read` of `from` or a `write` to `to` is pending.
 *
 * @tags allow-ffi
 */
export function spliceSync(from: PipeReader | Fd, to: PipeWriter | Fd, options: SpliceSyncOptions = {}): number {
  const [source, sink] = [sourceOf(from), sinkOf(to, "to")];
  const most = checkSize(options.byteLength);
  const deadline = new Deadline(describe(source, sink), options.timeoutMs);
  sink.mustBeFree();
  using _source = source.reserve();
  if (source.ended) return 0;
  using _ends = nonblockingSockets(source.fd, sink.fd);
  using pace = new Pace(growFor(most, source, sink));
  for (let total = 0; total < most;) {
    const moved = moveNow(source, sink, most - total);
    if (moved === null) return total;
    if (moved !== undefined) {
      total += moved;
      const pauseMs = total < most ? pace.moved(moved) : 0;
      if (pauseMs > 0) pace.pauseSync(pauseMs, deadline);
    } else if (isEmpty(source)) pollSync(source.fd, POLL.IN, deadline);
    else pollSync(sink.fd, POLL.OUT, deadline);
    if (deadline.remainingMs === 0 && total < most) throw deadline.timeoutError();
  }
  return most;
}

/**
 * `splice(SPLICE_F_NONBLOCK)`: moves what is there, never waiting.
 *
 * @returns How many bytes; `undefined` when there is nothing yet or no room, or while a `write` to `to` is pending; `null` at the end of file.
 * @throws {Deno.errors.Busy} While a `read` of `from` is pending.
 *
 * @tags allow-ffi
 */
export function trySplice(
  from: PipeReader | Fd,
  to: PipeWriter | Fd,
  options: SpliceSize = {},
): number | null | undefined {
  const [source, sink] = [sourceOf(from), sinkOf(to, "to")];
  const most = checkSize(options.byteLength);
  using _source = source.reserve();
  if (most === 0) return 0;
  if (sink.busy) return undefined;
  if (source.ended) return null;
  using _ends = nonblockingSockets(source.fd, sink.fd);
  return moveNow(source, sink, most);
}

/** Throws a `RangeError` for what cannot be a number of bytes. */
function checkSize(byteLength = Infinity): number {
  if (byteLength === Infinity || (Number.isSafeInteger(byteLength) && byteLength >= 0)) return byteLength;
  throw new RangeError(`byteLength must be a whole number of at least 0, got ${Deno.inspect(byteLength)}`);
}

/** A few bytes need no larger pipes. */
function growFor(byteLength: number, source: ByteReader, sink: ByteWriter): number {
  return byteLength > DEFAULT_CAPACITY ? growPipes([source.fd, sink.fd]) : 0;
}

function describe(source: ByteReader, sink: ByteWriter): string {
  return `Splicing ${source.fd.what} to ${sink.fd.what}`;
}

/** Waits for whichever of the two has stopped the flow. */
async function waitUntilReady(
  source: ByteReader,
  sink: ByteWriter,
  options: WaitOptions,
  deadline: Deadline,
): Promise<void> {
  if (isEmpty(source)) await waitFor(source.fd, EPOLL.IN, options, deadline);
  else await waitFor(sink.fd, EPOLL.OUT, options, deadline);
}
