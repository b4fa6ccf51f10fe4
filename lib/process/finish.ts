/**
 * The end of a run whose outputs are captured: what is left, and whether it is a failure.
 *
 * @module
 */

import { concat } from "../sys/concat.ts";
import { type ExceededLimit, ExitError, type RunResult } from "./exit_error.ts";
import type { Running } from "./running.ts";
import { type Run, stdoutOf } from "./stage.ts";
import { isCaptured } from "./stdio.ts";
import { failedStages, overallStatus } from "./verdict.ts";
import { lastStages } from "./wiring.ts";

/**
 * Captures what is piped and what nobody reads yet, waits for the end and tells what is left. Rejects with the abort's reason when that
 * was the end.
 */
export async function finish(running: Running, run: Run, startedAt: number): Promise<RunResult> {
  const outputs = new Map(lastStages(run).map((index) => [index, new Captured("stdout", running, run)]));
  const stderr = new Captured("stderr", running, run);
  const failed = watchTransfers(running);
  await Promise.all([
    ...lastStages(run).map((index) => {
      return isCaptured(stdoutOf(run, index))
        ? captureFree(running.children[index]!.stdout, outputs.get(index)!)
        : undefined;
    }),
    ...running.children.map((child, index) => {
      const { options, pipes } = run.stages[index]!;
      return pipes !== "stderr" && isCaptured(options.stderr ?? run.stderr)
        ? captureFree(child.stderr, stderr)
        : undefined;
    }),
  ]);
  const stages = await running.stages;
  const durationMs = performance.now() - startedAt;
  const drained = await Promise.all(running.children.map((child) => child.drained));
  const failure = await failed;
  // An ending that was begun must be over before anybody asks whether it needed force.
  if (running.timedOut || running.aborted || running.exceeded !== undefined || failure !== undefined) {
    await running.terminate();
  }
  await running.release();
  if (running.aborted) throw run.ending.signal?.reason;
  if (failure !== undefined) throw failure.reason;
  // Of several outputs each is whole, one after the other.
  const stdoutBytes = concat([...outputs.values()].map((captured) => captured.bytes()));
  const stderrBytes = stderr.bytes();
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

/** A source or a place that fails ends the run. Resolves with the first failure, when nothing is transferred any more. */
async function watchTransfers(running: Running): Promise<PromiseRejectedResult | undefined> {
  const transfers = running.children.map(({ transferred }) => {
    return transferred.catch((error) => {
      running.terminate().catch(() => {});
      throw error;
    });
  });
  return (await Promise.allSettled(transfers)).find((result) => result.status === "rejected");
}

async function captureFree(stream: ReadableStream<Uint8Array<ArrayBuffer>>, into: Captured): Promise<void> {
  if (stream.locked) return;
  // Leaving the loop cancels the stream, so the child cannot be held up by a pipe that nobody reads.
  for await (const chunk of stream) if (!into.add(chunk)) break;
}

/** What was captured of one stream, of all stages together. */
class Captured {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  readonly #limit: ExceededLimit;
  readonly #running: Running;
  #room: number;

  constructor(stream: ExceededLimit["stream"], running: Running, run: Run) {
    this.#limit = { stream, maxOutputBytes: run.ending.maxOutputBytes ?? Infinity };
    this.#running = running;
    this.#room = this.#limit.maxOutputBytes;
  }

  /** Adds bytes as far as there is room; `false`, and the end of the run, when there is not. */
  add(chunk: Uint8Array<ArrayBuffer>): boolean {
    if (chunk.byteLength <= this.#room) {
      this.#room -= chunk.byteLength;
      this.#chunks.push(chunk);
      return true;
    }
    if (this.#room > 0) this.#chunks.push(chunk.slice(0, this.#room));
    this.#room = 0;
    this.#running.exceed(this.#limit);
    return false;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return concat(this.#chunks);
  }
}

/** How a run was ended, where it was not left to itself. */
type HowItEnded = Pick<Running, "timedOut" | "forced" | "exceeded">;

/** Throws for a result that is a failure. */
export function checkResult(ended: HowItEnded, run: Run, result: RunResult): void {
  const failed = failedStages(run, result.stages);
  const { timedOut, forced, exceeded } = ended;
  if (failed.length === 0 && !timedOut && exceeded === undefined) return;
  throw new ExitError({ result, failed, timedOut, forced, timeoutMs: run.ending.timeoutMs, exceeded });
}
