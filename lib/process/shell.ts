/**
 * `$`: programs written as in a shell, without a shell.
 *
 * @module
 */

import { Command, command, toStage } from "./command.ts";
import type { RunResult } from "./exit_error.ts";
import type { CommandOptions } from "./options.ts";
import { Pipeline, type PipelineOptions } from "./pipeline.ts";
import { parseShell, type Redirection, type ShellPipeline } from "./shell_syntax.ts";
import { Runnable } from "./runnable.ts";
import type { Stage } from "./stage.ts";
import { checkOutput, checkStdin, type OutputTarget, type StdinSource } from "./stdio.ts";
import type { Feed } from "./wiring.ts";

/** How the programs of a {@linkcode $} run: limits and standard descriptors of the whole, everything else for each program. */
export interface ShellOptions
  extends
    PipelineOptions,
    Pick<CommandOptions, "cwd" | "env" | "clearEnv" | "uid" | "gid" | "umask" | "nice" | "limits" | "endSignal"> {}

/** What can stand in a template: one argument; an array for several; a command for a whole program; what a redirection can join. */
export type ShellValue =
  | string
  | number
  | bigint
  | URL
  | readonly (string | number | bigint | URL)[]
  | Command
  | Exclude<StdinSource | OutputTarget, string | readonly unknown[]>;

/** The tag {@linkcode $}, with options that are its defaults. */
export interface ShellTag {
  /** Describes what a template says. Nothing starts before a verb is called, or the result is awaited. */
  (strings: TemplateStringsArray, ...values: readonly ShellValue[]): Shell;
  /** The same tag with options; what is not mentioned stays. */
  with(options: ShellOptions): ShellTag;
}

/**
 * Programs as in a shell, with its words, quotes, pipes and redirections, and without a shell: nothing is expanded, and what is interpolated is
 * never parsed. One value is one argument, byte for byte; an array is as many as it has; a {@linkcode Command} is a program of the pipeline.
 *
 * There are `'…'`, `"…"`, `\`, `|`, `|&`, `<`, `>`, `>>`, `2>`, `2>>`, `2>&1`, `>&2`, `&>`, `&>>`, and `<(…)`, which is the name of a descriptor
 * (`/dev/fd/63`) from which the output of its programs is read; they count as stages like any other. `2>&1 >file |` pipes standard error alone.
 * Behind a redirection can stand a path, or an
 * interpolated pipe end, stream, text or bytes. Anything else of the shell is a `SyntaxError` that says what to use instead.
 *
 * Awaiting it is `.output()`; the other verbs are those of {@linkcode Pipeline}. It fails as a pipeline does, with every stage looked at.
 *
 * @param strings The template.
 * @param values What stands in it.
 * @throws {SyntaxError} For what it does not do, with the place.
 * @throws {TypeError} For a value that can be no argument.
 *
 * @tags allow-run
 *
 * @example Count, with a pattern that a shell would have to quote
 * ```ts
 * import { $ } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const pattern = "a b; rm *";
 * const { stdout, stages } = await $`printf '%s\n' ${pattern} x ${pattern} | grep -cF ${pattern}`;
 * assertEquals(stdout, "2\n");
 * assertEquals(stages.length, 2);
 * assertEquals(await $`sh -c 'echo out; echo err >&2' 2>&1 | sort`.text(), "err\nout");
 * ```
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html Shell Command Language}
 */
export const $: ShellTag = tag({});

function tag(defaults: ShellOptions): ShellTag {
  const describe = (strings: TemplateStringsArray, ...values: readonly ShellValue[]): Shell => {
    const program: Program = { stages: [], feeds: [] };
    const [head] = addPipeline(program, parseShell(strings.raw, values));
    const stages = program.stages.map((stage, index) => ({ ...stage, feeds: program.feeds[index]! }));
    return new Shell(stages, {}, head).with(defaults);
  };
  return Object.assign(describe, { with: (options: ShellOptions) => tag({ ...defaults, ...options }) });
}

/** What a template says, made by {@linkcode $}. Immutable: every change is a new one. */
export class Shell extends Pipeline implements PromiseLike<RunResult> {
  readonly #stages: readonly Stage[];
  readonly #options: PipelineOptions;
  readonly #head: number;

  /** Made by {@linkcode $}. */
  constructor(stages: readonly Stage[], options: PipelineOptions, head: number) {
    super(stages, options, head);
    this.#stages = stages;
    this.#options = options;
    this.#head = head;
  }

  /** The same with other options; what is not mentioned stays. Options about a program hold for every one of them. */
  override with(options: ShellOptions): Shell {
    const { cwd, env, clearEnv, uid, gid, umask, nice, limits, endSignal, ...whole } = options;
    const each = given({ cwd, env, clearEnv, uid, gid, umask, nice, limits, endSignal });
    return new Shell(this.#map((one) => one.with(each)), { ...this.#options, ...whole }, this.#head);
  }

  /** The same, of which no program's status is a failure (a timeout still is). */
  override unchecked(): Shell {
    return new Shell(this.#map((one) => one.unchecked()), this.#options, this.#head);
  }

  /** The same, of which these exit codes of any program are no failure. @throws {RangeError} For a code outside 0..255. */
  allow(codes: number | readonly number[]): Shell {
    return new Shell(this.#map((one) => one.allow(codes)), this.#options, this.#head);
  }

  /** Awaiting it runs it: as `output()`. An `async` function that returns it has run it. */
  then<Value = RunResult, Other = never>(
    onFulfilled?: ((value: RunResult) => Value | PromiseLike<Value>) | null,
    onRejected?: ((reason: unknown) => Other | PromiseLike<Other>) | null,
  ): Promise<Value | Other> {
    return this.output().then(onFulfilled, onRejected);
  }

  #map(change: (one: Command) => Command): Stage[] {
    return this.#stages.map((stage) => ({ ...stage, ...change(new Command(stage))[toStage]() }));
  }
}

/** Without what is undefined: that would undo an option of the command itself. */
function given<Options extends object>(options: Options): Partial<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Options>;
}

/** All programs of a template, those of `<(…)` before the one that reads them, and who reads each. */
interface Program {
  readonly stages: Stage[];
  readonly feeds: Feed[][];
}

/** The descriptors by which a program reads what is in `<(…)`: from here downwards, as in bash, away from what it opens itself. */
const SUBSTITUTION_DESCRIPTOR = 63;

/** Adds a pipeline; returns the indices of its first and its last stage. */
function addPipeline(program: Program, { stages }: ShellPipeline): [first: number, last: number] {
  const indices: number[] = [];
  for (const [position, stage] of stages.entries()) {
    const feeders: [index: number, descriptor: number][] = [];
    const words = stage.words.map((word) => {
      if (typeof word === "string" || !("substitution" in word)) return word;
      const descriptor = SUBSTITUTION_DESCRIPTOR - feeders.length;
      feeders.push([addPipeline(program, word.substitution)[1], descriptor]);
      return `/dev/fd/${descriptor}`;
    });
    const place = { first: position === 0, last: position === stages.length - 1 };
    const { pipes, ...options } = toOptions(stage.redirections, place);
    const index = program.stages.push({ ...programOf(words).with(options)[toStage](), pipes }) - 1;
    program.feeds.push([]);
    const before = indices.at(-1);
    if (before !== undefined) feeders.push([before, 0]);
    for (const [feeder, descriptor] of feeders) program.feeds[feeder]!.push({ stage: index, descriptor });
    indices.push(index);
  }
  return [indices[0]!, indices.at(-1)!];
}

function programOf(words: readonly (string | { readonly value: object })[]): Command {
  const [first, ...rest] = words;
  if (typeof first === "object" && first.value instanceof Command) {
    if (rest.length === 0) return first.value;
    throw new TypeError("A command stands for a whole program: no arguments can follow it");
  }
  const [program = "", ...args] = words.map((word) => {
    if (typeof word === "string") return word;
    throw new TypeError(
      `An argument must be a string, a number, a URL or an array of them, got ${
        Deno.inspect(word.value, { depth: 1 })
      }${insteadOf(word.value)}`,
    );
  });
  return command(program, args);
}

/** What to write for those objects that people write as arguments. */
function insteadOf(value: object): string {
  if (value instanceof Runnable) return ": interpolate what it prints, as in ${await $`pwd`.text()}";
  return "stdoutBytes" in value ? ": interpolate its stdout, or text() in place of output()" : "";
}

/** Where an output goes: where one of the two goes when nothing is redirected, or somewhere else. */
type Place = "stdout" | "stderr" | { readonly target: OutputTarget };

/** Follows the redirections from left to right, as a shell does: `>f 2>&1` sends both to the file, `2>&1 >f` only standard output. */
function toOptions(
  redirections: readonly Redirection[],
  place: { readonly first: boolean; readonly last: boolean },
): CommandOptions & { pipes: "stdout" | "stderr" } {
  const options: CommandOptions = {};
  let out: Place = "stdout";
  let err: Place = "stderr";
  for (const { descriptor, kind, target } of redirections) {
    if (kind === "read") options.stdin = sourceOf(target);
    else {
      const goal: Place = kind === "same" ? (target === 1 ? out : err) : { target: targetOf(target, kind) };
      if (descriptor === 1) out = goal;
      else err = goal;
    }
  }
  if (options.stdin !== undefined && !place.first) refuse("redirect < here: the program reads from the one before it");
  if (err === "stdout" && typeof out === "object" && !place.last) {
    return { ...options, stdout: out.target, pipes: "stderr" };
  }
  if (out !== "stdout" && !place.last) refuse("redirect > here: the program writes to the next one");
  if (err === "stdout" && out !== "stdout") {
    refuse("send 2 to where 1 went before: write 2>&1 behind the other redirection");
  }
  if (out === "stderr" && err !== "stderr") {
    refuse("send 1 to where 2 went before: write >&2 behind the other redirection");
  }
  if (out !== "stdout") options.stdout = out === "stderr" ? out : out.target;
  if (err !== "stderr") options.stderr = err === out || err === "stdout" ? "stdout" : err.target;
  return { ...options, pipes: "stdout" };
}

function refuse(what: string): never {
  throw new SyntaxError(`$ cannot ${what}`);
}

function sourceOf(target: Redirection["target"]): StdinSource {
  if (typeof target === "string") return target === "/dev/null" ? "null" : { file: target };
  checkStdin(target, "What stands behind <");
  return target as StdinSource;
}

function targetOf(target: Redirection["target"], kind: Redirection["kind"]): OutputTarget {
  if (typeof target === "string") return target === "/dev/null" ? "null" : { file: target, append: kind === "append" };
  checkOutput(target, "What stands behind >");
  return target as OutputTarget;
}
