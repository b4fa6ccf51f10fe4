/**
 * `causeway completions`: what makes a shell complete this program's command lines, made from the command table.
 *
 * @module
 */

import { suggestion, UsageError } from "./command_line.ts";
import { COMMANDS } from "./commands.ts";
import { bashScript } from "./completions/bash.ts";
import { fishScript } from "./completions/fish.ts";
import { type CommandShape, shapesOf } from "./completions/shape.ts";
import { zshScript } from "./completions/zsh.ts";
import { parseOptions } from "./options.ts";
import { print } from "./output.ts";

const SCRIPTS: Readonly<Record<string, (commands: readonly CommandShape[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { words } = await parseOptions("completions", args, { flags: [] });
  const [shell, extra] = words;
  if (shell === undefined) {
    throw new UsageError(`completions: for which shell? There are ${Object.keys(SCRIPTS).join(", ")}`);
  }
  if (extra !== undefined) throw new UsageError(`completions: one shell at a time, got also ${JSON.stringify(extra)}`);
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined) {
    const hint = await suggestion(shell, Object.keys(SCRIPTS));
    throw new UsageError(`completions: unknown shell ${JSON.stringify(shell)}: ${hint}`);
  }
  print(script(await shapesOf(COMMANDS)));
  return 0;
}
