/**
 * `causeway run`: programs joined by kernel pipes.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import {
  type ExceededLimit,
  type Explanation,
  type Pipeline,
  type Running,
  type RunResult,
  shellCode,
  type StageResult,
  type Status,
} from "../process/mod.ts";
import { errnoMeaning } from "../sys/errno_table.ts";
import { CommandError } from "./command_line.ts";
import { Interruption } from "./interruption.ts";
import { print, printError, printJson, saidInJson } from "./output.ts";
import { EventLog } from "./run/event_log.ts";
import { REDRAW_MS, showProgress } from "./run/progress_line.ts";
import { readRequest } from "./run/request.ts";
import { stageTable } from "./run/stage_table.ts";
import { relay } from "./signal_relay.ts";
import { styleFor } from "./style.ts";

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
  /** The limit on captured bytes, where it ended the run. */
  readonly exceeded?: ExceededLimit;
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
  /** The bytes of standard output in base64, only where `stdout` does not tell them: it is no UTF-8, or begins with a byte order mark. */
  readonly stdoutBase64?: string;
  /** The same of standard error. */
  readonly stderrBase64?: string;
}

/** What timeout(1) exits with when the time is over. */
const TIMED_OUT = 124;

/** What a shell exits with for a program that it did not find, and for one that it could not execute. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const request = await readRequest(args);
  const { description, json } = request;
  if (request.explain) return tell(description.explain(), json);
  using log = request.events && new EventLog(request.events);
  // Listening comes first: a signal that arrives while the programs are being started must not end this one alone.
  const started: Running[] = [];
  await using interruption = new Interruption((event) => started.forEach((running) => relay(event, running)));
  const progress = request.progress ? { onProgress: showProgress, progressEveryMs: REDRAW_MS } : {};
  await using running = await startOrExplain(description.with(progress), log);
  started.push(running);
  const result = await running.result();
  const exitCode = running.timedOut ? TIMED_OUT : shellCode(result.status);
  if (request.table) printError(stageTable(result.stages, styleFor(Deno.stderr)));
  if (json) printJson(report(running, result, exitCode));
  if (running.timedOut) printError(`causeway: run: time limit of ${request.timeout} ms reached\n`);
  if (running.exceeded !== undefined) {
    const { stream, maxOutputBytes } = running.exceeded;
    printError(`causeway: run: limit of ${maxOutputBytes} bytes of ${stream} reached\n`);
  }
  const received = await interruption.receivedWith(result.stages.map(({ status }) => status));
  return received === undefined ? exitCode : await interruption.dieOfIt();
}

/** Tells what would be done. */
function tell(explanation: Explanation, json: boolean): number {
  if (json) printJson(explanation);
  else print(`${explanation}\n`);
  return 0;
}

/** Starts every program, or ends those that were started and says which one could not be. */
async function startOrExplain(description: Pipeline, log: EventLog | undefined): Promise<Running> {
  try {
    return description.spawn();
  } catch (error) {
    // Those that were started are being ended.
    await log?.idle;
    if (!(error instanceof PosixError) || error.syscall !== "execve") throw error;
    const missing = error.code === "ENOENT";
    const where = missing && !error.target?.includes("/") ? "not found in PATH" : errnoMeaning(error.code);
    const message = `run: cannot start ${JSON.stringify(error.target)}: ${where} (${error.code})`;
    throw new CommandError(message, missing ? NOT_FOUND : NOT_EXECUTABLE, { cause: error });
  }
}

function report(running: Running, result: RunResult, exitCode: number): RunReport {
  const { status, durationMs, drained, stages } = result;
  const [stdout, stderr] = [saidInJson(result.stdoutBytes), saidInJson(result.stderrBytes)];
  const { timedOut, forced, exceeded } = running;
  return {
    status,
    exitCode,
    timedOut,
    forced,
    ...(exceeded !== undefined && { exceeded }),
    durationMs,
    drained,
    stages,
    stdout: stdout.text,
    stderr: stderr.text,
    ...(stdout.base64 !== undefined && { stdoutBase64: stdout.base64 }),
    ...(stderr.base64 !== undefined && { stderrBase64: stderr.base64 }),
  };
}
