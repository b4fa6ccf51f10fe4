/**
 * Who creates a struct, so that others can tell whether a creator that has not finished is still at it. A pid alone is a number that the kernel uses
 * again, and that means another process in another pid namespace: so pid, start time and namespace.
 *
 * @module
 */

import { ERRNO, errno } from "../sys/errno.ts";
import { ownPid } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { cString } from "../sys/memory.ts";
import { readProcFile } from "./proc_file.ts";

/** A process, for ever. */
export interface Creator {
  /** Its number in its pid namespace; 0 when it did not say. */
  pid: number;
  /** When it started, in clock ticks since boot; 0 when /proc did not tell. */
  startTime: bigint;
  /** The inode number of its pid namespace; 0 when /proc did not tell. */
  pidNamespace: number;
}

let own: Creator | undefined;

/** This process. */
export function ownIdentity(): Creator {
  const pid = ownPid();
  return own ??= { pid, startTime: statusOf("self")?.startTime ?? 0n, pidNamespace: pidNamespace() };
}

/** Whether a process is gone for certain: dead, and no other has been taken for it. */
export function isGone({ pid, startTime, pidNamespace }: Creator): boolean {
  const mine = ownIdentity();
  if (pid === 0 || pid > 0x7fffffff || startTime === 0n || mine.pidNamespace === 0) return false;
  if (pidNamespace !== mine.pidNamespace) return false;
  // Signal 0 sends nothing. (EPERM: somebody else's process, so it is there.)
  const found = libc().kill(pid, 0);
  if (found === -1 && errno() === ERRNO.ESRCH) return true;
  const status = statusOf(pid);
  return status !== undefined && (status.startTime !== startTime || status.ended);
}

function statusOf(pid: number | "self"): { startTime: bigint; ended: boolean } | undefined {
  const text = readProcFile(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses, which may contain anything; the third is the state, the 22nd the start time.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { startTime: BigInt(fields[19] ?? 0), ended: fields[0] === "Z" || fields[0] === "X" };
}

/** The number in `pid:[4026531836]`. */
function pidNamespace(): number {
  const buffer = new Uint8Array(64);
  const length = libc().readlink(cString("/proc/self/ns/pid", "path"), buffer, buffer.byteLength);
  if (length === -1) return 0;
  return Number(/\[(\d+)\]/.exec(new TextDecoder().decode(buffer.subarray(0, length)))?.[1] ?? 0);
}
