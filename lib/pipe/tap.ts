/**
 * A meter, or a branch, between two programs.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import { publish } from "../sys/probe.ts";
import { sinkOf, sourceOf } from "./flow.ts";
import { pipe } from "./pipe.ts";
import type { PipeReader } from "./pipe_reader.ts";
import { checkCapacity, LARGE_CAPACITY } from "./pipe_size.ts";
import type { PipeWriter } from "./pipe_writer.ts";
import { RunningTap } from "./running_tap.ts";
import { TapCopy } from "./tap_copy.ts";

/** How {@linkcode tap} works. */
export interface TapOptions {
  /**
   * A second consumer, which gets the same bytes. The tap owns this end from now on and closes it at the end.
   * @default {undefined}
   */
  copyTo?: PipeWriter | undefined;
  /**
   * What happens when the second consumer is slow and its pipe is full: `"block"` stops the stream until there is room, so that the copy is whole;
   * `"drop"` never stops it, and the copy has gaps (`droppedBytes`), at any byte. Either way nothing is kept beyond what the pipes hold.
   * @default {"block"}
   */
  whenFull?: "block" | "drop" | undefined;
  /**
   * What happens when the next program closes its end or dies: `"end"` ends the tap, and the copy with it; `"copy"` goes on with the copy alone, and
   * ends when nobody reads that one either.
   * @default {"end"}
   */
  whenReaderGone?: "end" | "copy" | undefined;
  /**
   * Bytes that each of the pipes is grown to, as far as the kernel allows; none is made smaller. A small capacity costs speed: the programs
   * and the tap wake each other more often. All pipes of an unprivileged user may hold 64 MiB together (`fs.pipe-user-pages-soft`).
   * @default {1048576}
   */
  capacity?: number | undefined;
  /** Ends the tap when it aborts: both programs are cut off, and `done` rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** What a tap has seen when it is over. */
export interface TapResult {
  /** Bytes that were handed on. */
  readonly byteLength: number;
  /** Bytes of them that the second consumer got; 0 without one. */
  readonly copiedBytes: number;
  /** Bytes of them that it did not get, because it was full (`"drop"`) or gone; 0 without one. */
  readonly droppedBytes: number;
  /** Why it is over: the writers have closed, nobody reads any more, or `close()` was called. */
  readonly reason: "end-of-file" | "reader-gone" | "closed";
}

/**
 * A tap at work: it takes bytes from one pipe, hands them on through another, and counts.
 *
 * Its counters may be read at any time. They count what has been handed on; the consumer may have yet to read up to a pipe's capacity of it.
 * After `done` they are exact.
 */
export interface Tap extends Disposable {
  /** The end for the next program. */
  readonly reader: PipeReader;
  /** Bytes handed on so far. */
  readonly byteLength: number;
  /** Bytes that the second consumer got so far. */
  readonly copiedBytes: number;
  /** Bytes that were handed on without the second consumer. */
  readonly droppedBytes: number;
  /**
   * Resolves when the stream is over and everything has been handed on. That nobody reads any more is no failure. Rejects when the signal
   * aborts (with its reason), or when somebody else closes an end that the tap owns.
   */
  readonly done: Promise<TapResult>;
  /**
   * Cuts both sides off: the writer gets EPIPE, the readers what was handed on and then the end of file. May be called twice. The
   * end of a `using` scope closes `reader` too, unless it was given away.
   */
  close(): void;
}

/**
 * `tap(reader)`: sits between two programs, counts what passes, and can copy it to a second consumer. No byte passes through JavaScript:
 * the kernel moves whole pages (`splice(2)`) and duplicates them (`tee(2)`).
 *
 * It takes `from` over (do not use it any more) and works by itself until the end: after the end of file the next program gets the rest and
 * then the end of file; when the next program closes its end or dies, the tap closes `from` at once, so that the program before it
 * gets SIGPIPE, as it would without a tap. A second consumer that goes ends its copy only. Packets stay packets. Bytes that `from` had
 * read ahead go first.
 *
 * It works on the event loop, without a thread of the pool: while JavaScript computes, the stream stands still. A stream of more than
 * 16 MB/s is moved in portions, up to 1 ms late; with the larger pipes that is no slower than a plain pipe between the programs. A running
 * tap keeps the process alive. When this process dies, the kernel closes its ends: the stream ends early, and the consumer
 * cannot tell that from its end.
 *
 * @param from The end that the program before writes to; an `Fd` may also be a file or a stream socket, which cannot be copied, only counted.
 * @throws {TypeError} When `from` or `copyTo` is no end of a pipe, or `whenFull` or `whenReaderGone` is none of its words.
 * @throws {RangeError} When `capacity` is not a whole number of at least 1.
 * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left.
 * @throws {ClosedError} When `from` or `copyTo` is closed.
 * @throws {Deno.errors.Busy} While a `read` of `from` is pending.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 *
 * @example Count what passes between two programs
 * ```ts
 * import { command, pipe, tap } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const { reader, writer } = pipe();
 * await using source = command("head", ["-c", "1000000", "/dev/zero"], { stdout: writer }).spawn();
 * using meter = tap(reader);
 * assertEquals(await command("wc", ["-c"], { stdin: meter.reader }).text(), "1000000");
 * assertEquals((await meter.done).byteLength, 1_000_000);
 * await source.status;
 * ```
 *
 * @example A copy for a second program
 * ```ts
 * import { command, pipe, tap } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [stream, branch] = [pipe(), pipe()];
 * await using source = command("seq", ["1000"], { stdout: stream.writer }).spawn();
 * using both = tap(stream.reader, { copyTo: branch.writer });
 * const [lines, last] = await Promise.all([
 *   command("wc", ["-l"], { stdin: both.reader }).text(),
 *   command("tail", ["-n", "1"], { stdin: branch.reader }).text(),
 * ]);
 * assertEquals([lines, last], ["1000", "1000"]);
 * await source.status;
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/splice.2.html splice(2)}
 * @see {@link https://man7.org/linux/man-pages/man2/tee.2.html tee(2)}
 *
 * @tags allow-ffi
 */
export function tap(from: PipeReader | Fd, options: TapOptions = {}): Tap {
  const { copyTo, whenFull = "block", whenReaderGone = "end", capacity = LARGE_CAPACITY, signal } = options;
  if (whenFull !== "block" && whenFull !== "drop") {
    throw new TypeError(`whenFull must be "block" or "drop", got ${Deno.inspect(whenFull)}`);
  }
  if (whenReaderGone !== "end" && whenReaderGone !== "copy") {
    throw new TypeError(`whenReaderGone must be "end" or "copy", got ${Deno.inspect(whenReaderGone)}`);
  }
  checkCapacity(capacity);
  const source = sourceOf(from);
  const copySink = copyTo === undefined ? undefined : sinkOf(copyTo, "copyTo");
  signal?.throwIfAborted();
  // Throws for what is closed, before anything is made.
  const ends = [source.fd, copySink?.fd];
  const reserved = source.reserve();
  try {
    const { reader, writer } = pipe({ packets: source.packets });
    const copy = copySink === undefined
      ? undefined
      : { sink: copySink, branch: new TapCopy(copySink, whenFull === "drop") };
    publish(() => ({ kind: "tap", from: ends[0]?.generation, copyTo: ends[1]?.generation }));
    return new RunningTap({
      from,
      source,
      reserved,
      reader,
      sink: sinkOf(writer, "to"),
      copy,
      outlive: whenReaderGone === "copy",
      capacity,
      signal,
    });
  } catch (error) {
    reserved[Symbol.dispose]();
    throw error;
  }
}
