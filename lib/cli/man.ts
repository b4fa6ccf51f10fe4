/**
 * `causeway man`: the manual page, made from the command table.
 *
 * @module
 */

import { suggestion, UsageError } from "./command_line.ts";
import { COMMANDS } from "./commands.ts";
import { commandPage, wholePage } from "./man/page.ts";
import { parseOptions } from "./options.ts";
import { print } from "./output.ts";

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { words } = await parseOptions("man", args, { flags: [] });
  const [name, extra] = words;
  if (extra !== undefined) throw new UsageError(`man: one command at a time, got also ${JSON.stringify(extra)}`);
  if (name === undefined) {
    print(wholePage(COMMANDS));
    return 0;
  }
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    const hint = await suggestion(name, COMMANDS.map((each) => each.name));
    throw new UsageError(`man: unknown command ${JSON.stringify(name)}: ${hint}`);
  }
  print(commandPage(command));
  return 0;
}
