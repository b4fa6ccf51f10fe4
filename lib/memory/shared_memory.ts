/**
 * POSIX shared memory: memory with a name like "/jobs", for processes that do not descend from each other.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import type { Mapping } from "../sys/memory.ts";
import { publish } from "../sys/probe.ts";
import { slashName } from "../sys/slash_name.ts";
import { requireAvailable } from "./allocate.ts";
import type { Memory } from "./memory.ts";
import { mapShared, type NamedFile, openNamed } from "./named_file.ts";
import { createNamedMemory, grow, NamedMemoryObject, requireSizeAndMode } from "./named_memory.ts";
import { type ReadOnlyMemory, ReadOnlyObject } from "./read_only.ts";

/** glibc's `shm_open` puts names here, and takes no more bytes than this after the slash. */
const DIRECTORY = "/dev/shm";
const MAX_NAME_BYTES = 254;

/** Named memory of this machine. It lives until it is unlinked and the last process unmaps it, or until the machine goes down. */
export interface SharedMemory extends Memory {
  /** The name, with its slash. */
  readonly name: string;
  /** The open object, for `duplicate()`, to pass it to a child or over a socket. */
  readonly fd: Fd;
  /**
   * Makes the memory larger, all of it there, zeros behind what is there already, and returns a handle on all of it. This handle, and every view of
   * it, stays as it is; other processes open the memory again to see the rest.
   *
   * @param size Bytes of the whole, at least what there is now.
   * @throws {PosixError} ENOSPC, EFBIG, ENOMEM, EMFILE.
   * @throws {RangeError} For a size that cannot be, or would shrink the memory.
   * @throws {ClosedError} After `close()`.
   */
  grow(size: number): SharedMemory;
  /**
   * `shm_unlink(3)`: removes the name at once. Mappings live on; the memory comes back with the last of them.
   *
   * @throws {PosixError} ENOENT when the name is gone or names another object by now; EACCES.
   * @throws {ClosedError} After `close()`.
   */
  unlink(): void;
}

/** What {@linkcode createSharedMemory} creates. */
export interface CreateSharedMemoryOptions {
  /** Bytes, at least 1. The object gets exactly this size. */
  size: number;
  /**
   * Permission bits, whatever the umask.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/** How {@linkcode openSharedMemory} opens. */
export interface OpenSharedMemoryOptions {
  /**
   * Map for reading only: the result is a `ReadOnlyMemory`.
   * @default {false}
   */
  readOnly?: boolean | undefined;
  /**
   * Whose object is accepted: a user id, or `"any"`. Anybody may create any name, and the owner can truncate the object, which kills
   * who maps it. When left out: this user's or root's.
   */
  owner?: number | "any" | undefined;
}

/**
 * `createSharedMemory("/name", { size })`: creates named memory, all zeros, private to this user, and maps it.
 *
 * The object appears under its name when it is whole, with all its memory: whoever opens it finds all of it, a full file system is
 * ENOSPC here and not a crash later, and a creator that is killed leaves no name. Of many creators exactly one wins. The memory outlives its
 * creator: `unlink()` it, or prefer `createAnonymousMemory`, which the kernel cleans up.
 *
 * `--allow-ffi` is full trust: no other permission guards the names.
 *
 * @param name A slash and then at most 254 bytes without a slash.
 * @param options Its size, and its mode.
 * @returns The memory. `close()` unmaps it, `unlink()` removes the name.
 * @throws {PosixError} EEXIST, ENOSPC, EACCES, EMFILE, ENFILE.
 * @throws {TypeError} For a name of another form.
 * @throws {RangeError} For a size or mode that cannot be.
 *
 * @example Two handles on one memory
 * ```ts
 * import { createSharedMemory, openSharedMemory } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * using mine = createSharedMemory(name, { size: 100 });
 * using theirs = openSharedMemory(name);
 * mine.unlink();
 * mine.bytes[99] = 7;
 * assertEquals(theirs.bytes[99], 7);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/shm_open.3.html shm_open(3)}
 * @tags allow-ffi
 */
export function createSharedMemory(name: string, options: CreateSharedMemoryOptions): SharedMemory {
  const file = namedObject(name);
  return createFilled(file, requireSizeAndMode(options));
}

/** For `openShared`: fills the memory before anybody can see it. */
export function createShared(
  name: string,
  request: { size: number; mode: number; prepare: (memory: SharedMemory) => void },
): SharedMemory {
  return createFilled(namedObject(name), request);
}

function createFilled(
  file: NamedFile,
  request: { size: number; mode: number; prepare?: (memory: SharedMemory) => void },
): SharedMemory {
  const { size } = request;
  requireAvailable(size, "ENOSPC", file.syscall, file.target);
  const memory = createNamedMemory(file, request, SharedMemoryObject);
  publish(() => ({ kind: "memory.create", memory: "shm", name: file.target, byteLength: size }));
  return memory;
}

/**
 * `openSharedMemory("/name")`: maps all of existing named memory.
 *
 * The size is what the kernel reports. The owner can truncate the object, and then every access beyond the new end is fatal to everybody who maps
 * it (SIGBUS): only objects of trusted owners are accepted.
 *
 * @param name A slash and then at most 254 bytes without a slash.
 * @throws {PosixError} ENOENT, EACCES (also for another user's object), ELOOP for a symbolic link.
 * @throws {ProtocolError} When the object is empty: its creator has not finished, or died.
 * @throws {TypeError} For a name of another form.
 *
 * @example A reader that cannot write
 * ```ts
 * import { createSharedMemory, openSharedMemory } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * using writer = createSharedMemory(name, { size: 8 });
 * using reader = openSharedMemory(name, { readOnly: true });
 * writer.unlink();
 * writer.bytes[0] = 9;
 * assertEquals(reader.getBigUint64(0), 9n);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/shm_open.3.html shm_open(3)}
 * @tags allow-ffi
 */
export function openSharedMemory(name: string, options: OpenSharedMemoryOptions & { readOnly: true }): ReadOnlyMemory;
/** `openSharedMemory("/name")`: maps all of existing named memory, for reading and writing. */
export function openSharedMemory(name: string, options?: OpenSharedMemoryOptions & { readOnly?: false }): SharedMemory;
export function openSharedMemory(name: string, options: OpenSharedMemoryOptions = {}): SharedMemory | ReadOnlyMemory {
  const file = namedObject(name);
  const { readOnly = false, owner } = options;
  const { fd, size } = openNamed(file, { readOnly, owner });
  const mapping = mapShared(fd, size, readOnly);
  publish(() => ({ kind: "memory.open", memory: "shm", name, byteLength: size }));
  return readOnly ? new ReadOnlyObject(mapping, file.what, fd) : new SharedMemoryObject(mapping, file, fd);
}

/**
 * `unlinkSharedMemory("/name")`: removes a name at once, whoever created it. Mappings live on; a new object may take the name.
 *
 * @throws {PosixError} ENOENT, EACCES.
 * @throws {TypeError} For a name that shared memory cannot have.
 *
 * @example Clean up after a process that was killed
 * ```ts
 * import { createSharedMemory, unlinkSharedMemory } from "@causeway/causeway";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * createSharedMemory(name, { size: 1 }).close();
 * unlinkSharedMemory(name);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/shm_unlink.3.html shm_unlink(3)}
 * @tags allow-ffi
 */
export function unlinkSharedMemory(name: string): void {
  check(namedObject(name).unlink(), "shm_unlink", name);
}

class SharedMemoryObject extends NamedMemoryObject implements SharedMemory {
  readonly name: string;

  constructor(mapping: Mapping, file: NamedFile, fd: Fd) {
    super(mapping, { file, fd, unlinkCall: "shm_unlink" });
    this.name = file.target;
  }

  grow(size: number): SharedMemory {
    void this.mapping;
    requireAvailable(size, "ENOSPC", "posix_fallocate", this.name);
    const { mapping, fd } = grow(this.fd, size, this.name);
    return new SharedMemoryObject(mapping, this.file, fd);
  }
}

/** A name with its slash. @throws {TypeError} For a name that shared memory cannot have. */
export function sharedName(name: string): string {
  if (typeof name !== "string") throw new TypeError(`name must be a string, got ${typeof name}`);
  return namedObject(name.startsWith("/") ? name : `/${name}`).target;
}

function namedObject(name: string): NamedFile {
  const bytes = slashName(name, MAX_NAME_BYTES);
  return {
    path: DIRECTORY + name,
    directory: DIRECTORY,
    what: `Shared memory ${name}`,
    syscall: "shm_open",
    target: name,
    open: (flags, mode) => libc().shm_open(bytes, flags, mode),
    unlink: () => libc().shm_unlink(bytes),
  };
}
