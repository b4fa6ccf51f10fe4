/**
 * The error of a name that should be a FIFO and is something else.
 *
 * @module
 */

import { PosixError } from "../errors.ts";

/** EINVAL, or ELOOP for a symbolic link, as `open(2)` with O_NOFOLLOW has it. The message says what it is. */
export function notAFifo(syscall: string, path: string, kind: string): PosixError {
  const code = kind === "symbolic link" ? "ELOOP" : "EINVAL";
  return new PosixError({ code, syscall, target: path, hint: `it is a ${kind}, not a FIFO` });
}
