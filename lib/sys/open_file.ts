/**
 * Opening a file as a program of the shell would: symbolic links are followed, and what is created has the mode that the umask leaves.
 *
 * @module
 */

import { check, ERRNO, errno, fail } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { O } from "./linux.ts";
import { cString } from "./memory.ts";
import { requireRead, requireWrite } from "./permission.ts";

/** How a file is opened. */
export interface OpenFileOptions {
  /**
   * For reading and writing instead of only reading.
   * @default {false}
   */
  readonly write?: boolean;
  /** Permission bits, less the umask, of a file that is missing; when left out, a missing file is an error. */
  readonly createMode?: number;
}

/**
 * `open(path)`: opens a file or, for reading only, a directory. Opening a FIFO waits for its other end.
 *
 * @throws {PosixError} As `open(2)` says.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or the permission for the path.
 */
export function openFile(path: string, options: OpenFileOptions = {}): Fd {
  const { write = false, createMode } = options;
  requireRead(path);
  if (write || createMode !== undefined) requireWrite(path);
  const cPath = cString(path, "path");
  const flags = (write ? O.RDWR : O.RDONLY) | O.CLOEXEC | O.NOCTTY;
  while (true) {
    // Without O_CREAT first: it is refused for directories, and in /tmp for files of other users (fs.protected_regular).
    const raw = libc().open(cPath, flags, 0);
    const number = errno();
    if (raw !== -1) return Fd.own(raw, path);
    if (number === ERRNO.EINTR) continue;
    if (number === ERRNO.ENOENT && createMode !== undefined) {
      return Fd.own(check(libc().open(cPath, flags | O.CREAT, createMode), "open", path), path);
    }
    fail(number, "open", path);
  }
}
