/**
 * The pipes between the stages of a run.
 *
 * Mostly each stage writes to the next one. A stage can also be read by several (each gets a copy, by `tee(2)`), be one of several that one
 * stage reads, or be read through a descriptor above 2 (`<(…)`). The bytes stay in the kernel in any case.
 *
 * @module
 */

import { kernelPipes } from "../pipe/kernel_pipe.ts";
import { pipeWriter } from "../pipe/pipe.ts";
import { type Tap, tap } from "../pipe/tap.ts";
import type { PipeReader } from "../pipe/pipe_reader.ts";
import type { Fd } from "../sys/fd.ts";

/** A place where a stage reads: its standard input, or a descriptor above 2. */
export interface Feed {
  /** Index of the stage that reads. */
  readonly stage: number;
  /** Its descriptor. */
  readonly descriptor: number;
}

/** What the wiring has to know of a run. */
interface Wired {
  /** From left to right; a stage feeds the next one unless it says otherwise. */
  readonly stages: readonly { readonly feeds?: readonly Feed[] | undefined }[];
  /** Whether what the first stage writes to another is counted. */
  readonly metered: boolean;
}

/** Who reads what a stage writes; nobody of the run when it is empty. */
export function feedsOf(run: Pick<Wired, "stages">, index: number): readonly Feed[] {
  const next = index + 1;
  return run.stages[index]!.feeds ?? (next < run.stages.length ? [{ stage: next, descriptor: 0 }] : []);
}

/** Who writes what a stage reads at a descriptor. */
export function feedersOf(run: Pick<Wired, "stages">, { stage, descriptor }: Feed): number[] {
  return run.stages.flatMap((_, index) => {
    return feedsOf(run, index).some((feed) => feed.stage === stage && feed.descriptor === descriptor) ? [index] : [];
  });
}

/** The stages that no stage reads: the output of the run is theirs. */
export function lastStages(run: Pick<Wired, "stages">): number[] {
  return run.stages.flatMap((_, index) => feedsOf(run, index).length === 0 ? [index] : []);
}

/** An end that a stage reads. */
type Input = PipeReader | Fd;

/** All pipes of a run, made before its first stage starts. Each end is closed here once its stage has it, at the latest by the dispose. */
export class Wiring implements Disposable {
  /** What runs in this process to copy or count. */
  readonly taps: readonly Tap[];
  /** The tap that counts. */
  readonly meter: Tap | undefined;
  readonly #outputs: (Fd | undefined)[];
  readonly #inputs: Map<number, Input>[];
  /** What is closed here when it has not been taken. */
  readonly #ends = new Set<Fd>();

  /**
   * @throws {PosixError} EMFILE, ENFILE.
   * @throws {Deno.errors.NotCapable} When something is to be copied or counted, without `--allow-ffi`.
   */
  constructor(run: Wired) {
    using undo = new DisposableStack();
    undo.defer(() => this.#closeEnds());
    const feeds = run.stages.map((_, index) => feedsOf(run, index));
    const places = new Map(feeds.flat().map((feed) => [keyOf(feed), feed]));
    const counted = run.metered ? feeds.findIndex((each) => each.length > 0) : -1;
    const tapped = feeds.flatMap((each, index) => each.length > 1 || index === counted ? [index] : []);
    const pipes = kernelPipes(places.size + tapped.length);
    for (const { reader, writer } of pipes) this.#ends.add(reader).add(writer);
    const placePipes = new Map([...places.keys()].map((key, index) => [key, pipes[index]!]));
    const ownPipes = new Map(tapped.map((stage, index) => [stage, pipes[places.size + index]!]));
    const readers = new Map<string, Input>([...placePipes].map(([key, { reader }]) => [key, reader]));
    /** Whoever shares a pipe with others has a descriptor of its own for it. */
    const writerOf = (feed: Feed): Fd => {
      const { writer } = placePipes.get(keyOf(feed))!;
      if (feedersOf(run, feed).length === 1) return writer;
      const duplicate = writer.duplicate();
      this.#ends.add(duplicate);
      return duplicate;
    };
    /** A tap owns what it gets from then on. */
    const give = (end: Fd): Fd => {
      this.#ends.delete(end);
      return end;
    };
    const taps: Tap[] = [];
    undo.defer(() => taps.forEach((each) => each[Symbol.dispose]()));
    this.#outputs = feeds.map((each, index) => {
      const [first, ...others] = each;
      const own = ownPipes.get(index);
      if (first === undefined || own === undefined) return first && writerOf(first);
      let reader: Input = give(own.reader);
      for (const other of others) {
        const copying: Tap = tap(reader, { copyTo: pipeWriter(give(writerOf(other))), whenReaderGone: "copy" });
        taps.push(copying);
        reader = copying.reader;
      }
      if (others.length === 0) {
        taps.push(tap(reader));
        reader = taps.at(-1)!.reader;
      }
      // What the first consumer reads comes from the last tap; the pipe that was made for it is closed with the others.
      readers.set(keyOf(first), reader);
      return own.writer;
    });
    this.taps = taps;
    this.meter = counted === -1 ? undefined : taps[0];
    this.#inputs = run.stages.map(() => new Map());
    for (const [key, { stage, descriptor }] of places) this.#inputs[stage]!.set(descriptor, readers.get(key)!);
    undo.move();
  }

  /** The end that a stage writes to; `undefined` when no stage reads it. */
  output(stage: number): Fd | undefined {
    return this.#outputs[stage];
  }

  /** The ends that a stage reads, by descriptor. */
  inputs(stage: number): ReadonlyMap<number, Input> {
    return this.#inputs[stage]!;
  }

  /** Closes what no stage has taken. The taps go on. */
  [Symbol.dispose](): void {
    for (const inputs of this.#inputs) for (const input of inputs.values()) input.close();
    this.#closeEnds();
  }

  #closeEnds(): void {
    for (const end of this.#ends) end.close();
  }
}

function keyOf({ stage, descriptor }: Feed): string {
  return `${stage}:${descriptor}`;
}
