/**
 * One thread for all real-time signals, so that they arrive in order.
 *
 * The kernel hands a signal for a process to any thread that does not block it, and to another one while the first is still waking up. Two
 * threads that have each taken a signal off the queue write to the pipe in either order: one in ten was out of order when this was
 * measured. So every thread but the one that runs this JavaScript blocks the real-time signals while we listen to one. A thread can only
 * change its own mask: we send each of them a command, which its signal handler obeys (`machine_code.ts`).
 *
 * What is left: a thread that Deno starts from here inherits our clear mask, until we look again (before each wait and after each read) or
 * until the first real-time signal that reaches it, which masks it. That one signal may come out of turn.
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
import { COMMAND_CODE, REALTIME_MASK } from "./machine_code.ts";

/** A thread obeys within microseconds, unless it is stopped or stuck in the kernel: it then obeys when it comes back. */
const PATIENCE_MS = 20;

const TASKS = cString("/proc/self/task", "path");
const decoder = new TextDecoder();

/**
 * The signal that carries commands: no thread blocks it, and it is ignored by default, so that a thread that is late does no harm when the
 * handler has gone.
 */
export const CARRIER = 23;

/** Sends the commands. */
export class OneThread {
  readonly #home = threadId();
  readonly #cookie: bigint;
  readonly #obeyed: () => number;
  readonly #command = new DataView(new ArrayBuffer(SIG.siginfoByteLength));
  /** Threads that block the real-time signals: by themselves, and because we told them. */
  #own = new Set<number>();
  #told = new Set<number>();
  #count = 0;

  /** @param cookie Proof that a command is ours. @param obeyed How many commands have been obeyed. */
  constructor(cookie: bigint, obeyed: () => number) {
    this.#cookie = cookie;
    this.#obeyed = obeyed;
    this.#command.setInt32(SIG.siginfo.signo, CARRIER, true);
    this.#command.setInt32(SIG.siginfo.code, COMMAND_CODE, true);
  }

  /** Whether threads have come or gone since the last claim. Cheap: one system call. */
  get isStale(): boolean {
    return countThreads() - 1 !== this.#count;
  }

  /** Makes this thread the only one that takes real-time signals. Our handler is in place for the carrier. */
  claim(): void {
    // A thread that comes later and blocks them has inherited that from one that we told.
    const isFirst = this.#count === 0;
    for (let threads = this.#others(); threads.length > 0; threads = this.#others()) {
      this.#count = threads.length;
      const strangers = threads.filter((thread) => !this.#told.has(thread) && !this.#own.has(thread));
      if (strangers.length === 0) return;
      for (const thread of strangers) (isFirst && blocksRealtime(thread) ? this.#own : this.#told).add(thread);
      this.#tell(strangers.filter((thread) => this.#told.has(thread)), this.#cookie);
    }
  }

  /** Lets all threads take them again, but those that did not before. Our handler is in place for the carrier. */
  release(): void {
    this.#tell(this.#others().filter((thread) => !this.#own.has(thread)), this.#cookie + 1n);
    this.#own.clear();
    this.#told.clear();
    this.#count = 0;
  }

  /** The other threads there are. Numbers of those that are gone may come again, and are forgotten. */
  #others(): number[] {
    const threads = listThreads().filter((thread) => thread !== this.#home);
    const present = new Set(threads);
    this.#own = this.#own.intersection(present);
    this.#told = this.#told.intersection(present);
    return threads;
  }

  #tell(threads: readonly number[], value: bigint): void {
    this.#command.setBigUint64(SIG.siginfo.value, value, true);
    const number = platform().SYS.rt_tgsigqueueinfo;
    const before = this.#obeyed();
    // A thread that ended meanwhile needs no telling; one that cannot be told is masked by the first signal that reaches it.
    const told =
      threads.filter((thread) =>
        libc().syscall_rt_tgsigqueueinfo(number, Deno.pid, thread, CARRIER, this.#command) === 0
      ).length;
    waitUntil(() => this.#obeyed() - before >= told);
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

/** The threads of this process; none where /proc is not mounted. */
function listThreads(): number[] {
  const raw = libc().open(TASKS, O.RDONLY | O.CLOEXEC | platform().O_DIRECTORY, 0);
  if (raw === -1) return [];
  using _directory = Fd.own(raw, "/proc/self/task");
  const buffer = new Uint8Array(32768);
  const view = new DataView(buffer.buffer);
  const threads: number[] = [];
  while (true) {
    const count = check(libc().getdents64(raw, buffer, buffer.byteLength), "getdents64", "/proc/self/task");
    if (count === 0) return threads;
    // struct dirent64: ino 8, off 8, reclen 2, type 1, name
    for (let at = 0; at < count; at += view.getUint16(at + 16, true)) {
      const thread = Number(decoder.decode(buffer.subarray(at + 19, buffer.indexOf(0, at + 19))));
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

/** Whether a thread blocks all real-time signals; `false` for one that has ended. */
function blocksRealtime(thread: number): boolean {
  const path = `/proc/self/task/${thread}/status`;
  const raw = libc().open(cString(path, "path"), O.RDONLY | O.CLOEXEC, 0);
  if (raw === -1) return false;
  using _file = Fd.own(raw, path);
  const buffer = new Uint8Array(8192);
  const count = libc().read(raw, buffer, buffer.byteLength);
  const blocked = /^SigBlk:\s*([0-9a-f]+)$/m.exec(decoder.decode(buffer.subarray(0, Math.max(0, count))))?.[1];
  return blocked !== undefined && (BigInt(`0x${blocked}`) & REALTIME_MASK) === REALTIME_MASK;
}
