/**
 * System V objects of this IPC namespace.
 *
 * The kernel keeps who made a segment, but not who made a semaphore set or a queue, and it does not say who uses these: they have no holders and are never
 * stale. A segment is not attached to look into it: that would change who attached it last, and another program may be counting.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { listSysvMemory } from "../memory/sysv_list.ts";
import { listSysvQueues } from "../queue/sysv_list.ts";
import { listSysvSemaphores } from "../sync/sysv_list.ts";
import { libc } from "../sys/libc.ts";
import { SEM } from "../sys/linux.ts";
import type { SysvEntry } from "../sys/sysv_table.ts";
import type { Listing } from "./listing.ts";
import type { ObjectFacts, SysvMemoryObject, SysvQueueObject, SysvSemaphoresObject } from "./object.ts";
import { staleSegment } from "./stale.ts";

const PERMISSIONS = 0o777;

/** Shared memory segments. */
export function sysvMemory(listing: Listing): SysvMemoryObject[] {
  return wherePossible(listSysvMemory).map((entry) => {
    const { id, byteLength, attached, creatorPid, lastPid, removed } = entry;
    const isGone = attached === 0 && listing.isGonePid(creatorPid);
    return {
      kind: "sysv-memory",
      ...facts(listing, entry, `sysv-memory:${id}`),
      byteLength,
      createdAt: entry.changedAt * 1000,
      holders: listing.holders.of(`sysv-memory:${id}`),
      stale: removed ? undefined : staleSegment(attached, creatorPid, isGone),
      attached,
      creatorPid,
      lastPid,
      removed,
    };
  });
}

/** Semaphore sets. */
export function sysvSemaphores(listing: Listing): SysvSemaphoresObject[] {
  return wherePossible(listSysvSemaphores).map((entry) => ({
    kind: "sysv-semaphores",
    ...facts(listing, entry, `sysv-semaphores:${entry.id}`),
    createdAt: entry.changedAt * 1000,
    values: valuesOf(entry.id, entry.length),
    length: entry.length,
  }));
}

/** Message queues. */
export function sysvQueues(listing: Listing): SysvQueueObject[] {
  return wherePossible(listSysvQueues).map((entry) => ({
    kind: "sysv-queue",
    ...facts(listing, entry, `sysv-queue:${entry.id}`),
    createdAt: entry.changedAt * 1000,
    messages: entry.messages,
    queued: entry.bytes,
    lastSender: entry.lastSender,
    lastReceiver: entry.lastReceiver,
  }));
}

function facts(listing: Listing, entry: SysvEntry, id: string): ObjectFacts & { key: number; sysvId: number } {
  return {
    id,
    name: entry.key === 0 ? undefined : `0x${(entry.key >>> 0).toString(16).padStart(8, "0")}`,
    mode: entry.mode & PERMISSIONS,
    uid: entry.uid,
    owner: listing.owner(entry.uid),
    byteLength: undefined,
    createdAt: undefined,
    holders: [],
    ours: false,
    stale: undefined,
    key: entry.key,
    sysvId: entry.id,
  };
}

/** `semctl(GETALL)`. The set may have been replaced by a longer one under a new id only, so the length holds. */
function valuesOf(id: number, length: number): number[] | undefined {
  const values = new Uint16Array(length);
  return libc().semctl(id, 0, SEM.GETALL, values) === -1 ? undefined : [...values];
}

/** A kernel without System V IPC has none of these objects. */
function wherePossible<T>(list: () => T[]): T[] {
  try {
    return list();
  } catch (error) {
    if (error instanceof PosixError && error.code === "ENOENT") return [];
    throw error;
  }
}
