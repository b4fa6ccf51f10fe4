/**
 * Commands that have verbs of their own, such as `mq send`.
 *
 * @module
 */

import { HelpRequested, suggestion, UsageError } from "../command_line.ts";

/**
 * Does what the first word says.
 *
 * @throws {UsageError} For no verb, or one that does not exist.
 */
export async function verb(
  command: string,
  [name, ...args]: readonly string[],
  verbs: Readonly<Record<string, (args: readonly string[]) => Promise<number>>>,
): Promise<number> {
  // Options come after the verb; before it, only a wish for help can be meant.
  const options = name?.startsWith("-") ? [name, ...args] : [];
  if (options.some((word) => word === "--help" || word === "-h")) throw new HelpRequested();
  const names = Object.keys(verbs);
  if (name === undefined) throw new UsageError(`${command}: what? There are ${names.join(", ")}`);
  const work = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (work === undefined) {
    throw new UsageError(`${command}: unknown verb ${JSON.stringify(name)}: ${await suggestion(name, names)}`);
  }
  return await refusingNonsense(command, () => work(args));
}

/** What a room says of names and numbers that cannot be is the caller's mistake: wrong usage, not a failure. */
async function refusingNonsense(command: string, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(`${command}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
