/**
 * File locks: who holds which, and who waits for it. `/proc/locks` knows the processes of POSIX locks and of waiters; who holds a lock that belongs to an
 * open file (`flock(2)`, OFD) is known to the descriptors' own files only.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_locks.5.html proc_locks(5)}
 * @module
 */

import { type Descriptor, descriptorInfo } from "./descriptors.ts";
import { readText } from "./proc.ts";

/** A locked file. */
export interface FileLock {
  /** `MAJOR:MINOR:INODE`, as descriptors have it. */
  readonly object: string;
  /** Its path, as one of the holders sees it; empty when no holder can be seen. */
  readonly path: string;
  /** Who holds a lock on it. */
  readonly holders: readonly LockHolder[];
  /** Who is seen waiting; of OFD locks, the kernel does not tell. */
  readonly waiters: readonly number[];
}

/** A process that holds a lock. */
export interface LockHolder {
  /** The process. A lock of an open file that several have open has several. */
  readonly pid: number;
  /** Its descriptor. */
  readonly descriptor: number;
  /** Whether others may not have it at the same time. */
  readonly exclusive: boolean;
}

/** `1: -> FLOCK  ADVISORY  WRITE 4711 fe:00:2230348 0 EOF`: the arrow marks one that waits. */
const LINE = /^(\d+): *(-> )? *(\w+) +\w+ +(\w+) +(-?\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /gm;

/**
 * Every locked file that one of these descriptors is open on.
 *
 * @param descriptors Of all processes that are of interest.
 */
export function readFileLocks(descriptors: readonly Descriptor[]): FileLock[] {
  const text = readText("/proc/locks");
  if (typeof text === "number") return [];
  const waiters = new Map<string, Set<number>>();
  const locked = new Set<string>();
  for (const { object, pid, waits } of parse(text)) {
    locked.add(object);
    const waiting = waiters.get(object) ?? new Set();
    waiters.set(object, waiting);
    if (waits && pid > 0) waiting.add(pid);
  }
  const holders = new Map<string, LockHolder[]>();
  const paths = new Map<string, string>();
  for (const { pid, number, object, target } of descriptors) {
    if (!locked.has(object)) continue;
    paths.set(object, target);
    const own = [...parse((descriptorInfo(pid, number) ?? "").replace(/^lock:\t/gm, ""))].filter((line) => !line.waits);
    if (own.length === 0) continue;
    const exclusive = own.some(({ mode }) => mode === "WRITE");
    holders.set(object, [...holders.get(object) ?? [], { pid, descriptor: number, exclusive }]);
  }
  return Array.from(waiters, ([object, waiting]) => ({
    object,
    path: paths.get(object) ?? "",
    holders: holders.get(object) ?? [],
    waiters: [...waiting],
  })).filter(({ path }) => path !== "");
}

interface Line {
  readonly object: string;
  readonly pid: number;
  readonly mode: string;
  readonly waits: boolean;
}

function* parse(text: string): Generator<Line> {
  for (const [, , arrow, , mode = "", pid, major = "", minor = "", inode] of text.matchAll(LINE)) {
    const object = `${parseInt(major, 16)}:${parseInt(minor, 16)}:${inode}`;
    yield { object, pid: Number(pid), mode, waits: arrow !== undefined };
  }
}
