/**
 * The process group and the session of this process, and what it does with the signals that it sends there.
 *
 * @module
 */

import { check } from "./errno.ts";
import { libc } from "./libc.ts";
import { SIG, TIOCSCTTY } from "./linux.ts";

/**
 * `setpgid(0, 0)`: makes this process the leader of a group of its own, which its children are born into.
 *
 * @returns Whether it leads one now: a session leader does so already.
 */
export function leadOwnGroup(): boolean {
  return libc().setpgid(0, 0) === 0 || libc().getpgid(0) === Deno.pid;
}

/** Whether this process leads its process group: it cannot begin a session then. */
export function isGroupLeader(): boolean {
  return libc().getpgid(0) === Deno.pid;
}

/**
 * `setsid(2)`: begins a session and a group, without a controlling terminal.
 *
 * @throws {PosixError} EPERM for the leader of a group.
 */
export function beginSession(): void {
  check(libc().setsid(), "setsid");
}

/**
 * `ioctl(TIOCSCTTY)`: makes the terminal at standard input the controlling one of this session, taking it away from another session where
 * this process may.
 *
 * @throws {PosixError} ENOTTY when it is no terminal; EPERM when this process leads no session or may not take the terminal away.
 */
export function takeTerminal(): void {
  check(libc().ioctl_int(0, TIOCSCTTY, 1), "ioctl(TIOCSCTTY)", "standard input");
}

/** `sigaction(SIG_IGN)`: ignores a signal from now on. */
export function ignoreSignal(number: number): void {
  setDisposition(number, SIG.IGN);
}

/** `sigaction(SIG_DFL)`: a signal does from now on what the kernel has it do. */
export function restoreSignal(number: number): void {
  setDisposition(number, SIG.DFL);
}

function setDisposition(number: number, handler: bigint): void {
  const action = new DataView(new ArrayBuffer(SIG.sigaction.byteLength));
  action.setBigUint64(SIG.sigaction.handler, handler, true);
  check(libc().sigaction(number, action, null), "sigaction", number);
}
