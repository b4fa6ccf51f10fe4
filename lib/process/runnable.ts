/**
 * The verbs that a command and a pipeline share.
 *
 * @module
 */

import { displayCommand } from "./display.ts";
import type { RunResult } from "./exit_error.ts";
import { explain, type Explanation } from "./explain.ts";
import { Running } from "./running.ts";
import { type Run, startStages } from "./stage.ts";
import type { Status } from "./status.ts";
import { isCaptured } from "./stdio.ts";
import { outputSync, runSync } from "./sync_run.ts";
import { lastStages } from "./wiring.ts";

/** Where outputs go when nothing else was said. */
export interface OutputDefaults {
  /** Standard output of the last stage. */
  readonly stdout: "piped" | "inherit" | "null";
  /** Standard error of every stage. */
  readonly stderr: "piped" | "inherit" | "null";
}

const CAPTURED: OutputDefaults = { stdout: "piped", stderr: "piped" };

/** The defaults of `spawn()` and `status()`. */
export const INHERITED: OutputDefaults = { stdout: "inherit", stderr: "inherit" };

/**
 * Something that can be run: a command or a pipeline. Each verb starts it anew.
 *
 * @example The verbs
 * ```ts
 * import { command, pipeline, type Runnable } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const both: Runnable[] = [command("echo", ["x"]), pipeline(["echo", "x"], ["cat"])];
 * for (const runnable of both) assertEquals(await runnable.text(), "x");
 * ```
 */
export abstract class Runnable {
  readonly #toRun: (outputs: OutputDefaults) => Run;

  /** Made by `command()` and `pipeline()`. */
  constructor(toRun: (outputs: OutputDefaults) => Run) {
    this.#toRun = toRun;
  }

  /**
   * Runs to the end and captures both outputs.
   *
   * @throws {ExitError} When it fails: a code that is neither 0 nor allowed, a death by signal, a timeout.
   * @throws {PosixError} When it cannot be started: ENOENT, EACCES, E2BIG …
   * @throws The signal's reason when it was aborted.
   */
  async output(): Promise<RunResult> {
    return await (await startWhole(this.#toRun(CAPTURED))).output();
  }

  /** Runs to the end; standard output as text (UTF-8), without its last newline, as `$(…)` in a shell. Throws as `output()` does. */
  async text(): Promise<string> {
    return withoutLastNewline((await this.output()).stdout);
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
    return parsed(await this.output());
  }

  /**
   * Runs while its standard output is read line by line (UTF-8, without the newline; a last line without one is a line). Starts with the
   * first `next()`. Leaving the loop early ends the run, and that is no failure. Throws as `output()` does, after the last line.
   *
   * @throws {TypeError} For a pipeline that ends in several programs.
   */
  async *lines(): AsyncGenerator<string, void, void> {
    // Loaded here: whoever never reads lines does not pay for it at the start.
    const { TextLineStream } = await import("../std/streams.ts");
    const run = this.#toRun(CAPTURED);
    if (lastStages(run).length > 1) {
      throw new TypeError("lines() reads one output, and here are several: use output()");
    }
    await using running = await startWhole(run);
    if (isCaptured(run.stdout)) {
      const decoder: TransformStream<Uint8Array<ArrayBuffer>, string> = new TextDecoderStream();
      const lines = running.stdout.pipeThrough(decoder).pipeThrough(new TextLineStream());
      // Standard error must be read meanwhile, or a child that says much there waits for ever.
      running.result().catch(() => {});
      yield* lines;
    }
    await running.output();
  }

  /**
   * Runs to the end with inherited outputs and tells how it ended. Never throws because of a status, a timeout's included. Of
   * several stages it is the status of the rightmost that failed, or of the last.
   *
   * @throws {PosixError} When it cannot be started.
   * @throws The signal's reason when it was aborted.
   */
  async status(): Promise<Status> {
    return (await (await startWhole(this.#toRun(INHERITED))).result()).status;
  }

  /**
   * As `output()`, by blocking this thread: nothing else happens in it meanwhile, and an abort is not heard. Standard input and both outputs may
   * be of any size. Sources and places that only the event loop can serve (streams, lists) are refused.
   *
   * @throws {TypeError} For an asynchronous source or place.
   * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
   *
   * @tags allow-ffi
   */
  outputSync(): RunResult {
    return outputSync(this.#whole(CAPTURED));
  }

  /** As `text()`, by blocking this thread, like `outputSync()`. */
  textSync(): string {
    return withoutLastNewline(this.outputSync().stdout);
  }

  /** As `bytes()`, by blocking this thread, like `outputSync()`. */
  bytesSync(): Uint8Array<ArrayBuffer> {
    return this.outputSync().stdoutBytes;
  }

  /** As `json()`, by blocking this thread, like `outputSync()`. */
  jsonSync(): unknown {
    return parsed(this.outputSync());
  }

  /** As `lines()`, by blocking this thread until the last line, like `outputSync()`. */
  linesSync(): string[] {
    const text = this.textSync();
    return text === "" ? [] : text.split(/\r?\n/);
  }

  /** As `status()`, by blocking this thread, like `outputSync()`. */
  statusSync(): Status {
    return runSync(this.#whole(INHERITED)).result.status;
  }

  /** What would be done, without doing it. Outputs that no option speaks of are shown as for `output()`. */
  explain(): Explanation {
    return explain(this.#toRun(CAPTURED));
  }

  #whole(outputs: OutputDefaults): Run {
    const run = this.#toRun(outputs);
    refusePipedStdin(run);
    return run;
  }
}

function withoutLastNewline(text: string): string {
  return text.replace(/\r?\n$/, "");
}

/** @throws {SyntaxError} With the program that printed it: what `JSON.parse` says does not tell. */
function parsed({ stdout, stages }: RunResult): unknown {
  try {
    return JSON.parse(stdout);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const what = stdout.trim() === "" ? "Nothing" : "No JSON";
    throw new SyntaxError(`${what} was printed by ${displayCommand(stages.at(-1)?.command ?? [])}: ${error.message}`, {
      cause: error,
    });
  }
}

function refusePipedStdin(run: Run): void {
  if (run.stdin === "piped") throw new TypeError('stdin: "piped" needs spawn(): nobody could write to it here');
}

/** Starts a run that nobody can write to; when one stage cannot be started, ends and reaps those that were. */
async function startWhole(run: Run): Promise<Running> {
  refusePipedStdin(run);
  run.ending.signal?.throwIfAborted();
  const started = startStages(run);
  const running = new Running(run, started);
  if (started.error === undefined) return running;
  await running[Symbol.asyncDispose]();
  throw started.error;
}

/**
 * Starts a run for whoever wants to talk to it; its streams are not bounded by the drain grace unless one was asked for. When one stage
 * cannot be started, those that were are killed.
 */
export function startSync(run: Run): Running {
  run.ending.signal?.throwIfAborted();
  const started = startStages(run, run.ending.drainGraceMs ?? Infinity);
  const running = new Running(run, started);
  if (started.error === undefined) return running;
  // Nobody can await an end in good order here, and nobody may be left behind; the event loop reaps them.
  running.kill("SIGKILL");
  throw started.error;
}
