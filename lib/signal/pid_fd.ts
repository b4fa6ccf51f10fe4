/**
 * A process by descriptor: the one way to name a process that never comes to name another.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { closeWaited, waitFor } from "../sys/event_loop.ts";
import { Fd } from "../sys/fd.ts";
import { openPidFdRaw, pidFdSignal, pidOf } from "../sys/identity.ts";
import { type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { EPOLL, POLL } from "../sys/linux.ts";
import { requireRun } from "../sys/permission.ts";
import { pollNow, pollSync } from "../sys/poll.ts";
import { isProbed, publish, startedNs } from "../sys/probe.ts";
import { type Signal, signalName, signalNumber } from "./names.ts";
import { checkPid } from "./send.ts";

/**
 * `openPidFd(pid)`: opens a descriptor that stands for one process until it is closed, whatever becomes of the pid. The process need not
 * be a child.
 *
 * Between learning a pid and this call the process may have ended and its pid have been used again: only the parent, before it reaps,
 * and a process about itself can be sure.
 *
 * A descriptor of a process that was received (`SCM_RIGHTS`, `socket.peerPidFd()`) is taken over instead: it names the process that it was made
 * for, without that gap.
 *
 * @param pid The process: at least 2, or `"init"`; or a descriptor of it, which this object owns from then on.
 * @returns The process, to be closed after use.
 * @throws {RangeError} When `pid` is no pid.
 * @throws {TypeError} When a descriptor is none of a process.
 * @throws {PosixError} ESRCH when there is no such process, or it has been reaped; EMFILE.
 * @throws {Deno.errors.NotCapable} Without `--allow-run` and `--allow-ffi`; for a descriptor, without read access to /proc/self/fdinfo.
 *
 * @example Wait for a process that is not ours to wait for
 * ```ts
 * import { openPidFd } from "@causeway/causeway";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const child = new Deno.Command("cat", { stdin: "piped" }).spawn();
 * using process = openPidFd(child.pid);
 * assertFalse(process.tryExited());
 * process.kill("SIGTERM");
 * await process.exited();
 * assert(process.tryExited());
 * await child.stdin.abort();
 * await child.status;
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/pidfd_open.2.html pidfd_open(2)}
 *
 * @tags allow-ffi
 */
export function openPidFd(pid: number | "init" | Fd): PidFd {
  if (pid instanceof Fd) {
    requireRun();
    return adopt(pid);
  }
  const number = pid === "init" ? 1 : checkPid(pid, "Pid", 'use "init" for process 1');
  requireRun();
  return new PidFd(openPidFdRaw(number), number);
}

function adopt(fd: Fd): PidFd {
  const pid = pidOf(fd);
  if (pid !== undefined) return new PidFd(fd, pid);
  throw new PosixError({
    code: "ESRCH",
    syscall: "pidfd_open",
    target: fd.what,
    hint: "it has exited and been reaped",
  });
}

/** One process, held by a descriptor. Made by {@linkcode openPidFd}. */
export class PidFd implements Disposable, Movable {
  /** The pid that it was opened by. Once the process has been reaped, the pid may be another's: this object never is. */
  readonly pid: number;
  readonly #fd: Fd;

  /** Called by {@linkcode openPidFd}. */
  constructor(fd: Fd, pid: number) {
    this.#fd = fd;
    this.pid = pid;
  }

  /**
   * `pidfd_send_signal(2)`: signals exactly this process.
   *
   * @param signal By name or number; `0` sends nothing and only tells that the process is there.
   * @throws {TypeError} When there is no such signal.
   * @throws {RangeError} When the number is no signal.
   * @throws {PosixError} ESRCH when the process has exited, even if nobody has reaped it yet and even if its pid was used again; EPERM.
   * @throws {ClosedError} After `close()`.
   */
  kill(signal: Signal | number): void {
    const number = signal === 0 ? 0 : signalNumber(signal);
    requireRun();
    // The kernel takes a signal for a zombie and forgets it: it would look delivered.
    const started = startedNs();
    if (!this.tryExited() && pidFdSignal(this.#fd, number)) {
      if (number !== 0 && isProbed()) tell(pidOf(this.#fd), number, started);
      return;
    }
    throw new PosixError({ code: "ESRCH", syscall: "pidfd_send_signal", target: this.#fd.what, hint: "it has exited" });
  }

  /**
   * Waits on the event loop until the process has exited. Its status belongs to its parent; this only tells that it is over.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
   * @throws {ClosedError} When this object is closed, also during the wait.
   */
  async exited(options: WaitOptions = {}): Promise<void> {
    if (this.#fd.closed) throw new ClosedError(this.#fd.what);
    await waitFor(this.#fd, EPOLL.IN, options);
  }

  /**
   * Blocks this thread until the process has exited.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {ClosedError} After `close()`.
   */
  exitedSync(options: SyncWaitOptions = {}): void {
    pollSync(this.#fd, POLL.IN, new Deadline(`Waiting for ${this.#fd.what}`, options.timeoutMs));
  }

  /**
   * Whether the process has exited. Never waits.
   *
   * @throws {ClosedError} After `close()`.
   */
  tryExited(): boolean {
    return (pollNow(this.#fd, POLL.IN) & POLL.IN) !== 0;
  }

  /** Gives up the descriptor; the process is left in peace. Pending waits reject with `ClosedError`. May be called twice. */
  close(): void {
    closeWaited(this.#fd);
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes this object and returns its descriptor: for `sendDescriptors`, or for a child. */
  [moveDescriptor](): Fd {
    const moved = this.#fd.duplicate();
    this.close();
    return moved;
  }
}

function tell(to: number | undefined, number: number, started: number | undefined): void {
  publish(() => ({ kind: "signal.send", to, signal: signalName(number), number, startedNs: started }));
}
