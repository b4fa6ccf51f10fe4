/**
 * Where a running `causeway up` can be spoken to.
 *
 * @module
 */

import { join } from "../../std/path.ts";
import { libc } from "../../sys/libc.ts";
import { makeRuntimeDirectory, requirePrivate, runtimeDirectory } from "../../sys/runtime_directory.ts";

/**
 * The path of the socket: in a directory that only this user can enter, derived from the description's path.
 *
 * @param create Whether to make the directory when it is missing.
 * @throws {PosixError} EACCES when the directory is not this user's alone; ENOENT when it is not there and not to be made.
 */
export async function controlPath(description: string, create: boolean): Promise<string> {
  const directory = create ? makeRuntimeDirectory() : runtimeDirectory();
  if (!create) requirePrivate(directory);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(description));
  return join(directory, `up-${new Uint8Array(digest).toHex().slice(0, 16)}`);
}

/** The user that this process acts as. */
export function ownUser(): number {
  return libc().geteuid();
}
