/**
 * The failure of a command.
 *
 * @module
 */

import { displayCommand, displayText } from "./display.ts";
import { describeStatus, type Status } from "./status.ts";

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
  }
}

function message(facts: ExitErrorFacts, culprit: StageResult, failures: readonly StageResult[]): string {
  const what = displayCommand(culprit.command);
  const limit = facts.timedOut ? ` after the time limit of ${facts.timeoutMs} ms` : "";
  const force = facts.forced ? ", SIGKILL was needed" : "";
  const others = failures.slice(0, -1).map((stage) =>
    `\n  also ${displayCommand(stage.command)} ${describeStatus(stage.status)}`
  );
  const lines = displayText(facts.result.stderr).trimEnd().split("\n").slice(-LAST_LINES);
  const tail = lines.join("") === "" ? "" : `\n${lines.map((line) => `  | ${line}`).join("\n")}`;
  return `${what} ${describeStatus(culprit.status)}${limit}${force}${others.join("")}${tail}`;
}
