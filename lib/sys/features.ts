/**
 * What this kernel can do, tried for real: each probe makes the call, undoes it, and throws what the kernel says.
 *
 * @module
 */

import { check, ERRNO, errno } from "./errno.ts";
import { Fd } from "./fd.ts";
import { openPidFdRaw, ownPid } from "./identity.ts";
import { libc } from "./libc.ts";
import { MFD } from "./linux.ts";
import { cString, executablePage } from "./memory.ts";
import { platform } from "./platform.ts";

/** A feature of the kernel that something here is built on. */
export interface Feature {
  /** What it is called. */
  readonly name: string;
  /** What it is good for. */
  readonly gives: string;
  /**
   * Tries it.
   *
   * @throws {PosixError} What the kernel says.
   * @throws {Error} `Not supported yet: …` where this CPU has no code for it.
   */
  try(): void;
}

/** Operating system and CPU, as Deno names them. */
export function machine(): { os: string; arch: string } {
  return { os: Deno.build.os, arch: Deno.build.arch };
}

/** The features, in the order in which a reader wants them. */
export const FEATURES: readonly Feature[] = [
  {
    name: "pidfd_open",
    gives: "a signal never reaches a stranger with a recycled pid",
    try: () => openPidFdRaw(ownPid()).close(),
  },
  {
    name: "memfd_create",
    gives: "shared memory without a name that nobody can truncate",
    try() {
      const flags = MFD.CLOEXEC | MFD.ALLOW_SEALING;
      Fd.own(check(libc().memfd_create(cString("causeway", "name"), flags), "memfd_create"), "Probe").close();
    },
  },
  {
    name: "futex_waitv",
    gives: "any number of lock waiters on one thread (Linux 5.16)",
    try() {
      // No words to wait for: a kernel that knows the call says EINVAL, one that does not says ENOSYS.
      const result = libc().syscall_futex_waitv_now(platform().SYS.futex_waitv, null, 0, 0, null, 0);
      if (result === -1 && errno() === ERRNO.EINVAL) return;
      check(result, "futex_waitv");
    },
  },
  {
    name: "robust futex list",
    gives: "locks come back when their owner is killed",
    try() {
      const result = new BigUint64Array(2);
      const call = platform().SYS.get_robust_list;
      check(libc().syscall_get_robust_list(call, 0, result.subarray(0, 1), result.subarray(1)), "get_robust_list");
    },
  },
  {
    name: "signal handler in machine code",
    gives: "signals with sender and value, real-time signals",
    try() {
      if (!platform().siginfoHandler) throw new Error(`Not supported yet: no handler for ${platform().arch}`);
      executablePage(() => {});
    },
  },
];
