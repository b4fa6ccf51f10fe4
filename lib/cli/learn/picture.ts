/**
 * The picture of an experiment: a lane for each process, the times of the one clock downwards.
 *
 * @module
 */

import type { PerformedEvent } from "../demo/performance.ts";
import type { Style } from "../style.ts";
import { wrap } from "../wrap.ts";

/** A lane that is narrower shows nothing that one can read. */
const NARROWEST_LANE = 20;
const TIME_WIDTH = 12;

/** The events as lanes; where there is no room for these, one below the other with names. */
export function picture(events: readonly PerformedEvent[], width: number, style: Style): string {
  const actors = [...new Set(events.map(({ who }) => who))];
  const lane = Math.floor((width - TIME_WIDTH - 2) / Math.max(1, actors.length));
  return lane >= NARROWEST_LANE ? lanes(events, actors, lane, style) : list(events, width, style);
}

function lanes(events: readonly PerformedEvent[], actors: readonly string[], lane: number, style: Style): string {
  const pad = " ".repeat(TIME_WIDTH + 2);
  const heads = actors.map((who) => style("name", wrapped(who, lane).padEnd(lane))).join("");
  const rows = events.map(({ atMs, who, did }) => {
    const at = actors.indexOf(who);
    return wrap(did, lane - 4).map((line, index) => {
      const time = index === 0 ? style("faint", `${atMs.toFixed(3)} ms`.padStart(TIME_WIDTH)) : " ".repeat(TIME_WIDTH);
      const cells = actors.map((_, column) => {
        const mark = column === at && index === 0 ? "●" : "│";
        return `${style("faint", mark)} ${(column === at ? line : "").padEnd(lane - 2)}`;
      });
      return `${time}  ${cells.join("").trimEnd()}\n`;
    }).join("");
  });
  return `${pad}${heads.trimEnd()}\n${rows.join("")}`;
}

function wrapped(text: string, width: number): string {
  return text.length < width ? text : `${text.slice(0, width - 2)}…`;
}

function list(events: readonly PerformedEvent[], width: number, style: Style): string {
  return events.map(({ atMs, who, did }) =>
    `${style("faint", `${atMs.toFixed(3)} ms`)} ${style("name", who)}\n${
      wrap(did, width - 2).map((line) => `  ${line}\n`).join("")
    }`
  ).join("");
}
