/**
 * Memory that this process may only read. Writing to such pages would be SIGSEGV, so there is no view to write through.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import type { Fd } from "../sys/fd.ts";
import type { Mapping } from "../sys/memory.ts";
import { remember } from "./memory.ts";
import { advise, lockPages, type MemoryAdvice, type MemoryRange } from "./pages.ts";

/**
 * Shared memory that this process can read and not write. It has no `bytes`: a store through a view would kill the process. Other
 * processes may write it meanwhile; each getter reads its bytes once, and `read()` returns a copy.
 *
 * Numbers are little endian. Offsets need no alignment; a number that a peer writes meanwhile is torn only when it is not aligned.
 */
export interface ReadOnlyMemory extends Disposable {
  /** Bytes of memory; 0 after `close()`. */
  readonly byteLength: number;
  /** Whether `close()` has been called. */
  readonly closed: boolean;
  /**
   * Copies bytes out.
   *
   * @param offset First byte. @default {0}
   * @param length Bytes to copy; up to the end when left out.
   * @throws {RangeError} Outside the memory.
   * @throws {ClosedError} After `close()`.
   */
  read(offset?: number, length?: number): Uint8Array<ArrayBuffer>;
  /** Reads a signed byte. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getInt8(offset: number): number;
  /** Reads a byte. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getUint8(offset: number): number;
  /** Reads 16 bits, signed. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getInt16(offset: number): number;
  /** Reads 16 bits. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getUint16(offset: number): number;
  /** Reads 32 bits, signed. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getInt32(offset: number): number;
  /** Reads 32 bits. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getUint32(offset: number): number;
  /** Reads a 32-bit float. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getFloat32(offset: number): number;
  /** Reads a 64-bit float. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getFloat64(offset: number): number;
  /** Reads 64 bits, signed. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getBigInt64(offset: number): bigint;
  /** Reads 64 bits. @throws {RangeError} Outside the memory. @throws {ClosedError} After `close()`. */
  getBigUint64(offset: number): bigint;
  /**
   * `madvise(2)`: tells the kernel how this process will use the memory, or a part of it.
   *
   * @throws {PosixError} As for writable memory.
   * @throws {RangeError} For a part that is not inside.
   * @throws {ClosedError} After `close()`.
   */
  advise(advice: MemoryAdvice, range?: MemoryRange): void;
  /**
   * `mlock(2)`: keeps the memory, or a part of it, out of swap, until what this returns is disposed of or the memory is closed.
   *
   * @throws {PosixError} ENOMEM above the limit of locked memory, EPERM where the limit is 0; EAGAIN.
   * @throws {RangeError} For a part that is not inside.
   * @throws {ClosedError} After `close()`.
   */
  lockPages(range?: MemoryRange): Disposable;
  /** Gives up this process's mapping. May be called twice. */
  close(): void;
}

/** A mapping with `PROT_READ`, and the descriptor behind it where there is one. */
export class ReadOnlyObject implements ReadOnlyMemory {
  readonly #mapping: Mapping;
  readonly #data: DataView<ArrayBuffer>;
  readonly #what: string;
  readonly #fd: Fd | undefined;

  constructor(mapping: Mapping, what: string, fd?: Fd) {
    this.#mapping = mapping;
    this.#data = new DataView(mapping.buffer);
    this.#what = what;
    this.#fd = fd;
    remember(this, { mapping, fd, what });
  }

  get byteLength(): number {
    return this.#mapping.closed ? 0 : this.#data.byteLength;
  }

  get closed(): boolean {
    return this.#mapping.closed;
  }

  read(offset?: number, length?: number): Uint8Array<ArrayBuffer> {
    const start = offset ?? 0;
    const count = length ?? Math.max(0, this.byteLength - start);
    return new Uint8Array(this.#at(start, count).buffer, start, count).slice();
  }

  getInt8(offset: number): number {
    return this.#at(offset, 1).getInt8(offset);
  }

  getUint8(offset: number): number {
    return this.#at(offset, 1).getUint8(offset);
  }

  getInt16(offset: number): number {
    return this.#at(offset, 2).getInt16(offset, true);
  }

  getUint16(offset: number): number {
    return this.#at(offset, 2).getUint16(offset, true);
  }

  getInt32(offset: number): number {
    return this.#at(offset, 4).getInt32(offset, true);
  }

  getUint32(offset: number): number {
    return this.#at(offset, 4).getUint32(offset, true);
  }

  getFloat32(offset: number): number {
    return this.#at(offset, 4).getFloat32(offset, true);
  }

  getFloat64(offset: number): number {
    return this.#at(offset, 8).getFloat64(offset, true);
  }

  getBigInt64(offset: number): bigint {
    return this.#at(offset, 8).getBigInt64(offset, true);
  }

  getBigUint64(offset: number): bigint {
    return this.#at(offset, 8).getBigUint64(offset, true);
  }

  advise(advice: MemoryAdvice, range: MemoryRange = {}): void {
    advise(this.#live, advice, { range, writable: false, target: this.#what });
  }

  lockPages(range: MemoryRange = {}): Disposable {
    return lockPages(this.#live, range, this.#what);
  }

  close(): void {
    this.#mapping.close();
    this.#fd?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #live(): Mapping {
    if (this.#mapping.closed) throw new ClosedError(this.#what);
    return this.#mapping;
  }

  #at(offset: number, length: number): DataView<ArrayBuffer> {
    void this.#live;
    if (Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0) {
      if (offset + length <= this.#data.byteLength) return this.#data;
    }
    throw new RangeError(
      `Read must stay inside ${this.#data.byteLength} bytes, got ${length} bytes from offset ${offset}`,
    );
  }
}
