/**
 * What a sleeping thread waits for, from the system call that it is in: `/proc/PID/task/TID/syscall` shows the call's number and its six arguments.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_syscall.5.html proc_pid_syscall(5)}
 * @module
 */

import { FUTEX, OFD, WAIT } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { isDenied, readAt, readText } from "./proc.ts";

/** A call in which a thread sleeps. */
export type BlockedCall =
  /** Reads from, or receives at, a descriptor; or writes to it; or waits for a lock on it. */
  | { readonly kind: "read" | "write" | "lock"; readonly descriptor: number }
  /** Sleeps on words of memory, until somebody wakes it. */
  | { readonly kind: "futex"; readonly words: readonly FutexWord[] }
  /** Waits for a message in a System V queue, for room in it, or for semaphores of a set. */
  | { readonly kind: "sysv-receive" | "sysv-send" | "sysv-semaphore"; readonly id: number }
  /** Waits for a child; `undefined` for any. */
  | { readonly kind: "child"; readonly pid: number | undefined }
  /** Something that its own process, the clock or the world ends. */
  | { readonly kind: "idle" };

/** A word that a thread sleeps on. */
export interface FutexWord {
  readonly address: bigint;
  /** What it had to contain for the thread to sleep. */
  readonly expected: number;
}

/** Set in the operation when the word is not shared between processes (`FUTEX_PRIVATE_FLAG`, `FUTEX2_PRIVATE`). */
const PRIVATE = 128;
const LOCK_PI = 6;
const LOCK_PI2 = 13;
/** `fcntl(2)`: waits for a POSIX lock. */
const F_SETLKW = 7;
/** `struct futex_waitv`: value 8 bytes, address 8, flags 4, reserved 4. */
const WAITV_BYTES = 24;

/**
 * What a thread waits for.
 *
 * @returns `"running"` when it does not sleep in a call; `"hidden"` when this user may not look; `undefined` when it is gone.
 */
export function blockedCall(pid: number, tid: number): BlockedCall | "running" | "hidden" | undefined {
  const text = readText(`/proc/${pid}/task/${tid}/syscall`);
  if (typeof text === "number") return isDenied(text) ? "hidden" : undefined;
  const [number = "", ...rest] = text.trim().split(" ");
  // "running", or -1: asleep, but in no call, such as a page fault.
  if (!/^\d+$/.test(number)) return "running";
  return meaning(pid, Number(number), rest.slice(0, 6).map(BigInt));
}

function meaning(pid: number, number: number, args: readonly bigint[]): BlockedCall {
  const { SYS } = platform();
  const int = (index: number) => Number(BigInt.asIntN(32, args[index] ?? 0n));
  switch (number) {
    case SYS.read:
    case SYS.readv:
    case SYS.recvfrom:
    case SYS.recvmsg:
    case SYS.mq_timedreceive:
      return { kind: "read", descriptor: int(0) };
    case SYS.write:
    case SYS.writev:
    case SYS.sendto:
    case SYS.sendmsg:
    case SYS.mq_timedsend:
      return { kind: "write", descriptor: int(0) };
    case SYS.flock:
      return { kind: "lock", descriptor: int(0) };
    case SYS.fcntl:
      return [F_SETLKW, OFD.SETLKW].includes(int(1)) ? { kind: "lock", descriptor: int(0) } : { kind: "idle" };
    case SYS.futex:
      return futex(args[0] ?? 0n, int(1), int(2));
    case SYS.futex_waitv:
      return { kind: "futex", words: waitVector(pid, args[0] ?? 0n, int(1)) };
    case SYS.msgrcv:
      return { kind: "sysv-receive", id: int(0) };
    case SYS.msgsnd:
      return { kind: "sysv-send", id: int(0) };
    case SYS.semtimedop:
      return { kind: "sysv-semaphore", id: int(0) };
    case SYS.wait4:
      return { kind: "child", pid: int(0) > 0 ? int(0) : undefined };
    case SYS.waitid:
      return { kind: "child", pid: int(0) === WAIT.P_PID ? int(1) : undefined };
    default:
      return { kind: "idle" };
  }
}

function futex(address: bigint, operation: number, expected: number): BlockedCall {
  const kind = operation & 127;
  const waits = [FUTEX.WAIT, FUTEX.WAIT_BITSET, LOCK_PI, LOCK_PI2].some((each) => each === kind);
  return { kind: "futex", words: waits && (operation & PRIVATE) === 0 ? [{ address, expected }] : [] };
}

/** The words of one `futex_waitv` call, out of the memory of the process; none when this user may not read it. */
function waitVector(pid: number, address: bigint, count: number): FutexWord[] {
  const length = Math.min(Math.max(count, 0), FUTEX.WAITV_MAX) * WAITV_BYTES;
  const bytes = readAt(`/proc/${pid}/mem`, address, length);
  if (typeof bytes === "number") return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words: FutexWord[] = [];
  for (let at = 0; at + WAITV_BYTES <= bytes.byteLength; at += WAITV_BYTES) {
    if ((view.getUint32(at + 16, true) & PRIVATE) !== 0) continue;
    words.push({ address: view.getBigUint64(at + 8, true), expected: view.getInt32(at, true) });
  }
  return words;
}
