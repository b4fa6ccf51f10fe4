/**
 * What every kind of shared memory has in common, and how the rooms above reach the mapping beneath it.
 *
 * @module
 */

import { ClosedError, ProtocolError } from "../errors.ts";
import type { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import type { Mapping } from "../sys/memory.ts";
import { advise, lockPages, type MemoryAdvice, type MemoryRange } from "./pages.ts";
import type { ReadOnlyMemory } from "./read_only.ts";

/**
 * Raw bytes that other processes can have too. Every kind of memory is one: files, POSIX shared memory, memfds, System V segments.
 *
 * Nothing is copied: a store here is seen by every process that maps the same memory, in no order that plain loads and stores promise. Words
 * that processes watch are accessed with `Atomics` or a struct's `atomic` field; everything else goes under a lock. `close()` gives up this
 * process's mapping: `bytes` is then empty, and a view that somebody kept has length 0. A process that is killed just loses its mapping.
 */
export interface Memory extends Disposable {
  /** The memory itself, not a copy; empty after `close()`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of memory, as asked for when it was created; 0 after `close()`. */
  readonly byteLength: number;
  /** Whether `close()` has been called. */
  readonly closed: boolean;
  /**
   * `madvise(2)`: tells the kernel how this process will use the memory, or a part of it. No byte changes.
   *
   * @throws {PosixError} EINVAL where the kernel does not know the advice; ENOMEM, EFAULT, EIO when `"populate"` fails.
   * @throws {RangeError} For a part that is not inside.
   * @throws {ClosedError} After `close()`.
   */
  advise(advice: MemoryAdvice, range?: MemoryRange): void;
  /**
   * `mlock(2)`: keeps the memory, or a part of it, out of swap, until what this returns is disposed of or the memory is closed. Locks do not
   * count: the first that ends unlocks the pages that two have in common.
   *
   * @throws {PosixError} ENOMEM above the limit of locked memory, EPERM where the limit is 0; EAGAIN.
   * @throws {RangeError} For a part that is not inside.
   * @throws {ClosedError} After `close()`.
   */
  lockPages(range?: MemoryRange): Disposable;
  /**
   * Gives up this process's mapping. May be called twice.
   *
   * @throws {Error} While a lock in the memory is held or waited for.
   */
  close(): void;
}

/** What the kinds of memory are built on: one mapping, and the descriptor behind it where there is one. */
export class MemoryObject implements Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #mapping: Mapping;
  readonly #fd: Fd | undefined;
  readonly #what: string;

  /**
   * @param what The object, for errors, capitalised.
   * @param fd Closed together with the mapping.
   */
  constructor(mapping: Mapping, what: string, fd?: Fd) {
    this.#mapping = mapping;
    this.#fd = fd;
    this.#what = what;
    this.bytes = new Uint8Array(mapping.buffer);
    remember(this, { mapping, fd, what });
  }

  get byteLength(): number {
    return this.bytes.byteLength;
  }

  get closed(): boolean {
    return this.#mapping.closed;
  }

  /** For the calls of a kind of memory that need it open. */
  protected get mapping(): Mapping {
    if (this.#mapping.closed) throw new ClosedError(this.#what);
    return this.#mapping;
  }

  advise(advice: MemoryAdvice, range: MemoryRange = {}): void {
    advise(this.mapping, advice, { range, writable: true, target: this.#what });
  }

  lockPages(range: MemoryRange = {}): Disposable {
    return lockPages(this.mapping, range, this.#what);
  }

  close(): void {
    this.#mapping.close();
    this.#fd?.close();
  }

  /** `close()`, but for the descriptor: for whoever still needs it to clean up. */
  unmap(): void {
    this.#mapping.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What is beneath a memory. */
export interface Backing {
  mapping: Mapping;
  fd: Fd | undefined;
  /** The object, for errors, capitalised. */
  what: string;
}

const backings = new WeakMap<Memory | ReadOnlyMemory, Backing>();

/** Makes a memory one of Causeway's. */
export function remember(memory: Memory | ReadOnlyMemory, backing: Backing): void {
  backings.set(memory, backing);
}

/**
 * The mapping beneath a memory, for the rooms that put structs and locks into it.
 *
 * A peer that may truncate the object can make any later access fatal (SIGBUS); whether one has done so already is checked here. It is the
 * best that can be done with memory that is not sealed.
 *
 * @throws {TypeError} When the memory is none that Causeway created or opened.
 * @throws {ClosedError} After `close()`.
 * @throws {ProtocolError} When a peer truncated the object.
 */
export function mappingOf(memory: Memory | ReadOnlyMemory): Mapping {
  const { mapping, fd, what } = backingOf(memory);
  if (mapping.closed) throw new ClosedError(what);
  if (fd !== undefined) {
    const { size } = fileFacts(fd);
    if (size < mapping.fileEnd) {
      throw new ProtocolError(
        `${what} was truncated by a peer: it has ${size} of the ${mapping.fileEnd} bytes that it must have`,
      );
    }
  }
  return mapping;
}

/** The error for a use of memory after `close()`. */
export function closedError(memory: Memory | ReadOnlyMemory): ClosedError {
  return new ClosedError(backingOf(memory).what);
}

/** What a memory is called in errors. */
export function nameOf(memory: Memory | ReadOnlyMemory): string {
  return backingOf(memory).what;
}

/**
 * What a memory is called by all who have it, for events of the probe: device and inode of what they map, which has no name or several; where there is no
 * descriptor of it, its name.
 */
export function identityOf(memory: Memory | ReadOnlyMemory): string {
  const { fd, what } = backingOf(memory);
  return fd === undefined || fd.closed ? what : `memory:[${fileFacts(fd).identity}]`;
}

/** Whether a memory may be written: what a store into any other would be is SIGSEGV. */
export function isWritable(memory: Memory | ReadOnlyMemory): memory is Memory {
  return backingOf(memory) !== undefined && memory instanceof MemoryObject;
}

function backingOf(memory: Memory | ReadOnlyMemory): Backing {
  const backing = backings.get(memory);
  if (backing === undefined) throw new TypeError("Memory must be a memory that Causeway created or opened");
  return backing;
}
