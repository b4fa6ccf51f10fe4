/**
 * Becoming another program.
 *
 * @module
 */

import { check } from "./errno.ts";
import { libc } from "./libc.ts";
import { SIG } from "./linux.ts";
import { addressOf, cString } from "./memory.ts";
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
  const [program, argv] = [cString(words[0], "Program"), argumentVector(words)];
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

/** `char *argv[]`: addresses, a null one, and then the texts themselves, all in memory that does not move. */
function argumentVector(words: readonly string[]): Uint8Array<ArrayBuffer> {
  const texts = words.map((word, index) => cString(word, `Argument ${index}`));
  let at = 8 * (texts.length + 1);
  const vector = new Uint8Array(new ArrayBuffer(texts.reduce((sum, text) => sum + text.byteLength, at)));
  const [view, base] = [new DataView(vector.buffer), addressOf(vector)];
  for (const [index, text] of texts.entries()) {
    view.setBigUint64(8 * index, base + BigInt(at), true);
    vector.set(text, at);
    at += text.byteLength;
  }
  return vector;
}
