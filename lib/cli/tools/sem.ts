/**
 * `causeway sem`: named POSIX semaphores from the command line. There is no classic tool for them.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/sem_overview.7.html sem_overview(7)}
 * @module
 */

import { PosixError, ProtocolError } from "../../errors.ts";
import {
  createPosixSemaphore,
  openPosixSemaphore,
  type PosixSemaphore,
  unlinkPosixSemaphore,
} from "../../sync/posix_semaphore.ts";
import { UsageError } from "../command_line.ts";
import { type Options, parseOptions } from "../options.ts";
import { print, printJson } from "../output.ts";
import { table } from "../table.ts";
import { withSlash } from "./object_name.ts";
import { timeLimit, untilTimeout, wholeNumber } from "./time_limit.ts";
import { verb } from "./verbs.ts";

/** What `sem value --json` prints, and `sem ls --json` for each semaphore. */
export interface SemaphoreReport {
  /** Its name, with the slash. */
  readonly name: string;
  /** How many waits would not have to wait; `null` when this user may not open it, or it is no semaphore. */
  readonly value: number | null;
}

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  return await verb("sem", args, { create, post, wait, value, ls, rm });
}

async function create(args: readonly string[]): Promise<number> {
  const options = await parseOptions("sem create", args, { flags: [], values: ["value", "mode"] });
  const name = onlyName("sem create", options);
  createPosixSemaphore(name, {
    value: wholeNumber("sem create", options, "value"),
    mode: wholeNumber("sem create", options, "mode", 8),
  }).close();
  return 0;
}

async function post(args: readonly string[]): Promise<number> {
  const options = await parseOptions("sem post", args, { flags: [], values: ["count"] });
  const name = onlyName("sem post", options);
  const count = wholeNumber("sem post", options, "count");
  using semaphore = open(name);
  semaphore.post(count);
  return 0;
}

async function wait(args: readonly string[]): Promise<number> {
  const options = await parseOptions("sem wait", args, { flags: [], values: ["timeout"] });
  const name = onlyName("sem wait", options);
  const timeoutMs = timeLimit("sem wait", options);
  using semaphore = open(name);
  // Asleep in the kernel, it is woken at once, in its turn among the sleepers; a signal still ends the program.
  return await untilTimeout("sem wait", () => semaphore.waitSync({ timeoutMs }));
}

async function value(args: readonly string[]): Promise<number> {
  const options = await parseOptions("sem value", args, { flags: ["json"] });
  const name = onlyName("sem value", options);
  using semaphore = open(name);
  const report: SemaphoreReport = { name, value: semaphore.value };
  if (options.flags.json) printJson(report);
  else print(`${report.value}\n`);
  return 0;
}

async function ls(args: readonly string[]): Promise<number> {
  const { flags, words } = await parseOptions("sem ls", args, { flags: ["json"] });
  if (words.length > 0) throw new UsageError(`sem ls: takes no argument, got ${JSON.stringify(words[0])}`);
  const { semaphoreNames } = await import("../../sync/semaphore_file.ts");
  const reports = semaphoreNames().map(reportOf);
  if (flags.json) printJson(reports);
  else if (reports.length > 0) {
    const rows = reports.map(({ name, value }) => [value === null ? "-" : String(value), name]);
    print(table([["value", "name"], ...rows], { right: [0] }));
  }
  return 0;
}

function reportOf(name: string): SemaphoreReport {
  try {
    using semaphore = open(name);
    return { name, value: semaphore.value };
  } catch (error) {
    // Another user's, no semaphore at all, or unlinked since the list was made: its name is all there is to say.
    if (error instanceof PosixError || error instanceof ProtocolError) return { name, value: null };
    throw error;
  }
}

async function rm(args: readonly string[]): Promise<number> {
  const { words } = await parseOptions("sem rm", args, { flags: [] });
  if (words.length === 0) throw new UsageError("sem rm: NAME...");
  for (const name of words) unlinkPosixSemaphore(withSlash(name));
  return 0;
}

/** Whose it is does not matter to who names it on a command line. */
function open(name: string): PosixSemaphore {
  return openPosixSemaphore(name, { owner: "any" });
}

function onlyName(command: string, { words }: Options<string, string>): string {
  const [name, extra] = words;
  if (name === undefined) throw new UsageError(`${command}: which semaphore?`);
  if (extra !== undefined) {
    throw new UsageError(`${command}: one semaphore at a time, got also ${JSON.stringify(extra)}`);
  }
  return withSlash(name);
}
