/**
 * What a shell must know of a command, read off the command table: its options, whether each has a value, and what its words are.
 *
 * @module
 */

import type { CommandEntry } from "../command_line.ts";
import { type WordSource, WordSources } from "./word_source.ts";

/** An option. */
export interface OptionShape {
  /** Its names, `-j` and `--jobs`. */
  readonly names: readonly string[];
  /** What stands after it, `N`; `undefined` when nothing does. */
  readonly value: string | undefined;
  /** Whether it may also stand alone; a value comes after `=` then. */
  readonly optional: boolean;
  /** Where values come from. */
  readonly source: WordSource;
  /** What it does. */
  readonly meaning: string;
}

/** A command. */
export interface CommandShape {
  /** Its name. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Its options, each name once: the first that has it is meant. */
  readonly options: readonly OptionShape[];
  /** The verbs that its first word is one of, as in `mq send`; empty when it has none. */
  readonly verbs: readonly string[];
  /** Where its other words come from. */
  readonly source: WordSource;
}

/** The commands as a shell sees them. */
export async function shapesOf(commands: readonly CommandEntry[]): Promise<CommandShape[]> {
  const sources = await WordSources.load(commands.map(({ name }) => name));
  return commands.map(({ name, summary, usage, options }) => ({
    name,
    summary,
    options: options.map(([text, meaning]) => {
      const shape = optionShape(text, meaning);
      const source = choicesIn(text) ?? sources.of(name, shape.value === undefined ? [] : [shape.value]);
      return { ...shape, source };
    }),
    verbs: verbsOf(name, usage),
    source: sources.of(name, placeholdersOf(usage)),
  }));
}

/** `-j, --jobs N`, `--events[=FILE]`, `-l, --list [NUMBER|0xMASK]` in parts. */
export function optionShape(text: string, meaning: string): Omit<OptionShape, "source"> {
  const names: string[] = [];
  let rest = text;
  for (let found; (found = /^(--?[A-Za-z0-9][A-Za-z0-9-]*)(?:, |: )?/.exec(rest)) !== null;) {
    names.push(found[1] ?? "");
    rest = rest.slice(found[0].length);
    if (rest.startsWith(" ") || rest.startsWith("[")) break;
  }
  // What is written as "--stdin --stdout --stderr" in the meaning are names too.
  names.push(
    ...meaning.split(": ").slice(1).flatMap((part) => part.match(/^--[a-z-]+(?: --[a-z-]+)*$/)?.[0]?.split(" ") ?? []),
  );
  const optional = rest.trimStart().startsWith("[");
  const value = /[A-Za-z][A-Za-z]*/.exec(rest)?.[0];
  return { names, value, optional, meaning };
}

/** `--from a|b` says itself what there is. */
function choicesIn(option: string): string[] | undefined {
  return /[ =]\[?=?([a-z][a-z-]*(?:\|[a-z][a-z-]*)+)\]?$/.exec(option)?.[1]?.split("|");
}

/** The words in capitals that stand for something else, outside of options. */
function placeholdersOf(usage: string): string[] {
  const withoutOptions = usage.replace(/\[?--?[A-Za-z][\w-]*(?:[ =|][A-Z]+)*\]?/g, " ");
  return withoutOptions.match(/\b[A-Z][A-Z]+\b/g) ?? [];
}

/** `mq create|send|ls …` has verbs; `FILE|DIRECTORY` has none. */
function verbsOf(name: string, usage: string): string[] {
  const lists = usage.split(/ or | \| | {2,}/).map((form) => form.trim().split(" "));
  const found = lists.find(([first, second = ""]) =>
    first === name && /^\[?[a-z][a-z-]*(\|[a-z][a-z-]*)+\]?$/.test(second)
  );
  return found?.[1]?.replace(/[[\]]/g, "").split("|") ?? [];
}
