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

/** Throws a `RangeError` for what cannot be a capacity. */
export function checkCapacity(bytes: number): void {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > 0x7fffffff) {
    throw new RangeError(`Pipe capacity must be a whole number of bytes from 1 to 2147483647, got ${bytes}`);
  }
}

const available = new Int32Array(1);

/** `ioctl(FIONREAD)`: bytes in the pipe. */
export function bytesInPipe(fd: Fd): number {
  check(libc().ioctl(fd.raw, FIONREAD, available), "ioctl(FIONREAD)", fd.what);
  return available[0]!;
}
