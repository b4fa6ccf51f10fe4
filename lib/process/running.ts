/**
 * A run in progress: its children together, and its limits.
 *
 * @module
 */

import type { Tap } from "../pipe/tap.ts";
import type { Signal } from "../signal/names.ts";
import type { Child } from "./child.ts";
import { type EndingEvent, publishProcess } from "./events.ts";
import type { ExceededLimit, RunResult, StageResult } from "./exit_error.ts";
import { checkResult, finish } from "./finish.ts";
import { DEFAULT_GRACE_MS } from "./options.ts";
import { reportProgress } from "./progress.ts";
import type { Run, Started } from "./stage.ts";
import type { Status } from "./status.ts";
import { overallStatus } from "./verdict.ts";

/**
 * A pipeline that runs, made by `pipeline(...).spawn()`.
 *
 * @example Stop a pipeline that would run for ever
 * ```ts
 * import { pipeline } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * await using running = pipeline(["yes"], ["cat"]).with({ stdout: "null" }).spawn();
 * running.kill("SIGTERM");
 * const statuses = (await running.stages).map((stage) => stage.status.kind);
 * assertEquals(statuses, ["signaled", "signaled"]);
 * ```
 */
export class Running implements AsyncDisposable {
  /** The children, from left to right. */
  readonly children: readonly Child[];
  /** Resolves when every stage has exited, with one result a stage. */
  readonly stages: Promise<readonly StageResult[]>;
  /** Resolves when every stage has exited, with the status of the rightmost that failed, or of the last. */
  readonly status: Promise<Status>;
  readonly #run: Run;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #startedAt: number;
  /** What copies and counts between the stages. */
  readonly #taps: readonly Tap[];
  #result: Promise<RunResult> | undefined;
  #timedOut = false;
  #aborted = false;
  #forced = false;
  #ending: Promise<void> | undefined;
  #exceeded: ExceededLimit | undefined;

  /** Made by `spawn()`. */
  constructor(run: Run, { children, taps, startedAt }: Started) {
    this.#run = run;
    this.children = children;
    this.#taps = taps;
    this.#startedAt = startedAt;
    const stopReporting = run.progress && taps[0] && reportProgress(taps[0], startedAt, run.progress);
    const { signal, timeoutMs = Infinity } = run.ending;
    const onAbort = () => {
      this.#aborted = children.some((child) => child.alive);
      if (this.#aborted) this.#end("abort");
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timeoutMs !== Infinity) this.#timer = setTimeout(() => this.#onTimeout(), Math.min(timeoutMs, 2 ** 31 - 1));
    this.stages = Promise.all(children.map(stageResult)).finally(() => {
      clearTimeout(this.#timer);
      stopReporting?.();
      signal?.removeEventListener("abort", onAbort);
    });
    this.status = this.stages.then((stages) => overallStatus(run, stages));
    this.status.catch(() => {});
  }

  /** Standard input of the first stage, when it is `"piped"`. */
  get stdin(): WritableStream<Uint8Array> {
    return this.children[0]!.stdin;
  }

  /** Standard output of the last stage, when it is `"piped"`. */
  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.children.at(-1)!.stdout;
  }

  /** Sends a signal to every stage that still runs. Returns whether there was one. */
  kill(signal: Signal | number = "SIGTERM"): boolean {
    return this.children.map((child) => child.kill(signal)).includes(true);
  }

  /** Ends every stage: SIGTERM, and SIGKILL for those that are still there after `graceMs`. */
  terminate(): Promise<void> {
    return this.#ending ??= (async () => {
      const graceMs = this.#run.ending.graceMs ?? DEFAULT_GRACE_MS;
      const forced = await Promise.all(this.children.map((child) => child.terminate(graceMs)));
      this.#forced = forced.includes(true);
    })();
  }

  /** Ends every stage that still runs and gives up the streams. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
    await this.release();
  }

  /** Gives up what nobody reads any more, once every stage has exited. @ignore */
  async release(): Promise<void> {
    for (const tap of this.#taps) tap[Symbol.dispose]();
    await Promise.all(this.children.map((child) => child.release()));
    await Promise.allSettled(this.#taps.map((tap) => tap.done));
  }

  /**
   * Captures what is piped and what nobody reads yet, waits for the end, and tells what is left. Does not throw because of a status or a
   * timeout.
   *
   * @throws The signal's reason when it was aborted.
   */
  result(): Promise<RunResult> {
    return this.#result ??= finish(this, this.#run, this.#startedAt);
  }

  /**
   * As `result()`, and a failure is thrown.
   *
   * @throws {ExitError} When a stage failed, or the time limit ended the run.
   */
  async output(): Promise<RunResult> {
    const result = await this.result();
    checkResult(this, this.#run, result);
    return result;
  }

  /** Whether the time limit was reached while a stage was still running. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** Whether the run was aborted while a stage was still running. */
  get aborted(): boolean {
    return this.#aborted;
  }

  /** The limit on captured bytes that was reached, where one was. */
  get exceeded(): ExceededLimit | undefined {
    return this.#exceeded;
  }

  /** Ends the run because it has printed too much. @ignore */
  exceed(limit: ExceededLimit): void {
    this.#exceeded ??= limit;
    this.#end("output-limit");
  }

  /** Whether a stage got SIGKILL, because it had not obeyed SIGTERM within the grace. */
  get forced(): boolean {
    return this.#forced;
  }

  #onTimeout(): void {
    // A child that has exited by now is a child that made it: terminate() signals only who is there.
    if (!this.children.some((child) => child.alive)) return;
    this.#timedOut = true;
    this.#end("timeout");
  }

  #end(because: EndingEvent["because"]): void {
    publishProcess(() => ({ kind: "process.ending", pids: this.children.map((child) => child.pid), because }));
    // Whoever waits for the run sees a failure of this.
    this.terminate().catch(() => {});
  }
}

async function stageResult(child: Child): Promise<StageResult> {
  const [status, durationMs] = await Promise.all([child.status, child.exited]);
  return {
    command: child.words,
    pid: child.pid,
    status,
    durationMs,
    ...(child.cwd !== undefined && { cwd: child.cwd }),
    ...(child.usage !== undefined && { usage: child.usage }),
    ...(child.remaining.length > 0 && { remaining: child.remaining }),
  };
}
