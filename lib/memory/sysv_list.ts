/**
 * System V shared memory of this IPC namespace, whoever made it: what there is, how much of it, the limits, and removing without attaching.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC, SHM } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { kernelNumbers, type SysvEntry, sysvTable } from "../sys/sysv_table.ts";

/** A segment, as the kernel lists it. Times are whole seconds since 1970, 0 for never. */
export interface SysvMemoryEntry extends SysvEntry {
  /** Bytes, as they were asked for. */
  readonly byteLength: number;
  /** Processes that have it attached. */
  readonly attached: number;
  /** Pid of the creator, and of the last that attached or detached. */
  readonly creatorPid: number;
  readonly lastPid: number;
  /** When it was last attached, detached, and changed. */
  readonly attachedAt: number;
  readonly detachedAt: number;
  readonly changedAt: number;
  /** Removed already: it goes with the last detach. */
  readonly removed: boolean;
  /** Its pages stay in memory (SHM_LOCK). */
  readonly locked: boolean;
}

/** All segments together. */
export interface SysvMemoryUsage {
  readonly segments: number;
  /** Pages of the segments, and those of them that are in memory and in swap. */
  readonly pages: bigint;
  readonly residentPages: bigint;
  readonly swappedPages: bigint;
  readonly swapAttempts: bigint;
  readonly swapSuccesses: bigint;
}

/** Every segment, by id. @throws {PosixError} ENOENT without System V IPC. */
export function listSysvMemory(): SysvMemoryEntry[] {
  return sysvTable("shm").map(({ entry, column }) => ({
    ...entry,
    byteLength: column("size"),
    attached: column("nattch"),
    creatorPid: column("cpid"),
    lastPid: column("lpid"),
    attachedAt: column("atime"),
    detachedAt: column("dtime"),
    changedAt: column("ctime"),
    removed: (entry.mode & SHM.DEST) !== 0,
    locked: (entry.mode & SHM.LOCKED) !== 0,
  }));
}

/** `shmctl(SHM_INFO)`. */
export function sysvMemoryUsage(): SysvMemoryUsage {
  const { info } = SHM;
  const data = new DataView(new ArrayBuffer(info.byteLength));
  check(libc().shmctl(0, SHM.INFO, data), "shmctl(SHM_INFO)");
  const long = (offset: number) => data.getBigUint64(offset, true);
  return {
    segments: data.getInt32(info.usedIds, true),
    pages: long(info.total),
    residentPages: long(info.resident),
    swappedPages: long(info.swapped),
    swapAttempts: long(info.swapAttempts),
    swapSuccesses: long(info.swapSuccesses),
  };
}

/** The limits: segments, bytes of one segment, pages of all. */
export function sysvMemoryLimits(): { segments: bigint; byteLength: bigint; pages: bigint } {
  const first = (name: string) => kernelNumbers(name)[0] ?? 0n;
  return { segments: first("shmmni"), byteLength: first("shmmax"), pages: first("shmall") };
}

/** `shmctl(IPC_STAT)`: whether this user may look at a segment. */
export function isReadableSysvMemory(id: number): boolean {
  return libc().shmctl(id, IPC.STAT, new Uint8Array(platform().shmidDs.byteLength)) !== -1;
}

/**
 * `shmget(key, 0, 0)`: the id of a segment, without attaching it.
 *
 * @throws {PosixError} ENOENT, EACCES.
 */
export function sysvMemoryId(key: number): number {
  return check(libc().shmget(key | 0, 0n, 0), "shmget", key);
}

/**
 * `shmctl(IPC_RMID)`: removes a segment without attaching it. Whoever is attached stays so.
 *
 * @throws {PosixError} EINVAL, EIDRM, EPERM.
 */
export function removeSysvMemory(id: number): void {
  check(libc().shmctl(id, IPC.RMID, null), "shmctl(IPC_RMID)", `Segment ${id}`);
}
