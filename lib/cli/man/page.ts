/**
 * The manual pages: causeway(1) with every command, and one of each command.
 *
 * @module
 */

import type { CommandEntry } from "../command_line.ts";
import { BROKEN_FROM } from "../help.ts";
import { CLASSIC_TOOLS } from "../tools/shims.ts";
import { VERSION } from "../version.ts";
import { argument, roff, synopsis, verbatim } from "./roff.ts";

const ABOUT = "ways for one process to reach another, from the command line";

const INTRODUCTION = [
  "Processes are isolated from each other; causeway opens every way that a POSIX kernel has for one of them to reach another: signals, pipes,",
  "FIFOs, Unix sockets, message queues, shared memory and locks. It runs pipelines and services, shows what there is, and does the work of the",
  "classic tools.",
].join(" ");

const EXIT_STATUS: readonly (readonly [string, string])[] = [
  ["0", "Success."],
  ["1", "Failure. The reason is one line on standard error."],
  ["2", "The command line makes no sense; the line on standard error says why."],
  ["128+n", "A program that was run died of signal n. Commands that run programs exit as those do; see each."],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "When it is set and not empty, nothing is coloured. Colours appear on a terminal only."],
  ["PATH", "Where programs are looked for. An empty element never means the working directory."],
  ["XDG_RUNTIME_DIR", "Where sockets and other names are made that no other user may see."],
  ["XDG_STATE_HOME", "Where causeway learn keeps its progress; ~/.local/state when it is unset."],
];

/** causeway(1). */
export function wholePage(commands: readonly CommandEntry[]): string {
  return [
    title("CAUSEWAY"),
    section("NAME"),
    `causeway \\- ${roff(ABOUT)}\n`,
    section("SYNOPSIS"),
    ".nf\n",
    `${synopsis("causeway")} \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n`,
    `${synopsis("causeway help")} [\\fICOMMAND\\fR]\n`,
    `${synopsis("causeway --version")}\n`,
    ".fi\n",
    section("DESCRIPTION"),
    `${roff(INTRODUCTION)}\n`,
    section("COMMANDS"),
    ...commands.map((command) =>
      `.SS ${argument(command.name)}\n${roff(sentence(command.summary))}\n.PP\n${body(command)}`
    ),
    section("EXIT STATUS"),
    ...EXIT_STATUS.map(tagged),
    section("ENVIRONMENT"),
    ...ENVIRONMENT.map(tagged),
    section("EXAMPLES"),
    // Every command has its own; here are the first of those that have no namesake.
    examples(
      commands.filter(({ name }) => !CLASSIC_TOOLS.includes(name)).flatMap(({ examples }) => examples.slice(0, 1))
        .slice(
          0,
          8,
        ),
    ),
    section("SEE ALSO"),
    seeAlso(commands),
  ].join("");
}

/** causeway-COMMAND(1). */
export function commandPage(command: CommandEntry): string {
  const name = `causeway-${command.name}`;
  return [
    title(name.toUpperCase()),
    section("NAME"),
    `${roff(name)} \\- ${roff(command.summary)}\n`,
    section("SYNOPSIS"),
    usageLines(command),
    ...(command.description.length > 0 ? [section("DESCRIPTION"), prose(command.description)] : []),
    ...(command.options.length > 0 ? [section("OPTIONS"), ...command.options.map(option)] : []),
    section("EXAMPLES"),
    examples(command.examples),
    section("SEE ALSO"),
    "\\fBcauseway\\fR(1)\n",
  ].join("");
}

function body(command: CommandEntry): string {
  return [
    usageLines(command),
    ".PP\n",
    prose(command.description),
    ...command.options.map(option),
    ...command.examples.map(example),
  ].join("");
}

/** The lines of a help page: paragraphs are filled as the reader's terminal wants them, tables and single lines stay. */
function prose(lines: readonly string[]): string {
  const isTable = (line: string) => / {3}/.test(line);
  return lines.map((line, index) => {
    if (line === "") return ".PP\n";
    if (!isTable(line)) return `${roff(line)}\n${line.length < BROKEN_FROM && index < lines.length - 1 ? ".br\n" : ""}`;
    const before = lines[index - 1] ?? "";
    const after = lines[index + 1] ?? "";
    return `${isTable(before) ? "" : ".nf\n"}${roff(line)}\n${isTable(after) ? "" : ".fi\n"}`;
  }).join("").replace(/\.br\n\.PP\n/g, ".PP\n");
}

/** Each form of the synopsis on a line of its own. */
function usageLines({ usage }: CommandEntry): string {
  const forms = usage.split(/ {2,}\| {2,}| {3}or {3}/);
  return `.nf\n${forms.map((form) => `${synopsis(`causeway ${form}`)}\n`).join("")}.fi\n`;
}

function title(name: string): string {
  return `.\\" Made by "causeway man" from the command table\n.TH ${argument(name)} 1 "" ${
    argument(`causeway ${VERSION}`)
  } "User Commands"\n`;
}

function section(name: string): string {
  return `.SH ${argument(name)}\n`;
}

function option([text, meaning]: readonly [string, string]): string {
  return `.TP\n${synopsis(text)}\n${roff(sentence(meaning))}\n`;
}

function tagged([term, meaning]: readonly [string, string]): string {
  return `.TP\n\\fB${roff(term)}\\fR\n${roff(meaning)}\n`;
}

function examples(all: CommandEntry["examples"]): string {
  return all.map(example).join(".PP\n");
}

function example([line, meaning]: readonly [string, string]): string {
  return `${roff(sentence(meaning))}\n.PP\n${verbatim([`causeway ${line}`])}`;
}

/** The manual pages of the tools that have a classic namesake, and of what all of this is made of. */
function seeAlso(commands: readonly CommandEntry[]): string {
  const names = new Set(commands.map(({ name }) => name));
  const pages = [
    ...CLASSIC_TOOLS.filter((name) => names.has(name)).map((name) => [name, 1] as const),
    ...["fifo", "futex", "mq_overview", "pipe", "sem_overview", "shm_overview", "signal", "sysvipc", "unix"].map((
      name,
    ) => [name, 7] as const),
  ];
  return `${pages.map(([name, number]) => `\\fB${roff(name)}\\fR(${number})`).join(",\n")}\n`;
}

function sentence(text: string): string {
  const whole = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.?!]$/.test(whole) ? whole : `${whole}.`;
}
