/**
 * File locks, with who has them and who waits for them.
 *
 * `/proc/locks` names the process that took a lock. That is its owner for POSIX locks alone: a `flock` belongs to an open file, which children inherit,
 * and the kernel names nobody for locks of open file descriptions. So for these, holders are whose descriptors say that they have the lock.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_locks.5.html proc_locks(5)}
 * @module
 */

import { descriptorInfo } from "./descriptors.ts";
import type { Listing } from "./listing.ts";
import type { FileLockObject, Holder } from "./object.ts";
import { readText } from "./proc.ts";

/** `1: -> POSIX  ADVISORY  READ 323 fe:00:160 128 EOF`; the arrow stands before one that waits for the lock above it. */
const LINE = /^\d+: (-> )?\s*(\S+)\s+(\S+)\s+(\S+)\s+(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) (\d+|EOF)$/;

interface Line {
  readonly waits: boolean;
  readonly type: string;
  readonly access: string;
  readonly pid: number;
  readonly file: string;
  readonly first: number;
  readonly last: number | undefined;
}

/** Every file lock of this pid namespace. */
export function fileLocks(listing: Listing): FileLockObject[] {
  const text = readText("/proc/locks");
  if (typeof text === "number") return [];
  const found: { lock: Line; waiters: number[] }[] = [];
  for (const line of text.split("\n")) {
    const parsed = parse(line);
    if (parsed === undefined) continue;
    if (!parsed.waits) found.push({ lock: parsed, waiters: [] });
    else found.at(-1)?.waiters.push(parsed.pid);
  }
  const ids = new Map<string, number>();
  return found.map(({ lock, waiters }) => object(listing, lock, waiters, ids));
}

function parse(line: string): Line | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, arrow, type = "", , access = "", pid, major = "", minor = "", inode, first, last] = match;
  return {
    waits: arrow !== undefined,
    type,
    access,
    pid: Number(pid),
    file: `${parseInt(major, 16)}:${parseInt(minor, 16)}:${inode}`,
    first: Number(first),
    last: last === "EOF" ? undefined : Number(last),
  };
}

function object(listing: Listing, lock: Line, waiters: readonly number[], ids: Map<string, number>): FileLockObject {
  const { type, access, file, first, last } = lock;
  const range = `${first}-${last ?? ""}`;
  const id = `lock:${type}:${access}:${file}:${range}:${lock.pid}`;
  const count = (ids.get(id) ?? 0) + 1;
  ids.set(id, count);
  const descriptors = listing.holders.descriptors(file);
  const named = descriptors[0];
  const owner = listing.snapshot.processes.get(lock.pid);
  return {
    kind: "file-lock",
    // One process can have several locks that look the same.
    id: count === 1 ? id : `${id}#${count}`,
    name: named?.target,
    mode: undefined,
    uid: owner?.uid,
    owner: listing.owner(owner?.uid),
    byteLength: last === undefined ? undefined : last - first + 1,
    createdAt: undefined,
    holders: [...holdersOf(listing, lock), ...waiters.map((pid) => listing.holders.holder(pid, { waiting: true }))],
    ours: false,
    stale: undefined,
    type: typeOf(type),
    access: access === "READ" ? "read" : access === "WRITE" ? "write" : "none",
    range: { first, last },
    file,
  };
}

function holdersOf(listing: Listing, lock: Line): Holder[] {
  const direction = lock.access === "READ" ? "read" as const : "write" as const;
  const byPid = new Map<number, number[]>();
  for (const { pid, number } of listing.holders.descriptors(lock.file)) {
    if (lock.type === "POSIX" ? pid !== lock.pid : !says(pid, number, lock)) continue;
    byPid.set(pid, [...byPid.get(pid) ?? [], number]);
  }
  if (byPid.size === 0 && lock.pid > 0 && isLikelyOwner(listing, lock)) byPid.set(lock.pid, []);
  return [...byPid].map(([pid, descriptors]) => listing.holders.holder(pid, { direction, descriptors }));
}

/** A process may close the descriptor by which it locked for POSIX only; of who is hidden, the descriptors cannot be asked. */
function isLikelyOwner({ snapshot }: Listing, { type, pid }: Line): boolean {
  if (type === "POSIX") return snapshot.processes.has(pid);
  return snapshot.hidden.some((hidden) => hidden.pid === pid);
}

/** Whether the descriptor's own list of locks has this one. */
function says(pid: number, number: number, lock: Line): boolean {
  const info = descriptorInfo(pid, number) ?? "";
  return info.split("\n").some((line) => {
    if (!line.startsWith("lock:\t")) return false;
    const own = parse(line.slice("lock:\t".length));
    return own?.type === lock.type && own.access === lock.access && own.pid === lock.pid && own.first === lock.first &&
      own.last === lock.last;
  });
}

function typeOf(type: string): FileLockObject["type"] {
  switch (type) {
    case "FLOCK":
      return "flock";
    case "POSIX":
      return "posix";
    case "OFDLCK":
      return "ofd";
    case "LEASE":
    case "DELEG":
      return "lease";
    default:
      return "other";
  }
}
