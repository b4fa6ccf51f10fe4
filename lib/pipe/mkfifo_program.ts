/**
 * Making FIFOs where there is no FFI: by the program `mkfifo(1)`, whose failures come back as the errors of `mkfifo(3)`.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { errnoNameOfMeaning } from "../sys/errno_table.ts";

/**
 * Runs `mkfifo -m MODE PATH...`: one process, however many FIFOs.
 *
 * @throws {PosixError} The errno that the program's message speaks of, for the first path that failed.
 * @throws {Deno.errors.NotCapable} Without `--allow-run=mkfifo`.
 */
export function mkfifoProgram(paths: readonly string[], mode: number): void {
  const { success, stderr } = new Deno.Command("mkfifo", {
    args: ["-m", mode.toString(8), "--", ...paths],
    env: { LC_ALL: "C" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  if (success) return;
  // The message is "mkfifo: ... 'PATH': MEANING", and MEANING is strerror(3) in the C locale whoever wrote the program.
  const message = new TextDecoder().decode(stderr).trim().split("\n")[0] ?? "";
  const code = errnoNameOfMeaning(message.slice(message.lastIndexOf(": ") + 2));
  const target = paths.find((path) => message.includes(path)) ?? paths[0];
  if (code === undefined) throw new Error(`mkfifo(1) failed on ${JSON.stringify(target)}: ${message || "no message"}`);
  throw new PosixError({ code, syscall: "mkfifo", target });
}
