/**
 * How much a pipe holds, and how much is in it.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { F, FIONREAD } from "../sys/linux.ts";

const HINTS = {
  EPERM: "raise fs.pipe-max-size, or fs.pipe-user-pages-soft when this user has many pipes",
  EBUSY: "more bytes are in the pipe: read them first",
};

/** `fcntl(F_GETPIPE_SZ)`. */
export function getCapacity(fd: Fd): number {
  return check(libc().fcntl(fd.raw, F.GETPIPE_SZ, 0), "fcntl(F_GETPIPE_SZ)", fd.what);
}

/** `fcntl(F_SETPIPE_SZ)`. */
export function setCapacity(fd: Fd, bytes: number): void {
  checkCapacity(bytes);
  check(libc().fcntl(fd.raw, F.SETPIPE_SZ, bytes), "fcntl(F_SETPIPE_SZ)", fd.what, HINTS);
}

/** What unprivileged processes may grow a pipe to (`/proc/sys/fs/pipe-max-size`, unless somebody has changed it). */
export const LARGE_CAPACITY = 1_048_576;

/**
 * Grows the pipes among some descriptors, each as far as the kernel allows. None shrinks.
 *
 * @returns How many bytes the smallest of them holds; 0 when none is a pipe.
 */
export function growPipes(ends: readonly Fd[], capacity: number = LARGE_CAPACITY): number {
  const capacities = ends.map((fd) => growPipe(fd, capacity)).filter((bytes) => bytes !== undefined);
  return capacities.length === 0 ? 0 : Math.min(...capacities);
}

/** EPERM: above the limit, or this user has too many pages in pipes already. Half as much may do. */
function growPipe(fd: Fd, capacity: number): number | undefined {
  const before = libc().fcntl(fd.raw, F.GETPIPE_SZ, 0);
  if (before === -1) return undefined;
  for (let bytes = capacity; bytes > before; bytes = Math.floor(bytes / 2)) {
    const after = libc().fcntl(fd.raw, F.SETPIPE_SZ, bytes);
    if (after !== -1) return after;
  }
  return before;
}

/** Throws a `RangeError` for what cannot be a capacity. */
export function checkCapacity(bytes: number): void {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > 0x7fffffff) {
    throw new RangeError(
      `Pipe capacity must be a whole number of bytes from 1 to 2147483647, got ${Deno.inspect(bytes)}`,
    );
  }
}

const available = new Int32Array(1);

/** `ioctl(FIONREAD)`: bytes in the pipe. */
export function bytesInPipe(fd: Fd): number {
  check(libc().ioctl(fd.raw, FIONREAD, available), "ioctl(FIONREAD)", fd.what);
  return available[0]!;
}
