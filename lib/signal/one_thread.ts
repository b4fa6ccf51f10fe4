/**
 * One thread for all real-time signals, so that they arrive in order.
 *
 * The kernel hands a signal for a process to any thread that does not block it, and to another one while the first is still waking up. Two
 * threads that have each taken a signal off the queue write to the pipe in either order: one in ten was out of order when this was
 * measured. So every thread but the one that runs this JavaScript blocks the real-time signals while we listen. A thread can only change
 * its own mask: we send each of them a command, which its signal handler obeys (`machine_code.ts`).
 *
 * Children inherit the mask of the thread that starts them. That is this one, whose mask stays clear; a Worker's children start with
 * real-time signals blocked. (To block them here as well would be simpler, and would do that to every child.)
 *
 * @module
 */

import { check, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { threadId } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { AT, O, SIG, STATX } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { COMMAND_CODE } from "./machine_code.ts";

/** A thread obeys within microseconds, unless it is stopped or stuck in the kernel: it then obeys when it comes back. */
const PATIENCE_MS = 20;

const TASKS = cString("/proc/self/task", "path");

/** Sends the command, and knows who has obeyed. */
export class OneThread {
  readonly #home = threadId();
  readonly #command: DataView<ArrayBuffer>;
  readonly #obeyed: (signal: number) => number;
  readonly #sent = new Map<number, number>();
  #told = new Set<number>();
  #count = 0;

  /** @param cookie Proof that the command is ours. @param obeyed How many commands by a signal have been obeyed. */
  constructor(cookie: bigint, obeyed: (signal: number) => number) {
    this.#command = new DataView(new ArrayBuffer(SIG.siginfoByteLength));
    this.#command.setInt32(SIG.siginfo.code, COMMAND_CODE, true);
    this.#command.setBigUint64(SIG.siginfo.value, cookie, true);
    this.#obeyed = obeyed;
  }

  /**
   * Makes this thread the only one that takes real-time signals.
   *
   * @param signal A real-time signal whose handler is installed.
   */
  claim(signal: number): void {
    for (let threads = listThreads(); threads !== undefined; threads = listThreads()) {
      const strangers = threads.filter((thread) => thread !== this.#home && !this.#told.has(thread));
      this.#told = new Set(threads);
      this.#count = threads.length;
      if (strangers.length === 0) return;
      const before = this.#obeyed(signal);
      const told = strangers.filter((thread) => this.#tell(thread, signal)).length;
      waitUntil(() => this.#obeyed(signal) - before >= told);
    }
  }

  /** The same, where there are threads that have not been told. Cheap: one system call. */
  refresh(signal: number): void {
    if (countThreads() !== this.#count) this.claim(signal);
  }

  /** Whether a thread may still have a command of that signal before it: it must not meet the default action. */
  isOutstanding(signal: number): boolean {
    return (this.#sent.get(signal) ?? 0) !== this.#obeyed(signal);
  }

  /** Returns whether there will be obedience. A thread that cannot be told is masked by the first signal that reaches it. */
  #tell(thread: number, signal: number): boolean {
    this.#command.setInt32(SIG.siginfo.signo, signal, true);
    const number = platform().SYS.rt_tgsigqueueinfo;
    const result = libc().syscall_rt_tgsigqueueinfo(number, Deno.pid, thread, signal, this.#command);
    if (result === 0) this.#sent.set(signal, (this.#sent.get(signal) ?? 0) + 1);
    return result === 0;
  }
}

function waitUntil(isDone: () => boolean): void {
  const nothing = new Uint8Array(8);
  for (let ms = 0; ms < PATIENCE_MS; ms++) {
    for (let spin = 0; spin < 1000; spin++) if (isDone()) return;
    libc().poll(nothing, 0, 1);
  }
}

/** Changes whether this thread blocks a signal. Returns whether it did before. */
export function setBlocked(signal: number, blocked: boolean): boolean {
  const bit = 1n << BigInt(signal - 1);
  const set = new BigUint64Array(16);
  const before = new BigUint64Array(16);
  set[0] = bit;
  const failure = libc().pthread_sigmask(blocked ? SIG.BLOCK : SIG.UNBLOCK, set, before);
  if (failure !== 0) fail(failure, "pthread_sigmask");
  return (before[0]! & bit) !== 0n;
}

/** The threads of this process; `undefined` where /proc is not mounted. */
function listThreads(): number[] | undefined {
  const raw = libc().open(TASKS, O.RDONLY | O.CLOEXEC | platform().O_DIRECTORY, 0);
  if (raw === -1) return undefined;
  using _directory = Fd.own(raw, "/proc/self/task");
  const buffer = new Uint8Array(32768);
  const view = new DataView(buffer.buffer);
  const decoder = new TextDecoder();
  const threads: number[] = [];
  while (true) {
    const count = check(libc().getdents64(raw, buffer, buffer.byteLength), "getdents64", "/proc/self/task");
    if (count === 0) return threads;
    // struct dirent64: ino 8, off 8, reclen 2, type 1, name
    for (let at = 0; at < count; at += view.getUint16(at + 16, true)) {
      const end = buffer.indexOf(0, at + 19);
      const thread = Number(decoder.decode(buffer.subarray(at + 19, end)));
      if (Number.isInteger(thread)) threads.push(thread);
    }
  }
}

/** How many threads there are: the directory of each is a link. */
function countThreads(): number {
  const facts = new DataView(new ArrayBuffer(STATX.byteLength));
  const result = libc().statx(AT.FDCWD, TASKS, 0, STATX.BASIC_STATS, facts);
  return result === -1 ? 0 : facts.getUint32(STATX.offset.nlink, true) - 2;
}
