/**
 * What can be said about how a command runs, and the checks that come before any system call.
 *
 * @module
 */

import { checkOutput, checkStdin, type OutputTarget, type StdinSource } from "./stdio.ts";

/** Limits on how long a run may take and how it is ended. */
export interface EndingOptions {
  /**
   * Milliseconds after which the run is ended: SIGTERM, and SIGKILL after `graceMs`.
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
  /**
   * Milliseconds that a process has to obey SIGTERM before it gets SIGKILL.
   * @default {5000}
   */
  graceMs?: number | undefined;
  /**
   * Milliseconds that captured outputs may stay open after the exit (a grandchild may hold them) before capturing stops.
   * @default {1000}
   */
  drainGraceMs?: number | undefined;
  /** Ends the run when it aborts; the verb then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** Standard descriptors of a run. */
export interface StdioOptions {
  /**
   * Where standard input comes from.
   * @default {"null"}
   */
  stdin?: StdinSource | undefined;
  /**
   * Where standard output goes. `output()`, `text()`, `json()`, `bytes()` and `lines()` capture it; `spawn()` and `status()` inherit.
   * @default {"piped" or "inherit", by verb}
   */
  stdout?: OutputTarget | undefined;
  /**
   * Where standard error goes, as for `stdout`.
   * @default {"piped" or "inherit", by verb}
   */
  stderr?: OutputTarget | undefined;
}

/** How a command runs. */
export interface CommandOptions extends EndingOptions, StdioOptions {
  /** Working directory of the child; this process's when left out. */
  cwd?: string | URL | undefined;
  /** Variables to set; `undefined` removes one (which needs `--allow-env`: the others must then be copied). */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Whether the child starts without this process's variables.
   * @default {false}
   */
  clearEnv?: boolean | undefined;
}

/** Default of `graceMs`. */
export const DEFAULT_GRACE_MS = 5000;

/** Default of `drainGraceMs`. */
export const DEFAULT_DRAIN_GRACE_MS = 1000;

/** Checks program and arguments. @throws {TypeError} What `execve(2)` could not express. */
export function checkWords(words: readonly unknown[]): asserts words is readonly [string, ...string[]] {
  if (words.length === 0 || words[0] === "") throw new TypeError("Program must not be empty");
  for (const [index, word] of words.entries()) {
    const what = index === 0 ? "Program" : `Argument ${index}`;
    if (typeof word !== "string") throw new TypeError(`${what} must be a string, got ${Deno.inspect(word)}`);
    if (word.includes("\0")) {
      throw new TypeError(`${what} must not contain a NUL character, got ${JSON.stringify(word)}`);
    }
  }
}

/** Checks options. @throws {TypeError | RangeError} Before anything is started. */
export function checkOptions(options: CommandOptions): void {
  checkStdin(options.stdin, "stdin");
  checkOutput(options.stdout, "stdout");
  checkOutput(options.stderr, "stderr");
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (name === "" || /[=\0]/.test(name)) {
      throw new TypeError(`Variable name must not be empty or contain "=" or NUL, got ${JSON.stringify(name)}`);
    }
    if (value !== undefined && typeof value !== "string") {
      throw new TypeError(`Variable ${name} must be a string, got ${Deno.inspect(value)}`);
    }
    if (value?.includes("\0")) throw new TypeError(`Variable ${name} must not contain a NUL character`);
  }
  if (typeof options.cwd === "string" && (options.cwd === "" || options.cwd.includes("\0"))) {
    throw new TypeError(`cwd must not be empty or contain a NUL character, got ${JSON.stringify(options.cwd)}`);
  }
  for (const name of ["timeoutMs", "graceMs", "drainGraceMs"] as const) {
    const value = options[name];
    if (value !== undefined && !(typeof value === "number" && value >= 0)) {
      throw new RangeError(`${name} must be a number of at least 0, got ${Deno.inspect(value)}`);
    }
  }
}
