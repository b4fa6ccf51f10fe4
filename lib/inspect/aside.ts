/**
 * Removing a name that somebody may give to another file in the same moment: Unix removes names, not files.
 *
 * @module
 */

import { dirname, join } from "../std/path.ts";
import { PosixError } from "../errors.ts";
import { check } from "../sys/errno.ts";
import { nameFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { AT, RENAME } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";

/**
 * Moves a name aside, where nobody else looks, sees what it is the name of, and removes it only then; moves it back when it is another file's, or when there
 * is an objection.
 *
 * @param identity `MAJOR:MINOR:INODE` of the file.
 * @param mayGo Asked when the name is aside.
 * @returns Why it was not removed.
 * @throws {PosixError} ENOENT, EACCES, EPERM, EROFS; EEXIST when the name could not be moved back because it is taken: the message says where it is.
 */
export function removeAside(path: string, identity: string, mayGo: () => boolean): string | undefined {
  const aside = join(dirname(path), `.causeway-gc-${Deno.pid}`);
  const from = cString(path, "path");
  const to = cString(aside, "path");
  check(libc().renameat2(AT.FDCWD, from, AT.FDCWD, to, RENAME.NOREPLACE), "renameat2", path);
  const isSame = nameFacts(aside).identity === identity;
  if (isSame && mayGo()) {
    check(libc().unlink(to), "unlink", path);
    return undefined;
  }
  try {
    check(libc().renameat2(AT.FDCWD, to, AT.FDCWD, from, RENAME.NOREPLACE), "renameat2", path);
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    throw new PosixError({
      code: error.code,
      syscall: error.syscall,
      target: path,
      hint: `what had the name is at ${aside}`,
      cause: error,
    });
  }
  return isSame ? "somebody has opened it meanwhile" : "the name is another object's by now";
}
