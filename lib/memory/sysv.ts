/**
 * System V shared memory: segments with a number for a key. For programs that speak it already; a new program is better served by
 * `createAnonymousMemory` or `createSharedMemory`.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC, SHM } from "../sys/linux.ts";
import { Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { publish } from "../sys/probe.ts";
import { requireAvailable } from "./allocate.ts";
import { type Owner, requireId, requireKey, requireMode, requireOwner, requireSize } from "./arguments.ts";
import { type Memory, MemoryObject } from "./memory.ts";
import { advise } from "./pages.ts";
import { type ReadOnlyMemory, ReadOnlyObject } from "./read_only.ts";

const LIMITS = {
  ENOSPC: "raise kernel.shmmni or kernel.shmall",
  EINVAL: "raise kernel.shmmax",
} as const;

/** A System V segment. It lives until it is removed and the last process detaches, or until the machine goes down. */
export interface SysvMemory extends Memory {
  /** The key; `"private"` for a segment that only its id leads to. */
  readonly key: number | "private";
  /** The kernel's id, for `openSysvMemory({ id })` and `ipcs`. */
  readonly id: number;
  /**
   * `shmctl(IPC_STAT)`: what the kernel knows of the segment now.
   *
   * @throws {PosixError} EACCES without read permission by now; EIDRM.
   * @throws {ClosedError} After `close()`.
   */
  status(): SysvMemoryStatus;
  /**
   * `shmctl(IPC_RMID)`: frees the key at once. Whoever is attached stays so; the memory comes back with the last detach. Does nothing when the
   * segment is removed already.
   *
   * @throws {PosixError} EPERM for another user's segment.
   * @throws {ClosedError} After `close()`.
   */
  remove(): void;
}

/** What the kernel knows of a segment. */
export interface SysvMemoryStatus {
  /** Bytes, as they were asked for. */
  readonly byteLength: number;
  /** Permission bits. */
  readonly mode: number;
  /** The owner's user id. */
  readonly ownerUid: number;
  /** The creator's user id: a creator keeps its rights. */
  readonly creatorUid: number;
  /** How often it is attached, in all processes together. */
  readonly attached: number;
  /** Pid of the creator in this pid namespace; 0 for one of another. */
  readonly creatorPid: number;
  /** Pid of the last that attached or detached in this pid namespace; 0 for one of another. */
  readonly lastPid: number;
  /** When it was last attached, to the second; `undefined` for never. */
  readonly attachedAt: Date | undefined;
  /** When it was last detached, to the second; `undefined` for never. */
  readonly detachedAt: Date | undefined;
  /** When it was created, or its owner or mode changed. */
  readonly changedAt: Date | undefined;
  /** Removed already: it goes with the last detach. */
  readonly removed: boolean;
}

/** What {@linkcode createSysvMemory} creates. */
export interface CreateSysvMemoryOptions {
  /** Bytes, at least 1. The kernel reports exactly this size. */
  size: number;
  /**
   * Permission bits.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/** How {@linkcode openSysvMemory} opens. */
export interface OpenSysvMemoryOptions {
  /**
   * Attach for reading only: the result is a `ReadOnlyMemory`.
   * @default {false}
   */
  readOnly?: boolean | undefined;
  /** Whose segment is accepted: a user id, or `"any"`. Keys are guessed easily. When left out: this user's or root's. */
  owner?: number | "any" | undefined;
}

/**
 * `createSysvMemory(key, { size })`: creates a segment of zeros, private to this user, and attaches it.
 *
 * Of many creators of one key exactly one wins. The segment outlives its creator until it is removed. All of its memory is there when this returns
 * (before Linux 5.14 its pages are found when they are first touched). A peer cannot truncate it. System V shows the key before that: a creator
 * that is killed in between leaves a segment.
 *
 * @param key An integer other than 0, or `"private"` for a segment without a key.
 * @returns The memory. `close()` detaches it, `remove()` removes it.
 * @throws {PosixError} EEXIST, EINVAL, ENOMEM, ENOSPC; the message names the limit to raise.
 * @throws {TypeError} For a key that cannot be.
 * @throws {RangeError} For a size or mode that cannot be.
 *
 * @example A segment without a key
 * ```ts
 * import { createSysvMemory, openSysvMemory } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using mine = createSysvMemory("private", { size: 100 });
 * using theirs = openSysvMemory({ id: mine.id });
 * mine.remove();
 * mine.bytes[99] = 7;
 * assertEquals(theirs.bytes[99], 7);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/shmget.2.html shmget(2)}
 * @tags allow-ffi
 */
export function createSysvMemory(key: number | "private", options: CreateSysvMemoryOptions): SysvMemory {
  const number = key === "private" ? IPC.PRIVATE : requireKey(key);
  const { size, mode = 0o600 } = options;
  requireSize(size);
  requireMode(mode);
  const target = describe(key);
  requireAvailable(size, "ENOMEM", "shmget", target);
  const id = check(libc().shmget(number, BigInt(size), IPC.CREAT | IPC.EXCL | mode), "shmget", target, LIMITS);
  let mapping: Mapping | undefined;
  try {
    mapping = Mapping.attach(id, size, 0, target);
    populate(mapping, target);
  } catch (error) {
    libc().shmctl(id, IPC.RMID, null);
    mapping?.close();
    throw error;
  }
  publish(() => ({ kind: "memory.create", memory: "sysv", name: String(key), byteLength: size }));
  return new SysvMemoryObject(mapping, key, id, target);
}

/**
 * `openSysvMemory(key)`: attaches an existing segment.
 *
 * @param key The key, or `{ id }`.
 * @throws {PosixError} ENOENT, EACCES (also for another user's segment), EINVAL, EIDRM.
 * @throws {TypeError} For a key that cannot be.
 *
 * @example Nothing is there
 * ```ts
 * import { openSysvMemory, PosixError } from "@causeway/causeway";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => openSysvMemory(0x0ca5e0a1), PosixError, "ENOENT");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/shmop.2.html shmat(2)}
 * @tags allow-ffi
 */
export function openSysvMemory(
  key: number | { id: number },
  options: OpenSysvMemoryOptions & { readOnly: true },
): ReadOnlyMemory;
/** `openSysvMemory(key)`: attaches an existing segment for reading and writing. */
export function openSysvMemory(
  key: number | { id: number },
  options?: OpenSysvMemoryOptions & { readOnly?: false },
): SysvMemory;
export function openSysvMemory(
  key: number | { id: number },
  options: OpenSysvMemoryOptions = {},
): SysvMemory | ReadOnlyMemory {
  const { readOnly = false, owner } = options;
  const target = describe(key);
  const id = typeof key === "object"
    ? requireId(key.id)
    : check(libc().shmget(requireKey(key), 0n, 0), "shmget", target);
  const byteLength = segmentSize(id, owner, target);
  const mapping = Mapping.attach(id, byteLength, readOnly ? IPC.SHM_RDONLY : 0, target);
  publish(() => ({ kind: "memory.open", memory: "sysv", name: target, byteLength }));
  if (readOnly) return new ReadOnlyObject(mapping, target);
  return new SysvMemoryObject(mapping, typeof key === "number" ? key : "private", id, target);
}

class SysvMemoryObject extends MemoryObject implements SysvMemory {
  readonly key: number | "private";
  readonly id: number;
  readonly #target: string;

  constructor(mapping: Mapping, key: number | "private", id: number, target: string) {
    super(mapping, target);
    this.key = key;
    this.id = id;
    this.#target = target;
  }

  status(): SysvMemoryStatus {
    void this.mapping;
    return statusOf(this.id, this.#target);
  }

  remove(): void {
    void this.mapping;
    check(libc().shmctl(this.id, IPC.RMID, null), "shmctl(IPC_RMID)", this.#target);
  }
}

/** Asks the kernel, and refuses a segment that a stranger put under our key. */
function segmentSize(id: number, owner: Owner | undefined, target: string): number {
  const { ownerUid, creatorUid, byteLength } = statusOf(id, target);
  requireOwner(ownerUid, owner, "shmget", target);
  // A creator keeps its rights over a segment that it gave away.
  if (creatorUid !== owner) requireOwner(creatorUid, owner === "any" ? owner : undefined, "shmget", target);
  if (byteLength === 0) throw new PosixError({ code: "EINVAL", syscall: "shmat", target, hint: "it is empty" });
  return byteLength;
}

function statusOf(id: number, target: string): SysvMemoryStatus {
  const layout = platform().shmidDs;
  const data = new DataView(new ArrayBuffer(layout.byteLength));
  check(libc().shmctl(id, IPC.STAT, data), "shmctl(IPC_STAT)", target);
  const long = (offset: number) => Number(data.getBigUint64(offset, true));
  const time = (offset: number) => long(offset) === 0 ? undefined : new Date(1000 * long(offset));
  const mode = data.getUint16(layout.mode, true);
  return {
    byteLength: long(layout.segsz),
    mode: mode & 0o777,
    ownerUid: data.getUint32(layout.uid, true),
    creatorUid: data.getUint32(layout.cuid, true),
    attached: long(layout.nattch),
    creatorPid: data.getInt32(layout.cpid, true),
    lastPid: data.getInt32(layout.lpid, true),
    attachedAt: time(layout.atime),
    detachedAt: time(layout.dtime),
    changedAt: time(layout.ctime),
    removed: (mode & SHM.DEST) !== 0,
  };
}

/** Has all pages found now: a page that is not there later would be SIGBUS, or the out-of-memory killer. */
function populate(mapping: Mapping, target: string): void {
  try {
    advise(mapping, "populate", { range: {}, writable: true, target });
  } catch (error) {
    // Linux before 5.14 does not know it.
    if (!(error instanceof PosixError && error.code === "EINVAL")) throw error;
  }
}

function describe(key: number | "private" | { id: number }): string {
  if (typeof key === "object") return `Segment ${key.id}`;
  return key === "private" ? "Private segment" : `Segment with key 0x${(key >>> 0).toString(16).padStart(8, "0")}`;
}
