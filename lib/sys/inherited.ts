/**
 * Descriptors that go through `exec`: those that whoever started this program left open for it, such as a shell's `9>lock`, and those that it leaves open
 * for the programs that it starts.
 *
 * @module
 */

import { check, ERRNO, fail } from "./errno.ts";
import { Fd, fromDescriptor } from "./fd.ts";
import { libc } from "./libc.ts";
import { F } from "./linux.ts";

/**
 * Adopts an inherited descriptor. Deno itself has descriptors open, on numbers that a caller may well mistake for his own; they are
 * close-on-exec, which what came through an `exec` cannot be.
 *
 * @throws {PosixError} EBADF when the number is not open, or Deno's.
 */
export function inheritedDescriptor(raw: number): Fd {
  requireInherited(raw);
  return fromDescriptor(raw);
}

/**
 * Asks the same, and takes nothing.
 *
 * @throws {PosixError} EBADF when the number is not open, or Deno's.
 */
export function requireInherited(raw: number): void {
  const target = String(raw);
  const flags = check(libc().fcntl(raw, F.GETFD, 0), "fcntl(F_GETFD)", target);
  if ((flags & F.CLOEXEC) !== 0) fail(ERRNO.EBADF, "fcntl(F_GETFD)", target);
}

/** `fcntl(F_SETFD)`: lets every program that is started from now on have a descriptor, under its number. */
export function makeInheritable(fd: Fd): void {
  check(libc().fcntl(fd.raw, F.SETFD, 0), "fcntl(F_SETFD)", fd.what);
}

/**
 * `fcntl(F_DUPFD_CLOEXEC)`: a second descriptor of an open file that this program inherited, so that the inherited one is left as it is.
 *
 * @throws {PosixError} EBADF when the number is not open, or Deno's; EMFILE.
 */
export function duplicateInherited(raw: number): Fd {
  requireInherited(raw);
  return Fd.own(check(libc().fcntl(raw, F.DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD_CLOEXEC)", String(raw)), `fd ${raw}`);
}
