/**
 * The help pages, made from the command table.
 *
 * @module
 */

import type { CommandEntry } from "./command_line.ts";
import { COMMANDS } from "./commands.ts";
import { type Style, styleFor } from "./style.ts";
import { table } from "./table.ts";
import { VERSION } from "./version.ts";

/** All commands on one page. */
export function overview(style: Style = styleFor(Deno.stdout)): string {
  const rows = COMMANDS.map((
    { name, summary },
  ) => [{ text: name, style: (text: string) => style("name", text) }, summary]);
  return [
    `${style("title", `causeway ${VERSION}`)}: ways for one process to reach another, from the command line\n\n`,
    "Usage: causeway COMMAND [OPTION...] [ARGUMENT...]\n\n",
    table(rows, { indent: "  " }),
    '\n"causeway help COMMAND" tells more. --version prints the version.\n',
    "Errors are one line on standard error, and then --json prints nothing. Exit codes: 0 success, 1 failure, 2 wrong usage.\n",
    "Colours: on a terminal only, never under NO_COLOR.\n",
  ].join("");
}

/** One command on one page. */
export function helpPage(command: CommandEntry, style: Style = styleFor(Deno.stdout)): string {
  const named = (rows: CommandEntry["options"]) =>
    table(rows.map(([text, meaning]) => [{ text, style: (padded: string) => style("name", padded) }, meaning]), {
      indent: "  ",
    });
  const examples = command.examples.map(([line, meaning]) =>
    `  ${style("faint", `# ${meaning}`)}\n  causeway ${line}\n`
  );
  return [
    `${style("title", `causeway ${command.name}`)}: ${command.summary}\n\n`,
    `Usage: causeway ${command.usage}\n`,
    ...(command.description.length > 0 ? ["\n", ...command.description.map((line) => `${line}\n`)] : []),
    ...(command.options.length > 0 ? ["\n", named(command.options)] : []),
    ...(examples.length > 0 ? ["\n", ...examples] : []),
  ].join("");
}
