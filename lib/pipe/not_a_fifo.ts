/**
 * The errors of a name that should be a FIFO of somebody, and is something else, or somebody else's.
 *
 * @module
 */

import { PosixError } from "../errors.ts";

/** EINVAL, or ELOOP for a symbolic link, as `open(2)` with O_NOFOLLOW has it. The message says what it is. */
export function notAFifo(syscall: string, path: string, kind: string): PosixError {
  const code = kind === "symbolic link" ? "ELOOP" : "EINVAL";
  return new PosixError({ code, syscall, target: path, hint: `it is a ${kind}, not a FIFO` });
}

/** Whose FIFO is accepted: a user id, or anybody's. */
export type FifoOwner = number | "any";

/** @throws {TypeError} For what is neither. */
export function checkOwner(owner: FifoOwner): void {
  if (owner === "any" || (Number.isInteger(owner) && owner >= 0)) return;
  throw new TypeError(`owner must be a user id or "any", got ${Deno.inspect(owner)}`);
}

/** @throws {PosixError} EACCES when a FIFO belongs to somebody else. */
export function requireOwner(path: string, uid: number | null, owner: FifoOwner): void {
  if (owner === "any" || uid === owner) return;
  throw new PosixError({
    code: "EACCES",
    syscall: "open",
    target: path,
    hint: `it belongs to user ${uid}, not ${owner}`,
  });
}
