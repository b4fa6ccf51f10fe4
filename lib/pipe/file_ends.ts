/**
 * The ends of FIFOs without FFI, over Deno's own files.
 *
 * Deno reads and writes them in a thread of its pool and cannot withdraw that. What was given up (abort, timeout) goes on in a buffer of
 * ours: what it reads is there for the next read, and the next write waits for it.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { cancellable, Deadline, type WaitOptions } from "../sys/clock.ts";
import { fromDenoError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { Line } from "../sys/line.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import type { PipeReader } from "./pipe_reader.ts";
import type { PipeWriter } from "./pipe_writer.ts";

/** Bytes of one read or write. */
const CHUNK_BYTES = 65536;

/** A file that is closed once, and tells those who wait for it. */
class OpenFile {
  readonly what: string;
  readonly file: Deno.FsFile;
  readonly #closing = Promise.withResolvers<never>();
  #closed = false;

  constructor(file: Deno.FsFile, what: string) {
    this.file = file;
    this.what = what;
    this.#closing.promise.catch(() => {});
  }

  get closed(): boolean {
    return this.#closed;
  }

  mustBeOpen(): void {
    if (this.#closed) throw new ClosedError(this.what);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.reject(new ClosedError(this.what, "was closed during the wait"));
    this.file.close();
  }

  /** Waits for work that cannot be withdrawn. Abort, timeout and `close()` end the wait; the work goes on. */
  wait<T>(what: string, options: WaitOptions, deadline: Deadline, work: Promise<T>): Promise<T> {
    return cancellable<T>(what, options, (resolve, reject) => {
      work.then(
        resolve,
        (error) => reject(fromDenoError(error, what.startsWith("Read") ? "read" : "write", this.what)),
      );
      this.#closing.promise.catch(reject);
      return () => {};
    }, deadline);
  }
}

/** The end that is read. */
export class FilePipeReader implements PipeReader {
  readonly #open: OpenFile;
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  /** What was read and not taken. */
  #head: Uint8Array = new Uint8Array();
  #ended = false;
  #reading: Promise<void> | undefined;
  #busy = false;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;

  constructor(file: Deno.FsFile, what: string) {
    this.#open = new OpenFile(file, what);
  }

  get closed(): boolean {
    return this.#open.closed;
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        const chunk = new Uint8Array(CHUNK_BYTES);
        const count = await this.read(chunk);
        if (count === null) {
          controller.close();
          this.close();
        } else controller.enqueue(chunk.subarray(0, count));
      },
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }

  async read(into: Uint8Array, options: WaitOptions = {}): Promise<number | null> {
    options.signal?.throwIfAborted();
    const what = `Reading from ${this.#open.what}`;
    const deadline = new Deadline(what, options.timeoutMs);
    this.#open.mustBeOpen();
    if (into.byteLength === 0) return 0;
    if (this.#busy) throw new Deno.errors.Busy(`A read of ${this.#open.what} is pending already`);
    this.#busy = true;
    try {
      if (this.#head.byteLength === 0 && !this.#ended) {
        this.#reading ??= this.#readAhead();
        await this.#open.wait(what, options, deadline, this.#reading);
      }
    } finally {
      this.#busy = false;
    }
    if (this.#head.byteLength === 0) return null;
    const count = Math.min(this.#head.byteLength, into.byteLength);
    into.set(this.#head.subarray(0, count));
    this.#head = this.#head.subarray(count);
    return count;
  }

  close(): void {
    this.#open.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get bytesAvailable(): number {
    throw needsFfi("PipeReader.bytesAvailable");
  }

  get capacity(): number {
    throw needsFfi("PipeReader.capacity");
  }

  set capacity(_bytes: number) {
    throw needsFfi("PipeReader.capacity");
  }

  readSync(): never {
    throw needsFfi("PipeReader.readSync()");
  }

  tryRead(): never {
    throw needsFfi("PipeReader.tryRead()");
  }

  duplicate(): never {
    throw needsFfi("PipeReader.duplicate()");
  }

  [moveDescriptor](): Fd {
    throw needsFfi("Giving a PipeReader to another process");
  }

  async #readAhead(): Promise<void> {
    try {
      const count = await this.#open.file.read(this.#buffer);
      if (count === null) this.#ended = true;
      else this.#head = this.#buffer.subarray(0, count);
    } finally {
      this.#reading = undefined;
    }
  }
}

/** The end that is written. */
export class FilePipeWriter implements PipeWriter {
  readonly #open: OpenFile;
  readonly #line = new Line();
  #bytesWritten = 0;
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(file: Deno.FsFile, what: string) {
    this.#open = new OpenFile(file, what);
  }

  get closed(): boolean {
    return this.#open.closed;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream({
      write: (chunk, controller) => this.write(chunk, { signal: controller.signal }),
      close: () => this.close(),
      abort: () => this.close(),
    });
  }

  async write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const what = `Writing to ${this.#open.what}`;
    const deadline = new Deadline(what, options.timeoutMs);
    this.#open.mustBeOpen();
    await this.#line.enter(what, options, deadline);
    let givenUp = false;
    const work = this.#writeAll(bytes, () => givenUp).finally(() => this.#line.leave());
    try {
      await this.#open.wait(what, options, deadline, work);
    } catch (error) {
      givenUp = true;
      throw error;
    }
  }

  close(): void {
    this.#open.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get capacity(): number {
    throw needsFfi("PipeWriter.capacity");
  }

  set capacity(_bytes: number) {
    throw needsFfi("PipeWriter.capacity");
  }

  writeSync(): never {
    throw needsFfi("PipeWriter.writeSync()");
  }

  tryWrite(): never {
    throw needsFfi("PipeWriter.tryWrite()");
  }

  duplicate(): never {
    throw needsFfi("PipeWriter.duplicate()");
  }

  [moveDescriptor](): Fd {
    throw needsFfi("Giving a PipeWriter to another process");
  }

  /** Copies each chunk first: a write that was given up must not see what the caller does to its bytes then. */
  async #writeAll(bytes: Uint8Array, givenUp: () => boolean): Promise<void> {
    for (let at = 0; at < bytes.byteLength && !givenUp();) {
      this.#open.mustBeOpen();
      const chunk = bytes.slice(at, at + CHUNK_BYTES);
      for (let done = 0; done < chunk.byteLength;) {
        const count = await this.#open.file.write(chunk.subarray(done));
        done += count;
        this.#bytesWritten += count;
      }
      at += chunk.byteLength;
    }
  }
}
