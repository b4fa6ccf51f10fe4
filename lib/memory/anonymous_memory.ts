/**
 * Memory without a name: a descriptor is the only way to it, and the kernel frees it with the last one.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { libc } from "../sys/libc.ts";
import { F, MFD } from "../sys/linux.ts";
import { cString, type Mapping } from "../sys/memory.ts";
import { publish } from "../sys/probe.ts";
import { allocate, requireAvailable } from "./allocate.ts";
import { requireSize } from "./arguments.ts";
import { type Memory, MemoryObject } from "./memory.ts";
import { mapFile, mapShared } from "./named_file.ts";
import { grow } from "./named_memory.ts";
import { type ReadOnlyMemory, ReadOnlyObject } from "./read_only.ts";

/** `memfd_create(2)`: bytes of a memfd's name, without its NUL. */
const MAX_NAME_BYTES = 249;

/**
 * What nobody can do to the memory any more, this process included: with `"size"` it can never be truncated, so an access is never SIGBUS,
 * and never grown; with `"writes"` moreover nobody else can map it for writing, only who created it goes on writing through the mapping that it
 * has; with `"none"` everybody who has the descriptor can do everything.
 */
export type Seal = "none" | "size" | "writes";

/** Each promises what those before it do. */
const SEALS: readonly Seal[] = ["none", "size", "writes"];

/**
 * Memory that only its descriptor leads to. It is gone when the last descriptor and the last mapping are, however their processes end.
 *
 * Giving it to a child moves it, like every descriptor: give a `duplicate()` to keep it here.
 */
export interface AnonymousMemory extends Memory, Movable {
  /** The memfd, for `duplicate()`, to pass it to a child or over a socket. */
  readonly fd: Fd;
  /** What is sealed. */
  readonly seal: Seal;
  /**
   * A second handle on the same memory, with a descriptor and a mapping of its own.
   *
   * @throws {PosixError} EMFILE, ENOMEM; EPERM when writes are sealed.
   * @throws {ClosedError} After `close()`.
   */
  duplicate(): AnonymousMemory;
  /**
   * Makes memory whose size is not sealed larger, all of it there, zeros behind what is there already, and returns a handle on all of it. This
   * handle, and every view of it, stays as it is.
   *
   * @param size Bytes of the whole, at least what there is now.
   * @throws {PosixError} EPERM when anything is sealed; ENOMEM, EFBIG, EMFILE.
   * @throws {RangeError} For a size that cannot be, or would shrink the memory.
   * @throws {ClosedError} After `close()`.
   */
  grow(size: number): AnonymousMemory;
}

/** What {@linkcode createAnonymousMemory} creates. */
export interface CreateAnonymousMemoryOptions {
  /** Bytes, at least 1. */
  size: number;
  /**
   * What is sealed.
   * @default {"size"}
   */
  seal?: Seal | undefined;
  /**
   * What it is called in /proc, for people. At most 249 bytes; it need not be unique.
   * @default {"causeway"}
   */
  name?: string | undefined;
}

/** How {@linkcode openAnonymousMemory} opens. */
export interface OpenAnonymousMemoryOptions {
  /**
   * What must be sealed. `"none"` accepts memory that the other side can truncate, which kills who touches it then.
   * @default {"size"}
   */
  seal?: Seal | undefined;
  /**
   * Map for reading only: the result is a `ReadOnlyMemory`.
   * @default {false}
   */
  readOnly?: boolean | undefined;
}

/**
 * `createAnonymousMemory({ size })`: creates memory without a name, all zeros, and maps it.
 *
 * All of the memory is there when this returns. It is sealed against truncation, so no peer can make an access fatal. Nothing is left behind
 * when the processes that have it are killed. The descriptor is close-on-exec, and the memory can never be executed.
 *
 * @throws {PosixError} ENOMEM when the machine has not that much to give; EMFILE, ENFILE.
 * @throws {RangeError} For a size that cannot be.
 * @throws {TypeError} For a name that cannot be.
 *
 * @example Two handles on one memory
 * ```ts
 * import { createAnonymousMemory } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using mine = createAnonymousMemory({ size: 4096 });
 * using theirs = mine.duplicate();
 * mine.bytes[0] = 1;
 * assertEquals(theirs.bytes[0], 1);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/memfd_create.2.html memfd_create(2)}
 * @tags allow-ffi
 */
export function createAnonymousMemory(options: CreateAnonymousMemoryOptions): AnonymousMemory {
  const { size, seal = "size", name = "causeway" } = options;
  requireSize(size);
  requireSeal(seal);
  const bytes = cString(name, "name");
  if (bytes.byteLength - 1 > MAX_NAME_BYTES) {
    throw new TypeError(`name must have at most ${MAX_NAME_BYTES} bytes, got ${bytes.byteLength - 1}`);
  }
  requireAvailable(size, "ENOMEM", "memfd_create", name);
  const fd = Fd.own(memfd(bytes, name), `Anonymous memory ${name}`);
  let mapping: Mapping;
  try {
    allocate(fd, size, name);
    // Before the seals: this is the one mapping that may write.
    mapping = mapFile(fd, { byteLength: size });
  } catch (error) {
    fd.close();
    throw error;
  }
  try {
    addSeals(fd, seal, name);
  } catch (error) {
    mapping.close();
    fd.close();
    throw error;
  }
  publish(() => ({ kind: "memory.create", memory: "memfd", name, byteLength: size }));
  return new AnonymousMemoryObject(mapping, fd, seal);
}

/**
 * `openAnonymousMemory(fd)`: maps memory whose descriptor was inherited or received.
 *
 * The descriptor becomes this object's, and is closed when this throws. Memory that is not sealed against truncation is refused, because
 * whoever sent it could then kill this process at any access.
 *
 * @param fd The memfd: from `fromDescriptor`, or from a socket.
 * @throws {PosixError} EACCES when the descriptor is no regular file or does not allow writing; EPERM when the memory is sealed against
 * writing (open it `readOnly`).
 * @throws {ProtocolError} When it is empty, or not sealed as demanded.
 *
 * @example A handle from a descriptor
 * ```ts
 * import { createAnonymousMemory, openAnonymousMemory } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using mine = createAnonymousMemory({ size: 10 });
 * using theirs = openAnonymousMemory(mine.fd.duplicate());
 * assertEquals(theirs.byteLength, 10);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/memfd_create.2.html memfd_create(2)}
 * @tags allow-ffi
 */
export function openAnonymousMemory(fd: Fd, options: OpenAnonymousMemoryOptions & { readOnly: true }): ReadOnlyMemory;
/** `openAnonymousMemory(fd)`: maps memory whose descriptor was inherited or received, for reading and writing. */
export function openAnonymousMemory(
  fd: Fd,
  options?: OpenAnonymousMemoryOptions & { readOnly?: false },
): AnonymousMemory;
export function openAnonymousMemory(
  fd: Fd,
  options: OpenAnonymousMemoryOptions = {},
): AnonymousMemory | ReadOnlyMemory {
  const { seal = "size", readOnly = false } = options;
  requireSeal(seal);
  let size: number;
  let found: Seal;
  try {
    found = sealOf(fd);
    if (SEALS.indexOf(found) < SEALS.indexOf(seal)) {
      const what = seal === "size" ? "truncation" : "writes";
      throw new ProtocolError(`${fd.what} is not sealed against ${what}; seal: "${found}" accepts it all the same`);
    }
    // The seal first, the size then: what is sealed cannot change any more.
    const facts = fileFacts(fd);
    if (facts.kind !== "regular file") {
      throw new PosixError({ code: "EACCES", syscall: "mmap", target: fd.what, hint: `it is a ${facts.kind}` });
    }
    size = facts.size;
    if (size === 0) throw new ProtocolError(`${fd.what} is empty`);
  } catch (error) {
    fd.close();
    throw error;
  }
  const mapping = mapShared(fd, size, readOnly);
  publish(() => ({ kind: "memory.open", memory: "memfd", name: fd.what, byteLength: size }));
  return readOnly ? new ReadOnlyObject(mapping, fd.what, fd) : new AnonymousMemoryObject(mapping, fd, found);
}

class AnonymousMemoryObject extends MemoryObject implements AnonymousMemory {
  readonly fd: Fd;
  readonly seal: Seal;

  constructor(mapping: Mapping, fd: Fd, seal: Seal) {
    super(mapping, fd.what, fd);
    this.fd = fd;
    this.seal = seal;
  }

  duplicate(): AnonymousMemory {
    const { byteLength } = this.mapping;
    const fd = this.fd.duplicate();
    return new AnonymousMemoryObject(mapShared(fd, byteLength, false), fd, this.seal);
  }

  grow(size: number): AnonymousMemory {
    void this.mapping;
    requireAvailable(size, "ENOMEM", "posix_fallocate", this.fd.what);
    const { mapping, fd } = grow(this.fd, size, this.fd.what);
    return new AnonymousMemoryObject(mapping, fd, this.seal);
  }

  [moveDescriptor](): Fd {
    void this.mapping;
    const fd = this.fd.duplicate();
    try {
      this.close();
    } catch (error) {
      fd.close();
      throw error;
    }
    return fd;
  }
}

function memfd(name: Uint8Array<ArrayBuffer>, target: string): number {
  const flags = MFD.CLOEXEC | MFD.ALLOW_SEALING;
  const raw = libc().memfd_create(name, flags | MFD.NOEXEC_SEAL);
  // Linux before 6.3 does not know MFD_NOEXEC_SEAL.
  if (raw === -1 && errno() === ERRNO.EINVAL) return check(libc().memfd_create(name, flags), "memfd_create", target);
  return check(raw, "memfd_create", target);
}

/** A descriptor that cannot have seals at all (EINVAL) is unsealed. */
function sealOf(fd: Fd): Seal {
  const seals = libc().fcntl(fd.raw, F.GET_SEALS, 0);
  if (seals === -1 && errno() !== ERRNO.EINVAL) check(seals, "fcntl(F_GET_SEALS)", fd.what);
  if (seals === -1 || (seals & F.SEAL_SHRINK) === 0) return "none";
  return (seals & (F.SEAL_WRITE | F.SEAL_FUTURE_WRITE)) !== 0 ? "writes" : "size";
}

/** The last seal is that there will be no other. */
function addSeals(fd: Fd, seal: Seal, target: string): void {
  if (seal === "none") return;
  const writes = seal === "writes" ? F.SEAL_FUTURE_WRITE : 0;
  const seals = F.SEAL_SHRINK | F.SEAL_GROW | F.SEAL_SEAL | writes;
  check(libc().fcntl(fd.raw, F.ADD_SEALS, seals), "fcntl(F_ADD_SEALS)", target);
}

function requireSeal(seal: Seal): void {
  if (!SEALS.includes(seal)) throw new TypeError(`seal must be one of ${SEALS.join(", ")}, got ${String(seal)}`);
}
