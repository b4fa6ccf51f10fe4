/**
 * System V semaphore sets of this IPC namespace, whoever made them: what there is, how much of it, the limits, and removing.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC, SEM } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { kernelNumbers, type SysvEntry, sysvTable } from "../sys/sysv_table.ts";

/** A set, as the kernel lists it. Times are whole seconds since 1970, 0 for never. */
export interface SysvSemaphoresEntry extends SysvEntry {
  /** How many semaphores it has. */
  readonly length: number;
  /** When somebody last operated on it, and when it was changed. */
  readonly operatedAt: number;
  readonly changedAt: number;
}

/** The limits of semaphore sets. */
export interface SysvSemaphoreLimits {
  /** Sets, semaphores of one set, semaphores of all sets, operations of one call, and the highest value. */
  readonly sets: bigint;
  readonly length: bigint;
  readonly semaphores: bigint;
  readonly operations: bigint;
  readonly value: number;
}

/** Every set, by id. @throws {PosixError} ENOENT without System V IPC. */
export function listSysvSemaphores(): SysvSemaphoresEntry[] {
  return sysvTable("sem").map(({ entry, column }) => ({
    ...entry,
    length: column("nsems"),
    operatedAt: column("otime"),
    changedAt: column("ctime"),
  }));
}

/** `semctl(SEM_INFO)`: sets, and semaphores of all sets together. */
export function sysvSemaphoreUsage(): { sets: number; semaphores: number } {
  const { info } = SEM;
  const data = new DataView(new ArrayBuffer(info.byteLength));
  check(libc().semctl(0, 0, SEM.INFO, data), "semctl(SEM_INFO)");
  return { sets: data.getInt32(info.usz, true), semaphores: data.getInt32(info.aem, true) };
}

/** `/proc/sys/kernel/sem`. */
export function sysvSemaphoreLimits(): SysvSemaphoreLimits {
  const [length = 0n, semaphores = 0n, operations = 0n, sets = 0n] = kernelNumbers("sem");
  return { sets, length, semaphores, operations, value: SEM.VMX };
}

/** `semctl(IPC_STAT)`: whether this user may look at a set. */
export function isReadableSysvSemaphores(id: number): boolean {
  return libc().semctl(id, 0, IPC.STAT, new Uint8Array(platform().semidDs.byteLength)) !== -1;
}

/** `semget(key, 0, 0)`: the id of a set. @throws {PosixError} ENOENT, EACCES. */
export function sysvSemaphoresId(key: number): number {
  return check(libc().semget(key | 0, 0, 0), "semget", key);
}

/** `semctl(IPC_RMID)`: removes a set, whoever made it. @throws {PosixError} EINVAL, EIDRM, EPERM. */
export function removeSysvSemaphores(id: number): void {
  check(libc().semctl(id, 0, IPC.RMID, null), "semctl(IPC_RMID)", `Semaphore set ${id}`);
}
