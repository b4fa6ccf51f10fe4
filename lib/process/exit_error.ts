/**
 * The failure of a command.
 *
 * @module
 */

import { displayCommand, displayText, displayWord } from "./display.ts";
import { describeStatus, type Status, statusMeaning } from "./status.ts";
import type { Usage } from "./usage.ts";

/** One stage of a run that is over. */
export interface StageResult {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** The process id that it had. */
  readonly pid: number;
  /** How it ended. */
  readonly status: Status;
  /** Milliseconds from its start to its exit. */
  readonly durationMs: number;
  /** The working directory that was asked for. */
  readonly cwd?: string;
  /** CPU time and memory, with `usage: true`. */
  readonly usage?: Usage;
  /** Pids of those that were left in its own group when it had exited, where there were any. */
  readonly remaining?: readonly number[];
}

/** A limit on captured bytes, reached. */
export interface ExceededLimit {
  /** The stream that had more. */
  readonly stream: "stdout" | "stderr";
  /** What was kept of it. */
  readonly maxOutputBytes: number;
}

/** What a run left: captured outputs, statuses, times. */
export interface RunResult {
  /** Captured standard output as text (UTF-8, byte for byte; nothing is trimmed); empty when it was not captured. */
  readonly stdout: string;
  /** Captured standard error as text; empty when it was not captured. */
  readonly stderr: string;
  /** Captured standard output. */
  readonly stdoutBytes: Uint8Array<ArrayBuffer>;
  /** Captured standard error. */
  readonly stderrBytes: Uint8Array<ArrayBuffer>;
  /** How the run ended: the status of the rightmost stage that failed, or of the last stage. */
  readonly status: Status;
  /** Milliseconds from the start to the last exit. */
  readonly durationMs: number;
  /** Whether the captured outputs met their end of file. `false`: a grandchild still holds one, and may have written more since. */
  readonly drained: boolean;
  /** Every stage, from left to right; one for a command. */
  readonly stages: readonly StageResult[];
}

/** What an {@linkcode ExitError} is made of. */
export interface ExitErrorFacts {
  /** What the run left. */
  result: RunResult;
  /** Indices of the stages that failed, from left to right. */
  failed: readonly number[];
  /** Whether the time limit ended it. */
  timedOut: boolean;
  /** Whether SIGKILL was needed. */
  forced: boolean;
  /** The limit, when the time limit ended it. */
  timeoutMs?: number | undefined;
  /** The limit on captured bytes that ended it. */
  exceeded?: ExceededLimit | undefined;
}

const LAST_LINES = 10;

/**
 * A command or pipeline failed: an exit code that is not 0 and not allowed, a death by signal, or a timeout.
 *
 * @example What a failure tells
 * ```ts
 * import { command, ExitError } from "@causeway/causeway";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() => command("sh", ["-c", "echo oops >&2; exit 3"]).output(), ExitError);
 * assertEquals(error.status, { kind: "exited", code: 3 });
 * assertEquals(error.stderr, "oops\n");
 * ```
 */
export class ExitError extends Error implements RunResult {
  /** Always `"ExitError"`. */
  override readonly name = "ExitError";
  /** Program and arguments of the stage that is to blame: the rightmost that failed. */
  readonly command: readonly string[];
  /** How that stage ended. */
  readonly status: Status;
  /** Captured standard output, as far as it came. */
  readonly stdout: string;
  /** Captured standard error, as far as it came. */
  readonly stderr: string;
  /** Captured standard output, as far as it came. */
  readonly stdoutBytes: Uint8Array<ArrayBuffer>;
  /** Captured standard error, as far as it came. */
  readonly stderrBytes: Uint8Array<ArrayBuffer>;
  /** Milliseconds from the start to the last exit. */
  readonly durationMs: number;
  /** Whether the captured outputs met their end of file. */
  readonly drained: boolean;
  /** Every stage, from left to right. */
  readonly stages: readonly StageResult[];
  /** The stages that failed, from left to right. */
  readonly failures: readonly StageResult[];
  /** Whether the time limit ended it. */
  readonly timedOut: boolean;
  /** Whether SIGKILL was needed, because SIGTERM was not obeyed within the grace. */
  readonly forced: boolean;
  /** The limit on captured bytes that ended it, where one did. */
  readonly exceeded: ExceededLimit | undefined;

  /** Made by the verbs that check. */
  constructor(facts: ExitErrorFacts) {
    const { result, failed } = facts;
    const failures = failed.map((index) => result.stages[index]!);
    const culprit = failures.at(-1) ?? result.stages.at(-1)!;
    super(message(facts, culprit, failures));
    this.command = culprit.command;
    this.status = culprit.status;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
    this.stdoutBytes = result.stdoutBytes;
    this.stderrBytes = result.stderrBytes;
    this.durationMs = result.durationMs;
    this.drained = result.drained;
    this.stages = result.stages;
    this.failures = failures;
    this.timedOut = facts.timedOut;
    this.forced = facts.forced;
    this.exceeded = facts.exceeded;
  }
}

function message(facts: ExitErrorFacts, culprit: StageResult, failures: readonly StageResult[]): string {
  const others = failures.slice(0, -1).map((stage) => `\n  also ${displayCommand(stage.command)} ${how(stage)}`);
  const limit = facts.timedOut ? ` after the time limit of ${facts.timeoutMs} ms` : exceededText(facts.exceeded);
  const after = limit === "" ? ` after ${durationText(culprit.durationMs)}` : limit;
  const where = culprit.cwd === undefined ? "" : ` in ${displayWord(culprit.cwd)}`;
  const force = facts.forced ? ", SIGKILL was needed" : "";
  const lines = displayText(facts.result.stderr).trimEnd().split("\n").slice(-LAST_LINES);
  const tail = lines.join("") === "" ? "" : `\n${lines.map((line) => `  | ${line}`).join("\n")}`;
  return `${displayCommand(culprit.command)} ${how(culprit)}${after}${where}${force}${others.join("")}${tail}`;
}

/** How a stage ended, and what that usually means. */
function how({ status }: StageResult): string {
  const meaning = statusMeaning(status);
  return meaning === undefined ? describeStatus(status) : `${describeStatus(status)} (${meaning})`;
}

function durationText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function exceededText(exceeded: ExceededLimit | undefined): string {
  if (exceeded === undefined) return "";
  return ` after its ${exceeded.stream} went over the limit of ${exceeded.maxOutputBytes} bytes`;
}
