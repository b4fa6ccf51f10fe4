/**
 * Memory is there when it is created, or it is not created. A page that the kernel cannot find later would be SIGBUS or the OOM killer: the
 * process dies at a plain store.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { ERRNO, fail } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { readProcFile } from "./proc_file.ts";

/**
 * `posix_fallocate(3)`: sets a new file's size, exactly, and gives it all its blocks.
 *
 * @throws {PosixError} ENOSPC, EFBIG.
 */
export function allocate(fd: Fd, size: number, target: string, hints?: Readonly<Record<string, string>>): void {
  while (true) {
    // It returns the errno itself.
    const number = libc().posix_fallocate(fd.raw, 0n, BigInt(size));
    if (number === 0) return;
    if (number !== ERRNO.EINTR) fail(number, "posix_fallocate", target, hints);
  }
}

/**
 * Refuses more memory than the machine has to give. The kernel hands out pages of an object without a limit of its own until it kills somebody.
 *
 * @param code What the failure is called: ENOMEM, or ENOSPC where there is a file system to be full.
 * @throws {PosixError} That code.
 */
export function requireAvailable(size: number, code: "ENOMEM" | "ENOSPC", syscall: string, target: string): void {
  const text = readProcFile("/proc/meminfo");
  if (text === undefined) return;
  const available = kibibytes(text, "MemAvailable") + kibibytes(text, "SwapFree");
  if (size <= available * 1024) return;
  throw new PosixError({
    code,
    syscall,
    target,
    hint: `${size} bytes were asked for, ${available * 1024} are available`,
  });
}

function kibibytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
}
