/**
 * Starting the stages of a run, from left to right, joined by kernel pipes.
 *
 * @module
 */

import type { Tap } from "../pipe/tap.ts";
import { ByteReader } from "../sys/byte_reader.ts";
import { ByteWriter } from "../sys/byte_writer.ts";
import { setNonblocking } from "../sys/fd.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { hasFfi } from "../sys/platform.ts";
import { Child } from "./child.ts";
import { launchByDeno } from "./deno_command.ts";
import { closeSinks, type OpenSinks, openSinks } from "./fan_out.ts";
import { choose, type Launched, type LaunchRequest, type LaunchSettings } from "./launcher.ts";
import { type CommandOptions, DEFAULT_DRAIN_GRACE_MS, DEFAULT_GRACE_MS, type EndingOptions } from "./options.ts";
import type { Progress } from "./progress.ts";
import { pathOf } from "./path_of.ts";
import { launchByPosixSpawn } from "./posix_spawn.ts";
import { PreparedStdio, type StdioRequest } from "./prepared_stdio.ts";
import { type OutputTarget, sharedOutput, stdinBytes, type StdinSource } from "./stdio.ts";
import type { Leniency } from "./verdict.ts";
import { type Feed, lastStages, Wiring } from "./wiring.ts";

/** One program of a run. */
export interface Stage {
  /** Program and arguments. */
  readonly words: readonly [string, ...string[]];
  /** Its own options. Those about ending belong to the run. */
  readonly options: CommandOptions;
  /** How its status is judged. */
  readonly leniency: Leniency;
  /** The terminal that it has for 0, 1 and 2. */
  readonly terminal?: string;
  /** Who reads its standard output: the next stage, when left out. */
  readonly feeds?: readonly Feed[];
  /** Which of its outputs they read. @default {"stdout"} */
  readonly pipes?: "stdout" | "stderr";
}

/** A run: one stage, or several joined by pipes. */
export interface Run {
  /** From left to right, at least one. */
  readonly stages: readonly Stage[];
  /** The stage that has the standard input of the run: the first, when left out. */
  readonly head?: number;
  /** Its standard input. */
  readonly stdin: StdinSource;
  /** Standard output of the last stage. */
  readonly stdout: OutputTarget | "stderr";
  /** Standard error of the stages that do not say otherwise. */
  readonly stderr: OutputTarget | "stdout";
  /** Limits of the whole run. */
  readonly ending: EndingOptions;
  /** Who is told how far the bytes have come, and how often. */
  readonly progress?: { readonly report: (progress: Progress) => void; readonly everyMs: number } | undefined;
  /** Whether to tell what each stage used. */
  readonly usage?: boolean | undefined;
}

/** What came of starting: all children, or those that were started before one failed. */
export interface Started {
  /** The children that run, from left to right. */
  readonly children: readonly Child[];
  /** What copies and counts between them; the first counts, when something does. */
  readonly taps: readonly Tap[];
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
  const children: Child[] = [];
  const taps: Tap[] = [];
  const startedAt = performance.now();
  try {
    using wiring = new Wiring({ stages: run.stages, metered: run.progress !== undefined });
    taps.push(...wiring.taps);
    for (const index of run.stages.keys()) children.push(startStage(run, index, wiring, drainGraceMs));
    return { children, taps, startedAt };
  } catch (error) {
    for (const each of taps) each[Symbol.dispose]();
    return { children, taps: [], startedAt, error };
  }
}

/** A stage with the ends that the wiring has for it, and what its standard descriptors are to be. */
export function joinedStage(run: Run, index: number, wiring: Wiring): { stage: Stage; target: StdioRequest } {
  const given = run.stages[index]!;
  const { 0: stdin, ...above } = Object.fromEntries(wiring.inputs(index));
  const descriptors = { ...given.options.descriptors, ...above };
  const stage = Object.keys(above).length === 0 ? given : { ...given, options: { ...given.options, descriptors } };
  const source = stdin ?? (index === (run.head ?? 0) ? run.stdin : given.options.stdin ?? "null");
  const pipe = wiring.output(index);
  if (given.pipes === "stderr" && pipe !== undefined) {
    return { stage, target: { stdin: source, stdout: given.options.stdout ?? "null", stderr: pipe } };
  }
  return {
    stage,
    target: {
      stdin: source,
      stdout: pipe ?? stdoutOf(run, index),
      stderr: given.options.stderr ?? stderrOf(run, index),
    },
  };
}

/** Where the output of a stage goes that no other stage reads. Of several such stages each has its own. */
export function stdoutOf(run: Run, index: number): Run["stdout"] {
  if (lastStages(run).length === 1) return run.stdout;
  return run.stages[index]!.options.stdout ?? run.stdout;
}

/** Standard error of a stage that says nothing itself. */
function stderrOf(run: Run, index: number): Run["stderr"] {
  const together = [...run.stages.keys()].filter((each) => {
    const { options, pipes } = run.stages[each]!;
    return options.stderr === undefined && pipes !== "stderr";
  });
  return together.length > 1 ? sharedOutput(run.stderr, index === together[0]) : run.stderr;
}

function startStage(run: Run, index: number, wiring: Wiring, drainGraceMs: number): Child {
  const { stage, target } = joinedStage(run, index, wiring);
  const { words } = stage;
  using undo = new DisposableStack();
  using stdio = new PreparedStdio(target, stage.options);
  if (stdio.feeder !== undefined) undo.use(stdio.feeder);
  if (stdio.merged !== undefined) undo.use(stdio.merged.reader);
  const sinks: { stdout?: OpenSinks; stderr?: OpenSinks } = {};
  for (const name of ["stdout", "stderr"] as const) {
    const places = stdio.sinks[name];
    if (places === undefined) continue;
    const opened = openSinks(places, name);
    undo.defer(() => closeSinks(opened, new Error("The program could not be started")));
    sinks[name] = opened;
  }
  const launched = launch(launchRequest(stage, stdio, run));
  undo.move();
  return new Child({
    words,
    launched: withOwnPipes(launched, stdio),
    input: stdinBytes(target.stdin),
    drainGraceMs,
    graceMs: run.ending.graceMs ?? DEFAULT_GRACE_MS,
    endSignal: stage.options.endSignal,
    cwd: stage.options.cwd === undefined ? undefined : pathOf(stage.options.cwd),
    sinks,
  });
}

/** What a launcher has to know of a stage. */
export function launchRequest(stage: Stage, stdio: PreparedStdio, run: Run): LaunchRequest {
  const { options, words: [program, ...args] } = stage;
  return {
    program,
    args,
    cwd: options.cwd === undefined ? undefined : pathOf(options.cwd),
    environment: { set: { ...options.env, ...stdio.env }, clear: options.clearEnv ?? false },
    stdin: stdio.stdin,
    stdout: stdio.stdout,
    stderr: stdio.stderr,
    descriptors: stdio.descriptors,
    settings: settingsOf(stage, run),
    terminal: stage.terminal,
  };
}

/** The options that decide who launches a stage. */
export function settingsOf({ options }: Stage, run: Run): LaunchSettings {
  return { ...options, usage: options.usage ?? run.usage, lifeline: run.ending.lifeline };
}

function launch(request: LaunchRequest): Launched {
  const choice = choose(
    request.settings,
    [...request.descriptors.keys()],
    request.terminal === undefined ? [] : ["a terminal"],
  );
  if (choice.launcher === "Deno.Command") return launchByDeno(request);
  if (!hasFfi()) throw needsFfi(`Starting a program with ${choice.because.join(", ")}`);
  return launchByPosixSpawn(request, choice);
}

/** The process with the pipes that are ours rather than its launcher's. */
function withOwnPipes(launched: Launched, { feeder, merged }: PreparedStdio): Launched {
  const own: { stdin?: Launched["stdin"]; stdout?: Launched["stdout"]; stderr?: Launched["stderr"] } = {};
  if (feeder !== undefined) {
    setNonblocking(feeder);
    own.stdin = new ByteWriter(feeder).writable;
  }
  if (merged !== undefined) {
    setNonblocking(merged.reader);
    own[merged.name] = new ByteReader(merged.reader).readable;
  }
  return Object.defineProperties(
    Object.create(launched) as Launched,
    Object.fromEntries(Object.entries(own).map(([name, value]) => [name, { value }])),
  );
}
