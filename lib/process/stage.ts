/**
 * Starting the stages of a run, from left to right, joined by kernel pipes.
 *
 * @module
 */

import { kernelPipes } from "../pipe/kernel_pipe.ts";
import { Child } from "./child.ts";
import { launch } from "./deno_command.ts";
import { type CommandOptions, DEFAULT_DRAIN_GRACE_MS, DEFAULT_GRACE_MS, type EndingOptions } from "./options.ts";
import { programPath } from "./program_path.ts";
import { type OutputTarget, PreparedStdio, stdinBytes, type StdinSource } from "./stdio.ts";
import type { Leniency } from "./verdict.ts";

/** One program of a run. */
export interface Stage {
  /** Program and arguments. */
  readonly words: readonly [string, ...string[]];
  /** Its own options. Those about ending belong to the run. */
  readonly options: CommandOptions;
  /** How its status is judged. */
  readonly leniency: Leniency;
}

/** A run: one stage, or several joined by pipes. */
export interface Run {
  /** From left to right, at least one. */
  readonly stages: readonly Stage[];
  /** Standard input of the first stage. */
  readonly stdin: StdinSource;
  /** Standard output of the last stage. */
  readonly stdout: OutputTarget;
  /** Standard error of the stages that do not say otherwise. */
  readonly stderr: OutputTarget;
  /** Limits of the whole run. */
  readonly ending: EndingOptions;
}

/** What came of starting: all children, or those that were started before one failed. */
export interface Started {
  /** The children that run, from left to right. */
  readonly children: readonly Child[];
  /** The time, by `performance.now()`, before the first was started. */
  readonly startedAt: number;
  /** Why the next one could not be started. */
  readonly error?: unknown;
}

/**
 * Starts every stage. Each pipe end is closed here as soon as the stage that gets it has it: end of file and SIGPIPE then work as between
 * two programs of a shell. When a stage cannot be started, those to the right of it never are.
 */
export function startStages(
  run: Run,
  drainGraceMs: number = run.ending.drainGraceMs ?? DEFAULT_DRAIN_GRACE_MS,
): Started {
  using ends = new DisposableStack();
  const children: Child[] = [];
  const startedAt = performance.now();
  try {
    const pipes = kernelPipes(run.stages.length - 1);
    for (const { reader, writer } of pipes) {
      ends.use(reader);
      ends.use(writer);
    }
    for (const [index, stage] of run.stages.entries()) {
      const stdin = index === 0 ? run.stdin : pipes[index - 1]!.reader;
      const stdout = index === run.stages.length - 1 ? run.stdout : pipes[index]!.writer;
      children.push(startStage(stage, stdin, stdout, run, drainGraceMs));
    }
    return { children, startedAt };
  } catch (error) {
    return { children, startedAt, error };
  }
}

function startStage(stage: Stage, stdin: StdinSource, stdout: OutputTarget, run: Run, drainGraceMs: number): Child {
  const { options, words } = stage;
  const [name, ...args] = words;
  const { env, clearEnv } = environment(options);
  const program = programPath(name, env);
  using stdio = new PreparedStdio(stdin, stdout, options.stderr ?? run.stderr);
  const launched = launch({
    program,
    args,
    cwd: options.cwd,
    env,
    clearEnv,
    stdin: stdio.stdin,
    stdout: stdio.stdout,
    stderr: stdio.stderr,
  });
  return new Child({
    words,
    launched,
    input: stdinBytes(stdin),
    drainGraceMs,
    graceMs: run.ending.graceMs ?? DEFAULT_GRACE_MS,
  });
}

/** The child's own variables. To remove one, the others must be copied, and the child starts from nothing. */
function environment(options: CommandOptions): { env: Record<string, string> | undefined; clearEnv: boolean } {
  const entries = Object.entries(options.env ?? {});
  const removes = entries.some(([, value]) => value === undefined);
  const env: Record<string, string> = removes && !options.clearEnv ? Deno.env.toObject() : {};
  for (const [name, value] of entries) {
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
  return { env: options.env === undefined ? undefined : env, clearEnv: removes || (options.clearEnv ?? false) };
}
