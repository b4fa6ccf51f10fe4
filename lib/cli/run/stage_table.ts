/**
 * How each program ended, and what it used, as a table.
 *
 * @module
 */

import { displayCommand, isSuccess, type StageResult, type Status } from "../../process/mod.ts";
import { describeStatus } from "../../process/status.ts";
import type { Role, Style } from "../style.ts";
import { type Cell, table } from "../table.ts";
import { bytesText } from "./progress_line.ts";

/** The table, with CPU time and memory where they were measured. */
export function stageTable(stages: readonly StageResult[], style: Style): string {
  const title = (text: string): Cell => ({ text, style: (padded) => style("title", padded) });
  const measured = stages.some(({ usage }) => usage !== undefined);
  const rows = stages.map((stage, index): (string | Cell)[] => {
    const { command, pid, status, durationMs } = stage;
    const role = roleOf(status, index === stages.length - 1);
    return [
      String(pid),
      `${durationMs.toFixed(1)} ms`,
      ...(measured ? usageCells(stage) : []),
      { text: describeStatus(status), style: (padded) => style(role, padded) },
      displayCommand(command),
    ];
  });
  const titles = ["pid", "time", ...(measured ? ["user", "system", "memory"] : []), "status", "program"];
  return table([titles.map(title), ...rows], { right: measured ? [0, 1, 2, 3, 4] : [0, 1] });
}

function usageCells({ usage }: StageResult): string[] {
  if (usage === undefined) return ["", "", ""];
  return [`${usage.userMs.toFixed(1)} ms`, `${usage.systemMs.toFixed(1)} ms`, bytesText(usage.maxRssBytes)];
}

/** A program whose reader had enough has not failed. */
function roleOf(status: Status, isLast: boolean): Role {
  if (isSuccess(status)) return "good";
  return !isLast && status.kind === "signaled" && status.signal === "SIGPIPE" ? "faint" : "bad";
}
