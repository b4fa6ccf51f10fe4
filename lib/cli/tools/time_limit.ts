/**
 * Values of options, and time limits, of the commands that wait for something.
 *
 * @module
 */

import { CommandError, UsageError } from "../command_line.ts";
import type { Options } from "../options.ts";

/** What timeout(1) exits with when the time is over. */
const TIMED_OUT = 124;

/** The milliseconds of `--timeout`; `undefined` without it. @throws {UsageError} For what is no number. */
export function timeLimit(command: string, { values }: Options<string, string>): number | undefined {
  const text = values["timeout"];
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) {
    throw new UsageError(`${command}: --timeout takes milliseconds, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

/** The number of an option; `undefined` without it. @throws {UsageError} For what is no number. */
export function wholeNumber(
  command: string,
  { values }: Options<string, string>,
  name: string,
  base: 8 | 10 = 10,
): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!(base === 8 ? /^[0-7]+$/ : /^\d+$/).test(text)) {
    const what = base === 8 ? "an octal number" : "a whole number";
    throw new UsageError(`${command}: --${name} takes ${what}, got ${JSON.stringify(text)}`);
  }
  return parseInt(text, base);
}

/**
 * Waits for something.
 *
 * @returns 0.
 * @throws {CommandError} With exit code 124 when the time limit was reached.
 */
export async function untilTimeout(command: string, work: () => Promise<void> | void): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
    throw new CommandError(`${command}: time limit reached`, TIMED_OUT, { cause: error });
  }
}
