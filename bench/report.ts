/**
 * What a run shows: a table for people, one JSON document for programs.
 *
 * @module
 */

import type { Outcome } from "./harness.ts";
import type { Summary, Verdict } from "./statistics.ts";

/** The machine that figures belong to: on another one they are other figures. */
export interface Machine {
  /** Model name of the CPU. */
  cpu: string;
  /** CPUs that the benches may use. */
  cpus: number;
  /** Kernel release. */
  kernel: string;
  /** Version of Deno. */
  deno: string;
  /** Load average over a minute at the start: a busy machine measures its other work. */
  load: number;
}

/** This machine. */
export function describeMachine(cpus: number): Machine {
  const model = Deno.readTextFileSync("/proc/cpuinfo").match(/^model name\s*:\s*(.+)$/m)?.[1] ?? "unknown CPU";
  return { cpu: model, cpus, kernel: Deno.osRelease(), deno: Deno.version.deno, load: Deno.loadavg()[0] ?? 0 };
}

/** One line about the machine. */
export function machineLine(machine: Machine): string {
  const { cpu, cpus, kernel, deno, load } = machine;
  return `${cpu}, ${cpus} CPUs, Linux ${kernel}, Deno ${deno}, load ${load.toFixed(2)}`;
}

/** The outcomes as a table, aligned by columns. */
export function table(outcomes: readonly Outcome[]): string {
  const header = ["row", "cores", "subject", "", "against", "", "ratio (quartiles)", "target", "verdict"];
  const lines = [header, ...outcomes.map(cells)];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const aligned = (line: readonly string[]) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return lines.map((line) => aligned(line).trimEnd()).join("\n");
}

/** A duration in the unit in which it has one to three digits before the point. */
export function duration(nanoseconds: number): string {
  const units = [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]] as const;
  const [unit, scale] = units.findLast(([, scale]) => nanoseconds >= scale) ?? units[0];
  const value = nanoseconds / scale;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

/** A verdict as the table says it. */
export function verdictText(verdict: Verdict): string {
  return verdict.kind === "void" ? `VOID: ${verdict.reason}` : verdict.kind === "missed" ? "MISSED" : verdict.kind;
}

function cells(outcome: Outcome): string[] {
  switch (outcome.kind) {
    case "ratio":
      return [
        outcome.row,
        outcome.placement,
        outcome.subject,
        duration(outcome.subjectNs.median),
        outcome.baseline,
        duration(outcome.baselineNs.median),
        ratioText(outcome.ratio),
        outcome.atMost === undefined ? "" : `≤ ${targetText(outcome.atMost)}×`,
        verdictText(outcome.verdict),
      ];
    case "figure":
      return [
        outcome.row,
        outcome.placement,
        outcome.what,
        duration(outcome.figureMs.median * 1e6),
        "",
        "",
        "",
        outcome.atMost === undefined ? "" : `≤ ${outcome.atMost} ms`,
        verdictText(outcome.verdict),
      ];
    case "skipped":
    case "failed":
      return [outcome.row, outcome.placement ?? "", "", "", "", "", "", "", `${outcome.kind}: ${outcome.reason}`];
  }
}

function ratioText({ median, low, high }: Summary): string {
  return `${hundredths(median)}× (${hundredths(low)}–${hundredths(high)})`;
}

/** A fraction, such as 1 / 30, without its endless digits. */
function targetText(atMost: number): string {
  return String(Number(atMost.toPrecision(3)));
}

/** Two decimals; three where two would say little. */
function hundredths(ratio: number): string {
  return ratio.toFixed(ratio < 0.1 ? 3 : 2);
}
