/**
 * The signal masks of the threads beside this one.
 *
 * Deno has a dozen threads, and the kernel hands a signal for a process to any that does not block it. To block one for the process, every
 * thread has to block it; and for real-time signals to arrive in order, every thread but one: two threads that have each taken a signal off
 * the queue report it in either order (one in ten was out of order when this was measured). A thread can only change its own mask, so we
 * send each of them a command, which its signal handler obeys (`machine_code.ts`).
 *
 * A thread that is started later has the mask of the thread that started it. While this thread blocks a signal too, that is all there is to
 * it. Of the real-time signals that only the others block, such a thread takes part until we look again (before each wait and after each
 * read) or until the first one that reaches it, which masks it. That one signal may come out of turn.
 *
 * @module
 */

import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { threadId } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { AT, O, SIG, STATX } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { COMMAND, COMMAND_CODE } from "./machine_code.ts";

/** A thread obeys within microseconds where a processor is free, unless it is stuck in the kernel: it then obeys when it comes back. */
const PATIENCE_MS = 1000;

/** glibc blocks these two only for the moments in which it blocks everything: what a thread blocks then is not its own choice. */
const MOMENTARY = 0b11n << 31n;

const TASKS = "/proc/self/task";
const DIRECTORY = O.RDONLY | O.CLOEXEC;
const HERE = cString("", "path");
const decoder = new TextDecoder();

/**
 * The signal that carries commands: no thread blocks it, and it is ignored by default, so that a thread that is late does no harm when the
 * handler has gone.
 */
export const CARRIER = 23;

/** What a thread blocks: by itself, and because of us. */
interface Masked {
  own: bigint;
  ours: bigint;
}

/** Sends the commands. */
export class ThreadMasks {
  readonly #home = threadId();
  readonly #cookie: bigint;
  readonly #obeyed: () => number;
  readonly #command = new DataView(new ArrayBuffer(SIG.siginfoByteLength));
  readonly #facts = new DataView(new ArrayBuffer(STATX.byteLength));
  /** The other threads while we want something of them. */
  readonly #threads = new Map<number, Masked>();
  /** All that was ever wanted since nothing was: a thread that we do not know and that blocks it has inherited that. */
  #inherited = 0n;
  /** The directory of threads, open meanwhile. */
  #tasks: Fd | undefined;

  /** @param cookie Proof that a command is ours. @param obeyed How many commands have been obeyed. */
  constructor(cookie: bigint, obeyed: () => number) {
    this.#cookie = cookie;
    this.#obeyed = obeyed;
    this.#command.setInt32(SIG.siginfo.signo, CARRIER, true);
    this.#command.setInt32(SIG.siginfo.code, COMMAND_CODE, true);
    this.#command.setBigUint64(SIG.siginfo.value, cookie, true);
  }

  /** Whether threads have come or gone since the last time. Cheap: one system call. */
  get isStale(): boolean {
    return this.#tasks !== undefined && this.#count(this.#tasks) - 1 !== this.#threads.size;
  }

  /**
   * Makes every other thread block a set of signals besides its own, and no more. Our handler is in place for the carrier.
   *
   * @returns Whether the threads are known: not where /proc is not mounted.
   * @throws {PosixError} EMFILE.
   */
  set(wanted: bigint): boolean {
    if (this.#tasks === undefined) {
      const raw = libc().open(cString(TASKS, "path"), DIRECTORY | platform().O_DIRECTORY, 0);
      if (raw === -1 && errno() === ERRNO.ENOENT) return false;
      this.#tasks = Fd.own(check(raw, "open", TASKS), TASKS);
    }
    const knewNobody = this.#inherited === 0n;
    this.#inherited |= wanted;
    // Threads that have not been told may start more of them meanwhile.
    while (this.#tell(this.#tasks, wanted, knewNobody));
    if (wanted !== 0n) return true;
    this.#threads.clear();
    this.#inherited = 0n;
    this.#tasks.close();
    this.#tasks = undefined;
    return true;
  }

  /** Returns whether somebody had to be told. */
  #tell(tasks: Fd, wanted: bigint, knewNobody: boolean): boolean {
    const present = listThreads(tasks).filter((thread) => thread !== this.#home);
    // The number of a thread that is gone may come again.
    for (const thread of new Set(this.#threads.keys()).difference(new Set(present))) this.#threads.delete(thread);
    const before = this.#obeyed();
    let told = 0;
    for (const thread of present) {
      const known = this.#threads.get(thread);
      const own = known?.own ?? this.#ownOf(thread, knewNobody);
      const ours = wanted & ~own;
      if (known?.ours === ours || (known === undefined && this.#inherited === 0n)) continue;
      // A thread that ended meanwhile needs no telling.
      if (this.#send(thread, ours, (known?.ours ?? this.#inherited) & ~ours & ~own)) told++;
      this.#threads.set(thread, { own, ours });
    }
    if (told > 0) waitUntil(() => this.#obeyed() - before >= told);
    return told > 0;
  }

  /**
   * What a thread that we do not know blocks by itself. Whether it blocks what it may have inherited cannot be seen: in `sigtimedwait` a
   * thread looks as if it did not block what it waits for.
   */
  #ownOf(thread: number, knewNobody: boolean): bigint {
    const blocked = blockedBy(thread);
    return (blocked & MOMENTARY) !== 0n ? 0n : blocked & ~(knewNobody ? 0n : this.#inherited);
  }

  #send(thread: number, block: bigint, unblock: bigint): boolean {
    this.#command.setBigUint64(COMMAND.block, block, true);
    this.#command.setBigUint64(COMMAND.unblock, unblock, true);
    const number = platform().SYS.rt_tgsigqueueinfo;
    return libc().syscall_rt_tgsigqueueinfo(number, Deno.pid, thread, CARRIER, this.#command) === 0;
  }

  /** The directory of each thread is a link. */
  #count(tasks: Fd): number {
    const result = libc().statx(tasks.raw, HERE, AT.EMPTY_PATH, STATX.BASIC_STATS, this.#facts);
    return result === -1 ? 0 : this.#facts.getUint32(STATX.offset.nlink, true) - 2;
  }
}

/** Changes whether this thread blocks a signal. Returns whether it did before. */
export function setBlocked(signal: number, blocked: boolean): boolean {
  const bit = 1n << BigInt(signal - 1);
  return (changeOwnMask(blocked ? SIG.BLOCK : SIG.UNBLOCK, bit) & bit) !== 0n;
}

/** The signals that this thread blocks. */
export function ownMask(): bigint {
  return changeOwnMask(SIG.BLOCK, 0n);
}

/** The signals that a thread blocks; none when it has ended. */
export function blockedBy(thread: number): bigint {
  const path = `${TASKS}/${thread}/status`;
  const raw = libc().open(cString(path, "path"), O.RDONLY | O.CLOEXEC, 0);
  if (raw === -1) return 0n;
  using _file = Fd.own(raw, path);
  const buffer = new Uint8Array(8192);
  const count = libc().read(raw, buffer, buffer.byteLength);
  const blocked = /^SigBlk:\s*([0-9a-f]+)$/m.exec(decoder.decode(buffer.subarray(0, Math.max(0, count))))?.[1];
  return blocked === undefined ? 0n : BigInt(`0x${blocked}`);
}

/** Changes this thread's mask, and returns it as it was. What is unblocked and pending is delivered before this returns. */
export function changeOwnMask(how: number, signals: bigint): bigint {
  // sigset_t of glibc: 1024 bits, of which the kernel has 64.
  const set = new BigUint64Array(16);
  const before = new BigUint64Array(16);
  set[0] = signals;
  const failure = libc().pthread_sigmask(how, set, before);
  if (failure !== 0) fail(failure, "pthread_sigmask");
  return before[0]!;
}

function waitUntil(isDone: () => boolean): void {
  const nothing = new Uint8Array(8);
  for (let ms = 0; ms < PATIENCE_MS; ms++) {
    for (let spin = 0; spin < 1000; spin++) if (isDone()) return;
    libc().poll(nothing, 0, 1);
  }
}

/** By the open directory: to let go of threads no other descriptor must be needed. */
function listThreads(tasks: Fd): number[] {
  const raw = tasks.raw;
  libc().lseek(raw, 0n, 0);
  const buffer = new Uint8Array(32768);
  const view = new DataView(buffer.buffer);
  const threads: number[] = [];
  while (true) {
    const count = check(libc().getdents64(raw, buffer, buffer.byteLength), "getdents64", TASKS);
    if (count === 0) return threads;
    // struct dirent64: ino 8, off 8, reclen 2, type 1, name
    for (let at = 0; at < count; at += view.getUint16(at + 16, true)) {
      const thread = Number(decoder.decode(buffer.subarray(at + 19, buffer.indexOf(0, at + 19))));
      if (Number.isInteger(thread)) threads.push(thread);
    }
  }
}
