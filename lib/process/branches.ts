/**
 * Places where a pipeline branches: several programs that one reads, and several programs that read one.
 *
 * @module
 */

import { Command, command, toStage } from "./command.ts";
import type { Stage } from "./stage.ts";
import type { Feed } from "./wiring.ts";

/** A program: words, or a command with options of its own. */
export type PipelineProgram = readonly [program: string, ...args: string[]] | Command;

/** A branch: one program, or several joined by pipes. */
export type PipelineBranch = PipelineProgram | readonly PipelineProgram[];

/** A stage of a pipeline: a program, or a place where it branches. */
export type PipelineStage = PipelineProgram | FanIn | FanOut;

/** Several programs that the next stage reads, made by {@linkcode fanIn}. */
export class FanIn {
  /** The branches. */
  readonly branches: readonly PipelineBranch[];

  /** Made by {@linkcode fanIn}. */
  constructor(branches: readonly PipelineBranch[]) {
    this.branches = branches;
  }
}

/** Several programs that read the stage before, made by {@linkcode fanOut}. */
export class FanOut {
  /** The branches. */
  readonly branches: readonly PipelineBranch[];

  /** Made by {@linkcode fanOut}. */
  constructor(branches: readonly PipelineBranch[]) {
    this.branches = branches;
  }
}

/**
 * The first stage of a pipeline that is several programs at once: all write into the one pipe that the next stage reads, which ends when the last
 * of them has. Writes of at most `PIPE_BUF` (4096) bytes stay whole; the order between programs is as it happens.
 *
 * @param branches Programs, or lists of programs that are pipelines of their own.
 * @throws {TypeError} For fewer than two.
 *
 * @example Sort what two programs say
 * ```ts
 * import { fanIn, pipeline } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const sorted = pipeline(fanIn(["printf", "c\\na\\n"], [["printf", "d\\nb\\n"], ["tr", "d", "e"]]), ["sort"]);
 * assertEquals(await sorted.text(), "a\nb\nc\ne");
 * ```
 */
export function fanIn(...branches: PipelineBranch[]): FanIn {
  return new FanIn(checkBranches(branches, "fanIn"));
}

/**
 * The last stage of a pipeline that is several programs at once: each reads all that the stage before writes. The kernel duplicates the bytes
 * (`tee(2)`). The slowest sets the pace, so that memory stays bounded; one that ends early does not end the others, and the program before gets
 * SIGPIPE when all have ended. Captured outputs come one after the other, in the order of the branches.
 *
 * @param branches Programs, or lists of programs that are pipelines of their own.
 * @throws {TypeError} For fewer than two.
 *
 * @tags allow-ffi
 *
 * @example Count and hash in one pass
 * ```ts
 * import { fanOut, pipeline } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const both = pipeline(["printf", "a\\nb\\n"], fanOut(["wc", "-l"], [["sort", "-r"], ["head", "-n", "1"]]));
 * assertEquals(await both.text(), "2\nb");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/tee.2.html tee(2)}
 */
export function fanOut(...branches: PipelineBranch[]): FanOut {
  return new FanOut(checkBranches(branches, "fanOut"));
}

function checkBranches(branches: readonly PipelineBranch[], what: string): readonly PipelineBranch[] {
  if (branches.length < 2) throw new TypeError(`${what} needs at least two branches, got ${branches.length}`);
  return branches;
}

/** All programs of a pipeline, each with who reads it. */
export function layOutStages(parts: readonly PipelineStage[]): Stage[] {
  const stages: Stage[] = [];
  const feeds: Feed[][] = [];
  const add = (program: PipelineProgram, from: readonly number[]): number => {
    const index = stages.push((program instanceof Command ? program : toCommand(program))[toStage]()) - 1;
    feeds.push([]);
    for (const feeder of from) feeds[feeder]!.push({ stage: index, descriptor: 0 });
    return index;
  };
  const addBranch = (branch: PipelineBranch, from: readonly number[]): number => {
    let at = from;
    for (const program of programsOf(branch)) at = [add(program, at)];
    return at[0]!;
  };
  let open: number[] = [];
  parts.forEach((part, index) => {
    if (part instanceof FanIn) {
      if (index > 0) throw new TypeError("fanIn must be the first stage: nobody reads for several programs at once");
      open = part.branches.map((branch) => addBranch(branch, []));
    } else if (part instanceof FanOut) {
      if (index < parts.length - 1) {
        throw new TypeError("fanOut must be the last stage: give each branch the programs that follow");
      }
      part.branches.forEach((branch) => addBranch(branch, open));
    } else open = [add(part, open)];
  });
  const branches = parts.some((part) => part instanceof FanIn || part instanceof FanOut);
  return stages.map((stage, index) => branches ? { ...stage, feeds: feeds[index]! } : stage);
}

function programsOf(branch: PipelineBranch): readonly PipelineProgram[] {
  if (branch instanceof Command || typeof branch[0] === "string") return [branch as PipelineProgram];
  if (branch.length === 0) throw new TypeError("A branch needs at least one program");
  return branch as readonly PipelineProgram[];
}

function toCommand([program, ...args]: readonly string[]): Command {
  return command(program ?? "", args);
}
