/**
 * The program's front door: finds the command, runs it, and turns whatever goes wrong into one line on standard error and an exit code.
 *
 * @module
 */

import { COMMANDS } from "./commands.ts";
import { CommandError, HelpRequested, suggestion, UsageError } from "./command_line.ts";
import { OutputClosed, print, printError } from "./output.ts";
import { VERSION } from "./version.ts";

/** Exit code of a program that was called wrongly. */
const USAGE = 2;

/**
 * Runs one command line.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 0, what the command says, 1 for a failure, 2 for a command line that makes no sense.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    return report(error);
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-V") {
    print(`causeway ${VERSION}\n`);
    return 0;
  }
  if (name === undefined) throw new UsageError('which command? "causeway help" lists them');
  if (name === "help" || name === "--help" || name === "-h") return await help(rest);
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) throw await unknownCommand(name);
  const module = await command.load();
  try {
    return await module.run(rest);
  } catch (error) {
    if (error instanceof HelpRequested) return await help([name]);
    throw underName(name, error);
  }
}

/** What the library says does not begin with the command's name; what the commands say themselves does. */
function underName(name: string, error: unknown): unknown {
  if (error instanceof UsageError || error instanceof CommandError || error instanceof OutputClosed) return error;
  const said = error instanceof Error ? error.message : String(error);
  // What the library calls its option, the command line calls its own.
  const message = said.replaceAll("maxMessageBytes", "--max-bytes");
  return message.startsWith(`${name}: `) ? error : new CommandError(`${name}: ${message}`, 1, { cause: error });
}

async function help(args: readonly string[]): Promise<number> {
  const { helpPage, overview } = await import("./help.ts");
  const [name, extra] = args;
  if (extra !== undefined) throw new UsageError(`help: one command at a time, got also ${JSON.stringify(extra)}`);
  if (name === undefined) {
    print(overview());
    return 0;
  }
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) throw await unknownCommand(name);
  print(helpPage(command));
  return 0;
}

async function unknownCommand(name: string): Promise<UsageError> {
  const what = name.startsWith("-") ? "option" : "command";
  const options = ["--help", "--version"];
  // The commands' names are further from it than its own dashes.
  if (options.includes(`--${name}`)) return new UsageError(`unknown command "${name}": did you mean "--${name}"?`);
  const known = what === "option" ? options : ["help", ...COMMANDS.map((each) => each.name)];
  return new UsageError(`unknown ${what} ${JSON.stringify(name)}: ${await suggestion(name, known)}`);
}

async function report(error: unknown): Promise<number> {
  if (error instanceof OutputClosed) return 0;
  // What a child or a peer named may hold anything; a terminal must not obey it.
  const { displayText } = await import("../process/display.ts");
  const message = error instanceof Error ? error.message : String(error);
  printError(`causeway: ${displayText(message).replace(/\s*\n\s*/g, "; ")}\n`);
  if (error instanceof UsageError) return USAGE;
  return error instanceof CommandError ? error.exitCode : 1;
}
