/**
 * The work of a tap.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import type { ByteReader } from "../sys/byte_reader.ts";
import type { ByteWriter } from "../sys/byte_writer.ts";
import { Deadline, nextTurn, turned, turnIsDue } from "../sys/clock.ts";
import { waitFor } from "../sys/event_loop.ts";
import { EPOLL } from "../sys/linux.ts";
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
  readonly capacity: number;
  readonly signal: AbortSignal | undefined;
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
  readonly #stop = new AbortController();
  #byteLength = 0;
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
    this.#stop.abort(new Stop("closed"));
    this.#closeEnds();
  }

  [Symbol.dispose](): void {
    this.close();
    this.reader.close();
  }

  async #run(): Promise<TapResult> {
    const { signal, sink } = this.#parts;
    const onAbort = () => this.#stop.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const watch = this.#watch(sink);
    try {
      await this.#flow();
      return this.#result("end-of-file");
    } catch (error) {
      // What stopped it says more than what came of that.
      const cause: unknown = this.#stop.signal.aborted ? this.#stop.signal.reason : error;
      if (cause instanceof Stop) return this.#result(cause.reason);
      if (cause instanceof PosixError && cause.code === "EPIPE") return this.#result("reader-gone");
      throw cause;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#closeEnds();
      await watch;
    }
  }

  async #flow(): Promise<void> {
    const { source, sink, copy, capacity } = this.#parts;
    const options = { signal: this.#stop.signal };
    const forever = new Deadline("Tapping");
    using _copy = await copy?.sink.reserve("Tapping", options, forever);
    if (source.ended) return;
    using _ends = nonblockingSockets(source.fd);
    const pipes = [source.fd, sink.fd, ...copy === undefined ? [] : [copy.sink.fd]];
    using pace = new Pace(growPipes(pipes, capacity));
    while (true) {
      if (turnIsDue()) {
        await nextTurn();
        options.signal.throwIfAborted();
      }
      const moved = this.#move();
      if (moved === null) return;
      if (moved === undefined) await this.#waitUntilReady();
      else {
        const pauseMs = pace.moved(moved);
        if (pauseMs === 0) continue;
        await pace.pause(pauseMs, options, forever);
      }
      turned();
    }
  }

  /** Hands on what can be handed on now, the copy first. */
  #move(): number | null | undefined {
    const { source, sink, copy } = this.#parts;
    const most = copy === undefined ? Infinity : copy.branch.duplicate(source);
    if (most === null) return null;
    this.#copyHolds = most === 0;
    const moved = most === 0 ? undefined : moveNow(source, sink, most);
    if (typeof moved !== "number") return moved;
    this.#byteLength += moved;
    copy?.branch.moved(moved);
    return moved;
  }

  /** Waits for whichever end has stopped the flow. */
  async #waitUntilReady(): Promise<void> {
    const { source, sink, copy } = this.#parts;
    const options = { signal: this.#stop.signal };
    if (isEmpty(source)) await waitFor(source.fd, EPOLL.IN, options);
    else if (copy !== undefined && this.#copyHolds) await copy.branch.waitForRoom(options);
    else await waitFor(sink.fd, EPOLL.OUT, options);
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
