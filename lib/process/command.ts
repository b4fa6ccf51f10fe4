/**
 * One program to run.
 *
 * @module
 */

import type { Child } from "./child.ts";
import { checkOptions, checkWords } from "./check_options.ts";
import type { CommandOptions } from "./options.ts";
import { INHERITED, type OutputDefaults, Runnable, startSync } from "./runnable.ts";
import type { Run, Stage } from "./stage.ts";
import type { Status } from "./status.ts";
import { isCaptured, stdinBytes } from "./stdio.ts";
import type { Leniency } from "./verdict.ts";

/**
 * `execve(2)`, with everything around it: describes a program to run. Nothing starts before a verb is called, and a command can be run
 * any number of times.
 *
 * Arguments go to the program byte for byte: there is no shell, so nothing is quoted, expanded or split. The child has descriptors 0, 1, 2
 * and those that it was given, an empty signal mask, and SIGPIPE at its default.
 *
 * `Deno.Command` starts it, or `posix_spawn(3)` when an option needs that, such as `argv0`, `descriptors` or `group: "own"`; umask, limits, nice
 * value, groups and usage go through a small Perl program that becomes the other one. `explain()` says what would be done. A program that is being
 * written elsewhere (ETXTBSY) is tried again for a fifth of a second.
 *
 * @param program A name to look up in PATH, or a path.
 * @param args Its arguments.
 * @param options Working directory, environment, standard descriptors, limits.
 * @throws {TypeError} For a program, argument or variable that C could not hold (NUL, empty name, `=` in a name).
 * @throws {RangeError} For a negative limit.
 *
 * @tags allow-run
 *
 * @example Run a program and use what it prints
 * ```ts
 * import { command } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await command("echo", ["a  b", "$HOME"]).text(), "a  b $HOME");
 * assertEquals(await command("sh", ["-c", "exit 3"]).status(), { kind: "exited", code: 3 });
 * ```
 *
 * @example Limits, a group of its own, and both outputs in one file as well as here
 * ```ts
 * import { command } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const log = await Deno.makeTempFile();
 * const build = command("sh", ["-c", "echo compiling; echo done"], {
 *   group: "own",
 *   timeoutMs: 60_000,
 *   umask: 0o077,
 *   limits: { cpu: 60, core: 0 },
 *   stdout: ["piped", { file: log, append: true }],
 *   stderr: "stdout",
 * });
 * assertEquals(await Array.fromAsync(build.lines()), ["compiling", "done"]);
 * assertEquals(await Deno.readTextFile(log), "compiling\ndone\n");
 * await Deno.remove(log);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/execve.2.html execve(2)}
 */
export function command(program: string, args: readonly string[] = [], options: CommandOptions = {}): Command {
  if (!Array.isArray(args)) throw new TypeError(`Arguments must be an array, got ${Deno.inspect(args)}`);
  const words: readonly string[] = [program, ...args];
  checkWords(words);
  checkOptions(options);
  return new Command({ words, options, leniency: { unchecked: false, allowed: [] } });
}

/** The method that tells a pipeline what a command is. */
export const toStage: unique symbol = Symbol("causeway.toStage");

/** A program to run, made by {@linkcode command}. Immutable: every change is a new command. */
export class Command extends Runnable {
  readonly #stage: Stage;

  /** Made by {@linkcode command}. */
  constructor(stage: Stage) {
    super((outputs) => toRun(stage, outputs));
    this.#stage = stage;
  }

  /** Program and arguments. */
  get words(): readonly string[] {
    return this.#stage.words;
  }

  /** The same command with other options; what is not mentioned stays. */
  with(options: CommandOptions): Command {
    checkOptions(options);
    return new Command({ ...this.#stage, options: { ...this.#stage.options, ...options } });
  }

  /** The same command, of which no status is a failure (a timeout still is). */
  unchecked(): Command {
    return this.#lenient({ unchecked: true });
  }

  /**
   * The same command, of which these exit codes are no failure.
   *
   * @throws {RangeError} For a code outside 0..255.
   */
  allow(codes: number | readonly number[]): Command {
    const allowed = typeof codes === "number" ? [codes] : [...codes];
    for (const code of allowed) {
      if (!Number.isInteger(code) || code < 0 || code > 255) {
        throw new RangeError(`Exit code must be in 0..255, got ${Deno.inspect(code)}`);
      }
    }
    return this.#lenient({ allowed });
  }

  /**
   * Starts the program and hands over the child. Outputs are inherited unless `"piped"` or something else was asked for.
   *
   * @throws {PosixError} When it cannot be started: ENOENT, EACCES, E2BIG …
   */
  spawn(): Child {
    return startSync(toRun(this.#stage, INHERITED)).children[0]!;
  }

  /**
   * Starts the program in a session of its own and lets it go: it gets no signal of the terminal, and outlives this process, whose end nothing
   * waits for. Its descriptors are `"null"` unless a file, a descriptor or `"inherit"` was asked for. While this process lives, it reaps the
   * program, and tells how it ended.
   *
   * @throws {TypeError} For what would need this process: pipes, streams, limits of time or output, a lifeline.
   * @throws {PosixError} When it cannot be started.
   */
  detach(): Detached {
    const { options } = this.#stage;
    for (const name of ["timeoutMs", "signal", "maxOutputBytes", "lifeline"] as const) {
      if (options[name]) throw new TypeError(`detach() lets the program go, so it cannot have ${name}`);
    }
    const run = toRun(this.with({ group: "session" })[toStage](), { stdout: "null", stderr: "null" });
    if (run.stdin === "piped" || stdinBytes(run.stdin) !== undefined) throw needsThisProcess("stdin");
    for (const name of ["stdout", "stderr"] as const) {
      const target = run[name];
      if (isCaptured(target) || Array.isArray(target) || target instanceof WritableStream) throw needsThisProcess(name);
    }
    const child = startSync(run).children[0]!;
    child.unref();
    return { pid: child.pid, status: child.status };
  }

  /** @ignore */
  [toStage](): Stage {
    return this.#stage;
  }

  #lenient(leniency: Partial<Leniency>): Command {
    return new Command({ ...this.#stage, leniency: { ...this.#stage.leniency, ...leniency } });
  }
}

/** A program that was let go. */
export interface Detached {
  /** The process id, and that of its session and group. */
  readonly pid: number;
  /** Resolves with how it ended, if this process is still there. It keeps nothing alive. */
  readonly status: Promise<Status>;
}

function needsThisProcess(name: string): TypeError {
  return new TypeError(
    `detach() lets the program go, so its ${name} must be a file, a descriptor, "inherit" or "null"`,
  );
}

function toRun(stage: Stage, outputs: OutputDefaults): Run {
  const { options } = stage;
  return {
    stages: [stage],
    stdin: options.stdin ?? "null",
    stdout: options.stdout ?? outputs.stdout,
    stderr: options.stderr ?? outputs.stderr,
    ending: options,
  };
}
