/**
 * Where a running `causeway up` can be spoken to.
 *
 * @module
 */

import { dirname, join } from "../../std/path.ts";
import { libc } from "../../sys/libc.ts";
import { isGranted } from "../../sys/permission.ts";
import { CommandError } from "../command_line.ts";

/**
 * The path of the socket: in a directory that only this user can enter, derived from the description's path.
 *
 * @param create Whether to make the directory when it is missing.
 * @throws {CommandError} When the directory is not this user's alone.
 */
export async function controlPath(description: string, create: boolean): Promise<string> {
  const directory = runtimeDirectory();
  if (create) makePrivate(directory);
  requirePrivate(directory);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(description));
  return join(directory, `up-${new Uint8Array(digest).toHex().slice(0, 16)}`);
}

/** The user that this process acts as. */
export function ownUser(): number {
  return libc().geteuid();
}

function runtimeDirectory(): string {
  const given = isGranted({ name: "env", variable: "XDG_RUNTIME_DIR" }) ? Deno.env.get("XDG_RUNTIME_DIR") : undefined;
  return given?.startsWith("/") ? join(given, "causeway") : `/tmp/causeway-${ownUser()}`;
}

function makePrivate(directory: string): void {
  try {
    Deno.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CommandError(`up: there is no directory ${dirname(directory)} (XDG_RUNTIME_DIR)`, 1, { cause: error });
  }
}

/** Somebody else could have made it before us: in /tmp everybody may. */
function requirePrivate(directory: string): void {
  let facts: Deno.FileInfo;
  try {
    facts = Deno.lstatSync(directory);
  } catch (error) {
    // Nobody has run one, so there is nobody to speak to.
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  const isOurs = facts.isDirectory && facts.uid === ownUser() && ((facts.mode ?? 0o777) & 0o077) === 0;
  if (!isOurs) throw new CommandError(`up: ${directory} must be a directory of this user alone (mode 0700)`, 1);
}
