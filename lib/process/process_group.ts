/**
 * A process group, known by the pidfd of the process that leads it, or led it.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { directoryNames } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { PIDFD_SIGNAL_PROCESS_GROUP } from "../sys/linux.ts";
import { isGranted } from "../sys/permission.ts";
import { platform } from "../sys/platform.ts";
import { readProcFile } from "../sys/proc.ts";

/**
 * Signals a group. The kernel finds it by the pidfd, so it is that group and no other, also when its leader has been reaped. Before Linux 6.9
 * it is found by its number, which is the leader's as long as that has not been reaped, and nobody is signalled after.
 *
 * @param number 0 to ask whether anybody is there.
 * @returns Whether anybody was.
 */
export function signalGroup(leader: Fd, pgid: number, reaped: boolean, number: number): boolean {
  const { pidfd_send_signal } = platform().SYS;
  const flag = PIDFD_SIGNAL_PROCESS_GROUP;
  let result = libc().syscall_pidfd_send_signal(pidfd_send_signal, leader.raw, number, null, flag);
  let failure = result === -1 ? errno() : 0;
  if (failure === ERRNO.EINVAL && !reaped) {
    result = libc().kill(-pgid, number);
    failure = result === -1 ? errno() : 0;
  }
  if (failure === ERRNO.ESRCH || failure === ERRNO.EINVAL) return false;
  // EPERM: they are there, but others' (a program that became another user).
  if (failure === ERRNO.EPERM && number === 0) return true;
  check(result, "pidfd_send_signal", `process group ${pgid}`);
  return true;
}

/** Whether anybody is left in a group whose leader was reaped. Zombies that nobody has reaped yet do not count, where /proc tells. */
export function isGroupThere(leader: Fd, pgid: number): boolean {
  return signalGroup(leader, pgid, true, 0) && (!mayReadProc() || groupMembers(pgid).length > 0);
}

/** The pids in a group, in order, as /proc tells, zombies left out; empty where /proc may not be read. */
export function groupMembers(pgid: number): number[] {
  if (!mayReadProc()) return [];
  const pids = directoryNames("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => libc().getpgid(pid) === pgid && !isZombie(pid)).sort((left, right) => left - right);
}

function mayReadProc(): boolean {
  return isGranted({ name: "read", path: "/proc" });
}

function isZombie(pid: number): boolean {
  try {
    // The state comes after the name, which is in brackets and may hold anything.
    const stat = readProcFile(`/proc/${pid}/stat`);
    return stat[stat.lastIndexOf(")") + 2] === "Z";
  } catch (error) {
    if (error instanceof PosixError && (error.code === "ENOENT" || error.code === "ESRCH")) return true;
    throw error;
  }
}
