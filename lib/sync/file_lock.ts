/**
 * File locks: who may work with a file now, agreed on by all who ask. `flock(1)`, C and Python ask for the same locks.
 *
 * Model: synchronous, through the kernel: every lock is some system calls. A lock is advisory: it keeps out those who ask for it, not those who just
 * read or write. The kernel gives it back when its holder ends, however it ends.
 *
 * @module
 */

import { requireMode } from "../memory/arguments.ts";
import { backOff, backOffSync } from "../sys/back_off.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import { type FileLock, FileLockGuard, isBusy, requireOthers } from "./file_lock_guard.ts";
import { type FileLockMode, flock, type KernelLock, OfdLock } from "./lock_calls.ts";
import { DescriptorTarget, type LockTarget, PathTarget } from "./lock_target.ts";

/** Which lock {@linkcode lockFile} takes. */
export interface LockFileOptions {
  /**
   * Share the file with others who share it, instead of having it alone.
   * @default {false}
   */
  shared?: boolean | undefined;
  /**
   * `"flock"` locks the whole file or directory, as `flock(1)`, Python's `fcntl.flock` and `Deno.FsFile.lock` do. `"ofd"` locks some of its bytes
   * (`F_OFD_SETLK`) and knows of classic `fcntl` locks, such as those of `lockf(3)` and SQLite. The two kinds do not see each other.
   * @default {"flock"}
   */
  kind?: "flock" | "ofd" | undefined;
  /**
   * The first byte of an `"ofd"` lock. The file need not have it.
   * @default {0}
   */
  start?: number | undefined;
  /**
   * How many bytes an `"ofd"` lock has; `Infinity` for all that the file will ever have.
   * @default {Infinity}
   */
  length?: number | undefined;
  /**
   * Whether a file that is missing is created, empty.
   * @default {true}
   */
  create?: boolean | undefined;
  /**
   * Permission bits of a file that is created, whatever the umask.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/**
 * `lockFile(path)`: locks a file on the event loop. **It polls**: the kernel has no way to wait for a file lock beside other events. It tries at
 * once, then with growing pauses of at most 20 ms; whoever sleeps in `lockFileSync` or in `flock(1)` is faster. There is no order among those
 * who wait. A wait that ends early holds nothing.
 *
 * A lock belongs to the open file: two locks of one path exclude each other within one process too, so asynchronous tasks can use them. Of a
 * descriptor the lock is shared with its duplicates: unlocking one unlocks all.
 *
 * Lock files get deleted. When the path names another file by the time the lock is there, the lock is given back and the new file is locked: who
 * has the lock has it on what the path names. So a lock file may be deleted, if it is by whoever holds its exclusive lock.
 *
 * A symbolic link is refused. Needs `--allow-read` for the path, and `--allow-write` unless `create` is false and the lock is of kind `"flock"` or
 * shared. On NFS, an exclusive lock needs a descriptor that is open for writing.
 *
 * @param target A path, or a descriptor that is open already and stays the caller's.
 * @param options Which lock, and for how long to wait.
 * @throws {PosixError} ENOENT, EACCES, EISDIR for an exclusive `"ofd"` lock of a directory, ELOOP for a symbolic link, ENOLCK, EMFILE, EROFS; EBADF for an
 * exclusive `"ofd"` lock of a descriptor that is open for reading only.
 * @throws {TypeError} For a path or a kind that cannot be.
 * @throws {RangeError} For bytes or a mode that cannot be.
 * @throws {DOMException} `TimeoutError`.
 *
 * @example One at a time
 * ```ts
 * import { lockFile, tryLockFile } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * {
 *   using lock = await lockFile(path, { timeoutMs: 1000 });
 *   assertEquals(lock.state, "exclusive");
 *   assertEquals(tryLockFile(path, { shared: true }), undefined);
 * }
 * using shared = tryLockFile(path, { shared: true });
 * using alsoShared = tryLockFile(path, { shared: true });
 * assertEquals([shared?.state, alsoShared?.state], ["shared", "shared"]);
 * await Deno.remove(path);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/flock.2.html flock(2)}
 * @see {@link https://man7.org/linux/man-pages/man2/F_OFD_SETLK.2const.html F_OFD_SETLK(2)}
 * @tags allow-ffi
 */
export async function lockFile(target: string | Fd, options: LockFileOptions & WaitOptions = {}): Promise<FileLock> {
  const request = requestOf(target, options);
  const deadline = new Deadline(request.what, options.timeoutMs);
  using attempt = new Attempt(request);
  return await backOff(request.what, options, deadline, () => attempt.try());
}

/**
 * `lockFileSync(path)`: locks a file like {@linkcode lockFile}, blocking this thread. Without `timeoutMs` it sleeps in the kernel and wakes as
 * soon as the lock is its; with one it tries again and again, with pauses of at most 20 ms, because the kernel has no file locks with a
 * time limit. A signal does not end the wait.
 *
 * @param target A path, or a descriptor that is open already and stays the caller's.
 * @param options Which lock, and for how long to wait.
 * @throws {PosixError} EDEADLK when this thread itself holds a lock that is in the way; and as `lockFile` does.
 * @throws {TypeError} For a path or a kind that cannot be.
 * @throws {RangeError} For bytes or a mode that cannot be.
 * @throws {DOMException} `TimeoutError`.
 *
 * @example A thread cannot wait for itself
 * ```ts
 * import { lockFileSync, PosixError } from "@causeway/causeway";
 * import { assertThrows } from "@std/assert";
 *
 * const path = Deno.makeTempFileSync();
 * using _lock = lockFileSync(path);
 * assertThrows(() => lockFileSync(path), PosixError, "EDEADLK");
 * Deno.removeSync(path);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/flock.2.html flock(2)}
 * @tags allow-ffi
 */
export function lockFileSync(target: string | Fd, options: LockFileOptions & SyncWaitOptions = {}): FileLock {
  const request = requestOf(target, options);
  const deadline = new Deadline(request.what, options.timeoutMs);
  using attempt = new Attempt(request);
  const lock = attempt.try();
  if (lock !== undefined) return lock;
  attempt.requireOthers();
  return deadline.remainingMs === Infinity ? attempt.block() : backOffSync(deadline, () => attempt.try());
}

/**
 * `tryLockFile(path)`: locks a file like {@linkcode lockFile}, never waiting.
 *
 * @param target A path, or a descriptor that is open already and stays the caller's.
 * @param options Which lock.
 * @returns `undefined` when somebody else holds a lock that is in the way.
 * @throws {PosixError} As `lockFile` does.
 * @throws {TypeError} For a path or a kind that cannot be.
 * @throws {RangeError} For bytes or a mode that cannot be.
 *
 * @example Two writers of one file, each with bytes of its own
 * ```ts
 * import { tryLockFile } from "@causeway/causeway";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const path = Deno.makeTempFileSync();
 * using first = tryLockFile(path, { kind: "ofd", start: 0, length: 512 });
 * using second = tryLockFile(path, { kind: "ofd", start: 512, length: 512 });
 * assert(first !== undefined && second !== undefined);
 * assertEquals(tryLockFile(path, { kind: "ofd" }), undefined);
 * Deno.removeSync(path);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/flock.2.html flock(2)}
 * @tags allow-ffi
 */
export function tryLockFile(target: string | Fd, options: LockFileOptions = {}): FileLock | undefined {
  using attempt = new Attempt(requestOf(target, options));
  return attempt.try();
}

interface LockRequest {
  readonly what: string;
  readonly target: LockTarget;
  readonly lock: KernelLock;
  readonly mode: FileLockMode;
}

function requestOf(target: string | Fd, options: LockFileOptions): LockRequest {
  const { shared = false, create = true, mode = 0o600 } = options;
  requireMode(mode);
  const lock = kernelLock(options);
  const forWriting = lock.kind === "ofd" && !shared;
  const locked = typeof target === "string"
    ? new PathTarget(target, { create, mode, forWriting })
    : new DescriptorTarget(target);
  return { what: `Locking ${locked.name}`, target: locked, lock, mode: shared ? "shared" : "exclusive" };
}

function kernelLock({ kind = "flock", start, length }: LockFileOptions): KernelLock {
  if (kind === "flock") {
    if (start === undefined && length === undefined) return flock;
    throw new TypeError('start and length belong to kind "ofd"; flock locks whole files');
  }
  if (kind !== "ofd") throw new TypeError(`kind must be "flock" or "ofd", got ${Deno.inspect(kind)}`);
  const [first, count] = [start ?? 0, length ?? Infinity];
  if (!Number.isSafeInteger(first) || first < 0) {
    throw new RangeError(`start must be an integer of at least 0, got ${Deno.inspect(first)}`);
  }
  if (count !== Infinity && (!Number.isSafeInteger(first + count) || count < 1)) {
    throw new RangeError(`length must be an integer of at least 1, or Infinity, got ${Deno.inspect(count)}`);
  }
  return new OfdLock(first, count);
}

/** One request, and the file that it has open between its tries. */
class Attempt implements Disposable {
  readonly #request: LockRequest;
  #fd: Fd | undefined;

  constructor(request: LockRequest) {
    this.#request = request;
  }

  try(): FileLock | undefined {
    const { target, lock, mode } = this.#request;
    while (true) {
      const fd = this.#fd ??= target.open();
      if (isBusy(fd, lock) || !lock.try(fd, mode)) return undefined;
      if (target.isCurrent(fd)) return this.#grant(fd);
      this.#drop();
    }
  }

  block(): FileLock {
    const { target, lock, mode } = this.#request;
    while (true) {
      const fd = this.#fd ??= target.open();
      lock.block(fd, mode);
      if (target.isCurrent(fd)) return this.#grant(fd);
      this.#drop();
    }
  }

  requireOthers(): void {
    const { lock, mode } = this.#request;
    if (this.#fd !== undefined) requireOthers(this.#fd, lock, mode);
  }

  [Symbol.dispose](): void {
    this.#drop();
  }

  #grant(fd: Fd): FileLock {
    const { target, lock, mode } = this.#request;
    this.#fd = undefined;
    return new FileLockGuard(target, fd, lock, mode);
  }

  #drop(): void {
    if (this.#fd === undefined) return;
    this.#request.target.release(this.#fd);
    this.#fd = undefined;
  }
}
