/**
 * The directory in which the processes of one user meet: this user's alone, and gone when he logs out or the machine restarts.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { dirname, join } from "../std/path.ts";
import { libc } from "./libc.ts";
import { isGranted } from "./permission.ts";

/** `causeway` in `XDG_RUNTIME_DIR`, or `/tmp/causeway-UID` when there is none or `--allow-env` does not let us see it. It may not exist yet. */
export function runtimeDirectory(): string {
  const given = isGranted({ name: "env", variable: "XDG_RUNTIME_DIR" }) ? Deno.env.get("XDG_RUNTIME_DIR") : undefined;
  return given?.startsWith("/") ? join(given, "causeway") : `/tmp/causeway-${libc().geteuid()}`;
}

/**
 * {@linkcode runtimeDirectory}, made with mode 0700 when it is missing.
 *
 * @throws {PosixError} EACCES when somebody else can enter the directory; ENOENT when `XDG_RUNTIME_DIR` is not there.
 * @throws {Deno.errors.NotCapable} Without read and write access to it.
 */
export function makeRuntimeDirectory(): string {
  const directory = runtimeDirectory();
  try {
    Deno.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      const hint = "XDG_RUNTIME_DIR names a directory that is not there";
      throw new PosixError({ code: "ENOENT", syscall: "mkdir", target: dirname(directory), hint, cause: error });
    }
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  requirePrivate(directory);
  return directory;
}

/**
 * Somebody else could have made it before us: in /tmp everybody may.
 *
 * @throws {PosixError} EACCES when somebody else can enter the directory; ENOENT when it is not there.
 * @throws {Deno.errors.NotCapable} Without read access to it.
 */
export function requirePrivate(directory: string): void {
  let facts: Deno.FileInfo;
  try {
    facts = Deno.lstatSync(directory);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PosixError({ code: "ENOENT", syscall: "lstat", target: directory, cause: error });
  }
  const isOurs = facts.isDirectory && facts.uid === libc().geteuid() && ((facts.mode ?? 0o777) & 0o077) === 0;
  if (isOurs) return;
  const hint = "it must be a directory of this user alone (mode 0700)";
  throw new PosixError({ code: "EACCES", syscall: "lstat", target: directory, hint });
}
