/**
 * Writing bytes to a descriptor in three ways: on the event loop, blocking this thread, and never waiting.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "./clock.ts";
import { check, ERRNO, errno } from "./errno.ts";
import { closeWaited, waitFor } from "./event_loop.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { EPOLL, POLL } from "./linux.ts";
import { pollSync } from "./poll.ts";

/** Makes one `write(2)`-like call on a number: `write`, or `send` for sockets. */
export type WriteCall = (raw: number, bytes: Uint8Array<ArrayBuffer>) => number;

const plainWrite: WriteCall = (raw, bytes) => libc().write(raw, bytes, bytes.byteLength);

/** Writes a non-blocking pipe, FIFO or stream socket. */
export class ByteWriter implements Disposable {
  readonly #fd: Fd;
  readonly #call: WriteCall;
  #closed = false;
  #busy = false;
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(fd: Fd, call: WriteCall = plainWrite) {
    this.#fd = fd;
    this.#call = call;
  }

  /** The descriptor that is written. */
  get fd(): Fd {
    return this.#fd;
  }

  /** Whether `close()` was called, or the descriptor was given away. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Writes everything, waiting on the event loop where the kernel's buffer is full. */
  async write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const deadline = new Deadline(`Writing to ${this.#fd.what}`, options.timeoutMs);
    if (this.#busy) throw new Deno.errors.Busy(`A write to ${this.#fd.what} is pending already`);
    this.#busy = true;
    try {
      let rest = bytes;
      while (true) {
        const count = this.tryWrite(rest);
        if (count === rest.byteLength) return;
        if (count !== undefined) rest = rest.subarray(count);
        await waitFor(this.#fd, EPOLL.OUT, { signal: options.signal, timeoutMs: deadline.remainingMs });
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Writes everything, blocking this thread where the kernel's buffer is full. */
  writeSync(bytes: Uint8Array, options: SyncWaitOptions = {}): void {
    const deadline = new Deadline(`Writing to ${this.#fd.what}`, options.timeoutMs);
    let rest = bytes;
    while (true) {
      const count = this.tryWrite(rest);
      if (count === rest.byteLength) return;
      if (count !== undefined) rest = rest.subarray(count);
      pollSync(this.#fd, POLL.OUT, deadline);
    }
  }

  /** One call that never waits: how many bytes went, `undefined` when none could. */
  tryWrite(bytes: Uint8Array): number | undefined {
    if (this.#closed) throw new ClosedError(this.#fd.what);
    if (bytes.byteLength === 0) return 0;
    while (true) {
      const count = this.#call(this.#fd.raw, bytes as Uint8Array<ArrayBuffer>);
      if (count !== -1) return count;
      const number = errno();
      if (number === ERRNO.EAGAIN) return undefined;
      if (number !== ERRNO.EINTR) check(count, "write", this.#fd.what);
    }
  }

  /** A web stream whose chunks are written. Closing or aborting it closes the writer. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream({
      write: (chunk) => this.write(chunk),
      close: () => this.close(),
      abort: () => this.close(),
    });
  }

  /** Gives the descriptor away; the writer is closed. */
  move(): Fd {
    if (this.#closed) throw new ClosedError(this.#fd.what);
    const moved = this.#fd.duplicate();
    this.close();
    return moved;
  }

  /** Closes the descriptor; a pending write rejects with `ClosedError`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeWaited(this.#fd);
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
