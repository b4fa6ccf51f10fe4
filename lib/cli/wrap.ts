/**
 * Text in lines that fit.
 *
 * @module
 */

/** How wide the output is: that of the terminal, or of a page where there is none. */
export function outputWidth(stream: { isTerminal(): boolean }): number {
  const columns = stream.isTerminal() ? Deno.consoleSize().columns : PAGE;
  return Math.max(NARROWEST, Math.min(columns, WIDEST));
}

/** Nobody reads lines longer than this with pleasure. */
const WIDEST = 120;
const PAGE = 100;
const NARROWEST = 20;

/** Breaks text between words; a word that is longer than a line is broken too. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= width) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    for (; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width));
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}

/** Paragraphs, each line with an indent. */
export function paragraph(sentences: readonly string[], width: number, indent = ""): string {
  return wrap(sentences.join(" "), width - indent.length).map((line) => `${indent}${line}\n`).join("");
}
