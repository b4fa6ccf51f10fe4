/**
 * Duplicating bytes from one pipe into another without taking them.
 *
 * @module
 */

import type { ByteReader } from "../sys/byte_reader.ts";
import type { ByteWriter } from "../sys/byte_writer.ts";
import { Deadline, nextTurn, type SyncWaitOptions, turned, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { waitFor } from "../sys/event_loop.ts";
import { EPOLL, POLL } from "../sys/linux.ts";
import { pollSync } from "../sys/poll.ts";
import { duplicateNow, isEmpty, sinkOf, sourceOf } from "./flow.ts";
import type { PipeReader } from "./pipe_reader.ts";
import type { PipeWriter } from "./pipe_writer.ts";

/**
 * `tee(from, to)`: duplicates what is at the front of one pipe into another pipe, and takes nothing: the next `read`, `splice` or `tee` of
 * `from` gets the same bytes. Waits on the event loop until there is at least one byte, and room for it.
 *
 * No byte is copied: both pipes then refer to the same pages, and what was read ahead of `from` is written. Take what was duplicated
 * with `splice(from, other, { byteLength })` before the next `tee`, or it is duplicated again. (`tap({ copyTo })` does that for a whole stream.)
 * During the tee other reads of `from` are refused and other writes to `to` queue up.
 *
 * @returns How many bytes, from the first one on; `null` at the end of file.
 * @throws {PosixError} EPIPE when nobody reads `to`; EINVAL when both are the same pipe; ENOMEM.
 * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`. Nothing was duplicated then.
 * @throws {ClosedError} When an end is closed, also during the wait.
 * @throws {Deno.errors.Busy} While a `read` of `from` is pending.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 *
 * @example Look at what comes, and leave it there
 * ```ts
 * import { pipe, tee } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [stream, copy] = [pipe(), pipe()];
 * using _ends = new DisposableStack();
 * for (const end of [stream.reader, stream.writer, copy.reader, copy.writer]) _ends.use(end);
 * await stream.writer.write(new TextEncoder().encode("hello"));
 * assertEquals(await tee(stream.reader, copy.writer), 5);
 * assertEquals([copy.reader.bytesAvailable, stream.reader.bytesAvailable], [5, 5]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/tee.2.html tee(2)}
 *
 * @tags allow-ffi
 */
export async function tee(from: PipeReader, to: PipeWriter, options: WaitOptions = {}): Promise<number | null> {
  const [source, sink] = [sourceOf(from), sinkOf(to, "to")];
  options.signal?.throwIfAborted();
  const what = describe(source, sink);
  const deadline = new Deadline(what, options.timeoutMs);
  using _source = source.reserve();
  using _sink = await sink.reserve(what, options, deadline);
  if (turnIsDue()) {
    await nextTurn();
    options.signal?.throwIfAborted();
  }
  while (true) {
    const count = duplicateNow(source, sink, Infinity);
    if (count !== undefined) return count;
    if (isEmpty(source)) await waitFor(source.fd, EPOLL.IN, options, deadline);
    else await waitFor(sink.fd, EPOLL.OUT, options, deadline);
    turned();
  }
}

/**
 * Duplicates like {@linkcode tee}, blocking this thread.
 *
 * @throws {Deno.errors.Busy} While a `read` of `from` or a `write` to `to` is pending.
 *
 * @tags allow-ffi
 */
export function teeSync(from: PipeReader, to: PipeWriter, options: SyncWaitOptions = {}): number | null {
  const [source, sink] = [sourceOf(from), sinkOf(to, "to")];
  const deadline = new Deadline(describe(source, sink), options.timeoutMs);
  sink.mustBeFree();
  using _source = source.reserve();
  while (true) {
    const count = duplicateNow(source, sink, Infinity);
    if (count !== undefined) return count;
    if (isEmpty(source)) pollSync(source.fd, POLL.IN, deadline);
    else pollSync(sink.fd, POLL.OUT, deadline);
  }
}

/**
 * `tee(SPLICE_F_NONBLOCK)`: duplicates what is there, never waiting.
 *
 * @returns How many bytes; `undefined` when there is nothing yet or no room, or while a `write` to `to` is pending; `null` at the end of file.
 * @throws {Deno.errors.Busy} While a `read` of `from` is pending.
 *
 * @tags allow-ffi
 */
export function tryTee(from: PipeReader, to: PipeWriter): number | null | undefined {
  const [source, sink] = [sourceOf(from), sinkOf(to, "to")];
  using _source = source.reserve();
  return sink.busy ? undefined : duplicateNow(source, sink, Infinity);
}

function describe(source: ByteReader, sink: ByteWriter): string {
  return `Duplicating ${source.fd.what} into ${sink.fd.what}`;
}
