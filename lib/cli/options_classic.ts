/**
 * Options that are read as `getopt_long(3)` reads them, of commands that are none of the classic tools: what is wrong is told in the words of all
 * other commands.
 *
 * @module
 */

import { suggestion, UsageError } from "./command_line.ts";
import { ClassicUsageError } from "./tools/classic.ts";
import type { OptionSpec } from "./tools/getopt.ts";

/** What glibc says, and what each option was called. */
const UNKNOWN_LONG = /^unrecognized option '(.*)'$/s;
const UNKNOWN_SHORT = /^invalid option -- '(.*)'$/s;
const LACKING = /^option (?:'(.*)' requires an argument|requires an argument -- '(.*)')$/s;
const FULL = /^option '(.*)' doesn't allow an argument$/s;

/** The error of a command line: with what may have been meant, when it is an option that does not exist. Any other error is given back as it is. */
export async function withSuggestion(
  command: string,
  error: unknown,
  specs: readonly OptionSpec[],
): Promise<unknown> {
  if (!(error instanceof ClassicUsageError)) return error;
  const names = specs.flatMap((spec) => spec.names.split(" "));
  const [, long] = UNKNOWN_LONG.exec(error.message) ?? [];
  const [, short] = UNKNOWN_SHORT.exec(error.message) ?? [];
  if (long !== undefined) return await unknown(command, long, names.filter((name) => name.startsWith("--")));
  // Any letter is one slip from any other: all are told.
  if (short !== undefined) {
    return new UsageError(`${command}: unknown option ${JSON.stringify(`-${short}`)}: there are ${names.join(", ")}`);
  }
  const [, lacking, letter] = LACKING.exec(error.message) ?? [];
  const bare = lacking ?? (letter && `-${letter}`);
  if (bare !== undefined) return new UsageError(`${command}: ${bare} needs a value`);
  const [, full] = FULL.exec(error.message) ?? [];
  return new UsageError(full === undefined ? `${command}: ${error.message}` : `${command}: ${full} takes no value`);
}

async function unknown(command: string, word: string, names: readonly string[]): Promise<UsageError> {
  return new UsageError(`${command}: unknown option ${JSON.stringify(word)}: ${await suggestion(word, names)}`);
}
