/**
 * A trace as a Mermaid sequence diagram, which many editors and code hosts draw.
 *
 * @module
 */

import { diagramOf, duration, type LaneState, type Row } from "./diagram.ts";
import type { Trace } from "./event.ts";

/**
 * `drawMermaid(trace)`: a trace as the source of a Mermaid sequence diagram. Whatever processes were called or told is text in it, never syntax.
 *
 * @returns Lines, each with a final newline.
 *
 * @see {@link https://mermaid.js.org/syntax/sequenceDiagram.html Mermaid sequence diagrams}
 */
export function drawMermaid(trace: Trace): string {
  const { title, lanes, rows, notes } = diagramOf(trace);
  const lines = [
    "sequenceDiagram",
    ...lanes.map(({ name, detail }, lane) => `  participant ${id(lane)} as ${escaped(name)}<br/>${escaped(detail)}`),
    ...(lanes.length > 1 ? [`  Note over ${id(0)},${id(lanes.length - 1)}: ${escaped(title)}`] : []),
  ];
  let waiting = new Set<number>();
  for (const row of rows) {
    const now = lanesThatWait(row.states);
    // A bar along the lane that waits: Mermaid calls it an activation.
    for (const lane of waiting) if (!now.has(lane)) lines.push(`  deactivate ${id(lane)}`);
    lines.push(...rowLines(row));
    for (const lane of now) if (!waiting.has(lane)) lines.push(`  activate ${id(lane)}`);
    waiting = now;
  }
  for (const lane of waiting) lines.push(`  deactivate ${id(lane)}`);
  for (const note of notes) lines.push(`  %% ${note.replace(/\s+/g, " ")}`);
  return lines.map((line) => `${line}\n`).join("");
}

function rowLines({ atNs, from, to, label, detail, style }: Row): string[] {
  const time = `+${duration(Math.max(0, atNs))}`;
  if (to === undefined) {
    const said = detail === undefined ? label : `${label}, ${detail}`;
    return [`  Note over ${id(from)}: ${escaped(`${time} ${said}`)}`];
  }
  const arrow = { call: "->>", memory: "-->>", interrupt: "-x" }[style];
  const line = `  ${id(from)}${arrow}${id(to)}: ${escaped(`${time} ${label}`)}`;
  return detail === undefined || detail === "" ? [line] : [line, `  Note over ${id(to)}: ${escaped(detail)}`];
}

function lanesThatWait(states: readonly LaneState[]): Set<number> {
  return new Set(states.flatMap((state, lane) => state === "waiting" ? [lane] : []));
}

function id(lane: number): string {
  return `lane${lane}`;
}

/** Everything but letters, digits and harmless marks as Mermaid's entities: `#59;` is a semicolon, which would end the line. */
function escaped(text: string): string {
  return text.replace(
    /[^\p{L}\p{N} .,+µ/()[\]…'-]/gu,
    (character) => /\s|\p{Cc}|\p{Cf}/u.test(character) ? " " : `#${character.codePointAt(0)};`,
  ).replace(/\bend\b/gi, (word) => `${word.slice(0, 2)}#${word.codePointAt(2)};`);
}
