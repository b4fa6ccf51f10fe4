/**
 * Taking over a pipe that this process inherited or received.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { type Fd, statusFlags } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { reopen } from "./reopen.ts";

/**
 * Puts a new, non-blocking open file description of the same pipe under the descriptor's number. The old one may be shared with other
 * processes, which would not expect to find it non-blocking.
 *
 * @param access `O.RDONLY` or `O.WRONLY`.
 * @throws {TypeError} When the descriptor is no pipe or FIFO, or is not open for that.
 */
export function adoptPipe(fd: Fd, access: number): void {
  if (fileFacts(fd).kind !== "FIFO") throw new TypeError(`${fd.what} is not a pipe or FIFO`);
  const mode = statusFlags(fd) & O.ACCMODE;
  if (mode !== access && mode !== O.RDWR) {
    throw new TypeError(`${fd.what} is not open for ${access === O.RDONLY ? "reading" : "writing"}`);
  }
  using opened = reopen(fd, access);
  check(libc().dup3(opened.raw, fd.raw, O.CLOEXEC), "dup3", fd.what);
}
