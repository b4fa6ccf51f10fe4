/**
 * Writing bytes to a descriptor in three ways: on the event loop, blocking this thread, and never waiting.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { Deadline, nextTurn, type SyncWaitOptions, turned, turnIsDue, type WaitOptions } from "./clock.ts";
import { ERRNO, errno, fail } from "./errno.ts";
import { closeWaited, waitFor } from "./event_loop.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { Line } from "./line.ts";
import { EPOLL, IO_MAX_BYTES, POLL } from "./linux.ts";
import { pollSync } from "./poll.ts";
import { isProbed, publish, startedNs } from "./probe.ts";
import { objectOf } from "./probe_object.ts";

/** Makes one `write(2)`-like call on a number: `write`, or `send` for sockets. */
export type WriteCall = (raw: number, bytes: Uint8Array<ArrayBuffer>) => number;

const plainWrite: WriteCall = (raw, bytes) => libc().write(raw, bytes, Math.min(bytes.byteLength, IO_MAX_BYTES));

/** The result of a write that did not have to wait. */
const DONE = Promise.resolve();

/** Writes a non-blocking pipe, FIFO or stream socket. */
export class ByteWriter implements Disposable {
  readonly #fd: Fd;
  readonly #call: WriteCall;
  /** Two writes at once would mix their bytes as soon as one of them has to wait. */
  readonly #line = new Line();
  #gone: string | undefined;
  #bytesWritten = 0;
  #writable: WritableStream<Uint8Array> | undefined;

  /** @param fd A non-blocking pipe, FIFO or stream socket, which the writer owns. */
  constructor(fd: Fd, call: WriteCall = plainWrite) {
    this.#fd = fd;
    this.#call = call;
  }

  /**
   * The descriptor that is written.
   *
   * @throws {ClosedError} After `close()`, and when it was given away.
   */
  get fd(): Fd {
    this.#mustBeHere();
    return this.#fd;
  }

  /** Whether `close()` was called, or the descriptor was given away. */
  get closed(): boolean {
    return this.#gone !== undefined;
  }

  /** Bytes that the kernel has taken, over all writes: what tells how far a write went that ended early. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** Whether a write is pending, or the writer is reserved. */
  get busy(): boolean {
    return this.#line.taken;
  }

  /** Counts bytes that went into the descriptor in another way (`splice(2)`). */
  wrote(bytes: number): void {
    this.#bytesWritten += bytes;
  }

  /** Keeps writes out, which then queue up, while somebody else writes to the descriptor. */
  async reserve(what: string, options: WaitOptions, deadline: Deadline): Promise<Disposable> {
    this.#mustBeHere();
    await this.#line.enter(what, options, deadline);
    return { [Symbol.dispose]: () => this.#line.leave() };
  }

  /**
   * Throws where a write is pending: what came between would cut its bytes in two.
   *
   * @throws {Deno.errors.Busy} While a write is pending.
   * @throws {ClosedError} After `close()`.
   */
  mustBeFree(): void {
    this.#mustBeHere();
    if (this.#line.taken) throw this.#pending();
  }

  /** Writes everything, waiting on the event loop where the kernel's buffer is full. Writes queue up. */
  write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    const plain = options.signal === undefined && options.timeoutMs === undefined;
    if (!plain || this.#line.taken || turnIsDue()) return this.#write(bytes, options);
    // Most writes find room: they are over before anything that a wait needs has been made.
    try {
      const count = this.#writeOnce(bytes);
      if (count === bytes.byteLength) return DONE;
      return this.#write(count === undefined ? bytes : bytes.subarray(count), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #write(bytes: Uint8Array, options: WaitOptions): Promise<void> {
    options.signal?.throwIfAborted();
    const what = `Writing to ${this.#fd.what}`;
    const deadline = new Deadline(what, options.timeoutMs);
    await this.#line.enter(what, options, deadline);
    try {
      if (turnIsDue()) {
        await nextTurn();
        options.signal?.throwIfAborted();
      }
      let rest = bytes;
      while (true) {
        const count = this.#writeOnce(rest);
        if (count === rest.byteLength) return;
        if (count !== undefined) rest = rest.subarray(count);
        await waitFor(this.#fd, EPOLL.OUT, options, deadline);
        turned();
      }
    } finally {
      this.#line.leave();
    }
  }

  /** Writes everything, blocking this thread where the kernel's buffer is full. */
  writeSync(bytes: Uint8Array, options: SyncWaitOptions = {}): void {
    const deadline = new Deadline(`Writing to ${this.#fd.what}`, options.timeoutMs);
    if (this.#line.taken) throw this.#pending();
    let rest = bytes;
    while (true) {
      const count = this.#writeOnce(rest);
      if (count === rest.byteLength) return;
      if (count !== undefined) rest = rest.subarray(count);
      pollSync(this.#fd, POLL.OUT, deadline);
    }
  }

  /** One call that never waits: how many bytes went, `undefined` when none could. */
  tryWrite(bytes: Uint8Array): number | undefined {
    this.#mustBeHere();
    return this.#line.taken ? undefined : this.#writeOnce(bytes);
  }

  /** A web stream whose chunks are written. Closing or aborting it closes the writer; an abort does not wait for a full pipe. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream({
      write: (chunk, controller) => this.write(chunk, { signal: controller.signal }),
      close: () => this.close(),
      abort: () => this.close(),
    });
  }

  /** Gives the descriptor away; the writer is closed. */
  move(): Fd {
    this.#mustBeHere();
    if (this.#line.taken) throw this.#pending();
    this.#gone = "was given away";
    return this.#fd;
  }

  /** Closes the descriptor; a pending write rejects with `ClosedError`. */
  close(): void {
    if (this.#gone !== undefined) return;
    this.#gone = "is closed";
    closeWaited(this.#fd);
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #tell(bytes: number, started: number | undefined): void {
    const { what, generation: id } = this.#fd;
    publish(() => ({ kind: "write", what, id, object: objectOf(this.#fd), bytes, startedNs: started }));
  }

  #mustBeHere(): void {
    if (this.#gone !== undefined) throw new ClosedError(this.#fd.what, this.#gone);
  }

  #pending(): Error {
    return new Deno.errors.Busy(`A write to ${this.#fd.what} is pending`);
  }

  #writeOnce(bytes: Uint8Array): number | undefined {
    this.#mustBeHere();
    if (bytes.byteLength === 0) return 0;
    const started = startedNs();
    while (true) {
      const count = this.#call(this.#fd.raw, bytes as Uint8Array<ArrayBuffer>);
      if (count !== -1) {
        this.#bytesWritten += count;
        if (isProbed()) this.#tell(count, started);
        return count;
      }
      const number = errno();
      if (number === ERRNO.EAGAIN) return undefined;
      if (number !== ERRNO.EINTR) fail(number, "write", this.#fd.what);
    }
  }
}
