/**
 * Files without a name: what a child writes goes to the disk, not through this process, and is gone with the last descriptor.
 *
 * @module
 */

import { check } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { O } from "./linux.ts";
import { cString } from "./memory.ts";
import { requireWrite } from "./permission.ts";
import { platform } from "./platform.ts";

/** A regular file without a name, that children append to and this process reads. */
export class ScratchFile implements Disposable {
  readonly #fd: Fd;

  /**
   * `open(O_TMPFILE)`: makes an empty file of this user's own.
   *
   * @param directory Where its blocks are.
   * @throws {PosixError} EOPNOTSUPP, EISDIR or ENOENT on a file system that has no nameless files; ENOSPC, EMFILE, EACCES.
   * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or write permission for the directory.
   */
  constructor(directory: string) {
    requireWrite(directory);
    // O_APPEND: a child that opens /dev/stdout anew has an offset of its own, and would write over what was there.
    const flags = platform().O_TMPFILE | O.RDWR | O.APPEND | O.CLOEXEC;
    const result = libc().open(cString(directory, "path"), flags, 0o600);
    this.#fd = Fd.own(check(result, "open(O_TMPFILE)", directory), `Scratch file in ${directory}`);
  }

  /** A descriptor of it for a child. */
  writer(): Fd {
    return this.#fd.duplicate();
  }

  /** `pread(2)`: reads from a place, wherever the children are. Returns how many bytes; 0 at the end. */
  read(into: Uint8Array<ArrayBuffer>, offset: number): number {
    const result = libc().pread(this.#fd.raw, into, into.byteLength, BigInt(offset));
    return check(result, "pread", this.#fd.what);
  }

  /** Gives it up. May be called twice. */
  close(): void {
    this.#fd.close();
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
