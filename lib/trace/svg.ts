/**
 * A trace as an SVG picture: lanes, arrows, and bars as long as the waits were.
 *
 * @module
 */

import { type Diagram, diagramOf, duration, type LaneState, type Row } from "./diagram.ts";
import type { Trace } from "./event.ts";
import { cut, folded, wrapped } from "./wrap_text.ts";

const MARGIN = 20;
const TIME_WIDTH = 120;
const GAP = 300;
const SIDE_WIDTH = 320;
const HEAD = 86;
const LINE_HEIGHT = 18;
/** Pixels that a character takes at most: of the fonts that browsers have for `monospace` at 13 pixels, the widest has 8. */
const CHARACTER = 8;
const TITLE_CHARACTER = 9.2;
/** What is said beside a lane has room up to the next one. */
const BESIDE = Math.floor((GAP - 30) / CHARACTER);
/** Pixels from a row to the next: at least so many, and more for a long time, by its logarithm. */
const LEAST_STEP = 34;
const STEP_PER_DECADE = 12;

/**
 * `drawSvg(trace)`: a trace as a picture that stands alone: no script, no font, nothing loaded. Whatever processes were called or told is text in it.
 *
 * Rows stand in the order of time, and further apart the longer it took, by the logarithm.
 *
 * @returns One SVG document.
 */
export function drawSvg(trace: Trace): string {
  return new Picture(diagramOf(trace)).svg();
}

class Picture {
  readonly #diagram: Diagram;
  readonly #width: number;
  readonly #titles: readonly string[];
  readonly #top: number;
  readonly #ys: readonly number[];
  readonly #end: number;

  constructor(diagram: Diagram) {
    this.#diagram = diagram;
    this.#width = MARGIN * 2 + TIME_WIDTH + GAP * (diagram.lanes.length - 1) + SIDE_WIDTH;
    this.#titles = folded(printable(diagram.title), Math.floor((this.#width - 2 * MARGIN) / TITLE_CHARACTER));
    this.#top = HEAD + LINE_HEIGHT * (this.#titles.length - 1);
    let y = this.#top + 30;
    this.#ys = diagram.rows.map(({ atNs }, index) => {
      const last = diagram.rows[index - 1];
      if (last !== undefined) {
        const decades = Math.log10(Math.max(1, (atNs - last.atNs) / 1000));
        y += Math.max(LEAST_STEP + STEP_PER_DECADE * decades, below(last) + LEAST_STEP - LINE_HEIGHT);
      }
      return Math.round(y);
    });
    const last = diagram.rows.at(-1);
    this.#end = Math.round(y + 16 + (last === undefined ? LINE_HEIGHT : below(last)));
  }

  svg(): string {
    const { lanes, rows } = this.#diagram;
    const width = this.#width;
    const room = Math.floor((width - 2 * MARGIN) / CHARACTER);
    const notes = this.#diagram.notes.flatMap((note) => folded(printable(note), room));
    const height = this.#end + 20 + LINE_HEIGHT * notes.length + MARGIN;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
      `<title>${escaped(this.#diagram.title)}</title>`,
      STYLE,
      `<rect width="${width}" height="${height}" class="paper"/>`,
      ...this.#titles.map((line, index) => text(MARGIN, MARGIN + 8 + LINE_HEIGHT * index, line, "title")),
      ...lanes.flatMap(({ name, detail, kind }, lane) => [
        text(this.#x(lane), this.#top - 26, cut(printable(name), BESIDE, "…"), `head ${kind}`),
        text(this.#x(lane), this.#top - 10, cut(printable(detail), BESIDE, "…"), "faint middle"),
      ]),
      ...lanes.flatMap((_, lane) => this.#lane(lane)),
      ...rows.flatMap((row, index) => this.#row(row, index)),
      ...notes.map((note, index) => text(MARGIN, this.#end + 24 + LINE_HEIGHT * index, note, "faint")),
      "</svg>",
      "",
    ].join("\n");
  }

  /** A lane, in pieces that show what it does. */
  #lane(lane: number): string[] {
    const x = this.#x(lane);
    const pieces: string[] = [];
    let from = this.#top;
    let state: LaneState = this.#diagram.rows[0]?.states[lane] === "absent" ? "absent" : "running";
    const piece = (to: number) => {
      if (to > from && state !== "absent" && state !== "ended") pieces.push(bar(x, from, to, this.#kind(lane, state)));
    };
    for (const [index, row] of this.#diagram.rows.entries()) {
      const next = row.states[lane] ?? "running";
      if (next === state) continue;
      const y = this.#ys[index] ?? from;
      piece(y);
      [from, state] = [y, next];
    }
    piece(this.#end);
    return pieces;
  }

  #kind(lane: number, state: LaneState): string {
    return state === "holding" && this.#diagram.lanes[lane]?.kind === "kernel" ? "full" : state;
  }

  #row(row: Row, index: number): string[] {
    const y = this.#ys[index] ?? 0;
    const from = this.#x(row.from);
    const time = text(MARGIN + TIME_WIDTH - 24, y + 4, `+${duration(Math.max(0, row.atNs))}`, "time");
    const beside = (x: number, first: number) =>
      saidBeside(row).map((line, index) => text(x + 12, first + LINE_HEIGHT * index, line, "said"));
    if (row.to === undefined) {
      return [time, `<circle cx="${from}" cy="${y}" r="3.5" class="dot"/>`, ...beside(from, y + 4)];
    }
    const to = this.#x(row.to);
    // Over the first part of an arrow that passes other lanes, so that none of them goes through the words.
    const middle = from + Math.sign(to - from) * GAP / 2;
    return [
      time,
      arrow(from, to, y, row.style),
      text(middle, y - 6, cut(printable(row.label), BESIDE, "…"), `label ${row.style}`),
      // To the right of where it ends may be the arrow itself.
      ...(to > from ? beside(to, y + 4) : beside(to, y + 17)),
    ];
  }

  #x(lane: number): number {
    return MARGIN + TIME_WIDTH + 60 + lane * GAP;
  }
}

/** What stands beside the lane of a row, by line. */
function saidBeside({ to, label, detail = "" }: Row): string[] {
  const said = to !== undefined ? detail : detail === "" ? label : `${label}, ${detail}`;
  return said === "" ? [] : wrapped(printable(said), BESIDE, "…");
}

/** How far down what belongs to a row goes. */
function below(row: Row): number {
  const lines = LINE_HEIGHT * Math.max(1, saidBeside(row).length);
  return row.to !== undefined && row.to < row.from && lines > 0 ? lines + 13 : lines;
}

const STYLE = `<style>
.paper { fill: #fff } text { font: 13px ui-monospace, monospace; fill: #1b1f24 }
.title { font-size: 15px; font-weight: bold } .head { text-anchor: middle; font-weight: bold } .kernel { fill: #8a4b08 }
.middle { text-anchor: middle } .faint { fill: #667 } .time { text-anchor: end; fill: #667 } .label { text-anchor: middle }
.running { stroke: #8892a0; stroke-width: 1.5 } .waiting { stroke: #d08700; stroke-width: 6; stroke-dasharray: 3 4 }
.holding { stroke: #1b1f24; stroke-width: 6 } .full { stroke: #c9853f; stroke-width: 6 }
.dot { fill: #1b1f24 } path.call { stroke: #2457a6; fill: none; stroke-width: 1.8 } path.memory { stroke: #1d7a3e; fill: none; stroke-width: 4 }
path.interrupt { stroke: #b3261e; fill: none; stroke-width: 1.8 } text.interrupt { fill: #b3261e } text.memory { fill: #1d7a3e }
@media (prefers-color-scheme: dark) { .paper { fill: #14171c } text { fill: #dfe4ea } .dot { fill: #dfe4ea } .holding { stroke: #dfe4ea }
.faint, .time { fill: #9aa5b1 } .kernel { fill: #e0a35c } path.call { stroke: #7fb0ff } path.memory { stroke: #62c98a } path.interrupt, text.interrupt { stroke: #ff8a80 } }
</style>`;

function bar(x: number, from: number, to: number, kind: string): string {
  return `<line x1="${x}" y1="${from}" x2="${x}" y2="${to}" class="${kind}"/>`;
}

function arrow(from: number, to: number, y: number, style: Row["style"]): string {
  const direction = Math.sign(to - from);
  const tip = to - 5 * direction;
  const head = style === "interrupt"
    ? `M${to - 6},${y - 6}L${to + 6},${y + 6}M${to - 6},${y + 6}L${to + 6},${y - 6}`
    : `M${tip - 8 * direction},${y - 5}L${tip},${y}L${tip - 8 * direction},${y + 5}`;
  return `<path d="M${from},${y}L${tip},${y}${head}" class="${style}"/>`;
}

function text(x: number, y: number, said: string, className: string): string {
  return `<text x="${x}" y="${y}" class="${className}">${escaped(said)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** XML has no control characters, not even escaped. */
function printable(said: string): string {
  return said.replace(/[\p{Cc}\p{Cs}\p{Cf}\uFFFE\uFFFF]/gu, "\uFFFD");
}

function escaped(said: string): string {
  return printable(said).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
