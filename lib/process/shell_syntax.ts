/**
 * The words of `$`: what a template says, as stages, words and redirections. Nothing is expanded and nothing is parsed twice: an interpolated value
 * never becomes syntax.
 *
 * The grammar is a small part of the shell's (POSIX.1-2024, Shell Command Language, 2.2 to 2.9.2), with bash's `|&`, `&>` and `<(…)`. What a shell
 * would expand, and everything that makes it a programming language, is a `SyntaxError` that says what TypeScript has for it.
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html Shell Command Language}
 * @module
 */

import { ShellReader } from "./shell_reader.ts";

/** A pipeline as it was written. */
export interface ShellPipeline {
  /** From left to right, at least one. */
  readonly stages: readonly ShellStage[];
}

/** One program of it. */
export interface ShellStage {
  /** Program and arguments, at least one; or one interpolated value alone, which may be a command. */
  readonly words: readonly ShellWord[];
  /** In the order in which they were written: that order has a meaning. */
  readonly redirections: readonly Redirection[];
}

/** An argument: text, a program whose output it names (`<(…)`), or a value that stands alone and is no text. */
export type ShellWord = string | { readonly substitution: ShellPipeline } | { readonly value: object };

/** `2>file` and the like: what becomes of a descriptor. */
export interface Redirection {
  /** Whose it is. */
  readonly descriptor: 0 | 1 | 2;
  /** Opened to read, to write from the start, to append; or made the same as another. */
  readonly kind: "read" | "write" | "append" | "same";
  /** A path, another descriptor (for `"same"`), or the object that was interpolated. */
  readonly target: string | 1 | 2 | object;
}

/** What ends a word, unless it is quoted. */
const BLANK = /[ \t\r]/;
const OPERATOR = /[|<>&;()\n]/;

/** What a shell would do with a character, and what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  "$":
    'does not expand variables or commands: interpolate the value, as in ${Deno.env.get("HOME")} or ${await $`pwd`.text()}',
  "`": "does not substitute commands: interpolate ${await $`…`.text()}",
  "*":
    "does not expand patterns: interpolate an array of paths (expandGlob of @std/fs makes one), or quote the character",
  "?":
    "does not expand patterns: interpolate an array of paths (expandGlob of @std/fs makes one), or quote the character",
  "[":
    "does not expand patterns: interpolate an array of paths (expandGlob of @std/fs makes one), or quote the character",
  "{": "does not expand braces: interpolate an array, or quote the character",
  "}": "does not expand braces: interpolate an array, or quote the character",
  ";": "runs one pipeline: await one after the other",
  "&": "does not run in the background: call .spawn(). For && await one after the other, a failure throws",
  "(": "has no subshells: use a function",
  ")": "has no subshells: use a function",
  "\n": "runs one pipeline: end the line with | or \\ to go on, or await one after the other",
};

/**
 * Reads a template.
 *
 * @param strings Its raw strings.
 * @param values What stands between them.
 * @throws {SyntaxError} With the place, and what to use instead.
 * @throws {TypeError} For an interpolated value that can be no argument.
 */
export function parseShell(strings: readonly string[], values: readonly unknown[]): ShellPipeline {
  const reader = new ShellReader(strings, values);
  reader.skip(/\s/);
  return readPipeline(reader, "end");
}

function readPipeline(reader: ShellReader, until: "end" | ")"): ShellPipeline {
  const stages: ShellStage[] = [];
  while (true) {
    const stage = readStage(reader);
    stages.push(stage);
    const operator = reader.peek();
    if (until === ")" ? operator === ")" : operator === undefined) break;
    if (operator === undefined) throw reader.error("needs a ) that ends <(");
    if (operator !== "|") throw reader.error(REFUSED[operator ?? ""] ?? `cannot use ${operator} here`);
    reader.next();
    if (reader.peek() === "|") throw reader.error("has no ||: await in try and catch, or look at .status()");
    if (reader.peek() === "&") {
      reader.next();
      // As in bash: after the redirections that are written out.
      stages.push({
        ...stages.pop()!,
        redirections: [...stage.redirections, { descriptor: 2, kind: "same", target: 1 }],
      });
    }
    reader.skip(/\s/);
  }
  return { stages };
}

function readStage(reader: ShellReader): ShellStage {
  const words: ShellWord[] = [];
  const redirections: Redirection[] = [];
  while (true) {
    reader.skip(BLANK);
    if (reader.peek() === "\n" && reader.restIsBlank()) reader.skip(/\s/);
    const redirection = readRedirection(reader);
    if (redirection !== undefined) {
      redirections.push(...redirection);
      continue;
    }
    const next = reader.peek();
    if (next === undefined || (next !== null && OPERATOR.test(next) && next !== "<")) break;
    const first = words.length === 0;
    if (first && next !== null && reader.matches(/^[A-Za-z_]\w*\+?=/)) {
      throw reader.error("does not set variables: use .with({ env: { NAME: value } })");
    }
    if (first && reader.matches(/^!\s/)) {
      throw reader.error("has no !: look at .status(), which never throws because of one");
    }
    words.push(...readWord(reader));
  }
  if (words.length === 0) {
    const next = reader.peek() ?? "";
    throw reader.error(next === "|" ? "needs a program here" : REFUSED[next] ?? "needs a program here");
  }
  return { words, redirections };
}

/** A word, or the words that an array stands for. */
function readWord(reader: ShellReader): readonly ShellWord[] {
  let text = "";
  let started = false;
  const start = reader.mark();
  while (true) {
    const character = reader.peek();
    if (character === null) {
      const value = reader.value();
      reader.next();
      if (!started && reader.atWordEnd(BLANK, OPERATOR)) return wholeWords(reader, value);
      text += part(value, reader, start);
      started = true;
      continue;
    }
    if (character === undefined || BLANK.test(character)) break;
    if (character === "<" && !started && reader.matches(/^<\(/)) return [readSubstitution(reader)];
    if (OPERATOR.test(character)) break;
    if (character === "'") text += readSingleQuoted(reader);
    else if (character === '"') text += readDoubleQuoted(reader);
    else if (character === "\\") text += readEscaped(reader);
    else text += readPlain(reader, started);
    started = true;
  }
  return [text];
}

/** An interpolation that is a word of its own. */
function wholeWords(reader: ShellReader, value: unknown): readonly ShellWord[] {
  if (Array.isArray(value)) return value.map((item) => textOf(item, reader));
  if (typeof value === "object" && value !== null && !(value instanceof URL)) return [{ value }];
  return [textOf(value, reader)];
}

/** An interpolation inside a word. */
function part(value: unknown, reader: ShellReader, start: number): string {
  if (Array.isArray(value)) {
    throw reader.typeError("An array stands for several arguments, so it must be a word of its own", start);
  }
  return textOf(value, reader);
}

function textOf(value: unknown, reader: ShellReader): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof URL) return value.protocol === "file:" ? reader.filePath(value) : value.href;
  throw reader.typeError(`An argument must be a string, a number, a URL or an array of them, got ${inspect(value)}`);
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { depth: 0, compact: true });
}

function readSingleQuoted(reader: ShellReader): string {
  const start = reader.mark();
  reader.next();
  let text = "";
  while (true) {
    const character = reader.peek();
    if (character === undefined) throw reader.error("needs a ' that ends this one", start);
    if (character === null) text += part(reader.value(), reader, start);
    else if (character !== "'") text += character;
    reader.next();
    if (character === "'") return text;
  }
}

function readDoubleQuoted(reader: ShellReader): string {
  const start = reader.mark();
  reader.next();
  let text = "";
  while (true) {
    const character = reader.peek();
    if (character === undefined) throw reader.error('needs a " that ends this one', start);
    if (character === null) {
      text += part(reader.value(), reader, start);
      reader.next();
    } else if (character === '"') {
      reader.next();
      return text;
    } else if (character === "\\" && reader.matches(/^\\[$`"\\\n]/)) {
      text += readEscaped(reader);
    } else if (character === "$" && !reader.matches(/^\$(?![\w({@*#?!$-])/)) {
      throw reader.error(`${REFUSED["$"]}, or use single quotes`);
    } else if (character === "`") {
      throw reader.error(REFUSED["`"]!);
    } else {
      text += character;
      reader.next();
    }
  }
}

/** A backslash takes the meaning of the next character; before the end of a line it takes the line end away. */
function readEscaped(reader: ShellReader): string {
  const start = reader.mark();
  reader.next();
  const character = reader.peek();
  if (character === undefined) throw reader.error("needs a character after \\", start);
  if (character === null) throw reader.error("cannot escape an interpolated value: it is one argument as it is", start);
  reader.next();
  return character === "\n" ? "" : character;
}

function readPlain(reader: ShellReader, started: boolean): string {
  const character = reader.peek()!;
  if (character === "$" && reader.matches(/^\$(?![\w({@*#?!$'"-])/)) {
    // A lone dollar means itself, as in the shell.
  } else if (character === "{" || character === "}") {
    if (reader.matches(/^\{[^\s{}]*(,|\.\.)[^\s{}]*\}/)) throw reader.error(REFUSED["{"]!);
  } else if (Object.hasOwn(REFUSED, character)) {
    throw reader.error(REFUSED[character]!);
  }
  if (!started && character === "~") {
    throw reader.error('does not expand ~: interpolate ${Deno.env.get("HOME")}, or quote the character');
  }
  if (!started && character === "#") throw reader.error("has no comments: quote the character if it is an argument");
  reader.next();
  return character;
}

function readSubstitution(reader: ShellReader): ShellWord {
  reader.next();
  reader.next();
  reader.skip(/\s/);
  const substitution = readPipeline(reader, ")");
  reader.next();
  return { substitution };
}

/** `<`, `>`, `>>`, `2>`, `2>&1`, `&>` and their like. */
function readRedirection(reader: ShellReader): readonly Redirection[] | undefined {
  const start = reader.mark();
  const operator = reader.take(/^(?:&>>?|\d*(?:<<<|<<-?|<>|<&|<(?!\()|>>|>\||>&|>(?!\()))/);
  if (operator === undefined) {
    if (reader.matches(/^>\(/)) throw reader.error("has no >(…): give .with({ stdout: [ … ] }) several targets");
    return undefined;
  }
  const [, digits = "", kind = ""] = /^(\d*)(.*)$/.exec(operator) ?? [];
  if (kind.startsWith("<<")) {
    throw reader.error("has no here-documents: interpolate the text, as in < ${{ text }}", start);
  }
  if (kind === "<>" || kind === ">|" || kind === "<&") throw reader.error(`has no ${kind}`, start);
  const descriptor = digits === "" ? (kind === "<" ? 0 : 1) : Number(digits);
  if (descriptor !== 0 && descriptor !== 1 && descriptor !== 2) {
    throw reader.error("redirects 0, 1 and 2: for others use .with({ descriptors: { 3: … } })", start);
  }
  if ((kind === "<") !== (descriptor === 0)) {
    throw reader.error(`cannot ${kind === "<" ? "read from" : "write to"} descriptor ${descriptor}`, start);
  }
  if (kind === ">&") {
    const other = reader.take(/^[12](?![^\s|<>&;()])/);
    if (other === undefined) throw reader.error("takes 1 or 2 after >&: use &> for a file", start);
    return [{ descriptor, kind: "same", target: other === "1" ? 1 : 2 }];
  }
  reader.skip(BLANK);
  const target = redirectionTarget(reader, start);
  if (kind.startsWith("&")) {
    const file: Redirection = { descriptor: 1, kind: kind === "&>>" ? "append" : "write", target };
    return [file, { descriptor: 2, kind: "same", target: 1 }];
  }
  return [{ descriptor, kind: kind === "<" ? "read" : kind === ">>" ? "append" : "write", target }];
}

function redirectionTarget(reader: ShellReader, start: number): string | object {
  const next = reader.peek();
  if (next === undefined || (next !== null && OPERATOR.test(next) && !reader.matches(/^<\(/))) {
    throw reader.error("needs a file after the redirection", start);
  }
  const [word, extra] = readWord(reader);
  if (word === undefined || extra !== undefined) throw reader.error("takes one file for a redirection", start);
  if (typeof word === "string") return word;
  if ("value" in word) return word.value;
  return word;
}
