/**
 * The pipes of a run that blocks this thread.
 *
 * @module
 */

import { ERRNO, errno, fail } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { IO_MAX_BYTES, POLL } from "../sys/linux.ts";
import type { Polled } from "../sys/poll_many.ts";
import { bytesOf } from "./feed.ts";

/** Bytes of one read: the capacity of a pipe. */
const CHUNK_BYTES = 65_536;

/** `/proc/sys/fs/pipe-max-size` as shipped: more than this cannot be left over from before the exit. */
const MOST_LEFT_OVER_BYTES = 1 << 20;

/** Reads one output of a child. */
export class SyncReader {
  readonly name: "stdout" | "stderr";
  readonly chunks: Uint8Array<ArrayBuffer>[] = [];
  readonly #fd: Fd;
  readonly #room: (byteLength: number) => number;
  #byteLength = 0;

  /** @param room How many of so many bytes may be kept. */
  constructor(fd: Fd, name: "stdout" | "stderr", room: (byteLength: number) => number) {
    this.#fd = fd;
    this.name = name;
    this.#room = room;
  }

  /** Bytes that are kept. */
  get byteLength(): number {
    return this.#byteLength;
  }

  get closed(): boolean {
    return this.#fd.closed;
  }

  get polled(): Polled | undefined {
    return this.closed ? undefined : { fd: this.#fd, events: POLL.IN };
  }

  /** Reads once. Returns how many bytes came; 0 when there are none now, or no more. */
  onReady(): number {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const count = libc().read(this.#fd.raw, buffer, buffer.byteLength);
    const number = count === -1 ? errno() : 0;
    if (number === ERRNO.EAGAIN || number === ERRNO.EINTR) return 0;
    if (number !== 0) fail(number, "read", this.name);
    if (count === 0) this.close();
    const kept = count === 0 ? 0 : this.#room(count);
    if (kept > 0) this.chunks.push(buffer.slice(0, kept));
    this.#byteLength += kept;
    if (kept < count) this.close();
    return count;
  }

  /** Reads what lies in the pipe, as far as it can be the child's own. */
  readRest(): void {
    for (let left = MOST_LEFT_OVER_BYTES; left > 0 && !this.closed;) {
      const count = this.onReady();
      if (count === 0) return;
      left -= count;
    }
  }

  close(): void {
    this.#fd.close();
  }
}

/** Writes the standard input of a child. */
export class SyncWriter {
  readonly #fd: Fd;
  readonly #source: Iterator<Uint8Array | string>;
  #rest: Uint8Array = new Uint8Array();

  constructor(fd: Fd, input: Uint8Array | Iterable<Uint8Array | string>) {
    this.#fd = fd;
    this.#source = (input instanceof Uint8Array ? [input] : input)[Symbol.iterator]();
  }

  get closed(): boolean {
    return this.#fd.closed;
  }

  get polled(): Polled | undefined {
    return this.closed ? undefined : { fd: this.#fd, events: POLL.OUT };
  }

  /** Writes once. A child that wants no more is no error. */
  onReady(): void {
    while (this.#rest.byteLength === 0) {
      const { done, value } = this.#source.next();
      if (done) return void this.#fd.close();
      this.#rest = bytesOf(value);
    }
    const bytes = this.#rest as Uint8Array<ArrayBuffer>;
    const count = libc().write(this.#fd.raw, bytes, Math.min(bytes.byteLength, IO_MAX_BYTES));
    const number = count === -1 ? errno() : 0;
    if (number === ERRNO.EPIPE) return this.close();
    if (number === ERRNO.EAGAIN || number === ERRNO.EINTR) return;
    if (number !== 0) fail(number, "write", "stdin");
    this.#rest = this.#rest.subarray(count);
  }

  close(): void {
    if (this.closed) return;
    this.#fd.close();
    this.#source.return?.();
  }
}
