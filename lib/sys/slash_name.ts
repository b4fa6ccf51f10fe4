/**
 * Names of POSIX shared memory, semaphores and message queues: a slash, and then none.
 *
 * @module
 */

import { cString } from "./memory.ts";

/**
 * A name as C wants it. `/.` and `/..` are refused for semaphores too, although those would be files named `sem..` and `sem...`.
 *
 * @param mostBytes How long it may be after the slash.
 * @throws {TypeError} For a name that no such object can have.
 */
export function slashName(name: string, mostBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = cString(name, "name");
  if (!/^\/[^/]+$/.test(name) || name === "/." || name === "/..") {
    throw new TypeError(`name must be a slash and then characters other than a slash, got ${JSON.stringify(name)}`);
  }
  // Without the slash and the NUL.
  const byteLength = bytes.byteLength - 2;
  if (byteLength > mostBytes) {
    throw new TypeError(`name must have at most ${mostBytes} bytes after the slash, got ${byteLength}`);
  }
  return bytes;
}
