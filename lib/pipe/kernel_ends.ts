/**
 * The ends of pipes and FIFOs with FFI.
 *
 * @module
 */

import { ByteReader, type ByteReaderOptions } from "../sys/byte_reader.ts";
import { ByteWriter } from "../sys/byte_writer.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { type Fd, setBlocking } from "../sys/fd.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { O } from "../sys/linux.ts";
import type { PipeReader } from "./pipe_reader.ts";
import { bytesInPipe, getCapacity, setCapacity } from "./pipe_size.ts";
import type { PipeWriter } from "./pipe_writer.ts";
import { reopen } from "./reopen.ts";

/** The end that is read. */
export class KernelPipeReader implements PipeReader {
  readonly #bytes: ByteReader;
  readonly #options: ByteReaderOptions;

  /** @param fd A non-blocking pipe or FIFO, which this object owns from now on. */
  constructor(fd: Fd, options: ByteReaderOptions = {}) {
    this.#bytes = new ByteReader(fd, options);
    this.#options = options;
  }

  /** How the bytes are read; not part of what a program sees. */
  get bytes(): ByteReader {
    return this.#bytes;
  }

  get closed(): boolean {
    return this.#bytes.closed;
  }

  get bytesAvailable(): number {
    const fd = this.#bytes.fd;
    // At end of file the event loop closes the descriptor by itself.
    return this.#bytes.buffered + (fd.closed ? 0 : bytesInPipe(fd));
  }

  get capacity(): number {
    return getCapacity(this.#bytes.fd);
  }

  set capacity(bytes: number) {
    setCapacity(this.#bytes.fd, bytes);
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#bytes.readable;
  }

  read(into: Uint8Array, options?: WaitOptions): Promise<number | null> {
    return this.#bytes.read(into, options);
  }

  readSync(into: Uint8Array, options?: SyncWaitOptions): number | null {
    return this.#bytes.readSync(into, options);
  }

  tryRead(into: Uint8Array): number | null | undefined {
    return this.#bytes.tryRead(into);
  }

  duplicate(): PipeReader {
    const { packets = false } = this.#options;
    return new KernelPipeReader(reopen(this.#bytes.fd, O.RDONLY), { packets });
  }

  [moveDescriptor](): Fd {
    const fd = this.#bytes.move();
    setBlocking(fd);
    return fd;
  }

  close(): void {
    this.#bytes.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The end that is written. */
export class KernelPipeWriter implements PipeWriter {
  readonly #bytes: ByteWriter;

  /** @param fd A non-blocking pipe or FIFO, which this object owns from now on. */
  constructor(fd: Fd) {
    this.#bytes = new ByteWriter(fd);
  }

  /** How the bytes are written; not part of what a program sees. */
  get bytes(): ByteWriter {
    return this.#bytes;
  }

  get closed(): boolean {
    return this.#bytes.closed;
  }

  get bytesWritten(): number {
    return this.#bytes.bytesWritten;
  }

  get capacity(): number {
    return getCapacity(this.#bytes.fd);
  }

  set capacity(bytes: number) {
    setCapacity(this.#bytes.fd, bytes);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#bytes.writable;
  }

  write(bytes: Uint8Array, options?: WaitOptions): Promise<void> {
    return this.#bytes.write(bytes, options);
  }

  writeSync(bytes: Uint8Array, options?: SyncWaitOptions): void {
    this.#bytes.writeSync(bytes, options);
  }

  tryWrite(bytes: Uint8Array): number | undefined {
    return this.#bytes.tryWrite(bytes);
  }

  duplicate(): PipeWriter {
    return new KernelPipeWriter(reopen(this.#bytes.fd, O.WRONLY));
  }

  [moveDescriptor](): Fd {
    const fd = this.#bytes.move();
    setBlocking(fd);
    return fd;
  }

  close(): void {
    this.#bytes.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
