/**
 * A template, read character by character. Interpolated values are single symbols between the characters, so that nothing inside a value is ever
 * taken for syntax.
 *
 * @module
 */

import { fromFileUrl } from "../std/path.ts";

/** Reads a template from left to right. */
export class ShellReader {
  /** Each a character of the text, or the number of a value. */
  readonly #symbols: readonly (string | number)[];
  readonly #values: readonly unknown[];
  #at = 0;

  /**
   * @param strings The raw strings of the template: a backslash in it is the shell's.
   * @param values The values between them.
   */
  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.#values = values;
    this.#symbols = strings.flatMap((text, index) => index < values.length ? [...text, index] : [...text]);
  }

  /** The next character; `null` for a value, `undefined` at the end. */
  peek(): string | null | undefined {
    const symbol = this.#symbols[this.#at];
    return typeof symbol === "number" ? null : symbol;
  }

  /** The value that comes next. */
  value(): unknown {
    const symbol = this.#symbols[this.#at];
    return typeof symbol === "number" ? this.#values[symbol] : undefined;
  }

  /** Goes on by one. */
  next(): void {
    this.#at++;
  }

  /** Goes on as long as a character matches. A backslash before the end of a line is blank, too. */
  skip(blank: RegExp): void {
    while (true) {
      const character = this.peek();
      if (character === "\\" && this.matches(/^\\\n/)) this.#at += 2;
      else if (typeof character === "string" && blank.test(character)) this.#at++;
      else return;
    }
  }

  /** Whether the text up to the next value begins so. */
  matches(pattern: RegExp): boolean {
    return pattern.test(this.#ahead());
  }

  /** Takes what matches, if something does. */
  take(pattern: RegExp): string | undefined {
    const [found] = pattern.exec(this.#ahead()) ?? [];
    if (found !== undefined) this.#at += [...found].length;
    return found;
  }

  /** Whether nothing but blanks follows. */
  restIsBlank(): boolean {
    return this.#symbols.slice(this.#at).every((symbol) => typeof symbol === "string" && /\s/.test(symbol));
  }

  /** Whether a word ends here. */
  atWordEnd(blank: RegExp, operator: RegExp): boolean {
    const next = this.peek();
    return next === undefined || (next !== null && (blank.test(next) || operator.test(next)));
  }

  /** The place, for {@linkcode error}. */
  mark(): number {
    return this.#at;
  }

  /** An error of the template's text, which shows the place. */
  error(reason: string, at: number = this.#at): SyntaxError {
    return new SyntaxError(`$ ${reason}\n${this.#picture(at)}`);
  }

  /** An error of a value. */
  typeError(reason: string, at: number = this.#at - 1): TypeError {
    return new TypeError(`${reason}\n${this.#picture(at)}`);
  }

  /** The path of a `file:` URL. */
  filePath(url: URL): string {
    return fromFileUrl(url);
  }

  /** The text up to the next value. */
  #ahead(): string {
    let text = "";
    for (let at = this.#at; typeof this.#symbols[at] === "string"; at++) text += this.#symbols[at];
    return text;
  }

  #picture(at: number): string {
    const shown = (symbol: string | number) => typeof symbol === "number" ? "${…}" : /\s/.test(symbol) ? " " : symbol;
    const text = this.#symbols.map(shown);
    const column = text.slice(0, at).join("").length;
    return `  ${text.join("")}\n  ${" ".repeat(column)}^`;
  }
}
