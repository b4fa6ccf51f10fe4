/**
 * Directories below /dev and /proc, read through libc: Deno's own functions need `--allow-all` for them.
 *
 * @module
 */

import { check } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { O } from "./linux.ts";
import { cString } from "./memory.ts";
import { requireRead } from "./permission.ts";
import { platform } from "./platform.ts";

/** `struct dirent64`: inode 8 bytes, offset 8, then these. */
const DIRENT = { length: 16, name: 19 } as const;

/**
 * `getdents64(2)`: the names in a directory, sorted, without `.` and `..`.
 *
 * @throws {PosixError} ENOENT, ENOTDIR, EACCES.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for the path.
 */
export function directoryNames(path: string): string[] {
  requireRead(path);
  const flags = O.RDONLY | O.CLOEXEC | platform().O_DIRECTORY;
  using directory = Fd.own(check(libc().open(cString(path, "path"), flags, 0), "open", path), path);
  const buffer = new Uint8Array(32_768);
  const view = new DataView(buffer.buffer);
  const decoder = new TextDecoder();
  const names: string[] = [];
  while (true) {
    const count = check(libc().getdents64(directory.raw, buffer, buffer.byteLength), "getdents64", path);
    if (count === 0) return names.filter((name) => name !== "." && name !== "..").sort();
    for (let at = 0; at < count; at += view.getUint16(at + DIRENT.length, true)) {
      names.push(decoder.decode(buffer.subarray(at + DIRENT.name, buffer.indexOf(0, at + DIRENT.name))));
    }
  }
}
