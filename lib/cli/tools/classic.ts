/**
 * What the classic tools have in common: they speak under their own name, and each has its own exit codes.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { errnoMeaning } from "../../sys/errno_table.ts";
import { HelpRequested } from "../command_line.ts";
import { OutputClosed, print, printError } from "../output.ts";
import { VERSION } from "../version.ts";

/** A tool was called wrongly. `classicTool()` prints the message, points to `--help`, and exits with the tool's code for that. */
export class ClassicUsageError extends Error {
  /** Always `"ClassicUsageError"`. */
  override readonly name = "ClassicUsageError";
}

/** A tool cannot go on. `classicTool()` prints the message under the tool's name and exits with the code. */
export class ClassicError extends Error {
  /** Always `"ClassicError"`. */
  override readonly name = "ClassicError";
  /** The exit code; the tool's own code for failures when left out. */
  readonly exitCode: number | undefined;

  /** Says why in one line for people, and what the tool exits with. */
  constructor(message: string, exitCode?: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** `--version` was asked for. */
export class VersionRequested extends Error {
  /** Always `"VersionRequested"`. */
  override readonly name = "VersionRequested";
}

/** A tool. */
export interface ClassicTool {
  /** Its name. */
  readonly name: string;
  /** What it exits with when it was called wrongly. @default {1} */
  readonly usageCode?: number;
  /** What it exits with when it fails. @default {1} */
  readonly failureCode?: number;
}

/**
 * Runs a tool: what it throws becomes a line under its name, and an exit code.
 *
 * ```ts ignore
 * export function run(args: readonly string[]): Promise<number> {
 *   return classicTool({ name: "timeout", usageCode: 125 }, () => timeout(args));
 * }
 * ```
 */
export async function classicTool(tool: ClassicTool, work: () => Promise<number> | number): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HelpRequested || error instanceof OutputClosed) throw error;
    if (error instanceof VersionRequested) {
      print(`${tool.name} (causeway) ${VERSION}\n`);
      return 0;
    }
    if (error instanceof ClassicUsageError) {
      const reason = error.message === "" ? "" : `${tool.name}: ${visible(error.message)}\n`;
      printError(`${reason}Try '${tool.name} --help' for more information.\n`);
      return tool.usageCode ?? 1;
    }
    complain(tool.name, error instanceof Error ? reasonOf(error) : String(error));
    return error instanceof ClassicError && error.exitCode !== undefined ? error.exitCode : tool.failureCode ?? 1;
  }
}

/** `NAME: MESSAGE` on standard error. */
export function complain(name: string, message: string): void {
  printError(`${name}: ${visible(message)}\n`);
}

/** What an error comes down to: `strerror(3)` of a failed call, or its message. */
export function reasonOf(error: Error): string {
  return error instanceof PosixError ? errnoMeaning(error.code) : error.message;
}

/**
 * Refuses options that exclude each other, in the words of util-linux.
 *
 * @throws {ClassicError} `mutually exclusive arguments: --get --set`.
 */
export function refuseTogether(given: readonly { readonly key: string }[], keys: readonly string[]): void {
  const found = keys.filter((key) => given.some((option) => option.key === key));
  if (found.length < 2) return;
  throw new ClassicError(`mutually exclusive arguments: ${found.map((key) => `--${key}`).join(" ")}`);
}

/** Text that a peer or an argument may have chosen: a terminal must not obey it. */
function visible(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
