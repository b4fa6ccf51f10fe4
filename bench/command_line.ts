/**
 * Which program a contender is, and the CPUs that it and its peer run on.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";

/** In place of the number of a CPU. */
const UNPINNED = -1;

/** How to start a contender. */
export interface ContenderSpec {
  /** What the table calls it. */
  name: string;
  /** A C or C++ program in `bench/c`, compiled on the spot, or a Deno, Python or Node program in `bench/peers`. */
  program: { c: string } | { cpp: string } | { deno: string } | { python: string } | { node: string };
  /** Arguments, behind the CPU of the peer. */
  args?: readonly string[];
  /**
   * Whether it is kept to its CPU only when it is ready. A ring's end that starts on one CPU cannot know that its peer has another, and sleeps where it
   * could spin.
   */
  pinnedWhenReady?: boolean;
  /**
   * How many times the row's operations it does in a round; its figures are divided by it. So rounds of contenders that are far apart last about as long,
   * and the fast one is not measured while its code is still being compiled.
   * @default {1}
   */
  times?: number;
}

/** Which CPUs the two ends of a contender run on. */
export interface Placement {
  /** What the table calls it. */
  name: "one core" | "two cores" | "free";
  /** The contender's CPU; unpinned when left out. */
  own?: number;
  /** Its peer's CPU. */
  peer?: number;
}

/** A contender cannot be started for a reason that is not its fault: the row is skipped, and says why. */
export class SkipError extends Error {
  override readonly name = "SkipError";
}

/**
 * The placements that this machine has for two ends that wake each other: wakes cost several times as much across CPUs as on one, so one
 * figure for both would be the average of two different things.
 */
export function wakePlacements(): Placement[] {
  const [first, second] = allowedCpus();
  const placements: Placement[] = [];
  if (first !== undefined) placements.push({ name: "one core", own: first, peer: first });
  if (first !== undefined && second !== undefined) placements.push({ name: "two cores", own: first, peer: second });
  return placements;
}

/** The CPUs that this process may use, from /proc/self/status. */
export function allowedCpus(status: string = Deno.readTextFileSync("/proc/self/status")): number[] {
  const list = status.match(/^Cpus_allowed_list:\s*(\S+)/m)?.[1] ?? "";
  return list.split(",").filter(Boolean).flatMap((range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** The words that start a contender at a placement. */
export async function contenderWords(
  spec: ContenderSpec,
  { own, peer = UNPINNED }: Placement,
): Promise<[string, ...string[]]> {
  const { program } = spec;
  const words = "deno" in program
    ? denoWords(program.deno)
    : "python" in program
    ? interpreted("python3", program.python)
    : "node" in program
    ? interpreted("node", program.node)
    : "cpp" in program
    ? [await compile(program.cpp, "cpp")] as const
    : [await compile(program.c, "c")] as const;
  return pinned([...words, String(peer), ...spec.args ?? []], spec.pinnedWhenReady ? UNPINNED : own);
}

/** The words that start a program in `bench/peers`. None of those that run side by side may write the lock file. */
export function denoWords(file: string): [string, ...string[]] {
  return [Deno.execPath(), "run", "-A", "--no-lock", "--quiet", path(`peers/${file}`)];
}

/** The words that start a program of another language in `bench/peers`. */
function interpreted(interpreter: "python3" | "node", file: string): [string, ...string[]] {
  try {
    new Deno.Command(interpreter, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new SkipError(`${interpreter} is not installed`, { cause: error });
    throw error;
  }
  return [interpreter, path(`peers/${file}`)];
}

/** The same words on one CPU; a negative number leaves the program where the scheduler likes. */
export function pinned(words: [string, ...string[]], cpu: number = UNPINNED): [string, ...string[]] {
  return cpu < 0 ? words : ["taskset", "-c", String(cpu), ...words];
}

/** Keeps a program that runs already, with all its threads, to one CPU; a negative number leaves it where the scheduler likes. */
export async function pinRunning(pid: number, cpu: number = UNPINNED): Promise<void> {
  if (cpu < 0) return;
  const args = ["-acp", String(cpu), String(pid)];
  const { success } = await new Deno.Command("taskset", { args, stdout: "null", stderr: "inherit" }).output();
  if (!success) throw new Error(`taskset could not keep process ${pid} to CPU ${cpu}`);
}

/** Compiles a C or C++ program, unless that was done since its sources changed. */
async function compile(name: string, language: "c" | "cpp"): Promise<string> {
  const binary = path(`.build/${name}`);
  const compiler = language === "c" ? "gcc" : "g++";
  const source = path(`c/${name}.${language}`);
  const usesLayouts = Deno.readTextFileSync(source).includes('#include "causeway.h"');
  const sources = [source, path("c/contender.h"), ...usesLayouts ? [path(LAYOUTS)] : []];
  const built = modified(binary);
  if (sources.every((source) => modified(source) < built)) return binary;
  await Deno.mkdir(path(".build"), { recursive: true });
  // Compiled beside and renamed: two benches may run at once, and a binary that runs cannot be written.
  const fresh = `${binary}.${Deno.pid}`;
  const args = ["-O2", "-Wall", "-Wextra", "-Wno-unused-function", "-pthread", "-o", fresh, source];
  try {
    if (usesLayouts) args.push("-I", await writeHeader());
    const { success } = await new Deno.Command(compiler, { args, stdout: "null", stderr: "inherit" }).output();
    if (!success) throw new Error(`${compiler} could not compile ${name}.${language}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new SkipError(`${compiler} is not installed`, { cause: error });
    throw error;
  }
  await Deno.rename(fresh, binary);
  return binary;
}

/** Where the layouts are described, with the C code that knows them. */
const LAYOUTS = "../docs/layouts.md";

/** Writes that C code as causeway.h. @returns The directory. */
async function writeHeader(): Promise<string> {
  const page = await Deno.readTextFile(path(LAYOUTS));
  const blocks = Array.from(page.matchAll(/^```c\n(.*?)^```$/gms), ([, code]) => code);
  const directory = path(".build/include");
  await Deno.mkdir(directory, { recursive: true });
  const fresh = `${directory}/causeway.h.${Deno.pid}`;
  await Deno.writeTextFile(fresh, ["#pragma once", ...blocks].join("\n"));
  await Deno.rename(fresh, `${directory}/causeway.h`);
  return directory;
}

function modified(file: string): number {
  try {
    return Deno.statSync(file).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

function path(relative: string): string {
  return fromFileUrl(new URL(relative, import.meta.url));
}
