/**
 * Who a process is. A pid alone is a number that the kernel uses again; a pidfd is the process itself.
 *
 * @module
 */

import { check, ERRNO, errno } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

/** `getpid(2)`: this process. (Deno.pid, without a name from outside.) */
export function ownPid(): number {
  return Deno.pid;
}

/** `gettid(2)`: the kernel's id of the thread that runs this JavaScript. */
export function threadId(): number {
  return libc().gettid();
}

/**
 * `pidfd_open(2)`: a descriptor that stands for one process, whatever becomes of its pid. It becomes readable when the process exits.
 *
 * @throws {PosixError} ESRCH when there is no such process; EINVAL for a pid below 1.
 */
export function openPidFdRaw(pid: number): Fd {
  return Fd.own(
    check(libc().syscall_pidfd_open(platform().SYS.pidfd_open, pid, 0), "pidfd_open", pid),
    `Process ${pid}`,
  );
}

/**
 * `pidfd_send_signal(2)`: signals exactly that process.
 *
 * @returns Whether it was there to be signalled: `false` once it has been reaped.
 * @throws {PosixError} EPERM, EINVAL.
 */
export function pidFdSignal(pidfd: Fd, signal: number): boolean {
  const result = libc().syscall_pidfd_send_signal(platform().SYS.pidfd_send_signal, pidfd.raw, signal, null, 0);
  if (result === -1 && errno() === ERRNO.ESRCH) return false;
  check(result, "pidfd_send_signal", pidfd.what);
  return true;
}
