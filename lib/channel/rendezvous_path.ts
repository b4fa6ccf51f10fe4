/**
 * The names at which strangers meet.
 *
 * @module
 */

import { join } from "../std/path.ts";
import { makeRuntimeDirectory } from "../sys/runtime_directory.ts";

/** With the directory before it, a name must fit into the 107 bytes of a socket's path. */
const MAX_NAME_BYTES = 64;

/**
 * The path of the socket behind a name, in the runtime directory, which only this user can enter and which is made when it is missing.
 *
 * @param name As {@linkcode requireName} takes it.
 * @throws {PosixError} EACCES when somebody else can enter the directory; ENOENT when `XDG_RUNTIME_DIR` is not there.
 * @throws {Deno.errors.NotCapable} Without read and write access to it.
 */
export function meetingPath(name: string): string {
  requireName(name);
  return join(makeRuntimeDirectory(), `shm-${name}`);
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
