/**
 * The ways of `causeway each` to bring what jobs say to whoever reads it.
 *
 * @module
 */

import type { Child, OutputTarget } from "../../process/mod.ts";
import { displayCommand } from "../../process/mod.ts";
import { concat } from "../../sys/concat.ts";
import { type Capture, type Capturing, capturing, type StreamName } from "./capture.ts";
import type { EachJob } from "./job.ts";
import { LinePrefix, type Printer, WholeLines } from "./printer.ts";
import type { OutputMode } from "./request.ts";

/** The outputs of one try of a job. */
export interface JobOutput extends Disposable {
  /** Where an output of the child goes. */
  target(stream: StreamName): OutputTarget;
  /** Sees to the outputs while the child runs, and until all that it said is here. */
  follow(child: Child): Promise<void>;
  /** Prints what has not been printed. */
  print(): Promise<void>;
  /** What was said on one of them; empty when it was not held. */
  bytes(stream: StreamName): Uint8Array;
  /** Bytes of its standard output that were printed from here. */
  readonly outputBytes: number;
}

/** Makes the outputs of jobs. */
export type JobOutputs = (job: EachJob) => JobOutput;

/** Outputs as they were asked for. */
export function jobOutputs(mode: OutputMode, tag: boolean, printer: Printer): JobOutputs {
  if (mode === "ungroup") return () => new Ungrouped();
  const prefix = (job: EachJob) => tag ? `${tagOf(job)}\t` : "";
  if (mode === "line-buffer") return (job) => new LineBuffered(prefix(job), printer);
  const capture: Capturing = capturing();
  return (job) => new Grouped(capture(), prefix(job), printer);
}

/** One line, whatever the items hold: plain when they are, as a shell would need them otherwise. */
function tagOf({ items }: EachJob): string {
  const text = items.join(" ");
  // deno-lint-ignore no-control-regex -- a tag with a newline or a tab in it would be no tag
  return /[\x00-\x1f\x7f-\x9f]/.test(text) ? displayCommand(items) : text;
}

/** Everything of a job at once, when it is over. */
class Grouped implements JobOutput {
  readonly #capture: Capture;
  readonly #prefix: string;
  readonly #printer: Printer;
  #outputBytes = 0;

  constructor(capture: Capture, prefix: string, printer: Printer) {
    this.#capture = capture;
    this.#prefix = prefix;
    this.#printer = printer;
  }

  get outputBytes(): number {
    return this.#outputBytes;
  }

  target(stream: StreamName): OutputTarget {
    return this.#capture.target(stream);
  }

  async follow(child: Child): Promise<void> {
    await this.#capture.follow(child);
  }

  async print(): Promise<void> {
    await this.#printer.print(async (write) => {
      for (const stream of ["stdout", "stderr"] as const) {
        const prefix = new LinePrefix(this.#prefix);
        for (const chunk of this.#chunks(stream)) await write(stream, prefix.add(chunk));
        const end = prefix.end();
        if (end.byteLength > 0) await write(stream, end);
      }
    });
  }

  bytes(stream: StreamName): Uint8Array {
    // A chunk is valid until the next is asked for.
    return concat(Array.from(this.#chunks(stream), (chunk) => chunk.slice()));
  }

  *#chunks(stream: StreamName): Generator<Uint8Array, void, void> {
    for (const chunk of this.#capture.chunks(stream)) {
      if (stream === "stdout") this.#outputBytes += chunk.byteLength;
      yield chunk;
    }
  }

  [Symbol.dispose](): void {
    this.#capture[Symbol.dispose]();
  }
}

/** Line by line, as jobs say them. */
class LineBuffered implements JobOutput {
  readonly #prefix: string;
  readonly #printer: Printer;
  #outputBytes = 0;

  constructor(prefix: string, printer: Printer) {
    this.#prefix = prefix;
    this.#printer = printer;
  }

  get outputBytes(): number {
    return this.#outputBytes;
  }

  target(): OutputTarget {
    return "piped";
  }

  async follow(child: Child): Promise<void> {
    await Promise.all((["stdout", "stderr"] as const).map((stream) => this.#followStream(child, stream)));
  }

  async #followStream(child: Child, stream: StreamName): Promise<void> {
    const lines = new WholeLines();
    const prefix = new LinePrefix(this.#prefix);
    for await (const chunk of child[stream]) {
      if (stream === "stdout") this.#outputBytes += chunk.byteLength;
      await this.#write(stream, prefix.add(lines.add(chunk)));
    }
    // In one piece: another job's line must not come between.
    await this.#write(stream, concat([prefix.add(lines.end()), prefix.end()]));
  }

  async #write(stream: StreamName, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > 0) await this.#printer.write(stream, bytes);
  }

  print(): Promise<void> {
    return Promise.resolve();
  }

  bytes(): Uint8Array {
    return new Uint8Array();
  }

  [Symbol.dispose](): void {}
}

/** Straight from the job to wherever this program writes. */
class Ungrouped implements JobOutput {
  readonly outputBytes = 0;

  target(): OutputTarget {
    return "inherit";
  }

  follow(): Promise<void> {
    return Promise.resolve();
  }

  print(): Promise<void> {
    return Promise.resolve();
  }

  bytes(): Uint8Array {
    return new Uint8Array();
  }

  [Symbol.dispose](): void {}
}
