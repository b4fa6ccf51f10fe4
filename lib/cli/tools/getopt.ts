/**
 * Options of the classic tools, read as `getopt_long(3)` reads them: `-vsKILL`, `-s KILL`, `--signal=KILL`, `--signal KILL`, and any
 * beginning of a long name that is the beginning of no other. `--` ends the options.
 *
 * @module
 */

import { ClassicUsageError } from "./classic.ts";

/** One option of a tool. */
export interface OptionSpec<K extends string = string> {
  /** What the tool calls it, for example `"signal"`. */
  readonly key: K;
  /** Every way to write it, in words: `"-s --signal"`, `"-e -x --exclusive"`. */
  readonly names: string;
  /** Whether a value follows. An optional one must be written together with the name: `-c7`, `--column=7`. @default {none} */
  readonly value?: "required" | "optional";
}

/** An option that was given. */
export interface GivenOption<K extends string = string> {
  /** Which one. */
  readonly key: K;
  /** Its value; empty when it has none. */
  readonly value: string;
  /** Whether a value was given. */
  readonly hasValue: boolean;
  /** How it was written, abbreviations spelled out: `"-s"` or `"--signal"`. */
  readonly written: string;
}

/** How a tool reads its options. */
export interface GetoptOptions {
  /**
   * Whether the first operand ends the options, as it must where another program's command line follows.
   * @default {false}
   */
  readonly stopEarly?: boolean;
}

/** What a command line says. */
export interface Getopt<K extends string = string> {
  /** The options in their order: the last of its kind wins, unless the tool adds them up. */
  readonly given: readonly GivenOption<K>[];
  /** All other words, those after `--` included. */
  readonly operands: readonly string[];
}

/**
 * Reads the words after a tool's name.
 *
 * ```ts ignore
 * const OPTIONS = [
 *   { key: "signal", names: "-s --signal", value: "required" },
 *   { key: "verbose", names: "-v --verbose" },
 * ] as const satisfies readonly OptionSpec[];
 *
 * const { given, operands } = getopt(args, OPTIONS, { stopEarly: true });
 * for (const { key, value } of given) {
 *   if (key === "signal") …
 * }
 * ```
 *
 * @throws {ClassicUsageError} With the words of glibc: `invalid option -- 'x'`, `option '--signal' requires an argument`. It is the
 * tool's runner (`classic.ts`) that adds the tool's name and exit code.
 */
export function getopt<K extends string>(
  args: readonly string[],
  specs: readonly OptionSpec<K>[],
  options: GetoptOptions = {},
): Getopt<K> {
  const names = byName(specs);
  const given: GivenOption<K>[] = [];
  const operands: string[] = [];
  const words = [...args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") return { given, operands: [...operands, ...words] };
    if (word.startsWith("--")) given.push(longOption(word, names, words));
    else if (word.startsWith("-") && word !== "-") given.push(...shortOptions(word, names, words));
    else if (options.stopEarly) return { given, operands: [word, ...words] };
    else operands.push(word);
  }
  return { given, operands };
}

type Names<K extends string> = ReadonlyMap<string, OptionSpec<K>>;

function byName<K extends string>(specs: readonly OptionSpec<K>[]): Names<K> {
  return new Map(specs.flatMap((spec) => spec.names.split(" ").map((name) => [name, spec] as const)));
}

function longOption<K extends string>(word: string, names: Names<K>, rest: string[]): GivenOption<K> {
  const equals = word.indexOf("=");
  const asked = equals === -1 ? word : word.slice(0, equals);
  const attached = equals === -1 ? undefined : word.slice(equals + 1);
  const written = wholeName(asked, names);
  const spec = names.get(written)!;
  if (spec.value === undefined && attached !== undefined) {
    throw new ClassicUsageError(`option '${written}' doesn't allow an argument`);
  }
  const value = attached ?? (spec.value === "required" ? rest.shift() : undefined);
  if (spec.value === "required" && value === undefined) {
    throw new ClassicUsageError(`option '${written}' requires an argument`);
  }
  return option(spec, written, value);
}

/** The long name that was meant. */
function wholeName<K extends string>(asked: string, names: Names<K>): string {
  if (names.has(asked)) return asked;
  const matches = [...names.keys()].filter((name) => name.startsWith(asked));
  const [only] = matches;
  if (only === undefined) throw new ClassicUsageError(`unrecognized option '${asked}'`);
  if (new Set(matches.map((name) => names.get(name))).size > 1) {
    const possible = matches.map((name) => `'${name}'`).join(" ");
    throw new ClassicUsageError(`option '${asked}' is ambiguous; possibilities: ${possible}`);
  }
  return only;
}

function shortOptions<K extends string>(word: string, names: Names<K>, rest: string[]): GivenOption<K>[] {
  const given: GivenOption<K>[] = [];
  const letters = [...word.slice(1)];
  for (let letter = letters.shift(); letter !== undefined; letter = letters.shift()) {
    const written = `-${letter}`;
    const spec = names.get(written);
    if (spec === undefined) throw new ClassicUsageError(`invalid option -- '${letter}'`);
    if (spec.value === undefined) {
      given.push(option(spec, written, undefined));
      continue;
    }
    const attached = letters.length > 0 ? letters.splice(0).join("") : undefined;
    const value = attached ?? (spec.value === "required" ? rest.shift() : undefined);
    if (spec.value === "required" && value === undefined) {
      throw new ClassicUsageError(`option requires an argument -- '${letter}'`);
    }
    given.push(option(spec, written, value));
  }
  return given;
}

function option<K extends string>(spec: OptionSpec<K>, written: string, value: string | undefined): GivenOption<K> {
  return { key: spec.key, value: value ?? "", hasValue: value !== undefined, written };
}
