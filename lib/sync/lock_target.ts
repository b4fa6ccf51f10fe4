/**
 * What is locked: the file that a path names, or a descriptor that is open already.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts, nameFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { platform } from "../sys/platform.ts";

/** What is locked, and for how long its descriptor lives. */
export interface LockTarget {
  /** For errors. */
  readonly name: string;
  /** The path, where there is one. */
  readonly path: string | undefined;
  open(): Fd;
  /** Whether a descriptor is what the target still stands for: a path may name another file by now. */
  isCurrent(fd: Fd): boolean;
  /** Closes what `open` opened. */
  release(fd: Fd): void;
}

/** A descriptor, which stays the caller's. */
export class DescriptorTarget implements LockTarget {
  readonly name: string;
  readonly path = undefined;
  readonly #fd: Fd;

  constructor(fd: Fd) {
    this.#fd = fd;
    this.name = fd.what;
  }

  open(): Fd {
    return this.#fd;
  }

  isCurrent(): boolean {
    return true;
  }

  release(): void {}
}

/** How a path is opened. */
export interface PathTargetOptions {
  readonly create: boolean;
  readonly mode: number;
  readonly forWriting: boolean;
}

const HINTS: Readonly<Record<string, string>> = {
  EISDIR: "a directory cannot be opened for writing: lock it with flock",
  ELOOP: "it is a symbolic link: lock what it names",
};

/** A path. Every `open` opens what it names then. */
export class PathTarget implements LockTarget {
  readonly name: string;
  readonly path: string;
  readonly #cPath: Uint8Array<ArrayBuffer>;
  readonly #options: PathTargetOptions;

  /** @throws {Deno.errors.NotCapable} Without the permissions that opening it so needs. */
  constructor(path: string, options: PathTargetOptions) {
    this.#cPath = cString(path, "path");
    this.name = path;
    this.path = path;
    this.#options = options;
    requireRead(path);
    if (options.create || options.forWriting) requireWrite(path);
  }

  open(): Fd {
    const { create, mode, forWriting } = this.#options;
    // O_NONBLOCK: opening a FIFO or a terminal must not wait for its other end.
    const flags = (forWriting ? O.RDWR : O.RDONLY) | O.CLOEXEC | O.NOCTTY | O.NONBLOCK | platform().O_NOFOLLOW;
    while (true) {
      // Without O_CREAT first: in /tmp the kernel refuses it for a file of another user (fs.protected_regular).
      const raw = libc().open(this.#cPath, flags, 0);
      if (raw !== -1) return Fd.own(raw, this.name);
      const number = errno();
      if (number === ERRNO.EINTR) continue;
      if (number !== ERRNO.ENOENT || !create) fail(number, "open", this.path, HINTS);
      const made = libc().open(this.#cPath, flags | O.CREAT | O.EXCL, mode);
      if (made !== -1) return this.#withMode(Fd.own(made, this.name), mode);
      const why = errno();
      if (why !== ERRNO.EEXIST && why !== ERRNO.EINTR) fail(why, "open", this.path, HINTS);
    }
  }

  isCurrent(fd: Fd): boolean {
    const { identity } = fileFacts(fd);
    try {
      return nameFacts(this.path).identity === identity;
    } catch (error) {
      if (error instanceof PosixError && (error.code === "ENOENT" || error.code === "ENOTDIR")) return false;
      throw error;
    }
  }

  release(fd: Fd): void {
    fd.close();
  }

  /** The umask can only have taken bits away. */
  #withMode(fd: Fd, mode: number): Fd {
    const result = libc().fchmod(fd.raw, mode);
    if (result === 0) return fd;
    try {
      check(result, "fchmod", this.path);
    } finally {
      fd.close();
    }
    return fd;
  }
}
