/**
 * The help pages, made from the command table.
 *
 * @module
 */

import type { CommandEntry } from "./command_line.ts";
import { COMMANDS } from "./commands.ts";
import { type Style, styleFor } from "./style.ts";
import { VERSION } from "./version.ts";
import { outputWidth, wrap } from "./wrap.ts";

/** What one looks for, and the commands that do it. */
export const GROUPS: readonly (readonly [title: string, names: readonly string[]])[] = [
  ["Programs", ["run", "each", "up"]],
  ["What is there, and what happens", ["ls", "graph", "top", "trace", "gc", "doctor"]],
  ["Messages over channels", ["send", "receive", "call", "bridge", "record", "replay"]],
  ["See it work", ["demo", "learn"]],
  ["Classic tools, by their manual pages", [
    "kill",
    "timeout",
    "setsid",
    "waitpid",
    "mkfifo",
    "pipesz",
    "flock",
    "ipcs",
    "ipcrm",
    "ipcmk",
  ]],
  ["Their neighbours", ["signals", "mq", "sem"]],
  ["For your shell", ["completions", "man", "shims"]],
];

/** All commands on one page. */
export function overview(style: Style = styleFor(Deno.stdout), width = terminalWidth()): string {
  const longest = Math.max(...COMMANDS.map(({ name }) => name.length));
  const row = (name: string) => {
    const { summary = "" } = COMMANDS.find((command) => command.name === name) ?? {};
    return hanging(name, summary, { beside: longest, width, style });
  };
  const groups = GROUPS.map(([title, names]) => `${style("title", title)}\n${names.map(row).join("")}\n`);
  return [
    heading(`causeway ${VERSION}`, "ways for one process to reach another, from the command line", style, width),
    "Usage: causeway COMMAND [OPTION...] [ARGUMENT...]\n\n",
    ...groups,
    ...[
      '"causeway help COMMAND" tells more. --version prints the version.',
      "Errors are one line on standard error, and then --json prints nothing. Exit codes: 0 success, 1 failure, 2 wrong usage.",
      "Colours: on a terminal only, never under NO_COLOR.",
    ].map((line) => `${wrap(line, width).join("\n")}\n`),
  ].join("");
}

/** One command on one page. */
export function helpPage(command: CommandEntry, style: Style = styleFor(Deno.stdout), width = terminalWidth()): string {
  const longest = Math.max(...command.options.map(([text]) => text.length));
  const options = command.options.map(([text, meaning]) => hanging(text, meaning, { beside: longest, width, style }));
  const examples = command.examples.map(([line, meaning]) =>
    `  ${style("faint", `# ${meaning}`)}\n  causeway ${line}\n`
  );
  return [
    heading(`causeway ${command.name}`, command.summary, style, width),
    `Usage: causeway ${command.usage}\n`,
    ...(command.description.length > 0 ? ["\n", filled(command.description, width)] : []),
    ...(options.length > 0 ? ["\n", ...options] : []),
    ...(examples.length > 0 ? ["\n", ...examples] : []),
  ].join("");
}

/** Where there is a terminal, lines must fit; whoever reads them otherwise (grep, less) wants them whole. */
function terminalWidth(): number {
  return Deno.stdout.isTerminal() ? outputWidth(Deno.stdout) : Infinity;
}

function heading(name: string, summary: string, style: Style, width: number): string {
  return `${style("title", name)}${wrap(`${name}: ${summary}`, width).join("\n").slice(name.length)}\n\n`;
}

/** A name and what it means, which goes on under itself; under the name where there is no room beside it. */
function hanging(
  name: string,
  meaning: string,
  { beside, width, style }: { readonly beside: number; readonly width: number; readonly style: Style },
): string {
  const isBeside = width - beside - 4 >= LEAST_BESIDE;
  const column = isBeside ? beside + 4 : NARROW_INDENT;
  const text = wrap(meaning, width - column).join(`\n${" ".repeat(column)}`);
  return isBeside
    ? `  ${style("name", name.padEnd(beside))}  ${text}\n`
    : `  ${style("name", name)}\n${" ".repeat(column)}${text}\n`;
}

/** Columns below which a meaning is not readable beside its name, and how far it is indented then. */
const LEAST_BESIDE = 24;
const NARROW_INDENT = 6;

/** A line that is at least so long was broken to fit the source, and goes on in the next. */
export const BROKEN_FROM = 100;

/** Paragraphs, filled to the width; tables and single lines stay as they are. */
function filled(lines: readonly string[], width: number): string {
  if (lines.every((line) => line.length <= width)) return lines.map((line) => `${line}\n`).join("");
  const paragraphs: string[] = [];
  let goesOn = false;
  for (const line of lines) {
    if (goesOn && line !== "") paragraphs.push(`${paragraphs.pop()} ${line}`);
    else paragraphs.push(line);
    goesOn = line.length >= BROKEN_FROM;
  }
  return paragraphs.map((text) => `${/ {3}/.test(text) ? text : wrap(text, width).join("\n")}\n`).join("");
}
