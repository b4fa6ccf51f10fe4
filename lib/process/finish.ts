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

/**
 * Captures what is piped and what nobody reads yet, waits for the end and tells what is left. Rejects with the abort's reason when that
 * was the end.
 */
export async function finish(running: Running, run: Run, startedAt: number): Promise<RunResult> {
  const stdout: Uint8Array<ArrayBuffer>[] = [];
  const stderr: Uint8Array<ArrayBuffer>[] = [];
  await Promise.all([
    run.stdout === "piped" ? captureFree(running.stdout, stdout) : undefined,
    ...running.children.map((child, index) => {
      const target = run.stages[index]!.options.stderr ?? run.stderr;
      return target === "piped" ? captureFree(child.stderr, stderr) : undefined;
    }),
  ]);
  const stages = await running.stages;
  const durationMs = performance.now() - startedAt;
  const drained = await Promise.all(running.children.map((child) => child.drained));
  // An ending that was begun must be over before anybody asks whether it needed force.
  if (running.timedOut || running.aborted) await running.terminate();
  if (running.aborted) throw run.ending.signal?.reason;
  const stdoutBytes = concat(stdout);
  const stderrBytes = concat(stderr);
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

async function captureFree(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  into: Uint8Array<ArrayBuffer>[],
): Promise<void> {
  if (!stream.locked) await capture(stream, into);
}

/** Throws for a result that is a failure. */
export function checkResult(running: Running, run: Run, result: RunResult): void {
  const failed = failedStages(run, result.stages);
  if (failed.length === 0 && !running.timedOut) return;
  const { timedOut, forced } = running;
  throw new ExitError({ result, failed, timedOut, forced, timeoutMs: run.ending.timeoutMs });
}
