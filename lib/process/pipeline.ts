/**
 * Several programs, the output of each the input of the next.
 *
 * @module
 */

import { Command, command, toStage } from "./command.ts";
import { checkOptions, type EndingOptions, type StdioOptions } from "./options.ts";
import { INHERITED, type OutputDefaults, Runnable, startSync } from "./runnable.ts";
import type { Running } from "./running.ts";
import type { Run, Stage } from "./stage.ts";

/** How a pipeline runs: standard input of its first stage, standard output of its last, standard error of all, limits of the whole. */
export interface PipelineOptions extends EndingOptions, StdioOptions {}

/** A stage of a pipeline: words, or a command with options of its own. */
export type PipelineStage = readonly [program: string, ...args: string[]] | Command;

/**
 * `pipe2(2)` between programs: describes a pipeline. The kernel moves the bytes: none passes through this process, whose CPU time does not
 * grow with them. All stages run at the same time.
 *
 * The pipeline fails when a stage does. A stage that dies of SIGPIPE because the next one has had enough (`yes | head`) has not failed. Of
 * several failures the rightmost is named, and all are attached.
 *
 * Without `--allow-ffi` the pipes are FIFOs that live for a moment in a private directory: that needs `--allow-read` and `--allow-write`.
 *
 * @param stages Words (`["sort", "-n"]`) or commands, from left to right, at least one.
 * @throws {TypeError} For no stage, or a stage whose input or output the pipeline itself must set.
 *
 * @tags allow-run
 *
 * @example Count words
 * ```ts
 * import { pipeline } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const { stdout, stages } = await pipeline(["printf", "b\na\nb\n"], ["sort"], ["uniq", "-c"]).output();
 * assertEquals(stdout.trim().split(/\s+/), ["1", "a", "2", "b"]);
 * assertEquals(stages.map((stage) => stage.status), Array(3).fill({ kind: "exited", code: 0 }));
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/pipe.7.html pipe(7)}
 */
export function pipeline(...stages: PipelineStage[]): Pipeline {
  if (stages.length === 0) throw new TypeError("A pipeline needs at least one stage");
  const commands = stages.map((stage) => stage instanceof Command ? stage : command(stage[0], stage.slice(1)));
  return new Pipeline(commands.map((each, index) => checkStage(each[toStage](), index, commands.length)), {});
}

/** Programs joined by pipes, made by {@linkcode pipeline}. Immutable: every change is a new pipeline. */
export class Pipeline extends Runnable {
  readonly #stages: readonly Stage[];
  readonly #options: PipelineOptions;

  /** Made by {@linkcode pipeline}. */
  constructor(stages: readonly Stage[], options: PipelineOptions) {
    super((outputs) => toRun(stages, options, outputs));
    this.#stages = stages;
    this.#options = options;
  }

  /** The same pipeline with other options; what is not mentioned stays. */
  with(options: PipelineOptions): Pipeline {
    checkOptions(options);
    return new Pipeline(this.#stages, { ...this.#options, ...options });
  }

  /** The same pipeline, of which no stage's status is a failure (a timeout still is). */
  unchecked(): Pipeline {
    const stages = this.#stages.map((stage) => ({ ...stage, leniency: { ...stage.leniency, unchecked: true } }));
    return new Pipeline(stages, this.#options);
  }

  /**
   * Starts every stage and hands over the running pipeline. Outputs are inherited unless something else was asked for.
   *
   * @throws {PosixError} When a stage cannot be started; those to the left of it are killed, those to the right never start.
   */
  spawn(): Running {
    return startSync(toRun(this.#stages, this.#options, INHERITED));
  }
}

function toRun(stages: readonly Stage[], options: PipelineOptions, outputs: OutputDefaults): Run {
  return {
    stages,
    stdin: options.stdin ?? stages[0]!.options.stdin ?? "null",
    stdout: options.stdout ?? stages.at(-1)!.options.stdout ?? outputs.stdout,
    stderr: options.stderr ?? outputs.stderr,
    ending: options,
  };
}

/** What belongs to the whole pipeline must not stand in one of its stages, where it would be ignored. */
function checkStage(stage: Stage, index: number, count: number): Stage {
  const { options } = stage;
  const refuse = (name: string, why: string) => {
    throw new TypeError(`Stage ${index + 1} (${stage.words[0]}) has ${name} of its own: ${why}`);
  };
  if (index > 0 && options.stdin !== undefined) refuse("stdin", "it reads from the stage before it");
  if (index < count - 1 && options.stdout !== undefined) refuse("stdout", "it writes to the stage after it");
  for (const name of ["timeoutMs", "signal", "graceMs", "drainGraceMs"] as const) {
    if (options[name] !== undefined) refuse(name, "give it to the pipeline");
  }
  return stage;
}
