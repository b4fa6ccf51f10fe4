/**
 * Text as roff has it.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/groff_man.7.html groff_man(7)}
 * @module
 */

/** Text that is printed as it is: no macro begins in it, and its dashes stay what a person can copy. */
export function roff(text: string): string {
  const plain = text
    .replaceAll("\\", "\\(rs")
    .replaceAll("-", "\\-")
    // Where a typesetter would put curly quotes, hats and accents.
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    // Everything else by its number, whatever encoding the formatter expects.
    .replace(/\P{ASCII}/gu, (character) => `\\[u${hexadecimal(character)}]`);
  // A period at the beginning of a line would be a request; an apostrophe there is none any more.
  return plain.replace(/^\./gm, "\\&.");
}

function hexadecimal(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** An argument of a macro. */
export function argument(text: string): string {
  return `"${roff(text).replaceAll('"', "\\(dq")}"`;
}

/** Words in bold, except what stands for something else: that is in italics. */
export function synopsis(text: string): string {
  const parts = text.split(/((?<![A-Za-z-])[A-Z][A-Z]+(?![A-Za-z]))/);
  return parts.map((part, index) => part === "" ? "" : `\\f${index % 2 === 1 ? "I" : "B"}${roff(part)}\\fR`).join("");
}

/** Lines as they are, in a fixed width. */
export function verbatim(lines: readonly string[]): string {
  return `.RS 4\n.EX\n${lines.map((line) => line === "" ? "\\&\n" : `${roff(line)}\n`).join("")}.EE\n.RE\n`;
}
