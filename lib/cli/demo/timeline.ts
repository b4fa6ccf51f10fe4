/**
 * A demonstration as text.
 *
 * @module
 */

import type { Style } from "../style.ts";
import { table } from "../table.ts";
import type { Performance } from "./performance.ts";

/** Who did what when, one line each, and what was checked. */
export function timeline(performed: Performance, style: Style): string {
  const { name, model, about, events, checks, error, ok, durationMs } = performed;
  const rows = events.map(({ atMs, who, did }) => [
    { text: `+${atMs.toFixed(3)} ms`, style: (text: string) => style("faint", text) },
    { text: who, style: (text: string) => who === "parent" ? text : style("name", text) },
    did,
  ]);
  const verdicts = checks.map(({ claim, holds }) => `  ${mark(holds, style)}  ${claim}\n`);
  const failure = error === null ? [] : [`  ${mark(false, style)}  ${error}\n`];
  return [
    `${style("title", name)} (${model})\n${style("faint", about)}\n`,
    table(rows, { indent: "  ", right: [0] }),
    ...verdicts,
    ...failure,
    ok ? "" : `  ${mark(false, style)}  ${name} did not do what it should, ${durationMs.toFixed(0)} ms\n`,
    "\n",
  ].join("");
}

function mark(holds: boolean, style: Style): string {
  return holds ? style("good", "ok    ") : style("bad", "FAILED");
}
