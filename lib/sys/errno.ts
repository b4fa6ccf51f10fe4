/**
 * Reading errno. `check` is the only reader, on the line after the call.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { errnoName } from "./errno_table.ts";
import { errnoWord } from "./libc.ts";

/** This thread's errno, right after a synchronous call that failed. A nonblocking call's errno is lost: it ran on another thread. */
export function errno(): number {
  return errnoWord === undefined ? 0 : Atomics.load(errnoWord, 0);
}

/**
 * Passes a result through, or throws what errno says.
 *
 * @param result What the call returned.
 * @param syscall The call's name, for the error.
 * @param target What it was called on.
 * @param hint What the caller can do about it, by errno name.
 * @throws {PosixError} When the result is -1.
 */
export function check(
  result: number,
  syscall: string,
  target?: string | number,
  hint?: Readonly<Record<string, string>>,
): number {
  return result !== -1 ? result : fail(errno(), syscall, target, hint);
}

/** Throws the error of an errno. For calls that return the errno itself, like `posix_fallocate`. */
export function fail(
  number: number,
  syscall: string,
  target?: string | number,
  hint?: Readonly<Record<string, string>>,
): never {
  const code = errnoName(number);
  throw new PosixError({
    code,
    syscall,
    target: target === undefined ? undefined : String(target),
    hint: hint?.[code],
  });
}

/**
 * The same failure as a `PosixError`, when Deno reported it: Deno's own errors carry the errno name in `code`. Anything else (a missing
 * permission above all) comes back as it is.
 */
export function fromDenoError(error: unknown, syscall: string, target?: string): unknown {
  if (!(error instanceof Error) || error instanceof PosixError || error instanceof Deno.errors.NotCapable) return error;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new PosixError({ code, syscall, target, cause: error });
}

/** Errno numbers that the code decides by. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EEXIST: 17,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ENAMETOOLONG: 36,
  ELOOP: 40,
  ENOMSG: 42,
  EIDRM: 43,
  ENOSYS: 38,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EINPROGRESS: 115,
} as const;
