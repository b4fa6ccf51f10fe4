/**
 * Memory that C knows: NUL-terminated strings, mapped views that are detached before their pages go, and executable pages.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { check, errno, fail } from "./errno.ts";
import { libc } from "./libc.ts";
import { MAP } from "./linux.ts";

const encoder = new TextEncoder();

/**
 * A string as C wants it: UTF-8 and a NUL.
 *
 * @throws {TypeError} When the string itself has a NUL: C would silently cut it there.
 */
export function cString(text: string, what: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") throw new TypeError(`${what} must be a string, got ${typeof text}`);
  if (text.includes("\0")) throw new TypeError(`${what} must not contain a NUL character, got ${JSON.stringify(text)}`);
  return encoder.encode(text + "\0");
}

/** What to map, for {@linkcode Mapping.map}. */
export interface MapRequest {
  /** Bytes to map, at least 1. */
  byteLength: number;
  /** Descriptor to map; anonymous memory when left out. */
  raw?: number;
  /** `MAP.PROT_*` flags. */
  protection: number;
  /** `MAP.SHARED` or `MAP.PRIVATE`. */
  flags: number;
  /**
   * First byte of the file to map: any, although the kernel maps whole pages.
   * @default {0}
   */
  offset?: number;
  /** What is mapped, for errors. */
  target: string;
}

/**
 * Pages of this address space and the one ArrayBuffer over them.
 *
 * `close()` first detaches the buffer (every view over it then has length 0) and then unmaps: a view that somebody kept can never reach
 * memory that is gone, or that has become something else.
 */
export class Mapping implements Disposable {
  /** The address of the first byte. */
  readonly address: bigint;
  /** The address, as FFI calls take it. */
  readonly pointer: NonNullable<Deno.PointerValue>;
  /** Mapped bytes, as asked for (the kernel rounds up to pages; the rest is out of reach). */
  readonly byteLength: number;
  /** Bytes that the file behind the mapping must have, so that every access is inside it. */
  readonly fileEnd: number;
  readonly #buffer: ArrayBuffer;
  readonly #unmap: () => void;
  readonly #what: string;
  readonly #pins = new Set<{ readonly reason: string }>();
  readonly #objections: (() => string | undefined)[] = [];
  readonly #farewells = new Set<() => void>();
  readonly #lent = new Set<() => void>();
  /** Whether somebody transferred a buffer away: its bytes are out of our reach, and must stay mapped. */
  #taken = false;
  #closed = false;

  private constructor(
    pointer: NonNullable<Deno.PointerValue>,
    { byteLength, offset = 0 }: { byteLength: number; offset?: number },
    what: string,
    unmap: () => void,
  ) {
    this.pointer = pointer;
    this.address = BigInt(Deno.UnsafePointer.value(pointer));
    this.byteLength = byteLength;
    this.fileEnd = offset + byteLength;
    this.#what = what;
    this.#unmap = unmap;
    this.#buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, byteLength);
  }

  /**
   * `mmap(2)`: maps memory.
   *
   * @throws {PosixError} EACCES, EINVAL, ENODEV, ENOMEM, EOVERFLOW as `mmap(2)` says.
   */
  static map(request: MapRequest): Mapping {
    const { raw, byteLength, offset = 0, target } = request;
    const before = offset % pageSize();
    const length = BigInt(byteLength + before);
    const pages = libc().mmap(
      null,
      length,
      request.protection,
      request.flags | (raw === undefined ? MAP.ANONYMOUS : 0),
      raw ?? -1,
      BigInt(offset - before),
    );
    const number = errno();
    if (isFailure(pages)) fail(number, "mmap", target);
    const pointer = before === 0 ? pages : Deno.UnsafePointer.offset(pages, before);
    if (pointer === null) throw new RangeError(`Offset ${before} wraps around to the null pointer`);
    return new Mapping(
      pointer,
      { byteLength, offset },
      target,
      () => check(libc().munmap(pages, length), "munmap", target),
    );
  }

  /**
   * Memory of this process that is there already, and stays when this is closed.
   *
   * @throws {RangeError} For the null pointer.
   */
  static over(address: bigint, byteLength: number, target: string): Mapping {
    const pointer = Deno.UnsafePointer.create(address);
    if (pointer === null) throw new RangeError(`${target} is at the null pointer`);
    return new Mapping(pointer, { byteLength }, target, () => {});
  }

  /**
   * `shmat(2)`: attaches a System V segment.
   *
   * @throws {PosixError} EACCES, EIDRM, EINVAL, ENOMEM as `shmat(2)` says.
   */
  static attach(id: number, byteLength: number, flags: number, target: string): Mapping {
    const pointer = libc().shmat(id, null, flags);
    const number = errno();
    if (isFailure(pointer)) fail(number, "shmat", target);
    return new Mapping(pointer, { byteLength }, target, () => check(libc().shmdt(pointer), "shmdt", target));
  }

  /** The memory. Detached, and so of length 0, after `close()`. */
  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  /** Whether `close()` has been called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Another buffer over the same memory, for views that must end before the mapping does.
   *
   * @returns The buffer, and how to detach it. `close()` does so, too.
   * @throws {ClosedError} After `close()`.
   */
  lend(): { readonly buffer: ArrayBuffer; readonly end: () => void } {
    if (this.#closed) throw new ClosedError(this.#what);
    const buffer = Deno.UnsafePointerView.getArrayBuffer(this.pointer, this.byteLength);
    const end = () => {
      if (!this.#lent.delete(end)) return;
      if (buffer.detached) this.#taken = true;
      else buffer.transfer(0);
    };
    this.#lent.add(end);
    return { buffer, end };
  }

  /**
   * The address of a byte, for a system call that works on memory (a futex).
   *
   * @throws {ClosedError} After `close()`.
   * @throws {RangeError} Outside the mapping.
   */
  pointerAt(offset: number): NonNullable<Deno.PointerValue> {
    if (this.#closed) throw new ClosedError(this.#what);
    if (!Number.isInteger(offset) || offset < 0 || offset >= this.byteLength) {
      throw new RangeError(`Offset must be in 0..${this.byteLength - 1}, got ${Deno.inspect(offset)}`);
    }
    const pointer = Deno.UnsafePointer.offset(this.pointer, offset);
    if (pointer === null) throw new RangeError(`Offset ${offset} wraps around to the null pointer`);
    return pointer;
  }

  /**
   * The pages in which some bytes lie, for system calls that work on pages.
   *
   * @throws {ClosedError} After `close()`.
   * @throws {RangeError} Outside the mapping.
   */
  pagesOf(offset: number, length: number): { pointer: NonNullable<Deno.PointerValue>; byteLength: bigint } {
    const first = this.pointerAt(offset);
    if (!Number.isSafeInteger(length) || length < 1 || offset + length > this.byteLength) {
      throw new RangeError(
        `Length must be in 1..${this.byteLength - offset} from offset ${offset}, got ${Deno.inspect(length)}`,
      );
    }
    const before = BigInt(Deno.UnsafePointer.value(first)) % BigInt(pageSize());
    const pointer = before === 0n ? first : Deno.UnsafePointer.create(BigInt(Deno.UnsafePointer.value(first)) - before);
    if (pointer === null) throw new RangeError(`Offset ${offset} wraps around to the null pointer`);
    return { pointer, byteLength: BigInt(length) + before };
  }

  /**
   * Keeps the mapping open while something depends on it (a held lock, a pending wait).
   *
   * @param reason Said in the error when `close()` is tried meanwhile.
   * @returns How to let go.
   */
  pin(reason: string): () => void {
    if (this.#closed) throw new ClosedError(this.#what);
    const pin = { reason };
    this.#pins.add(pin);
    return () => void this.#pins.delete(pin);
  }

  /**
   * Asks a question before every `close()`, for who is too busy to pin and unpin each time (a lock).
   *
   * @param objection Returns why the mapping must stay open now, or `undefined`.
   */
  askBeforeClose(objection: () => string | undefined): void {
    if (this.#closed) throw new ClosedError(this.#what);
    this.#objections.push(objection);
  }

  /**
   * Does something in every `close()` that succeeds, while the views still work: for who has left word of itself in the memory. The last who asked for
   * it comes first. Not done when somebody transferred the buffer away.
   *
   * @returns How to withdraw, for who has nothing left to say.
   */
  beforeClose(farewell: () => void): () => void {
    if (this.#closed) throw new ClosedError(this.#what);
    this.#farewells.add(farewell);
    return () => void this.#farewells.delete(farewell);
  }

  /**
   * Why `close()` would throw now: what holds the mapping open.
   */
  get heldBy(): string | undefined {
    for (const { reason } of this.#pins) return reason;
    for (const objection of this.#objections) {
      const reason = objection();
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  /**
   * Detaches every view and unmaps. May be called twice.
   *
   * @throws {Error} While something holds the mapping open; it says what.
   */
  close(): void {
    if (this.#closed) return;
    const reason = this.heldBy;
    if (reason !== undefined) throw new Error(`Cannot close ${this.#what}: ${reason}`);
    this.#closed = true;
    if (this.#buffer.detached) this.#taken = true;
    else for (const farewell of [...this.#farewells].toReversed()) farewell();
    for (const end of [...this.#lent]) end();
    if (!this.#buffer.detached) this.#buffer.transfer(0);
    if (!this.#taken) this.#unmap();
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

let bytesOfPage: number | undefined;

/** `getpagesize(2)`. */
function pageSize(): number {
  return bytesOfPage ??= libc().getpagesize();
}

/** `mmap` and `shmat` fail with the address -1, which Deno hands over as a pointer like any other. */
function isFailure(pointer: Deno.PointerValue): pointer is null {
  return pointer === null || BigInt(Deno.UnsafePointer.value(pointer)) === 0xffff_ffff_ffff_ffffn;
}

/**
 * One page of machine code: written while it is writable, then executable and never writable again. It is never unmapped: the kernel may
 * still be about to jump into it.
 *
 * @returns The address of the code.
 */
export function executablePage(write: (code: Uint8Array<ArrayBuffer>, address: bigint) => void): bigint {
  const mapping = Mapping.map({
    byteLength: 4096,
    protection: MAP.PROT_READ | MAP.PROT_WRITE,
    flags: MAP.PRIVATE,
    target: "code page",
  });
  write(new Uint8Array(mapping.buffer), mapping.address);
  mapping.buffer.transfer(0);
  check(libc().mprotect(mapping.pointer, 4096n, MAP.PROT_READ | MAP.PROT_EXEC), "mprotect", "code page");
  return mapping.address;
}

/**
 * The address of a buffer of JavaScript, for a struct that points at it. The caller keeps the buffer alive across the call, and makes it
 * with `new ArrayBuffer`, whose bytes the garbage collector never moves.
 */
export function addressOf(buffer: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}
