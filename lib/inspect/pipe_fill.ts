/**
 * How full other processes' pipes and FIFOs are. The kernel tells it only to who has the pipe open, so a descriptor of a holder is borrowed for a moment
 * (`pidfd_getfd(2)`): the same end, so that a pipe never gets a reader or writer that it has not. If the holder dies in that moment, its peer
 * learns of it some microseconds later.
 *
 * @module
 */

import { errno } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { F, FIONREAD, O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import type { Descriptor } from "./descriptors.ts";
import { isDenied } from "./proc.ts";

/** What a pipe holds. */
export interface PipeFill {
  /** Bytes that wait to be read. */
  readonly queued: number;
  /** Bytes that fit. */
  readonly capacity: number;
}

/** Most processes whose pidfds are kept for the next question. */
const MOST_KEPT = 64;

/** Asks for any number of pipes. */
export class PipeProbe implements Disposable {
  readonly #processes = new Map<number, Fd>();
  readonly #denied = new Set<number>();
  readonly #number = new Int32Array(1);

  /** How full the pipe is on which some descriptors are open; `undefined` when none of them may be borrowed. */
  look(descriptors: readonly Descriptor[]): PipeFill | undefined {
    for (const descriptor of descriptors) {
      if (descriptor.direction === "none") continue;
      if (descriptor.pid === Deno.pid) return this.#ask(descriptor.number);
      const raw = this.#borrow(descriptor);
      if (raw === -1) continue;
      try {
        return this.#ask(raw);
      } finally {
        libc().close(raw);
      }
    }
    return undefined;
  }

  /** Whose descriptors could not be borrowed. */
  get denied(): ReadonlySet<number> {
    return this.#denied;
  }

  /** Closes the pidfds. */
  [Symbol.dispose](): void {
    for (const pidfd of this.#processes.values()) pidfd.close();
    this.#processes.clear();
  }

  #borrow(descriptor: Descriptor): number {
    const { pid, number, direction } = descriptor;
    if (!this.#denied.has(pid)) {
      const pidfd = this.#open(pid);
      if (pidfd === undefined) return -1;
      const raw = libc().syscall_pidfd_getfd(platform().SYS.pidfd_getfd, pidfd.raw, number, 0);
      if (raw !== -1) return raw;
      if (isDenied(errno())) this.#denied.add(pid);
    }
    // Where only a debugger may borrow (Yama), a reading end can still be opened once more while its holder has it.
    if (direction !== "read") return -1;
    const flags = O.RDONLY | O.NONBLOCK | O.CLOEXEC;
    return libc().open(cString(`/proc/${pid}/fd/${number}`, "path"), flags, 0);
  }

  #open(pid: number): Fd | undefined {
    const known = this.#processes.get(pid);
    if (known !== undefined) return known;
    if (this.#processes.size >= MOST_KEPT) this[Symbol.dispose]();
    const raw = libc().syscall_pidfd_open(platform().SYS.pidfd_open, pid, 0);
    if (raw === -1) return undefined;
    const pidfd = Fd.own(raw, `Process ${pid}`);
    this.#processes.set(pid, pidfd);
    return pidfd;
  }

  /** A number that has become another's meanwhile is no pipe, or another pipe: the answer is then one moment late, as all here. */
  #ask(raw: number): PipeFill | undefined {
    if (libc().ioctl(raw, FIONREAD, this.#number) === -1) return undefined;
    const queued = this.#number[0] ?? 0;
    const capacity = libc().fcntl(raw, F.GETPIPE_SZ, 0);
    return capacity === -1 ? undefined : { queued, capacity };
  }
}
