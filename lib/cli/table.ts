/**
 * Columns of text.
 *
 * @module
 */

/** A cell: text, and how it is marked up after it has been padded. */
export interface Cell {
  /** The text. */
  readonly text: string;
  /** Marks the padded text up. */
  readonly style?: (text: string) => string;
}

/** How a table is laid out. */
export interface TableOptions {
  /** Indices of the columns that are aligned to the right, as numbers are. */
  readonly right?: readonly number[];
  /** What every line begins with. @default {""} */
  readonly indent?: string;
}

/** Rows as lines, two spaces between columns; the last column is not padded. */
export function table(rows: readonly (readonly (string | Cell)[])[], options: TableOptions = {}): string {
  const { right = [], indent = "" } = options;
  const cells = rows.map((row) => row.map((cell) => typeof cell === "string" ? { text: cell } : cell));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach(({ text }, column) => widths[column] = Math.max(widths[column] ?? 0, text.length));
  }
  return cells.map((row) => {
    const padded = row.map(({ text, style }: Cell, column) => {
      const width = widths[column] ?? 0;
      const whole = right.includes(column) ? text.padStart(width) : column < row.length - 1 ? text.padEnd(width) : text;
      return style === undefined ? whole : style(whole);
    });
    return `${indent}${padded.join("  ").trimEnd()}\n`;
  }).join("");
}
