/**
 * The shared mappings of processes: who has which memory in its address space.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html proc_pid_maps(5)}
 * @module
 */

import type { Direction } from "./descriptors.ts";
import { isDenied, readText } from "./proc.ts";

/** What is mapped. `"anonymous"`: memory that a process shares with its forks. */
export type MappingKind = "shared-memory" | "memfd" | "sysv-memory" | "anonymous" | "file";

/** Shared memory in the address space of a process; one for each stretch of addresses. */
export interface SharedMapping {
  /** The process. */
  readonly pid: number;
  /** What is mapped. */
  readonly kind: MappingKind;
  /** How. */
  readonly direction: Direction;
  /** The first address. */
  readonly start: bigint;
  /** The address behind the last. */
  readonly end: bigint;
  /** Which byte of the object is at `start`. */
  readonly offset: bigint;
  /** What /proc shows: a path, `/memfd:name`, `/SYSV00000000`. */
  readonly target: string;
  /** `MAJOR:MINOR:INODE`: equal for two mappings, and for a descriptor, of one object. */
  readonly object: string;
  /** The inode number. Of a System V segment: its id. */
  readonly inode: number;
}

/** A line of a shared mapping: addresses, `rwxs`, offset, device in hexadecimal, inode, and mostly a path. */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) (.)(.).s ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)(?: +(.*))?$/gm;

/**
 * The shared mappings of a process, by address.
 *
 * @returns `"hidden"` when this user may not look; an empty list when the process is gone, a zombie, or a thread of the kernel.
 */
export function readSharedMappings(pid: number): SharedMapping[] | "hidden" {
  const text = readText(`/proc/${pid}/maps`);
  if (typeof text === "number") return isDenied(text) ? "hidden" : [];
  const found: SharedMapping[] = [];
  for (const [, start, end, read, write, offset, major, minor, inode, path = ""] of text.matchAll(LINE)) {
    const target = path.replace(/ \(deleted\)$/, "").replaceAll("\\012", "\n");
    const number = Number(inode);
    found.push({
      pid,
      kind: kindOf(target),
      direction: read === "r" ? (write === "w" ? "both" : "read") : write === "w" ? "write" : "none",
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      offset: BigInt(`0x${offset}`),
      target,
      object: `${parseInt(major!, 16)}:${parseInt(minor!, 16)}:${number}`,
      inode: number,
    });
  }
  return found;
}

function kindOf(target: string): MappingKind {
  if (target.startsWith("/memfd:")) return "memfd";
  if (target.startsWith("/dev/shm/")) return "shared-memory";
  if (/^\/SYSV[0-9a-f]{8}$/.test(target)) return "sysv-memory";
  return target === "/dev/zero" || target === "" || target.startsWith("[anon_shmem") ? "anonymous" : "file";
}
