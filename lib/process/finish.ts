/**
 * The end of a run whose outputs are captured: what is left, and whether it is a failure.
 *
 * @module
 */

import { capture, concat } from "./capture.ts";
import { ExitError, type RunResult } from "./exit_error.ts";
import type { Running } from "./running.ts";
import type { Run } from "./stage.ts";
import { failedStages, overallStatus } from "./verdict.ts";

/** Captured bytes, chunk by chunk, in the order of their arrival. */
export interface Captured {
  /** Of the last stage's standard output. */
  stdout: Uint8Array<ArrayBuffer>[];
  /** Of every stage's standard error. */
  stderr: Uint8Array<ArrayBuffer>[];
}

/** Captures the standard error of every stage that has it piped, in the order of arrival. */
export async function captureErrors(running: Running, run: Run, captured: Captured): Promise<void> {
  await Promise.all(running.children.map((child, index) => {
    const target = run.stages[index]!.options.stderr ?? run.stderr;
    return target === "piped" ? capture(child.stderr, captured.stderr) : undefined;
  }));
}

/** Waits for the end and tells what is left. Rejects with the abort's reason when that was the end. */
export async function finish(running: Running, run: Run, captured: Captured, startedAt: number): Promise<RunResult> {
  const stages = await running.stages;
  const durationMs = performance.now() - startedAt;
  const drained = await Promise.all(running.children.map((child) => child.drained));
  // An ending that was begun must be over before anybody asks whether it needed force.
  if (running.timedOut || running.aborted) await running.terminate();
  if (running.aborted) throw run.ending.signal?.reason;
  const stdoutBytes = concat(captured.stdout);
  const stderrBytes = concat(captured.stderr);
  return {
    stdout: new TextDecoder().decode(stdoutBytes),
    stderr: new TextDecoder().decode(stderrBytes),
    stdoutBytes,
    stderrBytes,
    status: overallStatus(run, stages),
    durationMs,
    drained: drained.every(Boolean),
    stages,
  };
}

/** Throws for a result that is a failure. */
export function checkResult(running: Running, run: Run, result: RunResult): void {
  const failed = failedStages(run, result.stages);
  if (failed.length === 0 && !running.timedOut) return;
  const { timedOut, forced } = running;
  throw new ExitError({ result, failed, timedOut, forced, timeoutMs: run.ending.timeoutMs });
}
