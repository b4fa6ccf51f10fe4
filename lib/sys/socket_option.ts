/**
 * Options of a socket that are whole numbers.
 *
 * @module
 */

import { check } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { SOCK } from "./linux.ts";

const value = new Int32Array(1);
const length = new Uint32Array(1);

/**
 * `getsockopt(2)` at the level `SOL_SOCKET`.
 *
 * @param name For errors: `"SO_TYPE"`.
 * @throws {PosixError} ENOPROTOOPT, ENOTSOCK.
 */
export function socketOption(fd: Fd, number: number, name: string): number {
  length[0] = value.byteLength;
  check(libc().getsockopt(fd.raw, SOCK.SOL_SOCKET, number, value, length), `getsockopt(${name})`, fd.what);
  return value[0]!;
}
