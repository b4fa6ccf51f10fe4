/**
 * The directory in which strangers meet: this user's alone, and gone when he logs out or the machine restarts.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { dirname, join } from "../std/path.ts";
import { libc } from "../sys/libc.ts";
import { isGranted } from "../sys/permission.ts";

/** With the directory before it, a name must fit into the 107 bytes of a socket's path. */
const MAX_NAME_BYTES = 64;

/**
 * The path of the socket behind a name, in a directory that only this user can enter; the directory is made when it is missing. It is `causeway` in
 * `XDG_RUNTIME_DIR`, or `/tmp/causeway-UID` when there is none or `--allow-env` does not let us see it.
 *
 * @param name As {@linkcode requireName} takes it.
 * @throws {PosixError} EACCES when somebody else can enter the directory; ENOENT when `XDG_RUNTIME_DIR` is not there.
 * @throws {Deno.errors.NotCapable} Without read and write access to it.
 */
export function meetingPath(name: string): string {
  requireName(name);
  const directory = runtimeDirectory();
  makePrivate(directory);
  return join(directory, `shm-${name}`);
}

/**
 * Names are 1 to 64 bytes without a slash, a NUL or a leading dot: never a path, never hidden.
 *
 * @throws {TypeError} For a name that cannot be.
 */
export function requireName(name: string): void {
  const valid = typeof name === "string" && /^[^./\0][^/\0]*$/.test(name) &&
    new TextEncoder().encode(name).byteLength <= MAX_NAME_BYTES;
  if (valid) return;
  throw new TypeError(
    `A name must be 1 to ${MAX_NAME_BYTES} bytes without a slash, a NUL or a leading dot, got ${Deno.inspect(name)}`,
  );
}

function runtimeDirectory(): string {
  const given = isGranted({ name: "env", variable: "XDG_RUNTIME_DIR" }) ? Deno.env.get("XDG_RUNTIME_DIR") : undefined;
  return given?.startsWith("/") ? join(given, "causeway") : `/tmp/causeway-${libc().geteuid()}`;
}

/** Somebody else could have made it before us: in /tmp everybody may. */
function makePrivate(directory: string): void {
  try {
    Deno.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      const hint = `XDG_RUNTIME_DIR names a directory that is not there`;
      throw new PosixError({ code: "ENOENT", syscall: "mkdir", target: dirname(directory), hint, cause: error });
    }
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const facts = Deno.lstatSync(directory);
  const isOurs = facts.isDirectory && facts.uid === libc().geteuid() && ((facts.mode ?? 0o777) & 0o077) === 0;
  if (isOurs) return;
  const hint = "it must be a directory of this user alone (mode 0700)";
  throw new PosixError({ code: "EACCES", syscall: "lstat", target: directory, hint });
}
