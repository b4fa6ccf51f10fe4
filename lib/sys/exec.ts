/**
 * Becoming another program.
 *
 * @module
 */

import { cStringArray } from "./c_strings.ts";
import { check } from "./errno.ts";
import { libc } from "./libc.ts";
import { SIG } from "./linux.ts";
import { cString } from "./memory.ts";
import { requireRun } from "./permission.ts";

/** Rust ignores it in every program of its own; an ignored signal stays so through `exec`. */
const SIGPIPE = 13;

/**
 * `execvp(3)`: replaces this program by another one, which keeps the pid. Returns only by throwing; Deno's threads are gone otherwise, and with them
 * everything that was not written yet.
 *
 * @param words Program, searched for in PATH, and arguments.
 * @throws {PosixError} ENOENT, EACCES, ENOEXEC, E2BIG.
 * @throws {Deno.errors.NotCapable} Without `--allow-run`.
 */
export function execute(words: readonly [string, ...string[]]): never {
  requireRun();
  const program = cString(words[0], "Program");
  const argv = cStringArray(words.map((word, index) => cString(word, `Argument ${index}`)));
  const action = new DataView(new ArrayBuffer(SIG.sigaction.byteLength));
  const before = new ArrayBuffer(SIG.sigaction.byteLength);
  check(libc().sigaction(SIGPIPE, action, before), "sigaction", SIGPIPE);
  const result = libc().execvp(program, argv);
  try {
    check(result, "execvp", words[0]);
  } finally {
    libc().sigaction(SIGPIPE, before, null);
  }
  throw new Error("execvp returned without an error");
}
