/**
 * Whether a process is stopped (SIGSTOP, Ctrl-Z, a debugger): it is slow then, not dead.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { isGranted } from "../sys/permission.ts";
import { hasFfi } from "../sys/platform.ts";
import { readProcFile } from "../sys/proc.ts";

/** Whether a process is stopped, as /proc tells; `false` where that cannot be read. */
export function isStopped(pid: number): boolean {
  if (!hasFfi() || !isGranted({ name: "read", path: "/proc" })) return false;
  try {
    // The state comes after the name, which is in brackets and may hold anything.
    const stat = readProcFile(`/proc/${pid}/stat`);
    return /[Tt]/.test(stat[stat.lastIndexOf(")") + 2] ?? "");
  } catch (error) {
    if (error instanceof PosixError && (error.code === "ENOENT" || error.code === "ESRCH")) return false;
    throw error;
  }
}
