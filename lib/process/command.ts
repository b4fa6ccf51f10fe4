/**
 * One program to run.
 *
 * @module
 */

import type { Child } from "./child.ts";
import { checkOptions, checkWords, type CommandOptions } from "./options.ts";
import { INHERITED, type OutputDefaults, Runnable, startSync } from "./runnable.ts";
import type { Run, Stage } from "./stage.ts";
import type { Leniency } from "./verdict.ts";

/**
 * `execve(2)`, with everything around it: describes a program to run. Nothing starts before a verb is called, and a command can be run
 * any number of times.
 *
 * Arguments go to the program byte for byte: there is no shell, so nothing is quoted, expanded or split. The child has descriptors 0, 1, 2
 * and no other, an empty signal mask, and SIGPIPE at its default.
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
        throw new RangeError(`Exit code must be in 0..255, got ${code}`);
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

  /** @ignore */
  [toStage](): Stage {
    return this.#stage;
  }

  #lenient(leniency: Partial<Leniency>): Command {
    return new Command({ ...this.#stage, leniency: { ...this.#stage.leniency, ...leniency } });
  }
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
