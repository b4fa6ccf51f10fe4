/**
 * What `causeway run` was asked for.
 *
 * @module
 */

import {
  type Command,
  command,
  type CommandOptions,
  displayCommand,
  type Pipeline,
  pipeline,
  type PipelineOptions,
} from "../../process/mod.ts";
import { parseSignal, type Signal } from "../../signal/names.ts";
import { UsageError } from "../command_line.ts";
import { parseOptions } from "../options.ts";

/** A run, described, and what is wanted of it besides. */
export interface Request {
  /** The programs, and how they run. */
  readonly description: Pipeline;
  /** Whether it is only told what would be done. */
  readonly explain: boolean;
  /** Whether outputs are captured and told as JSON. */
  readonly json: boolean;
  /** Whether a table of the programs is printed. */
  readonly table: boolean;
  /** Whether the bytes between the first two programs are counted. */
  readonly progress: boolean;
  /** Where events are written; `"stderr"` for this program's own, `undefined` for nowhere. */
  readonly events: { readonly file: string; readonly append: boolean } | "stderr" | undefined;
  /** The time limit, as it was given. */
  readonly timeout: string | undefined;
}

/** How long a grandchild may hold a captured output. */
const DRAIN_GRACE_MS = 1000;

/**
 * Reads the words after the command's name.
 *
 * @throws {UsageError | HelpRequested}
 */
export async function readRequest(args: readonly string[]): Promise<Request> {
  const { flags, values, lists, optional, words } = await parseOptions("run", args, {
    flags: ["json", "stages", "usage", "progress", "explain", "lifeline", "clear-env", "append"],
    values: ["timeout", "end-signal", "kill-after", "max-output", "cwd", "stdin", "stdout", "stderr"],
    lists: ["env"],
    optional: ["events"],
    stopEarly: true,
  });
  const { stdin, stdout, stderr } = values;
  const { events } = optional;
  if (values["max-output"] !== undefined && !flags.json) {
    throw new UsageError("run: --max-output limits what --json captures: say --json, too");
  }
  if (flags.append && stdout === undefined && stderr === undefined && typeof events !== "string") {
    throw new UsageError("run: --append needs a file: --stdout FILE, --stderr FILE or --events=FILE");
  }
  const files = [stdout, stderr, events].filter((file) => typeof file === "string");
  const twice = files.find((file, index) => files.indexOf(file) < index);
  if (twice !== undefined && !flags.append) {
    throw new UsageError(`run: two outputs to ${JSON.stringify(twice)} overwrite each other: say --append, too`);
  }
  const programs = programsOf(words, {
    ...(values.cwd !== undefined && { cwd: values.cwd }),
    ...(lists.env.length > 0 && { env: variablesOf(lists.env) }),
    ...(flags["clear-env"] && { clearEnv: true }),
    ...(values["end-signal"] !== undefined && { endSignal: signal("end-signal", values["end-signal"]) }),
  });
  if (flags.progress && programs.length === 1) {
    const only = displayCommand(programs[0]!.words);
    throw new UsageError(`run: --progress counts what passes from the first program to the next, but ${only} is alone`);
  }
  const append = flags.append;
  const output = flags.json ? "piped" : "inherit";
  const options: PipelineOptions = {
    stdin: stdin === undefined ? "inherit" : { file: stdin },
    stdout: stdout === undefined ? output : { file: stdout, append },
    stderr: stderr === undefined ? output : { file: stderr, append },
    timeoutMs: milliseconds("timeout", values.timeout),
    graceMs: milliseconds("kill-after", values["kill-after"]),
    maxOutputBytes: bytes("max-output", values["max-output"]),
    drainGraceMs: DRAIN_GRACE_MS,
    usage: flags.usage,
    lifeline: flags.lifeline,
  };
  return {
    description: pipeline(...programs).with(options),
    explain: flags.explain,
    json: flags.json,
    table: flags.stages || (flags.usage && !flags.json),
    progress: flags.progress,
    events: typeof events === "string" ? { file: events, append } : events && "stderr",
    timeout: values.timeout,
  };
}

/** Splits words at each `|`. */
function programsOf(words: readonly string[], options: CommandOptions): Command[] {
  if (words.length === 0) {
    throw new UsageError("run: no program: causeway run -- PROGRAM [ARGUMENT...] ['|' PROGRAM ...]");
  }
  const lists: string[][] = [[]];
  for (const word of words) {
    if (word === "|") lists.push([]);
    else lists.at(-1)!.push(word);
  }
  return lists.map(([program, ...args], index) => {
    if (program === undefined) {
      throw new UsageError(`run: program ${index + 1} of ${lists.length} is missing beside a |`);
    }
    if (program === "") throw new UsageError(`run: program ${index + 1} of ${lists.length} is an empty word`);
    return command(program, args, options);
  });
}

function variablesOf(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(assignments.map((assignment) => {
    const at = assignment.indexOf("=");
    if (at < 1) throw new UsageError(`run: --env takes NAME=VALUE, got ${JSON.stringify(assignment)}`);
    return [assignment.slice(0, at), assignment.slice(at + 1)];
  }));
}

function milliseconds(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) {
    throw new UsageError(`run: --${name} takes milliseconds, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

function signal(name: string, text: string): Signal {
  const parsed = parseSignal(text);
  if (parsed !== undefined) return parsed;
  throw new UsageError(`run: --${name} takes the name or number of a signal, got ${JSON.stringify(text)}`);
}

function bytes(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new UsageError(`run: --${name} takes a number of bytes, got ${JSON.stringify(text)}`);
  return Number(text);
}
