/**
 * `causeway sem`: named POSIX semaphores from the command line. There is no classic tool for them.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/sem_overview.7.html sem_overview(7)}
 * @module
 */

import {
  createPosixSemaphore,
  openPosixSemaphore,
  type PosixSemaphore,
  unlinkPosixSemaphore,
} from "../../sync/posix_semaphore.ts";
import { UsageError } from "../command_line.ts";
import { type Options, parseOptions } from "../options.ts";
import { print } from "../output.ts";
import { withSlash } from "./object_name.ts";
import { timeLimit, untilTimeout, wholeNumber } from "./time_limit.ts";
import { verb } from "./verbs.ts";

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  return await verb("sem", args, { create, post, wait, value, rm });
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
  const name = onlyName("sem value", await parseOptions("sem value", args, { flags: [] }));
  using semaphore = open(name);
  print(`${semaphore.value}\n`);
  return 0;
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
