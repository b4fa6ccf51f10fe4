/**
 * Several programs, the output of each the input of the next.
 *
 * @module
 */

import { layOutStages, type PipelineStage } from "./branches.ts";
import { checkOptions } from "./check_options.ts";
import type { EndingOptions, StdioOptions } from "./options.ts";
import { INHERITED, type OutputDefaults, Runnable, startSync } from "./runnable.ts";
import { type Progress, PROGRESS_EVERY_MS } from "./progress.ts";
import type { Running } from "./running.ts";
import type { Run, Stage } from "./stage.ts";
import { feedersOf, lastStages } from "./wiring.ts";

/** How a pipeline runs: standard input of its first stage, standard output of its last, standard error of all, limits of the whole. */
export interface PipelineOptions extends EndingOptions, StdioOptions {
  /**
   * Called now and then, and at the end, with how many bytes the first program has handed on to the next. A tap in between counts them at the
   * speed of the kernel; that needs `--allow-ffi`.
   */
  onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * Milliseconds between two calls of `onProgress`.
   * @default {1000}
   */
  progressEveryMs?: number | undefined;
  /**
   * Whether the result tells the CPU time and memory that each stage used. Needs `--allow-ffi` and Perl.
   * @default {false}
   */
  usage?: boolean | undefined;
}

/**
 * `pipe2(2)` between programs: describes a pipeline. The kernel moves the bytes: none passes through this process, whose CPU time does not
 * grow with them. All stages run at the same time.
 *
 * The pipeline fails when a stage does. A stage that dies of SIGPIPE because the next one has had enough (`yes | head`) has not failed. Of
 * several failures the rightmost is named, and all are attached.
 *
 * Without `--allow-ffi` the pipes are FIFOs that live for a moment in a private directory: that needs `--allow-read` and `--allow-write`.
 *
 * @param stages Words (`["sort", "-n"]`) or commands, from left to right, at least one; the first may be a {@linkcode fanIn}, the last a
 * {@linkcode fanOut}.
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
  const programs = layOutStages(stages);
  programs.forEach((_, index) => checkStage(programs, index));
  return new Pipeline(programs, {});
}

/** Programs joined by pipes, made by {@linkcode pipeline}. Immutable: every change is a new pipeline. */
export class Pipeline extends Runnable {
  readonly #stages: readonly Stage[];
  readonly #options: PipelineOptions;
  readonly #head: number;

  /**
   * Made by {@linkcode pipeline}.
   *
   * @param head Index of the stage that has the standard input of the whole.
   */
  constructor(stages: readonly Stage[], options: PipelineOptions, head: number = 0) {
    super((outputs) => this.#toRun(outputs));
    this.#stages = stages;
    this.#options = options;
    this.#head = head;
  }

  /** The same pipeline with other options; what is not mentioned stays. */
  with(options: PipelineOptions): Pipeline {
    checkPipelineOptions(options);
    return new Pipeline(this.#stages, { ...this.#options, ...options }, this.#head);
  }

  /** The same pipeline, of which no stage's status is a failure (a timeout still is). */
  unchecked(): Pipeline {
    const stages = this.#stages.map((stage) => ({ ...stage, leniency: { ...stage.leniency, unchecked: true } }));
    return new Pipeline(stages, this.#options, this.#head);
  }

  /**
   * Starts every stage and hands over the running pipeline. Outputs are inherited unless something else was asked for.
   *
   * @throws {PosixError} When a stage cannot be started; those to the left of it are killed, those to the right never start.
   */
  spawn(): Running {
    return startSync(this.#toRun(INHERITED));
  }

  #toRun(outputs: OutputDefaults): Run {
    const [stages, options] = [this.#stages, this.#options];
    const last = lastStages({ stages });
    const own = last.length === 1 ? stages[last[0]!]!.options.stdout : undefined;
    const stdout = options.stdout ?? own ?? outputs.stdout;
    if (last.length > 1 && typeof stdout !== "string") {
      throw new TypeError("The programs at the end cannot share one place: give each a stdout of its own");
    }
    const { onProgress: report, progressEveryMs: everyMs = PROGRESS_EVERY_MS } = options;
    return {
      stages,
      head: this.#head,
      stdin: options.stdin ?? stages[this.#head]!.options.stdin ?? "null",
      stdout,
      stderr: options.stderr ?? outputs.stderr,
      ending: options,
      usage: options.usage,
      progress: report && { report, everyMs },
    };
  }
}

/** Checks options. @throws {TypeError | RangeError} Before anything is started. */
function checkPipelineOptions(options: PipelineOptions): void {
  checkOptions(options);
  const { onProgress, progressEveryMs } = options;
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw new TypeError(`onProgress must be a function, got ${Deno.inspect(onProgress)}`);
  }
  if (progressEveryMs !== undefined && !(progressEveryMs > 0)) {
    throw new RangeError(`progressEveryMs must be a number above 0, got ${Deno.inspect(progressEveryMs)}`);
  }
}

/** What belongs to the whole pipeline must not stand in one of its stages, where it would be ignored. */
function checkStage(stages: readonly Stage[], index: number): void {
  const { options, words } = stages[index]!;
  const refuse = (name: string, why: string) => {
    throw new TypeError(`Stage ${index + 1} (${words[0]}) has ${name} of its own: ${why}`);
  };
  const reads = feedersOf({ stages }, { stage: index, descriptor: 0 }).length > 0;
  if (reads && options.stdin !== undefined) refuse("stdin", "it reads from the stage before it");
  const isLast = lastStages({ stages }).includes(index);
  if (!isLast && options.stdout !== undefined) refuse("stdout", "it writes to the stage after it");
  for (const name of ["timeoutMs", "signal", "graceMs", "drainGraceMs", "maxOutputBytes", "lifeline"] as const) {
    if (options[name] !== undefined) refuse(name, "give it to the pipeline");
  }
}
