/**
 * `causeway run`: programs joined by kernel pipes.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import {
  displayCommand,
  isSuccess,
  type Pipeline,
  pipeline,
  type PipelineStage,
  type Running,
  type RunResult,
  shellCode,
  type StageResult,
  type Status,
} from "../process/mod.ts";
import { describeStatus } from "../process/status.ts";
import { errnoMeaning } from "../sys/errno_table.ts";
import { CommandError, UsageError } from "./command_line.ts";
import { Interruption } from "./interruption.ts";
import { parseOptions } from "./options.ts";
import { printError, printJson } from "./output.ts";
import { relay } from "./signal_relay.ts";
import { type Role, type Style, styleFor } from "./style.ts";
import { table } from "./table.ts";

/** What `run --json` prints. */
export interface RunReport {
  /** Status of the rightmost program that failed, or of the last. */
  readonly status: Status;
  /** What this program exits with. */
  readonly exitCode: number;
  /** Whether the time limit ended the run. */
  readonly timedOut: boolean;
  /** Whether SIGKILL was needed for that. */
  readonly forced: boolean;
  /** Milliseconds from the start to the last exit. */
  readonly durationMs: number;
  /** Whether the outputs met their end of file; `false` when a grandchild still holds one. */
  readonly drained: boolean;
  /** Every program, from left to right. */
  readonly stages: readonly StageResult[];
  /** Standard output of the last program as UTF-8; bytes that are none become U+FFFD. */
  readonly stdout: string;
  /** Standard error of all programs. */
  readonly stderr: string;
}

/** What timeout(1) exits with when the time is over. */
const TIMED_OUT = 124;

/** What a shell exits with for a program that it did not find, and for one that it could not execute. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** How long a grandchild may hold a captured output. */
const DRAIN_GRACE_MS = 1000;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, values, words } = await parseOptions("run", args, {
    flags: ["json", "stages"],
    values: ["timeout"],
    stopEarly: true,
  });
  const outputs = flags.json ? "piped" : "inherit";
  const description = pipeline(...stagesOf(words)).with({
    stdin: "inherit",
    stdout: outputs,
    stderr: outputs,
    timeoutMs: milliseconds(values.timeout),
    drainGraceMs: DRAIN_GRACE_MS,
  });
  // Listening comes first: a signal that arrives while the programs are being started must not end this one alone.
  const started: Running[] = [];
  await using interruption = new Interruption((event) => started.forEach((running) => relay(event, running)));
  await using running = startOrExplain(description);
  started.push(running);
  const result = await running.result();
  const exitCode = running.timedOut ? TIMED_OUT : shellCode(result.status);
  if (flags.stages) printError(stageTable(result.stages, styleFor(Deno.stderr)));
  if (flags.json) printJson(report(running, result, exitCode));
  if (running.timedOut) printError(`causeway: run: time limit of ${values.timeout} ms reached\n`);
  return interruption.received === undefined ? exitCode : await interruption.dieOfIt();
}

/** Splits words at each `|`. */
function stagesOf(words: readonly string[]): PipelineStage[] {
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
    return [program, ...args];
  });
}

function milliseconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) {
    throw new UsageError(`run: --timeout takes milliseconds, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

/** Starts every program, or ends those that were started and says which one could not be. */
function startOrExplain(description: Pipeline): Running {
  try {
    return description.spawn();
  } catch (error) {
    if (!(error instanceof PosixError) || error.syscall !== "execve") throw error;
    const missing = error.code === "ENOENT";
    const where = missing && !error.target?.includes("/") ? "not found in PATH" : errnoMeaning(error.code);
    const message = `run: cannot start ${JSON.stringify(error.target)}: ${where} (${error.code})`;
    throw new CommandError(message, missing ? NOT_FOUND : NOT_EXECUTABLE, { cause: error });
  }
}

function report(running: Running, result: RunResult, exitCode: number): RunReport {
  const { status, durationMs, drained, stages, stdout, stderr } = result;
  const { timedOut, forced } = running;
  return { status, exitCode, timedOut, forced, durationMs, drained, stages, stdout, stderr };
}

function stageTable(stages: readonly StageResult[], style: Style): string {
  const title = (text: string) => ({ text, style: (padded: string) => style("title", padded) });
  const rows = stages.map(({ command, pid, status, durationMs }, index) => {
    const isLast = index === stages.length - 1;
    return [
      String(pid),
      `${durationMs.toFixed(1)} ms`,
      { text: describeStatus(status), style: (padded: string) => style(roleOf(status, isLast), padded) },
      displayCommand(command),
    ];
  });
  return table([["pid", "time", "status", "program"].map(title), ...rows], { right: [0, 1] });
}

/** A program whose reader had enough has not failed. */
function roleOf(status: Status, isLast: boolean): Role {
  if (isSuccess(status)) return "good";
  return !isLast && status.kind === "signaled" && status.signal === "SIGPIPE" ? "faint" : "bad";
}
