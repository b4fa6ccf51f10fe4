/**
 * Options of a command line, parsed once for all commands.
 *
 * @module
 */

import { parseArgs } from "../std/parse_args.ts";
import { HelpRequested, suggestion, UsageError } from "./command_line.ts";

/** What a command accepts. */
export interface OptionNames<F extends string, V extends string> {
  /** Options without a value. */
  readonly flags: readonly F[];
  /** Options with one value. */
  readonly values?: readonly V[];
  /**
   * Whether the first word that is no option ends the options, as when another program's command line follows.
   * @default {false}
   */
  readonly stopEarly?: boolean;
}

/** Parsed options. */
export interface Options<F extends string, V extends string> {
  /** Whether each flag was given. */
  readonly flags: Readonly<Record<F, boolean>>;
  /** The value of each option that was given. */
  readonly values: Readonly<Partial<Record<V, string>>>;
  /** The words that are no options, those after `--` included. */
  readonly words: readonly string[];
}

/**
 * Parses the words after a command's name. What follows `--` is never an option.
 *
 * @throws {HelpRequested} For `--help` or `-h`.
 * @throws {UsageError} For an option that does not exist, lacks its value, or has one that it does not take.
 */
export async function parseOptions<F extends string, V extends string = never>(
  command: string,
  args: readonly string[],
  names: OptionNames<F, V>,
): Promise<Options<F, V>> {
  const { flags, values = [], stopEarly = false } = names;
  const separator = args.indexOf("--");
  const before = separator === -1 ? args : args.slice(0, separator);
  const unknown: string[] = [];
  const parsed = parseArgs(before.map((word) => explicit(word, flags)), {
    boolean: flags,
    string: ["_", ...values],
    stopEarly,
    unknown(word, key) {
      if (key !== undefined) unknown.push(word);
      return key === undefined;
    },
  }) as { readonly _: string[]; readonly [name: string]: unknown };
  if (unknown.includes("--help") || unknown.includes("-h")) throw new HelpRequested();
  const [wrong] = unknown;
  if (wrong !== undefined) throw await unknownOption(command, wrong, [...flags, ...values]);
  // The parser saw the words as explicit() made them; those that are no options are the last ones, as they were given.
  const words = stopEarly ? before.slice(before.length - parsed._.length) : parsed._;
  const options = stopEarly ? before.slice(0, before.length - words.length) : before;
  for (const flag of flags) {
    if (options.some((word) => word.startsWith(`--${flag}=`))) {
      throw new UsageError(`${command}: --${flag} takes no value`);
    }
  }
  const given = values.filter((value) => parsed[value] !== undefined);
  for (const value of given) {
    if (parsed[value] === "") throw new UsageError(`${command}: --${value} needs a value`);
  }
  const ownSeparator = stopEarly && words.length > 0 ? ["--"] : [];
  return {
    flags: Object.fromEntries(flags.map((flag) => [flag, parsed[flag] === true])) as Record<F, boolean>,
    values: Object.fromEntries(given.map((value) => [value, String(parsed[value])])) as Partial<Record<V, string>>,
    words: separator === -1 ? words : [...words, ...ownSeparator, ...args.slice(separator + 1)],
  };
}

/** The parser takes a `true` after a flag for its value; said explicitly, it leaves the word alone. */
function explicit(word: string, flags: readonly string[]): string {
  return flags.some((flag) => word === `--${flag}`) ? `${word}=true` : word;
}

async function unknownOption(command: string, word: string, names: readonly string[]): Promise<UsageError> {
  const given = word.replace(/=.*$/s, "");
  const known = names.map((name) => `--${name}`);
  return new UsageError(`${command}: unknown option ${JSON.stringify(given)}: ${await suggestion(given, known)}`);
}
