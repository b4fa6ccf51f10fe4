/**
 * Options of a command line, parsed once for all commands.
 *
 * @module
 */

import { parseArgs } from "../std/parse_args.ts";
import { HelpRequested, suggestion, UsageError } from "./command_line.ts";

/** What a command accepts. */
export interface OptionNames<F extends string, V extends string, L extends string = never, O extends string = never> {
  /** Options without a value. */
  readonly flags: readonly F[];
  /** Options with one value. */
  readonly values?: readonly V[];
  /** Options with a value that may be given again and again. */
  readonly lists?: readonly L[];
  /** Options that stand alone, or have a value after `=`. */
  readonly optional?: readonly O[];
  /**
   * Whether the first word that is no option ends the options, as when another program's command line follows.
   * @default {false}
   */
  readonly stopEarly?: boolean;
}

/** Parsed options. */
export interface Options<F extends string, V extends string, L extends string = never, O extends string = never> {
  /** Whether each flag was given. */
  readonly flags: Readonly<Record<F, boolean>>;
  /** The value of each option that was given. */
  readonly values: Readonly<Partial<Record<V, string>>>;
  /** The values of each option that may be repeated, in order. */
  readonly lists: Readonly<Record<L, readonly string[]>>;
  /** The value of each option that may have one; `true` when it stood alone. */
  readonly optional: Readonly<Partial<Record<O, string | true>>>;
  /** The words that are no options, those after `--` included. */
  readonly words: readonly string[];
}

/**
 * Parses the words after a command's name. What follows `--` is never an option.
 *
 * @throws {HelpRequested} For `--help` or `-h`.
 * @throws {UsageError} For an option that does not exist, lacks its value, or has one that it does not take.
 */
export async function parseOptions<
  F extends string,
  V extends string = never,
  L extends string = never,
  O extends string = never,
>(command: string, args: readonly string[], names: OptionNames<F, V, L, O>): Promise<Options<F, V, L, O>> {
  const { flags, values = [], lists = [], optional = [], stopEarly = false } = names;
  const separator = args.indexOf("--");
  const before = separator === -1 ? args : args.slice(0, separator);
  const unknown: string[] = [];
  const parsed = parseArgs(explicit(before, names), {
    boolean: flags,
    string: ["_", ...values, ...lists, ...optional],
    collect: lists,
    stopEarly,
    unknown(word, key) {
      if (key !== undefined) unknown.push(word);
      return key === undefined;
    },
  }) as { readonly _: string[]; readonly [name: string]: unknown };
  if (unknown.includes("--help") || unknown.includes("-h")) throw new HelpRequested();
  const [wrong] = unknown;
  if (wrong !== undefined) throw await unknownOption(command, wrong, [...flags, ...values, ...lists, ...optional]);
  // The parser saw the words as explicit() made them; those that are no options are the last ones, as they were given.
  const words = stopEarly ? before.slice(before.length - parsed._.length) : parsed._;
  const options = stopEarly ? before.slice(0, before.length - words.length) : before;
  for (const flag of flags) {
    if (options.some((word) => word.startsWith(`--${flag}=`))) {
      throw new UsageError(`${command}: --${flag} takes no value`);
    }
  }
  const given = values.filter((value) => parsed[value] !== undefined);
  const chosen = optional.filter((value) => parsed[value] !== undefined);
  const listed = lists.map((name) => [name, [parsed[name] ?? []].flat().map(String)] as const);
  const texts = [...[...given, ...chosen].map((name) => [name, [parsed[name]]] as const), ...listed];
  for (const [name, all] of texts) {
    if (all.includes("")) throw new UsageError(`${command}: --${name} needs a value`);
  }
  const alone = chosen.map((name) => [name, parsed[name] === ALONE || String(parsed[name])] as const);
  const ownSeparator = stopEarly && words.length > 0 ? ["--"] : [];
  return {
    flags: Object.fromEntries(flags.map((flag) => [flag, parsed[flag] === true])) as Record<F, boolean>,
    values: Object.fromEntries(given.map((value) => [value, String(parsed[value])])) as Partial<Record<V, string>>,
    lists: Object.fromEntries(listed) as Record<L, string[]>,
    optional: Object.fromEntries(alone) as Partial<Record<O, string | true>>,
    words: separator === -1 ? words : [...words, ...ownSeparator, ...args.slice(separator + 1)],
  };
}

/** What no word of a command line can be. */
const ALONE = "\0";

/** A number below zero: after an option that takes a value it is that value, though it looks like an option. */
const NEGATIVE = /^-\.?\d/;

/** What the parser would take for something else, said explicitly. Words behind the options may be changed: those are read as they were given. */
function explicit(given: readonly string[], names: OptionNames<string, string, string, string>): string[] {
  const { flags, values = [], lists = [], optional = [] } = names;
  const is = (word: string, options: readonly string[]) => options.some((name) => word === `--${name}`);
  const words: string[] = [];
  const rest = [...given];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [next] = rest;
    if (names.stopEarly && (word === "-" || !word.startsWith("-"))) return [...words, word, ...rest];
    if (is(word, optional)) words.push(`${word}=${ALONE}`);
    // A `true` after a flag would be its value.
    else if (is(word, flags)) words.push(`${word}=true`);
    else if (next !== undefined && is(word, [...values, ...lists])) {
      // The next word is the value, whatever it looks like; another option is none.
      rest.shift();
      if (NEGATIVE.test(next)) words.push(`${word}=${next}`);
      else if (next.startsWith("-")) {
        words.push(word);
        rest.unshift(next);
      } else words.push(word, next);
    } else words.push(word);
  }
  return words;
}

async function unknownOption(command: string, word: string, names: readonly string[]): Promise<UsageError> {
  const given = word.replace(/=.*$/s, "");
  const known = names.map((name) => `--${name}`);
  return new UsageError(`${command}: unknown option ${JSON.stringify(given)}: ${await suggestion(given, known)}`);
}
