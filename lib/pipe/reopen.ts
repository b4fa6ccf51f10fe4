/**
 * A second open file description of the same pipe.
 *
 * @module
 */

import { ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd, setStatusFlags, statusFlags } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";

/**
 * Opens the pipe or FIFO behind a descriptor anew: non-blocking, close-on-exec, and independent of what others do to the old description.
 *
 * @param access `O.RDONLY` or `O.WRONLY`.
 * @throws {PosixError} EMFILE, ENFILE; EACCES when the pipe belongs to another user; ENOENT where `/proc` is not mounted.
 */
export function reopen(fd: Fd, access: number): Fd {
  const path = cString(`/proc/self/fd/${fd.raw}`, "Path");
  const raw = libc().open(path, access | O.NONBLOCK | O.CLOEXEC, 0);
  if (raw === -1) {
    const number = errno();
    // A writing end without any reader cannot be opened. It is broken, and so is its plain duplicate: both give EPIPE, and never block.
    if (number === ERRNO.ENXIO) return fd.duplicate();
    fail(number, "open", fd.what);
  }
  const opened = Fd.own(raw, fd.what);
  // On a pipe, O_DIRECT is the packet mode of a description: open(2) refuses it, fcntl(2) takes it.
  const packets = statusFlags(fd) & platform().O_DIRECT;
  if (packets !== 0) setStatusFlags(opened, (flags) => flags | packets);
  return opened;
}
