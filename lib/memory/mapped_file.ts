/**
 * Files as memory: what is stored in the mapping is in the file, and in every process that maps it.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { MAP } from "../sys/linux.ts";
import { cString, type Mapping } from "../sys/memory.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { publish } from "../sys/probe.ts";
import { dirname } from "../std/path.ts";
import { requireMode, requireSize } from "./arguments.ts";
import { type Memory, MemoryObject } from "./memory.ts";
import { createNamed, mapShared, type NamedFile, openNamed, unlinkOwn } from "./named_file.ts";
import { type ReadOnlyMemory, ReadOnlyObject } from "./read_only.ts";

/** A file mapped for reading and writing. What is stored outlives the process; after a power failure only what `flush()` wrote is sure. */
export interface MappedFile extends Memory {
  /** The path, as it was given. */
  readonly path: string;
  /** The open file, for `duplicate()`, to pass it to a child or over a socket. */
  readonly fd: Fd;
  /**
   * `msync(MS_SYNC)`: returns when everything stored so far is on the disk. Blocks this thread meanwhile. Processes that map the file need no
   * flush to see each other's stores.
   *
   * @throws {PosixError} EIO.
   * @throws {ClosedError} After `close()`.
   */
  flush(): void;
  /**
   * `unlink(2)`: removes the name at once. Mappings live on; the space comes back with the last of them.
   *
   * @throws {PosixError} ENOENT when the name is gone or names another file by now; EACCES, EPERM, EROFS.
   * @throws {ClosedError} After `close()`.
   */
  unlink(): void;
}

/** What {@linkcode createMappedFile} creates. */
export interface CreateMappedFileOptions {
  /** Bytes, at least 1. The file gets exactly this size. */
  size: number;
  /**
   * Permission bits, whatever the umask.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/** How {@linkcode openMappedFile} opens. */
export interface OpenMappedFileOptions {
  /**
   * Map for reading only: the result is a `ReadOnlyMemory`.
   * @default {false}
   */
  readOnly?: boolean | undefined;
  /**
   * The user id that the file must belong to.
   * @default {"any"}
   */
  owner?: number | "any" | undefined;
}

/**
 * `createMappedFile(path, { size })`: creates a file of zeros, private to this user, and maps it for sharing.
 *
 * The file appears under its name when it is whole, with all its blocks: whoever opens it finds all of it, a full disk is ENOSPC here and
 * not a crash later, and a creator that is killed leaves no name. (A file system without `O_TMPFILE` shows the name first; an opener that is too
 * early gets a `ProtocolError`.) Of many creators exactly one wins.
 *
 * @param path Where. Nothing may be there, not even a symbolic link. Needs read and write permission.
 * @param options Its size, and its mode.
 * @returns The mapped file. `close()` unmaps it, `unlink()` removes it.
 * @throws {PosixError} EEXIST, ENOENT, ENOTDIR, ENOSPC, EFBIG, EACCES, EROFS, ENAMETOOLONG.
 * @throws {RangeError} For a size or mode that cannot be.
 *
 * @example A number that outlives the process
 * ```ts
 * import { createMappedFile, openMappedFile } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${Deno.makeTempDirSync()}/counter`;
 * {
 *   using file = createMappedFile(path, { size: 100 });
 *   file.bytes[0] = 42;
 * }
 * using file = openMappedFile(path);
 * assertEquals(file.byteLength, 100);
 * assertEquals(file.bytes[0], 42);
 * file.unlink();
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}
 * @tags allow-ffi, allow-read, allow-write
 */
export function createMappedFile(path: string, options: CreateMappedFileOptions): MappedFile {
  const file = namedFile(path);
  const { size, mode = 0o600 } = options;
  requireSize(size);
  requireMode(mode);
  requireRead(path);
  requireWrite(path);
  const fd = createNamed(file, size, mode);
  let mapping: Mapping;
  try {
    mapping = mapShared(fd, size, false);
  } catch (error) {
    file.unlink();
    throw error;
  }
  publish(() => ({ kind: "memory.create", memory: "file", name: path, byteLength: size }));
  return new MappedFileObject(mapping, file, fd);
}

/**
 * `openMappedFile(path)`: maps all of an existing file for sharing.
 *
 * The size is what the kernel reports now; a file that grows later shows only that much. A process that truncates the file makes every access
 * beyond the new end fatal to everybody who maps it (SIGBUS): map files that only trusted users can write, or use a sealed
 * `createAnonymousMemory`, where it is impossible.
 *
 * @param path A regular file, not empty, not a symbolic link. Needs read permission, and write permission unless `readOnly`.
 * @throws {PosixError} ENOENT, EACCES (also for what is no regular file), ELOOP for a symbolic link, EISDIR.
 * @throws {ProtocolError} When the file is empty: its creator has not finished, or died.
 *
 * @example Read a file without a copy in between
 * ```ts
 * import { openMappedFile } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const path = Deno.makeTempFileSync();
 * Deno.writeTextFileSync(path, "Hello");
 * using file = openMappedFile(path, { readOnly: true });
 * assertEquals(file.getUint8(4), "o".charCodeAt(0));
 * assertEquals(file.read(1, 3), new TextEncoder().encode("ell"));
 * Deno.removeSync(path);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}
 * @tags allow-ffi, allow-read, allow-write
 */
export function openMappedFile(path: string, options: OpenMappedFileOptions & { readOnly: true }): ReadOnlyMemory;
/** `openMappedFile(path)`: maps all of an existing file for sharing, for reading and writing. */
export function openMappedFile(path: string, options?: OpenMappedFileOptions & { readOnly?: false }): MappedFile;
export function openMappedFile(path: string, options: OpenMappedFileOptions = {}): MappedFile | ReadOnlyMemory {
  const file = namedFile(path);
  const { readOnly = false, owner = "any" } = options;
  requireRead(path);
  if (!readOnly) requireWrite(path);
  const { fd, size } = openNamed(file, { readOnly, owner });
  const mapping = mapShared(fd, size, readOnly);
  publish(() => ({ kind: "memory.open", memory: "file", name: path, byteLength: size }));
  return readOnly ? new ReadOnlyObject(mapping, file.what, fd) : new MappedFileObject(mapping, file, fd);
}

class MappedFileObject extends MemoryObject implements MappedFile {
  readonly path: string;
  readonly fd: Fd;
  readonly #file: NamedFile;

  constructor(mapping: Mapping, file: NamedFile, fd: Fd) {
    super(mapping, file.what, fd);
    this.path = file.path;
    this.fd = fd;
    this.#file = file;
  }

  flush(): void {
    const { pointer, byteLength } = this.mapping;
    check(libc().msync(pointer, BigInt(byteLength), MAP.MS_SYNC), "msync", this.path);
  }

  unlink(): void {
    void this.mapping;
    requireWrite(this.path);
    unlinkOwn(this.fd, this.#file, "unlink");
  }
}

function namedFile(path: string): NamedFile {
  const bytes = cString(path, "path");
  if (path === "") throw new TypeError("path must not be empty");
  return {
    path,
    directory: dirname(path),
    what: `Mapped file ${path}`,
    syscall: "open",
    target: path,
    open: (flags, mode) => libc().open(bytes, flags, mode),
    unlink: () => libc().unlink(bytes),
  };
}
