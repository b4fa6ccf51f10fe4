/**
 * Reading bytes from a descriptor in three ways: on the event loop, blocking this thread, and never waiting.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { AdoptedReader } from "./adopted.ts";
import { Deadline, nextTurn, type SyncWaitOptions, type WaitOptions } from "./clock.ts";
import { check, ERRNO, errno } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { POLL } from "./linux.ts";
import { pollSync } from "./poll.ts";

/** After this long without giving the event loop a turn, a read that has its data at once gives it one: timers must not starve. */
const FAIR_SHARE_MS = 4;

/** Bytes of one chunk of `readable`: the capacity of a pipe. */
const CHUNK_BYTES = 65536;

/** Reads a non-blocking pipe, FIFO or stream socket. */
export class ByteReader implements Disposable {
  readonly #fd: Fd;
  readonly #writable: boolean;
  #adopted: AdoptedReader | undefined;
  #ended = false;
  #closed = false;
  #busy = false;
  #head: Uint8Array | undefined;
  #lastTurn = 0;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;

  /**
   * @param fd A non-blocking pipe, FIFO or stream socket. The reader owns it, unless `writable` says that a writer shares it.
   * @param options `writable`: the descriptor is a socket that is written too. `head`: bytes that were read before.
   */
  constructor(fd: Fd, options: { writable?: boolean; head?: Uint8Array } = {}) {
    this.#fd = fd;
    this.#writable = options.writable ?? false;
    this.#head = options.head;
  }

  /** The descriptor that is read. */
  get fd(): Fd {
    return this.#fd;
  }

  /** Whether `close()` was called, or the descriptor was given away. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that were read ahead and not yet taken: they would be lost with the descriptor. */
  get buffered(): number {
    return (this.#head?.byteLength ?? 0) + (this.#adopted?.buffered ?? 0);
  }

  /** Waits on the event loop; see {@linkcode PipeReader.read} for the promise. */
  async read(into: Uint8Array, options: WaitOptions = {}): Promise<number | null> {
    options.signal?.throwIfAborted();
    const what = `Reading from ${this.#fd.what}`;
    const deadline = new Deadline(what, options.timeoutMs);
    if (this.#busy) throw new Deno.errors.Busy(`A read of ${this.#fd.what} is pending already`);
    this.#busy = true;
    try {
      if (performance.now() - this.#lastTurn > FAIR_SHARE_MS) {
        if (this.#lastTurn !== 0) await nextTurn();
        this.#lastTurn = performance.now();
      }
      while (true) {
        const count = this.tryRead(into);
        if (count !== undefined) return count;
        this.#adopted ??= new AdoptedReader(this.#fd, this.#writable);
        await this.#adopted.wait(what, { signal: options.signal, timeoutMs: deadline.remainingMs });
        this.#lastTurn = performance.now();
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Blocks this thread. */
  readSync(into: Uint8Array, options: SyncWaitOptions = {}): number | null {
    const deadline = new Deadline(`Reading from ${this.#fd.what}`, options.timeoutMs);
    while (true) {
      const count = this.tryRead(into);
      if (count !== undefined) return count;
      pollSync(this.#fd, POLL.IN, deadline);
    }
  }

  /** Never waits: `undefined` when it would. */
  tryRead(into: Uint8Array): number | null | undefined {
    if (this.#closed) throw new ClosedError(this.#fd.what);
    if (into.byteLength === 0) return 0;
    if (this.#head !== undefined) return this.#takeHead(into);
    if (this.#adopted !== undefined) {
      const taken = this.#adopted.take(into);
      if (taken > 0) return taken;
      if (this.#adopted.ended) this.#ended = true;
    }
    if (this.#ended) return null;
    return this.#readOnce(into);
  }

  /** The bytes as a web stream, until end of file. Cancelling it closes the reader. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: CHUNK_BYTES,
      pull: async (controller) => {
        const request = controller.byobRequest;
        const view = request?.view;
        if (!request || !view) return;
        const count = await this.read(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
        if (count === null) {
          controller.close();
          request.respond(0);
          this.close();
        } else request.respond(count);
      },
      cancel: () => this.close(),
    }) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  /**
   * Gives the descriptor away. What the event loop has adopted cannot be given back, so then a duplicate goes.
   *
   * @throws {TypeError} When bytes were read ahead: they would be lost.
   */
  move(): Fd {
    if (this.#closed) throw new ClosedError(this.#fd.what);
    if (this.buffered > 0) {
      throw new TypeError(`${this.#fd.what} cannot be given away: ${this.buffered} bytes were read ahead`);
    }
    const moved = this.#fd.duplicate();
    this.close();
    return moved;
  }

  /** Closes the descriptor; a pending read rejects with `ClosedError`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#head = undefined;
    this.#fd.close();
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #readOnce(into: Uint8Array): number | null | undefined {
    const raw = this.#fd.raw;
    while (true) {
      const count = libc().read(raw, into as Uint8Array<ArrayBuffer>, into.byteLength);
      if (count > 0) return count;
      if (count === 0) {
        this.#ended = true;
        return null;
      }
      const number = errno();
      if (number === ERRNO.EAGAIN) return undefined;
      if (number !== ERRNO.EINTR) check(count, "read", this.#fd.what);
    }
  }

  #takeHead(into: Uint8Array): number {
    const head = this.#head!;
    const count = Math.min(head.byteLength, into.byteLength);
    into.set(head.subarray(0, count));
    this.#head = count === head.byteLength ? undefined : head.subarray(count);
    return count;
  }
}
