/**
 * The kernel's two kinds of file lock that belong to an open file and not to a process. (Classic `fcntl` locks belong to the process: they go when
 * anything in it closes any descriptor of the file. They are not offered.)
 *
 * @module
 */

import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { LOCK, OFD } from "../sys/linux.ts";

/** How a lock is held: by one, or by any number who all share it. */
export type FileLockMode = "exclusive" | "shared";

/** One lock of the kernel: what is locked, without saying of which file. */
export interface KernelLock {
  readonly kind: "flock" | "ofd";
  /** Whether the old lock stays while a conversion is not possible. */
  readonly convertsAtomically: boolean;
  /** Takes or converts the lock, never waiting: `false` when others are in the way. */
  try(fd: Fd, mode: FileLockMode): boolean;
  /** Takes or converts the lock, blocking this thread. A signal does not end the wait. */
  block(fd: Fd, mode: FileLockMode): void;
  unlock(fd: Fd): void;
  /** Whether two locks of one file concern the same bytes, and know of each other. */
  overlaps(other: KernelLock): boolean;
}

/** `flock(2)`: the whole file, or directory. */
export const flock: KernelLock = {
  kind: "flock",
  convertsAtomically: false,
  try: (fd, mode) => callFlock(fd, FLOCK_MODES[mode] | LOCK.NB),
  block: (fd, mode) => void callFlock(fd, FLOCK_MODES[mode]),
  unlock: (fd) => void callFlock(fd, LOCK.UN),
  overlaps: (other) => other.kind === "flock",
};

function callFlock(fd: Fd, operation: number): boolean {
  while (true) {
    const result = libc().flock(fd.raw, operation);
    if (result === 0) return true;
    const number = errno();
    if (number === ERRNO.EAGAIN) return false;
    if (number !== ERRNO.EINTR) fail(number, "flock", fd.what);
  }
}

const FLOCK_MODES = { exclusive: LOCK.EX, shared: LOCK.SH } as const;
const OFD_MODES = { exclusive: OFD.WRLCK, shared: OFD.RDLCK } as const;

/** `fcntl(F_OFD_SETLK)`: some bytes of a file. */
export class OfdLock implements KernelLock {
  readonly kind = "ofd";
  readonly convertsAtomically = true;
  readonly #start: number;
  readonly #length: number;
  readonly #struct = new DataView(new ArrayBuffer(OFD.flock.byteLength));

  /** @param length `Infinity` for all that the file has or ever will have. */
  constructor(start: number, length: number) {
    this.#start = start;
    this.#length = length;
    this.#struct.setBigInt64(OFD.flock.start, BigInt(start), true);
    this.#struct.setBigInt64(OFD.flock.len, length === Infinity ? 0n : BigInt(length), true);
  }

  try(fd: Fd, mode: FileLockMode): boolean {
    return this.#set(fd, OFD.SETLK, OFD_MODES[mode]);
  }

  block(fd: Fd, mode: FileLockMode): void {
    this.#set(fd, OFD.SETLKW, OFD_MODES[mode]);
  }

  unlock(fd: Fd): void {
    this.#set(fd, OFD.SETLK, OFD.UNLCK);
  }

  /** Whether another open file has such a lock, of these bytes or some of them. Nothing is taken to find out, not even for a moment. */
  isHeldElsewhere(fd: Fd): boolean {
    this.#struct.setInt16(OFD.flock.type, OFD.WRLCK, true);
    // The kernel answers in it.
    const question = new DataView(this.#struct.buffer.slice());
    check(libc().fcntl_flock(fd.raw, OFD.GETLK, question), "fcntl(F_OFD_GETLK)", fd.what);
    return question.getInt16(OFD.flock.type, true) !== OFD.UNLCK;
  }

  overlaps(other: KernelLock): boolean {
    if (!(other instanceof OfdLock)) return false;
    return this.#start < other.#start + other.#length && other.#start < this.#start + this.#length;
  }

  #set(fd: Fd, command: number, type: number): boolean {
    this.#struct.setInt16(OFD.flock.type, type, true);
    while (true) {
      const result = libc().fcntl_flock(fd.raw, command, this.#struct);
      if (result === 0) return true;
      const number = errno();
      // POSIX lets it say either.
      if (number === ERRNO.EAGAIN || number === ERRNO.EACCES) return false;
      const call = command === OFD.SETLK ? "fcntl(F_OFD_SETLK)" : "fcntl(F_OFD_SETLKW)";
      if (number !== ERRNO.EINTR) fail(number, call, fd.what, HINTS);
    }
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EBADF: "an exclusive lock of bytes needs a descriptor open for writing, a shared one a descriptor open for reading",
};
