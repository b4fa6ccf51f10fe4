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

import net from "node:net";
import { ClosedError } from "../errors.ts";
import { cancellable, type Deadline, type WaitOptions } from "./clock.ts";
import { fromDenoError } from "./errno.ts";
import { closeWaited } from "./event_loop.ts";
import type { Fd } from "./fd.ts";

/** Most bytes of one read: the capacity of a pipe. */
const BUFFER_BYTES = 65536;

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
  #wake: (() => void) | undefined;

  /**
   * @param fd A non-blocking pipe, FIFO or stream socket.
   * @param writable Whether the descriptor can be written as well (a socket): it then stays open after end of file.
   */
  constructor(fd: Fd, writable: boolean) {
    this.#fd = fd;
    this.#socket = new net.Socket({
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
      this.#ended = true;
      this.#wake?.();
    });
    this.#socket.on("error", (error: unknown) => {
      this.#error = fromDenoError(error, "read", fd.what);
      this.#wake?.();
    });
    // The socket closes the number by itself after end of file or an error: the owner must know, the number will be used again.
    this.#socket.on("close", () => {
      closeWaited(fd);
      this.#wake?.();
    });
  }

  /** Whether the socket has met end of file. Bytes read before it may still be here. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that the socket has read and nobody has taken. */
  get buffered(): number {
    return this.#end - this.#start;
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

  /** Waits until there is something to take, or the end. A wait that is withdrawn loses nothing. */
  async wait(what: string, options: WaitOptions, deadline: Deadline): Promise<void> {
    if (this.#ready()) return;
    try {
      await cancellable<void>(what, options, (resolve) => {
        this.#wake = resolve;
        this.#socket.ref();
        this.#socket.resume();
        // The read that is under way stays so, and must not keep the process alive.
        return () => void this.#socket.pause().unref();
      }, deadline);
    } finally {
      this.#wake = undefined;
    }
    if (this.#fd.closed && !this.#ended && this.#error === undefined && this.buffered === 0) {
      throw new ClosedError(this.#fd.what, "was closed during the wait");
    }
  }

  /** The socket has made its one read. `false` stops it, before it can make another. */
  #filled(count: number): boolean {
    this.#start = 0;
    this.#end = count;
    this.#wake?.();
    return false;
  }

  #ready(): boolean {
    return this.buffered > 0 || this.#ended || this.#error !== undefined || this.#fd.closed;
  }
}
