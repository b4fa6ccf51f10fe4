/**
 * Opening the files that a child reads and writes, as a shell's `<`, `>` and `>>` do.
 *
 * @module
 */

import { check, ERRNO, errno, fromDenoError } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { nodeFs } from "../sys/node.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { hasFfi } from "../sys/platform.ts";
import { pathOf } from "./path_of.ts";

/** What a file is opened for; `"empty"` is to append after it was truncated. */
export type FileAccess = "read" | "truncate" | "append" | "empty";

const FLAGS: Readonly<Record<FileAccess, number>> = {
  read: O.RDONLY,
  truncate: O.WRONLY | O.CREAT | O.TRUNC,
  append: O.WRONLY | O.CREAT | O.APPEND,
  empty: O.WRONLY | O.CREAT | O.APPEND | O.TRUNC,
};

/** Less the umask. */
const MODE = 0o666;

/**
 * Opens a file, close-on-exec.
 *
 * @throws {PosixError} ENOENT, EACCES, EISDIR … as `open(2)` says.
 * @throws {Deno.errors.NotCapable} Without the permission for the path.
 */
export function openTarget(file: string | URL, access: FileAccess): Fd {
  const path = pathOf(file);
  if (!hasFfi()) return openByNode(path, access);
  if (access === "read") requireRead(path);
  else requireWrite(path);
  while (true) {
    const raw = libc().open(cString(path, "path"), FLAGS[access] | O.CLOEXEC | O.NOCTTY, MODE);
    if (raw === -1 && errno() === ERRNO.EINTR) continue;
    return Fd.own(check(raw, "open", path), path);
  }
}

/** `node:fs` opens close-on-exec, by real numbers. Deno refuses to close by one layer what another opened. */
function openByNode(path: string, access: FileAccess): Fd {
  try {
    const raw = nodeFs().openSync(
      path,
      access === "empty" ? FLAGS.empty : { read: "r", truncate: "w", append: "a" }[access],
    );
    return Fd.own(raw, path, (number) => nodeFs().closeSync(number));
  } catch (error) {
    throw fromDenoError(error, "open", path);
  }
}
