/**
 * What a command line of `causeway each` asks for.
 *
 * @module
 */

import type { HaltRule } from "../../process/mod.ts";
import { HelpRequested, UsageError } from "../command_line.ts";
import { withSuggestion } from "../options_classic.ts";
import { ClassicUsageError } from "../tools/classic.ts";
import { parseDuration } from "../tools/duration.ts";
import { getopt, type OptionSpec } from "../tools/getopt.ts";
import { Template } from "./template.ts";

const OPTIONS = [
  { key: "jobs", names: "-j --jobs -P --max-procs", value: "required" },
  { key: "keep-order", names: "-k --keep-order" },
  { key: "max-args", names: "-n --max-args", value: "required" },
  { key: "null", names: "-0 --null" },
  { key: "arg-file", names: "-a --arg-file", value: "required" },
  { key: "no-run-if-empty", names: "-r --no-run-if-empty" },
  { key: "halt", names: "--halt", value: "required" },
  { key: "retries", names: "--retries", value: "required" },
  { key: "retry-delay", names: "--retry-delay", value: "required" },
  { key: "delay", names: "--delay", value: "required" },
  { key: "timeout", names: "--timeout", value: "required" },
  { key: "joblog", names: "--joblog", value: "required" },
  { key: "resume", names: "--resume" },
  { key: "resume-failed", names: "--resume-failed" },
  { key: "tag", names: "--tag" },
  { key: "group", names: "--group" },
  { key: "line-buffer", names: "--lb --line-buffer" },
  { key: "ungroup", names: "-u --ungroup" },
  { key: "json", names: "--json" },
  { key: "progress", names: "--progress" },
  { key: "eta", names: "--eta" },
  { key: "dry-run", names: "--dry-run" },
  { key: "help", names: "-h --help" },
] as const satisfies readonly OptionSpec[];

type Key = typeof OPTIONS[number]["key"];

/** How outputs reach whoever reads them. */
export type OutputMode = "group" | "line-buffer" | "ungroup" | "json";

/** What was asked for. */
export interface Request {
  readonly template: Template;
  /** The lists that followed each `:::`; none when items are read. */
  readonly lists: readonly (readonly string[])[];
  /** The file that items are read from; standard input when left out. */
  readonly argFile: string | undefined;
  readonly separator: number;
  readonly maxArgs: number;
  readonly skipBlank: boolean;
  readonly concurrency: number;
  readonly keepOrder: boolean;
  readonly halt: HaltRule | undefined;
  /** How often a job is started at most. */
  readonly tries: number;
  readonly retryDelayMs: number;
  readonly delayMs: number;
  readonly timeoutMs: number;
  readonly jobLog: string | undefined;
  readonly resume: "none" | "all" | "failed";
  readonly output: OutputMode;
  readonly tag: boolean;
  readonly progress: "none" | "count" | "eta";
  readonly dryRun: boolean;
}

/** How many jobs `-j 0` lets run. */
const MOST_JOBS = 1000;

const NEWLINE = 10;

/**
 * Reads the words after the command's name.
 *
 * @throws {UsageError | HelpRequested}
 */
export async function readRequest(args: readonly string[]): Promise<Request> {
  try {
    return read(args);
  } catch (error) {
    throw await withSuggestion("each", error, OPTIONS);
  }
}

function read(args: readonly string[]): Request {
  const { given, operands } = getopt(args, OPTIONS, { stopEarly: true });
  const values = new Map<Key, string>(given.map(({ key, value }) => [key, value]));
  if (values.has("help")) throw new HelpRequested();
  const [words = [], ...lists] = split(operands);
  if (words.length === 0) {
    throw new UsageError("each: no program: causeway each [OPTION...] PROGRAM [ARGUMENT...] [::: ITEM...]");
  }
  if (words[0] === "") throw new UsageError("each: the program is an empty word");
  const template = new Template(words);
  const maxArgs = wholeNumber(values, "max-args", 1) ?? 1;
  const argFile = values.get("arg-file");
  if (lists.length > 0 && argFile !== undefined) throw new UsageError("each: items come from -a or from :::, not both");
  if (lists.length > 1 && maxArgs > 1) throw new UsageError("each: -n goes with one list of items");
  template.checkPositions(Math.max(lists.length, maxArgs));
  const tries = wholeNumber(values, "retries", 0) ?? 1;
  const resume = values.has("resume-failed") ? "failed" : values.has("resume") ? "all" : "none";
  const jobLog = values.get("joblog");
  if (resume !== "none" && jobLog === undefined) throw new UsageError("each: --resume needs --joblog FILE");
  const output = outputMode(values);
  const keepOrder = values.has("keep-order");
  if (keepOrder && (output === "line-buffer" || output === "ungroup")) {
    throw new UsageError(`each: --keep-order holds outputs back, --${output} does not: one or the other`);
  }
  const tag = values.has("tag");
  if (tag && (output === "ungroup" || output === "json")) {
    throw new UsageError(`each: --tag does not go with --${output}`);
  }
  return {
    template,
    lists,
    argFile,
    separator: values.has("null") ? 0 : NEWLINE,
    maxArgs,
    skipBlank: values.has("no-run-if-empty"),
    concurrency: concurrency(values.get("jobs")),
    keepOrder,
    halt: haltRule(values.get("halt")),
    tries: tries === 0 ? Infinity : tries,
    retryDelayMs: duration(values, "retry-delay") ?? 100,
    delayMs: duration(values, "delay") ?? 0,
    timeoutMs: duration(values, "timeout") || Infinity,
    jobLog,
    resume,
    output,
    tag,
    progress: values.has("eta") ? "eta" : values.has("progress") ? "count" : "none",
    dryRun: values.has("dry-run"),
  };
}

/** Splits words at each `:::`. */
function split(words: readonly string[]): string[][] {
  const lists: string[][] = [[]];
  for (const word of words) {
    if (word === "::::" || word === ":::+" || word === "::::+") {
      throw new UsageError(`each: ${word} is not supported: -a FILE reads items from a file`);
    }
    if (word === ":::") lists.push([]);
    else lists.at(-1)!.push(word);
  }
  return lists;
}

function outputMode(values: ReadonlyMap<Key, string>): OutputMode {
  const [mode = "group", other] = (["group", "line-buffer", "ungroup", "json"] as const).filter((key) =>
    values.has(key)
  );
  if (other !== undefined) throw new UsageError(`each: --${mode} or --${other}, not both`);
  return mode;
}

function duration(values: ReadonlyMap<Key, string>, key: Key): number | undefined {
  const text = values.get(key);
  try {
    return text === undefined ? undefined : parseDuration(text);
  } catch (error) {
    if (!(error instanceof ClassicUsageError)) throw error;
    throw new UsageError(`each: --${key} takes seconds, or a number with s, m, h or d, got ${JSON.stringify(text)}`);
  }
}

function wholeNumber(values: ReadonlyMap<Key, string>, key: Key, least: number): number | undefined {
  const text = values.get(key);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text) || Number(text) < least) {
    throw new UsageError(`each: --${key} takes a whole number of at least ${least}, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

/** `N`, `N%` of the CPUs, `+N` and `-N` beside them. */
function concurrency(text: string | undefined): number {
  const cpus = navigator.hardwareConcurrency;
  if (text === undefined) return cpus;
  const { sign, number, percent } = /^(?<sign>[+-]?)(?<number>\d+)(?<percent>%?)$/.exec(text)?.groups ?? {};
  if (number === undefined || (sign !== "" && percent !== "")) {
    throw new UsageError(`each: --jobs takes N, N%, +N or -N, got ${JSON.stringify(text)}`);
  }
  if (sign !== "") return Math.max(1, cpus + Number(`${sign}${number}`));
  if (percent !== "") return Math.max(1, Math.round(cpus * Number(number) / 100));
  return Number(number) === 0 ? MOST_JOBS : Number(number);
}

const REASONS = { fail: "failure", success: "success", done: "end" } as const;

/** `never`, `soon` or `now`, and what for: `fail=1`, `success=3`, `done=10%`. */
function haltRule(text: string | undefined): HaltRule | undefined {
  if (text === undefined || text === "never") return undefined;
  const pattern = /^(?<when>soon|now)(?:,(?<why>fail|success|done)=(?<number>\d+)(?<percent>%?))?$/;
  const { when, why = "fail", number = "1", percent } = pattern.exec(text)?.groups ?? {};
  const isRight = (when === "soon" || when === "now") && (why === "fail" || why === "success" || why === "done");
  if (!isRight || Number(number) < 1 || (percent === "%" && Number(number) > 100)) {
    const forms = "never, or soon or now with ,fail=N ,success=N or ,done=N, N a number or a percentage";
    throw new UsageError(`each: --halt takes ${forms}, got ${JSON.stringify(text)}`);
  }
  const share = percent === "%" ? { percent: Number(number) } : { count: Number(number) };
  return { when, on: REASONS[why], ...share };
}
