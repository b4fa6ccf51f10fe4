/**
 * The verbs that a command and a pipeline share.
 *
 * @module
 */

import { TextLineStream } from "../std/streams.ts";
import { capture } from "./capture.ts";
import type { RunResult } from "./exit_error.ts";
import type { StdioOptions } from "./options.ts";
import { type Captured, Running } from "./running.ts";
import { type Run, startStages } from "./stage.ts";
import type { Status } from "./status.ts";

/** Where outputs go when nothing else is said. */
export type OutputDefaults = Required<Pick<{ [K in keyof StdioOptions]-?: "piped" | "inherit" }, "stdout" | "stderr">>;

const CAPTURED: OutputDefaults = { stdout: "piped", stderr: "piped" };
const INHERITED: OutputDefaults = { stdout: "inherit", stderr: "inherit" };

/** Something that can be run: the base of `Command` and `Pipeline`. */
export abstract class Runnable {
  /** What to start, with these outputs where nothing else was said. */
  protected abstract toRun(outputs: OutputDefaults): Run;

  /**
   * Runs to the end and captures both outputs.
   *
   * @throws {ExitError} When it fails: a code that is neither 0 nor allowed, a death by signal, a timeout.
   * @throws {PosixError} When it cannot be started: ENOENT, EACCES, E2BIG …
   * @throws The signal's reason when it was aborted.
   */
  async output(): Promise<RunResult> {
    const { running, result } = await collect(this.toRun(CAPTURED));
    running.check(result);
    return result;
  }

  /** Runs to the end; standard output as text (UTF-8), without its last newline, as `$(…)` in a shell. Throws as `output()` does. */
  async text(): Promise<string> {
    return (await this.output()).stdout.replace(/\r?\n$/, "");
  }

  /** Runs to the end; standard output, byte for byte. Throws as `output()` does. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.output()).stdoutBytes;
  }

  /**
   * Runs to the end; standard output as JSON. Throws as `output()` does.
   *
   * @throws {SyntaxError} When it is not JSON.
   */
  async json(): Promise<unknown> {
    return JSON.parse((await this.output()).stdout);
  }

  /**
   * Runs while its standard output is read line by line (UTF-8, without the newline; a last line without one is a line). Starts with the
   * first `next()`. Leaving the loop early ends the run, and that is no failure. Throws as `output()` does, after the last line.
   */
  async *lines(): AsyncGenerator<string, void, void> {
    const run = this.toRun(CAPTURED);
    const captured: Captured = { stdout: [], stderr: [] };
    const running = await start(run);
    await using _ending = running;
    const errors = captureErrors(running, run, captured);
    if (run.stdout === "piped") {
      const decoder: TransformStream<Uint8Array<ArrayBuffer>, string> = new TextDecoderStream();
      yield* running.stdout.pipeThrough(decoder).pipeThrough(new TextLineStream());
    }
    await errors;
    running.check(await running.finish(captured));
  }

  /**
   * Runs to the end with inherited outputs and tells how it ended. Never throws because of a status: see `Running.status` for which one of
   * several it is.
   *
   * @throws {PosixError} When it cannot be started.
   * @throws The signal's reason when it was aborted.
   */
  async status(): Promise<Status> {
    const { result } = await collect(this.toRun(INHERITED));
    return result.status;
  }
}

/** Starts a run; when one stage cannot be, ends and reaps those that were. */
export async function start(run: Run): Promise<Running> {
  run.ending.signal?.throwIfAborted();
  const { children, error } = startStages(run);
  const running = new Running(run, children);
  if (error === undefined) return running;
  await running[Symbol.asyncDispose]();
  throw error;
}

/** Starts a run for whoever wants to talk to it; its streams are not bounded by the drain grace. */
export function startSync(run: Run): Running {
  run.ending.signal?.throwIfAborted();
  const { children, error } = startStages(run, run.ending.drainGraceMs ?? Infinity);
  const running = new Running(run, children);
  if (error === undefined) return running;
  // Nobody awaits this: the children are held and reaped by the event loop.
  running[Symbol.asyncDispose]().catch(() => {});
  throw error;
}

async function collect(run: Run): Promise<{ running: Running; result: RunResult }> {
  const running = await start(run);
  const captured: Captured = { stdout: [], stderr: [] };
  const output = run.stdout === "piped" ? capture(running.stdout, captured.stdout) : undefined;
  await Promise.all([output, captureErrors(running, run, captured)]);
  return { running, result: await running.finish(captured) };
}

/** Captures the standard error of every stage that has it piped, in the order of arrival. */
async function captureErrors(running: Running, run: Run, captured: Captured): Promise<void> {
  await Promise.all(running.children.map((child, index) => {
    const target = run.stages[index]!.options.stderr ?? run.stderr;
    return target === "piped" ? capture(child.stderr, captured.stderr) : undefined;
  }));
}
