/**
 * Files as memory: what is stored in the mapping is in the file, and in every process that maps it.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { cString, type Mapping } from "../sys/memory.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { publish } from "../sys/probe.ts";
import { dirname } from "../std/path.ts";
import type { Memory } from "./memory.ts";
import { mapFile, type NamedFile, openNamed } from "./named_file.ts";
import { createNamedMemory, grow, NamedMemoryObject, requireSizeAndMode } from "./named_memory.ts";
import { type MemoryRange, synchronise } from "./pages.ts";
import { type ReadOnlyMemory, ReadOnlyObject } from "./read_only.ts";

/** A file mapped for reading and writing. What is stored outlives the process; after a power failure only what `flush()` wrote is sure. */
export interface MappedFile extends Memory {
  /** The path, as it was given. */
  readonly path: string;
  /** The open file, for `duplicate()`, to pass it to a child or over a socket. */
  readonly fd: Fd;
  /** Whether stores reach the file and others that map it (`"shared"`), or stay in this mapping (`"private"`). */
  readonly sharing: FileSharing;
  /**
   * `msync(MS_SYNC)`: returns when everything stored so far is on the disk. Blocks this thread meanwhile. Processes that map the file need no
   * flush to see each other's stores. What is mapped privately goes nowhere.
   *
   * @throws {PosixError} EIO.
   * @throws {RangeError} For a part that is not inside.
   * @throws {ClosedError} After `close()`.
   */
  flush(options?: FlushOptions): void;
  /**
   * Makes the file larger, with its blocks, zeros behind what is there already, and returns a handle on all of the file, for sharing. This handle,
   * and every view of it, stays as it is; other processes open the file again to see the rest.
   *
   * @param size Bytes of the whole file, at least what it has now.
   * @throws {PosixError} ENOSPC, EFBIG, ENOMEM, EMFILE; EBADF when this handle is private.
   * @throws {RangeError} For a size that cannot be, or would shrink the file.
   * @throws {ClosedError} After `close()`.
   */
  grow(size: number): MappedFile;
  /**
   * `unlink(2)`: removes the name at once. Mappings live on; the space comes back with the last of them.
   *
   * @throws {PosixError} ENOENT when the name is gone or names another file by now; EACCES, EPERM, EROFS.
   * @throws {ClosedError} After `close()`.
   */
  unlink(): void;
}

/** Who sees what is stored in a mapping of a file: everybody, or nobody else. */
export type FileSharing = "shared" | "private";

/** What {@linkcode MappedFile.flush} writes. */
export interface FlushOptions extends MemoryRange {
  /**
   * Whether to wait until it is on the disk; otherwise the kernel is only told that it should be (`MS_ASYNC`, which Linux does by itself).
   * @default {true}
   */
  wait?: boolean | undefined;
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
  /**
   * `"private"`: stores stay in this mapping, and the file as it is; read permission is enough. Whether what others store meanwhile is seen is open.
   * @default {"shared"}
   */
  sharing?: FileSharing | undefined;
  /**
   * First byte of the file to map. Structs need it to be a multiple of their alignment.
   * @default {0}
   */
  offset?: number | undefined;
  /** Bytes to map; up to the end of the file when left out. */
  length?: number | undefined;
}

/**
 * `createMappedFile(path, { size })`: creates a file of zeros, private to this user, and maps it for sharing.
 *
 * The file appears under its name when it is whole, with all its blocks: whoever opens it finds all of it, a full disk is ENOSPC here and
 * not a crash later, and a creator that is killed leaves no name. (Where the file system has no `O_TMPFILE` it may leave a draft, `.causeway-…`,
 * which the next creator of the name removes.) Of many creators exactly one wins.
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
 * const directory = Deno.makeTempDirSync();
 * const path = `${directory}/counter`;
 * {
 *   using file = createMappedFile(path, { size: 100 });
 *   file.bytes[0] = 42;
 * }
 * using file = openMappedFile(path);
 * assertEquals(file.byteLength, 100);
 * assertEquals(file.bytes[0], 42);
 * file.unlink();
 * Deno.removeSync(directory);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}
 * @tags allow-ffi, allow-read, allow-write
 */
export function createMappedFile(path: string, options: CreateMappedFileOptions): MappedFile {
  const file = namedFile(path);
  const request = requireSizeAndMode(options);
  requireRead(path);
  requireWrite(path);
  const memory = createNamedMemory(file, request, MappedFileObject);
  publish(() => ({ kind: "memory.create", memory: "file", name: path, byteLength: request.size }));
  return memory;
}

/**
 * `openMappedFile(path)`: maps all of an existing file for sharing; or a part of it, or privately.
 *
 * The size is what the kernel reports now; a file that grows later shows only that much (open it again). A process that truncates the file makes every
 * access beyond the new end fatal to everybody who maps it (SIGBUS): map files that only trusted users can write, or use a sealed
 * `createAnonymousMemory`, where it is impossible.
 *
 * @param path A regular file, not empty, not a symbolic link. Needs read permission, and write permission unless `readOnly` or private.
 * @throws {PosixError} ENOENT, EACCES (also for what is no regular file), ELOOP for a symbolic link, EISDIR.
 * @throws {ProtocolError} When the file is empty: its creator has not finished, or died.
 * @throws {RangeError} For a part that is not inside the file.
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
  const { readOnly = false, owner = "any", sharing = "shared", offset = 0, length } = options;
  if (sharing !== "shared" && sharing !== "private") {
    throw new TypeError(`sharing must be "shared" or "private", got ${Deno.inspect(sharing)}`);
  }
  requirePart(offset, length);
  requireRead(path);
  const writesFile = !readOnly && sharing === "shared";
  if (writesFile) requireWrite(path);
  const { fd, size } = openNamed(file, { readOnly: !writesFile, owner });
  let mapping: Mapping;
  try {
    const byteLength = length ?? size - offset;
    if (byteLength < 1 || offset + byteLength > size) {
      throw new RangeError(`Part must be inside the ${size} bytes of ${path}, got ${byteLength} from offset ${offset}`);
    }
    mapping = mapFile(fd, { byteLength, offset, readOnly, isPrivate: sharing === "private" });
  } catch (error) {
    fd.close();
    throw error;
  }
  publish(() => ({ kind: "memory.open", memory: "file", name: path, byteLength: mapping.byteLength }));
  return readOnly ? new ReadOnlyObject(mapping, file.what, fd) : new MappedFileObject(mapping, file, fd, sharing);
}

class MappedFileObject extends NamedMemoryObject implements MappedFile {
  readonly path: string;
  readonly sharing: FileSharing;

  constructor(mapping: Mapping, file: NamedFile, fd: Fd, sharing: FileSharing = "shared") {
    super(mapping, { file, fd, unlinkCall: "unlink" });
    this.path = file.path;
    this.sharing = sharing;
  }

  flush(options: FlushOptions = {}): void {
    const { wait = true, ...range } = options;
    synchronise(this.mapping, range, wait, this.path);
  }

  grow(size: number): MappedFile {
    void this.mapping;
    const { mapping, fd } = grow(this.fd, size, this.path);
    return new MappedFileObject(mapping, this.file, fd);
  }

  override unlink(): void {
    void this.mapping;
    requireWrite(this.path);
    super.unlink();
  }
}

/** @throws {RangeError} For what is no part of any file. */
function requirePart(offset: number, length: number | undefined): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RangeError(`offset must be an integer of at least 0, got ${offset}`);
  }
  if (length !== undefined && (!Number.isSafeInteger(length) || length < 1)) {
    throw new RangeError(`length must be an integer of at least 1, got ${length}`);
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
