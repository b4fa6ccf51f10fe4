/**
 * The work of a tap.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import type { ByteReader } from "../sys/byte_reader.ts";
import { ByteWriter } from "../sys/byte_writer.ts";
import { Deadline, nextTurn, turned, turnIsDue } from "../sys/clock.ts";
import { waitFor } from "../sys/event_loop.ts";
import { check } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { isEmpty, moveNow, nonblockingSockets } from "./flow.ts";
import { Pace } from "./pace.ts";
import type { PipeReader } from "./pipe_reader.ts";
import { growPipes } from "./pipe_size.ts";
import type { Tap, TapResult } from "./tap.ts";
import type { TapCopy } from "./tap_copy.ts";

/** What a tap joins. It owns all of it from now on, except the reader. */
export interface TapParts {
  /** What the caller knows as the end that bytes come from. */
  readonly from: { close(): void };
  readonly source: ByteReader;
  /** What keeps others from reading it. */
  readonly reserved: Disposable;
  readonly reader: PipeReader;
  readonly sink: ByteWriter;
  readonly copy: { readonly sink: ByteWriter; readonly branch: TapCopy } | undefined;
  /** Whether the copy goes on when nobody reads the stream itself any more. */
  readonly outlive: boolean;
  readonly capacity: number;
  readonly signal: AbortSignal | undefined;
}

/** Where bytes go that only the copy is for. It tells nobody anything, so no permission is asked for. */
function openNowhere(): ByteWriter {
  const path = "/dev/null";
  return new ByteWriter(Fd.own(check(libc().open(cString(path, "path"), O.WRONLY | O.CLOEXEC, 0), "open", path), path));
}

/** Why a tap stops that was not told to by a signal. */
class Stop {
  readonly reason: TapResult["reason"];

  constructor(reason: TapResult["reason"]) {
    this.reason = reason;
  }
}

/** A tap that works on the event loop. */
export class RunningTap implements Tap {
  readonly reader: PipeReader;
  readonly done: Promise<TapResult>;
  readonly #parts: TapParts;
  #stop = new AbortController();
  #byteLength = 0;
  #closed = false;
  /** Whether it was the copy that had no room. */
  #copyHolds = false;

  constructor(parts: TapParts) {
    this.#parts = parts;
    this.reader = parts.reader;
    this.done = this.#run();
    // Whoever does not ask is told by the ends, which are closed: that is no reason to end the program.
    this.done.catch(() => {});
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  get copiedBytes(): number {
    return this.#parts.copy?.branch.copied ?? 0;
  }

  get droppedBytes(): number {
    return this.#parts.copy?.branch.dropped ?? 0;
  }

  close(): void {
    this.#closed = true;
    this.#stop.abort(new Stop("closed"));
    this.#closeEnds();
  }

  [Symbol.dispose](): void {
    this.close();
    this.reader.close();
  }

  async #run(): Promise<TapResult> {
    const { signal, sink, copy, outlive } = this.#parts;
    const onAbort = () => this.#stop.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      let reason = await this.#flowInto(sink, sink);
      if (reason === "reader-gone" && outlive && copy !== undefined && !copy.branch.gone && !this.#closed) {
        sink.close();
        this.#stop = new AbortController();
        using nowhere = openNowhere();
        const end = await this.#flowInto(nowhere, copy.sink);
        if (end === "closed") reason = end;
      }
      return this.#result(reason);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#closeEnds();
    }
  }

  /** Lets the stream flow until it ends, or nobody reads at the end that is watched. */
  async #flowInto(sink: ByteWriter, watched: ByteWriter): Promise<TapResult["reason"]> {
    const watch = this.#watch(watched);
    try {
      await this.#flow(sink);
      return "end-of-file";
    } catch (error) {
      // What stopped it says more than what came of that.
      const cause: unknown = this.#stop.signal.aborted ? this.#stop.signal.reason : error;
      if (cause instanceof Stop) return cause.reason;
      if (cause instanceof PosixError && cause.code === "EPIPE") return "reader-gone";
      throw cause;
    } finally {
      // The watch must end with the flow.
      this.#stop.abort(new Stop("closed"));
      await watch;
    }
  }

  async #flow(sink: ByteWriter): Promise<void> {
    const { source, copy, capacity } = this.#parts;
    const options = { signal: this.#stop.signal };
    const forever = new Deadline("Tapping");
    using _copy = await copy?.sink.reserve("Tapping", options, forever);
    if (source.ended) return;
    using _ends = nonblockingSockets(source.fd);
    const pipes = [source, this.#parts.sink, copy?.sink].flatMap((end) =>
      end === undefined || end.closed ? [] : [end.fd]
    );
    using pace = new Pace(growPipes(pipes, capacity));
    while (true) {
      if (turnIsDue()) {
        await nextTurn();
        options.signal.throwIfAborted();
      }
      const moved = this.#move(sink);
      if (moved === null) return;
      if (moved === undefined) await this.#waitUntilReady(sink);
      else {
        const pauseMs = pace.moved(moved);
        if (pauseMs === 0) continue;
        await pace.pause(pauseMs, options, forever);
      }
      turned();
    }
  }

  /** Hands on what can be handed on now, the copy first. */
  #move(sink: ByteWriter): number | null | undefined {
    const { source, copy } = this.#parts;
    const most = copy === undefined ? Infinity : copy.branch.duplicate(source);
    if (most === null) return null;
    // Neither is read any more: whoever writes must hear of it.
    if (sink !== this.#parts.sink && copy?.branch.gone) throw new Stop("reader-gone");
    this.#copyHolds = most === 0;
    const moved = most === 0 ? undefined : moveNow(source, sink, most);
    if (typeof moved !== "number") return moved;
    if (sink === this.#parts.sink) this.#byteLength += moved;
    copy?.branch.moved(moved);
    return moved;
  }

  /** Waits for whichever end has stopped the flow. */
  async #waitUntilReady(sink: ByteWriter): Promise<void> {
    const { source, copy } = this.#parts;
    const options = { signal: this.#stop.signal };
    if (isEmpty(source)) await waitFor(source.fd, EPOLL.IN, options);
    else if (copy !== undefined && this.#copyHolds) await copy.branch.waitForRoom(options);
    else if (sink === this.#parts.sink) await waitFor(sink.fd, EPOLL.OUT, options);
    // Nowhere has always room: bytes have come since the last look.
    else await nextTurn();
  }

  /** Learns that nobody reads any more while no bytes come: a pipe without readers is in error, which always ends a wait. */
  async #watch(sink: ByteWriter): Promise<void> {
    try {
      await waitFor(sink.fd, 0, { signal: this.#stop.signal });
      this.#stop.abort(new Stop("reader-gone"));
    } catch (error) {
      // A closed end means that the tap is over.
      if (!(error instanceof ClosedError)) this.#stop.abort(error);
    }
  }

  #result(reason: TapResult["reason"]): TapResult {
    const { byteLength, copiedBytes, droppedBytes } = this;
    return { byteLength, copiedBytes, droppedBytes, reason };
  }

  #closeEnds(): void {
    const { from, reserved, sink, copy } = this.#parts;
    reserved[Symbol.dispose]();
    from.close();
    sink.close();
    copy?.sink.close();
  }
}
