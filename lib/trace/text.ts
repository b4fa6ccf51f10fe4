/**
 * A trace as text: box characters, or ASCII.
 *
 * @module
 */

import { type Diagram, diagramOf, duration, type LaneState, type Row } from "./diagram.ts";
import type { Trace } from "./event.ts";
import { cut, folded, wrapped } from "./wrap_text.ts";

/** How {@linkcode drawText} draws. */
export interface DrawTextOptions {
  /**
   * Columns of the terminal. With many lanes it takes more all the same.
   * @default {100}
   */
  width?: number | undefined;
  /**
   * Plain ASCII instead of box characters.
   * @default {false}
   */
  ascii?: boolean | undefined;
}

const NOTHING = [
  "No process told anything. It tells what it does by this library, when it is a Deno of 2.9 or later and has --allow-ffi.",
  "What others do is seen with --syscalls.",
];

/** Columns of the time, before the first lane. */
const TIME_COLUMNS = 14;
/** Least columns from lane to lane. */
const LEAST_GAP = 22;
const MOST_GAP = 40;
/** Columns for what is said beside the last lane. */
const MARGIN = 24;
/** Longest text there, and the least that has to have room. */
const MARGIN_MOST = 60;
const MARGIN_LEAST = 20;

interface Glyphs {
  readonly states: Readonly<Record<LaneState, string>>;
  readonly full: string;
  readonly line: string;
  readonly double: string;
  readonly right: string;
  readonly left: string;
  readonly start: string;
  readonly startLeft: string;
  readonly interrupt: string;
  readonly more: string;
}

const BOXES: Glyphs = {
  states: { absent: " ", running: "│", waiting: "┊", holding: "┃", ended: " " },
  full: "║",
  line: "─",
  double: "═",
  right: "▶",
  left: "◀",
  start: "├",
  startLeft: "┤",
  interrupt: "╳",
  more: "…",
};

const ASCII: Glyphs = {
  states: { absent: " ", running: "|", waiting: ":", holding: "#", ended: " " },
  full: "H",
  line: "-",
  double: "=",
  right: ">",
  left: "<",
  start: "+",
  startLeft: "+",
  interrupt: "X",
  more: "~",
};

/**
 * `drawText(trace)`: draws a trace as a sequence diagram of characters. Control characters in what processes told are made visible, so that a terminal does
 * not obey them.
 *
 * @returns Lines, each with a final newline.
 */
export function drawText(trace: Trace, options: DrawTextOptions = {}): string {
  const { width = 100, ascii = false } = options;
  const diagram = diagramOf(trace);
  const text = new TextDrawing(diagram, width, ascii ? ASCII : BOXES).lines().map((line) => `${line.trimEnd()}\n`).join(
    "",
  );
  return ascii ? plainAscii(text) : text;
}

class TextDrawing {
  readonly #diagram: Diagram;
  readonly #glyphs: Glyphs;
  readonly #gap: number;
  readonly #width: number;

  constructor(diagram: Diagram, width: number, glyphs: Glyphs) {
    this.#diagram = diagram;
    this.#glyphs = glyphs;
    this.#width = width;
    const gaps = Math.max(1, diagram.lanes.length - 1);
    this.#gap = Math.min(MOST_GAP, Math.max(LEAST_GAP, Math.floor((width - TIME_COLUMNS - MARGIN) / gaps)));
  }

  lines(): string[] {
    const { title, rows, lanes, notes } = this.#diagram;
    // What a lane did before the first row: not what that row begins.
    let states: readonly LaneState[] = (rows[0]?.states ?? []).map((state) => state === "absent" ? state : "running");
    const lines = [
      ...folded(visible(title), Math.max(MARGIN_LEAST, this.#width)),
      "",
      this.#titles(lanes.map(({ name }) => name)),
      this.#titles(lanes.map(({ detail }) => detail)),
    ];
    let before = "";
    for (const row of rows) {
      lines.push(this.#spacer(states));
      const time = `+${duration(Math.max(0, row.atNs))}`;
      lines.push(...this.#row(row, time === before ? "" : time));
      before = time;
      states = row.states;
    }
    lines.push(this.#spacer(states));
    const said = notes.flatMap((note) => folded(visible(note), Math.max(MARGIN_LEAST, this.#width - 4))).map((line) =>
      `  ${line}`
    );
    if (rows.length > 0) return [...lines, "", ...said];
    const nothing = [visible(title), "", ...NOTHING].flatMap((line) =>
      folded(line, Math.max(MARGIN_LEAST, this.#width))
    );
    return [...nothing, "", ...said];
  }

  #titles(titles: readonly string[]): string {
    const line = new Canvas();
    titles.forEach((title, lane) => {
      const text = cut(visible(title), this.#gap - 2, this.#glyphs.more);
      line.put(Math.max(0, this.#x(lane) - Math.floor(text.length / 2)), text);
    });
    return line.text;
  }

  #spacer(states: readonly LaneState[]): string {
    return this.#lanes(states).text;
  }

  #lanes(states: readonly LaneState[]): Canvas {
    const line = new Canvas();
    states.forEach((state, lane) => {
      const isFull = state === "holding" && this.#diagram.lanes[lane]?.kind === "kernel";
      line.put(this.#x(lane), isFull ? this.#glyphs.full : this.#glyphs.states[state]);
    });
    return line;
  }

  #row(row: Row, time: string): string[] {
    const line = this.#lanes(row.states);
    line.put(0, time.padStart(TIME_COLUMNS - 3));
    if (row.to === undefined) {
      line.put(this.#x(row.from), this.#glyphs.start);
      const said = [row.label, row.detail].filter((part) => part !== undefined).join(", ");
      return this.#beside([line], row, row.from, said);
    }
    return this.#arrow(line, row, row.to);
  }

  #arrow(line: Canvas, row: Row, to: number): string[] {
    const { line: plain, double, right, left, start, startLeft, interrupt } = this.#glyphs;
    const [from, target] = [this.#x(row.from), this.#x(to)];
    const [begin, end] = from < target ? [from, target] : [target, from];
    const stroke = row.style === "memory" ? double : plain;
    line.put(begin + 1, stroke.repeat(end - begin - 1));
    line.put(from, from < target ? start : startLeft);
    line.put(from < target ? target - 1 : target + 1, from < target ? right : left);
    if (row.style === "interrupt") line.put(target, interrupt);
    const room = end - begin - 2;
    const [said, rest] = split(visible(row.label), room - 2);
    const label = ` ${cut(said, room - 2, this.#glyphs.more)} `;
    line.put(begin + (from < target ? 1 : 2) + Math.max(0, Math.floor((room - label.length) / 2)), label);
    const detail = [rest, row.detail].filter((part) => part !== undefined && part !== "").join(", ");
    if (detail === "") return [line.text];
    if (from < target) return this.#beside([line], row, to, detail);
    // To the right of where it ends is the arrow itself.
    return [line.text, ...this.#beside([], row, to, detail)];
  }

  /** Text to the right of a lane, as far as the next one, on as many lines as it takes. */
  #beside(lines: Canvas[], { states }: Row, lane: number, text: string): string[] {
    const isLast = lane === this.#diagram.lanes.length - 1;
    const left = Math.max(MARGIN_LEAST, this.#width - this.#x(lane) - 2);
    const room = isLast ? Math.min(MARGIN_MOST, left) : this.#gap - 3;
    wrapped(visible(text), room, this.#glyphs.more).forEach((part, index) => {
      const line = lines[index] ??= this.#lanes(states);
      line.put(this.#x(lane) + 2, part);
    });
    return lines.map((line) => line.text);
  }

  #x(lane: number): number {
    return TIME_COLUMNS + lane * this.#gap;
  }
}

/** A line that is written in any order. */
class Canvas {
  readonly #cells: string[] = [];

  put(column: number, text: string): void {
    let at = column;
    for (const character of text) this.#cells[at++] = character;
  }

  get text(): string {
    return Array.from(this.#cells, (cell) => cell ?? " ").join("");
  }
}

/** What has room of a label, up to a comma; the rest is said elsewhere. */
function split(label: string, room: number): [said: string, rest?: string] {
  const comma = label.length <= room ? -1 : label.lastIndexOf(", ", room);
  return comma === -1 ? [label] : [label.slice(0, comma), label.slice(comma + 2)];
}

/** A terminal must not obey what a program was called. */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function plainAscii(text: string): string {
  return text.replaceAll("µ", "u").replaceAll("…", "~").replace(/[^\n -~]/g, "?");
}
