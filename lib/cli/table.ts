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
  const widths: number[] = [];
  const isRight: boolean[] = [];
  for (const column of right) isRight[column] = true;
  // Loops rather than closures: a listing may have 10,000 rows.
  for (const row of rows) {
    for (let column = 0; column < row.length; column++) {
      const { length } = textOf(row[column]);
      if (length > (widths[column] ?? 0)) widths[column] = length;
    }
  }
  let lines = "";
  for (const row of rows) {
    let line = "";
    for (let column = 0; column < row.length; column++) {
      const cell = row[column];
      const text = textOf(cell);
      const width = widths[column] ?? 0;
      const whole = isRight[column] ? text.padStart(width) : column < row.length - 1 ? text.padEnd(width) : text;
      if (column > 0) line += "  ";
      line += typeof cell === "object" && cell.style !== undefined ? cell.style(whole) : whole;
    }
    lines += `${indent}${line.trimEnd()}\n`;
  }
  return lines;
}

/** How a table is laid out that may be too wide. */
export interface FittedOptions extends TableOptions {
  /** The column of the names. */
  readonly name: number;
  /** How much room there is. */
  readonly columns: number;
}

/** A name is never shorter than this for want of room. */
const SHORTEST_NAME = 28;

/**
 * A table for a terminal. Where a line does not fit, names lose their middle, down to a quarter of the room: their ends tell them apart. What is still too
 * long the terminal breaks, so that nothing else is lost.
 */
export function fitted(rows: readonly (readonly (string | Cell)[])[], options: FittedOptions): string {
  const { name, columns, ...layout } = options;
  const whole = table(rows, layout);
  if (columns === Infinity || !whole.split("\n").some((line) => visibleLength(line) > columns)) return whole;
  const most = Math.max(SHORTEST_NAME, Math.floor(columns / 4));
  const short = (cell: string | Cell, column: number) => {
    const text = textOf(cell);
    if (column !== name || text.length <= most) return cell;
    const tail = Math.ceil((most - 1) / 2);
    const cut = `${text.slice(0, most - 1 - tail)}…${text.slice(-tail)}`;
    return typeof cell === "string" ? cut : { ...cell, text: cut };
  };
  return table(rows.map((row) => row.map(short)), layout);
}

function visibleLength(line: string): number {
  // deno-lint-ignore no-control-regex -- the marks are control characters
  return line.replace(/\x1b\[[\d;]*m/g, "").length;
}

function textOf(cell: string | Cell | undefined): string {
  return typeof cell === "object" ? cell.text : cell ?? "";
}
