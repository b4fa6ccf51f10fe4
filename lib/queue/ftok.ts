/**
 * System V keys made from a path.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { AT, STATX } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { requireRead } from "../sys/permission.ts";

/**
 * `ftok(path, id)`: makes a System V key of a file and a number, the same key that `ftok(3)` makes in C.
 *
 * Of the id its lowest 8 bits count, of the file the lowest 8 bits of the device number and the lowest 16 of the inode number: two files can have one
 * key, and a file that is created anew has another. The file's content plays no part.
 *
 * @param path A file that exists; a symbolic link is followed.
 * @param id What tells several objects of one file apart; C programs often pass a character, `"A".charCodeAt(0)`.
 * @returns The key, as C has it: 32 bits with a sign.
 * @throws {PosixError} EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR.
 * @throws {RangeError} For an id that is no 32-bit integer.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for the path.
 *
 * @example One file and one id, one key
 * ```ts
 * import { ftok } from "@causeway/causeway";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * assertEquals(ftok("/", 1), ftok("/", 1));
 * assertNotEquals(ftok("/", 1), ftok("/", 2));
 * assertEquals(ftok("/", 0x41) >>> 24, 0x41);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/ftok.3.html ftok(3)}
 * @tags allow-ffi, allow-read
 */
export function ftok(path: string, id: number): number {
  const name = cString(path, "path");
  if (!Number.isInteger(id) || id < -0x8000_0000 || id > 0xffff_ffff) {
    throw new RangeError(`id must be a 32-bit integer, got ${Deno.inspect(id)}`);
  }
  requireRead(path);
  const facts = new DataView(new ArrayBuffer(STATX.byteLength));
  check(libc().statx(AT.FDCWD, name, 0, STATX.BASIC_STATS, facts), "ftok", path);
  // The lowest byte of C's dev_t is the lowest byte of the minor number.
  const device = facts.getUint32(STATX.offset.devMinor, true) & 0xff;
  const inode = facts.getUint32(STATX.offset.ino, true) & 0xffff;
  return (id << 24) | (device << 16) | inode;
}
