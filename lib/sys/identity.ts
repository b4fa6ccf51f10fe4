/**
 * Who a process is. A pid alone is a number that the kernel uses again; a pidfd is the process itself.
 *
 * @module
 */

import { check, ERRNO, errno } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";
import { readProcFile } from "./proc.ts";

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
 * The pid of the process that a descriptor stands for, from /proc/self/fdinfo.
 *
 * @returns `undefined` when the process has ended and been reaped.
 * @throws {TypeError} When the descriptor is none of a process.
 */
export function pidOf(pidfd: Fd): number | undefined {
  const pid = /^Pid:\t(-?\d+)$/m.exec(readProcFile(`/proc/self/fdinfo/${pidfd.raw}`))?.[1];
  if (pid === undefined) throw new TypeError(`${pidfd.what} is no descriptor of a process`);
  return Number(pid) < 0 ? undefined : Number(pid);
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
