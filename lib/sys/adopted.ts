/**
 * Descriptors adopted into Deno's own event loop: the cheapest way to wait (no pool thread).
 *
 * `node:net` takes a pipe, a FIFO or a stream socket and reads it with plain `read(2)`. It is let make one read at a time, into a buffer of
 * ours (`onread`): a socket that emits "data" would go on reading ahead and keep the process alive. Between two waits it does not touch
 * the descriptor, so direct reads can be mixed in, as long as what it has read is taken first. A descriptor that may carry other
 * descriptors (SCM_RIGHTS) must never be adopted: they would be lost.
 *
 * @see {@link https://nodejs.org/api/net.html#new-netsocketoptions new net.Socket(options)}
 * @module
 */

import type net from "node:net";
import { ClosedError } from "../errors.ts";
import { cancellable, type Deadline, type WaitOptions } from "./clock.ts";
import { fromDenoError } from "./errno.ts";
import { closeWaited } from "./event_loop.ts";
import type { Fd } from "./fd.ts";
import { nodeNet } from "./node.ts";
import { isProbed, publishWait } from "./probe.ts";
import { objectOf } from "./probe_object.ts";

/** Most bytes of one read: the capacity of a pipe. */
const BUFFER_BYTES = 65536;

/** Who waits for a read. Exactly one of the two is called, once. */
export interface Waiter {
  /** There is something to take, or the end, or an error that taking throws. */
  resolve(): void;
  /** The descriptor was closed during the wait. */
  reject(reason: unknown): void;
}

/** The reading side of an adopted descriptor. From construction on, the socket closes the number. */
export class AdoptedReader {
  readonly #fd: Fd;
  readonly #socket: net.Socket;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  /** What was read and not taken: `#buffer` from `#start` to `#end`. */
  #start = 0;
  #end = 0;
  #ended = false;
  #error: unknown;
  #waiter: Waiter | undefined;
  /** Whether the socket is being told of a read, and whether it was asked for the next one meanwhile. */
  #filling = false;
  #goesOn = false;
  /** Whether a read that is under way keeps the process alive. */
  #referenced = true;
  #keepsAlive = true;

  /**
   * @param fd A non-blocking pipe, FIFO or stream socket.
   * @param writable Whether the descriptor can be written as well (a socket): it then stays open after end of file.
   */
  constructor(fd: Fd, writable: boolean) {
    this.#fd = fd;
    this.#socket = new (nodeNet().Socket)({
      fd: fd.raw,
      readable: true,
      writable,
      allowHalfOpen: true,
      onread: { buffer: this.#buffer, callback: (count) => this.#filled(count) },
    });
    // The constructor has begun to read.
    this.#socket.pause();
    fd.closeWith(() => void this.#socket.destroy());
    this.#socket.on("end", () => {
      // The socket is about to close the number of what can only be read; the owner must know before anybody else does.
      if (!writable) closeWaited(fd);
      this.#ended = true;
      this.#wake();
    });
    this.#socket.on("error", (error: unknown) => {
      this.#error = fromDenoError(error, "read", fd.what);
      this.#wake();
    });
    // The socket closes the number by itself after an error, too, and the number will be used again.
    this.#socket.on("close", () => {
      closeWaited(fd);
      this.#wake();
    });
  }

  /** Whether the socket has met end of file. Bytes read before it may still be here. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a wait keeps the process alive. It may be changed during one. */
  set keepsAlive(keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
    if (this.#waiter !== undefined) this.#reference(keepsAlive);
  }

  /** Bytes that the socket has read and nobody has taken. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** The same bytes, not taken. They change with the next wait. */
  get front(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /**
   * Takes bytes that were read.
   *
   * @returns How many; 0 when there are none.
   * @throws {PosixError} When the last read of the socket failed.
   */
  take(into: Uint8Array): number {
    const count = Math.min(this.buffered, into.byteLength);
    if (count === 0 && this.#error !== undefined) throw this.#error;
    into.set(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    return count;
  }

  /**
   * Waits until there is something to take, or the end. A wait that is withdrawn loses nothing.
   *
   * @throws {ClosedError} When the descriptor is closed meanwhile.
   */
  wait(what: string, options: WaitOptions, deadline: Deadline): Promise<void> {
    if (this.ready) return Promise.resolve();
    if (!isProbed()) return this.#wait(what, options, deadline);
    const ended = publishWait({ for: "read", what: this.#fd.what, object: objectOf(this.#fd) });
    return this.#wait(what, options, deadline).finally(ended);
  }

  #wait(what: string, options: WaitOptions, deadline: Deadline): Promise<void> {
    return cancellable<void>(what, options, (resolve, reject) => {
      this.readOnce({ resolve, reject });
      return () => this.#withdraw();
    }, deadline);
  }

  /**
   * Lets the socket make one read, and tells the waiter of it. For a wait that nothing can end early and that is not {@linkcode ready}: it costs
   * no promise, timer or listener.
   */
  readOnce(waiter: Waiter): void {
    this.#waiter = waiter;
    this.#reference(this.#keepsAlive);
    // What is started before the socket has heard `false` would be stopped by it.
    if (this.#filling) this.#goesOn = true;
    // Starts the read and does nothing else; resume() would go through the machinery of a flowing stream at each wait.
    else this.#socket.read(0);
  }

  /** Whether a wait would end at once. */
  get ready(): boolean {
    return this.#start < this.#end || this.#ended || this.#error !== undefined || this.#fd.closed;
  }

  /** The read that is under way stays so, and must not keep the process alive. */
  #withdraw(): void {
    this.#waiter = undefined;
    this.#socket.pause();
    this.#reference(false);
  }

  #reference(keepsAlive: boolean): void {
    if (keepsAlive === this.#referenced) return;
    this.#referenced = keepsAlive;
    if (keepsAlive) this.#socket.ref();
    else this.#socket.unref();
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) return;
    if (this.#fd.closed && !this.#ended && this.#error === undefined && this.buffered === 0) {
      waiter.reject(new ClosedError(this.#fd.what, "was closed during the wait"));
    } else waiter.resolve();
  }

  /** The socket has made its one read. `false` stops it, before it can make another that nobody has asked for. */
  #filled(count: number): boolean {
    this.#start = 0;
    this.#end = count;
    this.#goesOn = false;
    this.#filling = true;
    this.#wake();
    this.#filling = false;
    return this.#goesOn;
  }
}
