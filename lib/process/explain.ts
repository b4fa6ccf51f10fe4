/**
 * What a run would do, without doing it.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { Signal } from "../signal/names.ts";
import { Fd } from "../sys/fd.ts";
import { hasFfi } from "../sys/platform.ts";
import { displayCommand, displayWord } from "./display.ts";
import { choose } from "./launcher.ts";
import { DEFAULT_GRACE_MS } from "./options.ts";
import { pathOf } from "./path_of.ts";
import { findProgram, ownPath } from "./program_path.ts";
import { type Run, settingsOf, type Stage, stdoutOf } from "./stage.ts";
import { isDescriptor, isFile, stdinBytes } from "./stdio.ts";
import { trampolineSteps } from "./trampoline.ts";
import { feedersOf, feedsOf } from "./wiring.ts";

/** One descriptor of a child. */
export interface ExplainedDescriptor {
  /** The number that the child has it by. */
  readonly number: number;
  /** What it is, in words. */
  readonly what: string;
}

/** What would be done to start one program. */
export interface ExplainedStage {
  /** Program and arguments, as they were given. */
  readonly words: readonly string[];
  /** The program that would be started; `undefined` when there is none, or it cannot be known without FFI. */
  readonly program: string | undefined;
  /** What it would see as its own name. */
  readonly argv0: string;
  /** Its working directory; `undefined` for this process's own. */
  readonly cwd: string | undefined;
  /** What would ask it to end. */
  readonly endSignal: Signal;
  /** Its variables. */
  readonly environment: {
    /** Whether it gets this process's variables. */
    readonly inherited: boolean;
    /** Variables that are set. */
    readonly set: Readonly<Record<string, string>>;
    /** Variables that are removed. */
    readonly removed: readonly string[];
  };
  /** Its descriptors, by number. */
  readonly descriptors: readonly ExplainedDescriptor[];
  /** Who would start it. */
  readonly launcher: "Deno.Command" | "posix_spawn";
  /** The options for which it is `posix_spawn`. */
  readonly because: readonly string[];
  /** What the trampoline would do, each step a call and its numbers; empty when there is none. */
  readonly trampoline: readonly string[];
}

/**
 * What a run would do. As a string, it is a text for people.
 *
 * @example Who starts it, and why
 * ```ts
 * import { command, type Explanation } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(command("true").explain().stages[0]!.launcher, "Deno.Command");
 * const explained: Explanation = command("true", [], { group: "own", nice: 5 }).explain();
 * assertEquals(explained.stages[0]!.because, ['group: "own"', "nice"]);
 * ```
 */
export interface Explanation {
  /** Every program, from left to right. */
  readonly stages: readonly ExplainedStage[];
  /** How it would be ended. */
  readonly ending: {
    /** Milliseconds until SIGTERM. */
    readonly timeoutMs: number;
    /** Milliseconds from SIGTERM to SIGKILL. */
    readonly graceMs: number;
    /** Most bytes to capture of one stream. */
    readonly maxOutputBytes: number;
    /** Whether the programs would end with this one. */
    readonly lifeline: boolean;
  };
  /** The text. */
  toString(): string;
}

/** Explains a run. Opens, moves and starts nothing. */
export function explain(run: Run): Explanation {
  const { timeoutMs = Infinity, graceMs = DEFAULT_GRACE_MS, maxOutputBytes = Infinity, lifeline = false } = run.ending;
  const stages = run.stages.map((stage, index) => explainStage(stage, index, run));
  const ending = { timeoutMs, graceMs, maxOutputBytes, lifeline };
  return { stages, ending, toString: () => `${stages.map(stageText).join("\n")}\n${endingText(ending)}` };
}

function explainStage(stage: Stage, index: number, run: Run): ExplainedStage {
  const { words, options } = stage;
  const settings = settingsOf(stage, run);
  const descriptors = descriptorsOf(stage, index, run);
  const { launcher, because, trampoline } = choose(
    settings,
    descriptors.map(({ number }) => number).filter((n) => n > 2),
  );
  const entries = Object.entries({
    ...options.env,
    ...Object.assign({}, ...(options.inherit ?? []).map(({ env }) => env)),
  });
  const set = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    words,
    program: programOf(words[0], options.env?.PATH),
    argv0: options.argv0 ?? words[0],
    cwd: options.cwd === undefined ? undefined : pathOf(options.cwd),
    endSignal: options.endSignal ?? "SIGTERM",
    environment: {
      inherited: !options.clearEnv,
      set: Object.fromEntries(set),
      removed: entries.filter(([, value]) => value === undefined).map(([name]) => name),
    },
    descriptors,
    launcher,
    because,
    trampoline: trampoline.length > 0 && hasFfi() ? trampolineSteps(settings, "FD") : trampoline,
  };
}

function programOf(program: string, path: string | undefined): string | undefined {
  if (!hasFfi()) return program.includes("/") ? program : undefined;
  try {
    return findProgram(program, path ?? ownPath());
  } catch (error) {
    if (error instanceof PosixError) return undefined;
    throw error;
  }
}

function descriptorsOf({ options }: Stage, index: number, run: Run): ExplainedDescriptor[] {
  const nameOf = nameIn(run);
  const pipeFrom = (descriptor: number) => {
    const feeders = feedersOf(run, { stage: index, descriptor });
    return feeders.length === 0 ? undefined : `a pipe from ${feeders.map(nameOf).join(", ")}`;
  };
  const used = new Set(Object.keys(options.descriptors ?? {}).map(Number));
  const inherited = (options.inherit ?? []).flatMap(({ descriptors }) => descriptors).map((fd) => {
    let number = 3;
    while (used.has(number)) number++;
    used.add(number);
    return { number, what: describe(fd) };
  });
  const above = Object.entries(options.descriptors ?? {}).map(([number, end]) => ({
    number: Number(number),
    what: describe(end),
  }));
  const substituted = run.stages.flatMap((_, stage) =>
    feedsOf(run, stage).flatMap((feed) =>
      feed.stage === index && feed.descriptor > 0 ? [{ number: feed.descriptor, what: pipeFrom(feed.descriptor)! }] : []
    )
  );
  return [
    {
      number: 0,
      what: pipeFrom(0) ??
        describe(index === (run.head ?? 0) ? run.stdin : options.stdin ?? "null", "nothing (/dev/null)"),
    },
    ...outputsOf(run, index),
    ...[...above, ...inherited, ...substituted].sort((left, right) => left.number - right.number),
  ];
}

function outputsOf(run: Run, index: number): ExplainedDescriptor[] {
  const { options, pipes } = run.stages[index]!;
  const readers = feedsOf(run, index).map(({ stage }) => nameIn(run)(stage));
  const pipe = readers.length > 0 ? `a pipe to ${readers.join(", ")}` : undefined;
  const crossed = pipe !== undefined && pipes === "stderr";
  return [
    { number: 1, what: crossed ? describe(options.stdout ?? "null") : pipe ?? describe(stdoutOf(run, index)) },
    { number: 2, what: crossed ? pipe : describe(options.stderr ?? run.stderr) },
  ];
}

function nameIn(run: Run): (stage: number) => string {
  return (stage) => displayWord(run.stages[stage]!.words[0]);
}

function describe(value: unknown, null_ = "/dev/null"): string {
  if (value === "null") return null_;
  if (value === "inherit") return "this process's own";
  if (value === "piped") return "a pipe, read or written by this process";
  if (value === "stdout" || value === "stderr") return `the same as ${value}`;
  if (value instanceof Fd) return `${value.what} (moved)`;
  if (isDescriptor(value)) return `${value.constructor.name} (moved)`;
  if (isFile(value)) return `the file ${displayWord(pathOf(value.file))}${value.append ? ", at its end" : ""}`;
  const bytes = stdinBytes(value);
  if (Array.isArray(value) && !(bytes instanceof Uint8Array) && value.every((each) => describe(each) !== "")) {
    return value.map((each) => describe(each)).join(", and ");
  }
  if (bytes instanceof Uint8Array) return `${bytes.byteLength} bytes, written by this process`;
  if (value instanceof WritableStream) return "a stream, written by this process";
  return typeof value === "object" ? "a source of bytes, read by this process" : "";
}

function stageText(stage: ExplainedStage): string {
  const { environment: { inherited, set, removed } } = stage;
  const variables = [
    inherited ? "this process's" : "empty",
    ...Object.entries(set).map(([name, value]) => `${name}=${displayWord(value)}`),
    ...removed.map((name) => `without ${name}`),
  ];
  const rows: [string, string][] = [
    ["program", stage.program ?? (hasFfi() ? "not found" : "searched for in PATH by Deno")],
    ...(stage.argv0 === stage.words[0] ? [] : [["argv0", displayWord(stage.argv0)] satisfies [string, string]]),
    ["directory", stage.cwd ?? "this process's"],
    ["environment", variables.join(", ")],
    ...stage.descriptors.map(({ number, what }): [string, string] => [`descriptor ${number}`, what]),
    ...(stage.endSignal === "SIGTERM"
      ? []
      : [["ended by", `${stage.endSignal}, not SIGTERM`] satisfies [string, string]]),
    ["launcher", stage.because.length === 0 ? stage.launcher : `${stage.launcher}, for ${stage.because.join(", ")}`],
    ...(stage.trampoline.length === 0
      ? []
      : [["trampoline", `perl: ${stage.trampoline.join(", ")}`] satisfies [string, string]]),
  ];
  return [displayCommand(stage.words), ...rows.map(([name, text]) => `  ${name.padEnd(13)} ${text}`)].join("\n");
}

function endingText({ timeoutMs, graceMs, maxOutputBytes, lifeline }: Explanation["ending"]): string {
  return [
    timeoutMs === Infinity ? "no time limit" : `SIGTERM after ${timeoutMs} ms`,
    `SIGKILL ${graceMs} ms after SIGTERM`,
    ...(maxOutputBytes === Infinity ? [] : [`at most ${maxOutputBytes} bytes of each output`]),
    ...(lifeline ? ["ended with this process"] : []),
  ].join("; ");
}
