/**
 * A program that is measured: one process per contender, started once and idle between its rounds, so that rounds can be short and
 * interleaved. It prints `ready` (or {@linkcode SKIP} and a reason), then answers each line on its standard input (how many operations) with one line of JSON, a
 * {@linkcode Sample}; at end of file it ends.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { type ContenderSpec, contenderWords, pinRunning, type Placement, SkipError } from "./command_line.ts";

/** What a contender says in place of `ready` when this machine lacks something for it; a reason follows. */
export const SKIP = "skip: ";

/** Milliseconds after which a round counts as hung. */
const ROUND_LIMIT_MS = 120_000;

/** What a contender says of a round. */
export interface Sample {
  /** What the operations took together. */
  nanoseconds: number;
  /** Milliseconds of CPU (user and system) that the contender's own process used, where that is part of the question. */
  cpuMs?: number;
}

/** A running contender. */
export class Contender implements AsyncDisposable {
  /** How it was started. */
  readonly spec: ContenderSpec;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  private constructor(spec: ContenderSpec, child: Deno.ChildProcess) {
    this.spec = spec;
    this.#child = child;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#input = child.stdin.getWriter();
  }

  /**
   * Starts a contender and waits until it is ready.
   *
   * @throws {SkipError} When it needs a compiler or a library that is not there.
   */
  static async start(spec: ContenderSpec, placement: Placement): Promise<Contender> {
    const [program, ...args] = await contenderWords(spec, placement);
    const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    await using started = new AsyncDisposableStack();
    const contender = started.use(new Contender(spec, child));
    const line = await contender.#answer();
    if (line.startsWith(SKIP)) throw new SkipError(line.slice(SKIP.length));
    if (line !== "ready") throw new Error(`${spec.name} said ${JSON.stringify(line)} where "ready" was expected`);
    if (spec.pinnedWhenReady) await pinRunning(child.pid, placement.own);
    started.move();
    return contender;
  }

  /** Runs one round and returns what so many operations took. */
  async round(operations: number): Promise<Sample> {
    const { times = 1 } = this.spec;
    await this.#input.write(new TextEncoder().encode(`${times * operations}\n`));
    const sample: unknown = JSON.parse(await this.#answer());
    if (!isSample(sample)) throw new Error(`${this.spec.name} gave no sample: ${JSON.stringify(sample)}`);
    const { nanoseconds, cpuMs } = sample;
    return { nanoseconds: nanoseconds / times, ...(cpuMs === undefined ? {} : { cpuMs: cpuMs / times }) };
  }

  /** Ends the contender. */
  async [Symbol.asyncDispose](): Promise<void> {
    const overdue = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await this.#input.close().catch(ignoreGone);
    while (!(await this.#lines.read()).done);
    await this.#child.status;
    clearTimeout(overdue);
  }

  async #answer(): Promise<string> {
    const overdue = setTimeout(() => this.#child.kill("SIGKILL"), ROUND_LIMIT_MS);
    const { value, done } = await this.#lines.read();
    clearTimeout(overdue);
    if (done) throw new Error(`${this.spec.name} ended before its answer: ${JSON.stringify(await this.#child.status)}`);
    return value;
  }
}

function isSample(value: unknown): value is Sample {
  if (typeof value !== "object" || value === null) return false;
  const { nanoseconds, cpuMs } = value as Partial<Record<keyof Sample, unknown>>;
  return typeof nanoseconds === "number" && (cpuMs === undefined || typeof cpuMs === "number");
}

/** Closing the input of a program that is gone fails, as does closing it after a write that has found out. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof Deno.errors.BrokenPipe || error instanceof TypeError)) throw error;
}
