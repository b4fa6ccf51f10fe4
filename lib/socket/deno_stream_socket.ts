/**
 * Stream sockets without FFI, over Deno's own connections.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { cancellable, Deadline, nextTurn, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { fromDenoError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import type { DescriptorMessage } from "./descriptors.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import type { PeerCredentials } from "./peer.ts";
import type { StreamSocket } from "./stream_socket.ts";
import { readableFrom, writableTo } from "./web_streams.ts";

const WHAT = "Unix stream socket";

/** Bytes of one read or write: an operation that was given up works on memory of ours, not of the caller's. */
const CHUNK_BYTES = 65536;

/**
 * A stream socket over a `Deno.UnixConn`.
 *
 * Deno cannot withdraw a read or a write. One that was given up (abort, timeout) goes on, in a buffer of ours: what it reads is there for
 * the next read, and the next write waits for it.
 */
export class DenoStreamSocket implements StreamSocket {
  readonly type = "stream";
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  /** What was read and not taken. */
  #head: Uint8Array = new Uint8Array();
  #ended = false;
  #failure: unknown;
  #reading: Promise<void> | undefined;
  #readBusy = false;
  /** The write that is under way, and those that wait for it. Never rejects. */
  #writing: Promise<unknown> = Promise.resolve();
  #writeClosed = false;
  #closed = false;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= readableFrom((into) => this.read(into), () => {});
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableTo((bytes) => this.write(bytes), () => {
      if (!this.#closed) this.closeWrite();
    });
  }

  async read(into: Uint8Array, options: WaitOptions = {}): Promise<number | null> {
    options.signal?.throwIfAborted();
    const what = `Reading from ${WHAT}`;
    const deadline = new Deadline(what, options.timeoutMs);
    this.#mustBeOpen();
    if (this.#readBusy) throw new Deno.errors.Busy(`A read of ${WHAT} is pending already`);
    if (into.byteLength === 0) return 0;
    this.#readBusy = true;
    try {
      if (turnIsDue()) await nextTurn();
      if (this.#head.byteLength === 0 && !this.#ended) {
        await withdrawable(what, options, deadline, this.#reading ??= this.#readAhead());
      }
    } finally {
      this.#readBusy = false;
    }
    if (this.#head.byteLength === 0) {
      if (this.#ended) return null;
      throw this.#failure;
    }
    const count = Math.min(this.#head.byteLength, into.byteLength);
    into.set(this.#head.subarray(0, count));
    this.#head = this.#head.subarray(count);
    return count;
  }

  async write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const what = `Writing to ${WHAT}`;
    const deadline = new Deadline(what, options.timeoutMs);
    this.#mustBeWritable();
    const turn = this.#writing;
    let givenUp = false;
    const work = turn.then(() => this.#writeAll(bytes, () => givenUp));
    this.#writing = work.catch(() => {});
    try {
      await withdrawable(what, options, deadline, work);
    } catch (error) {
      givenUp = true;
      throw error;
    }
  }

  closeWrite(): void {
    this.#mustBeOpen();
    if (this.#writeClosed) return;
    this.#writeClosed = true;
    // shutdown(2) of an open socket fails only when the peer is gone, and the kernel has then done it already.
    this.#connection.closeWrite().catch(() => {});
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get peer(): PeerCredentials {
    throw needsFfi("StreamSocket.peer");
  }

  peerPidFd(): never {
    throw needsFfi("StreamSocket.peerPidFd()");
  }

  readSync(): never {
    throw needsFfi("StreamSocket.readSync()");
  }

  tryRead(): never {
    throw needsFfi("StreamSocket.tryRead()");
  }

  writeSync(): never {
    throw needsFfi("StreamSocket.writeSync()");
  }

  tryWrite(): never {
    throw needsFfi("StreamSocket.tryWrite()");
  }

  sendDescriptors(): Promise<void> {
    return Promise.reject(needsFfi("StreamSocket.sendDescriptors()"));
  }

  sendDescriptorsSync(): never {
    throw needsFfi("StreamSocket.sendDescriptorsSync()");
  }

  trySendDescriptors(): never {
    throw needsFfi("StreamSocket.trySendDescriptors()");
  }

  receiveDescriptors(): Promise<DescriptorMessage | null> {
    return Promise.reject(needsFfi("StreamSocket.receiveDescriptors()"));
  }

  receiveDescriptorsSync(): never {
    throw needsFfi("StreamSocket.receiveDescriptorsSync()");
  }

  tryReceiveDescriptors(): never {
    throw needsFfi("StreamSocket.tryReceiveDescriptors()");
  }

  duplicate(): never {
    throw needsFfi("StreamSocket.duplicate()");
  }

  [moveDescriptor](): Fd {
    throw needsFfi("Giving a StreamSocket to another process");
  }

  /** One read of Deno's. It never rejects: who asked for it may have left, and then the next read must learn what became of it. */
  async #readAhead(): Promise<void> {
    try {
      const count = await this.#connection.read(this.#buffer);
      if (count === null) this.#ended = true;
      else this.#head = this.#buffer.subarray(0, count);
    } catch (error) {
      this.#failure = this.#explain(error, "read");
    }
    this.#reading = undefined;
  }

  async #writeAll(bytes: Uint8Array, givenUp: () => boolean): Promise<void> {
    for (let at = 0; at < bytes.byteLength && !givenUp();) {
      this.#mustBeWritable();
      const chunk = bytes.slice(at, at + CHUNK_BYTES);
      for (let done = 0; done < chunk.byteLength;) {
        try {
          done += await this.#connection.write(chunk.subarray(done));
        } catch (error) {
          throw this.#explain(error, "write");
        }
      }
      at += chunk.byteLength;
    }
  }

  #explain(error: unknown, call: string): unknown {
    return this.#closed ? new ClosedError(WHAT, "was closed during the wait") : fromDenoError(error, call, WHAT);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ClosedError(WHAT);
  }

  #mustBeWritable(): void {
    this.#mustBeOpen();
    if (this.#writeClosed) throw new ClosedError(WHAT, "is closed for writing");
  }
}

/** Waits for work that cannot be withdrawn; abort and timeout end the wait, the work goes on. */
function withdrawable<T>(what: string, options: WaitOptions, deadline: Deadline, work: Promise<T>): Promise<T> {
  return cancellable<T>(what, options, (resolve, reject) => {
    work.then(resolve, reject);
    return () => {};
  }, deadline);
}
