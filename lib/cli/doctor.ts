/**
 * `causeway doctor`: what this machine, this kernel and these permissions allow.
 *
 * @module
 */

import { type FeatureReport, featureReports, type MachineReport, machineReport } from "./doctor/features.ts";
import { type LimitReport, limitReports, limitText } from "./doctor/limits.ts";
import { type PermissionReport, permissionReports } from "./doctor/permissions.ts";
import { UsageError } from "./command_line.ts";
import { parseOptions } from "./options.ts";
import { print, printJson } from "./output.ts";
import { type Style, styleFor } from "./style.ts";
import { type Cell, table } from "./table.ts";

/** What `doctor --json` prints. */
export interface DoctorReport {
  /** The machine. */
  readonly machine: MachineReport;
  /** Deno's permissions. */
  readonly permissions: readonly PermissionReport[];
  /** What the kernel can do. */
  readonly features: readonly FeatureReport[];
  /** How much of it there is. */
  readonly limits: readonly LimitReport[];
}

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, words } = await parseOptions("doctor", args, { flags: ["json"] });
  if (words.length > 0) throw new UsageError(`doctor: takes no argument, got ${JSON.stringify(words[0])}`);
  const report: DoctorReport = {
    machine: machineReport(),
    permissions: permissionReports(),
    features: featureReports(),
    limits: limitReports(),
  };
  if (flags.json) printJson(report);
  else print(page(report, styleFor(Deno.stdout)));
  return 0;
}

function page(report: DoctorReport, style: Style): string {
  const { machine } = report;
  const machineRows = [
    ["causeway", machine.causeway],
    ["Deno", machine.deno],
    ["platform", `${machine.os} ${machine.arch}: ${machine.platform}`],
    ["kernel", machine.kernel ?? `unknown: ${machine.kernelHint}`],
  ];
  const permissionRows = report.permissions.map(({ name, state, gives, flag }) => [
    name,
    verdict(state, state === "granted", style),
    state === "granted" ? gives : `${flag} would allow: ${gives}`,
  ]);
  const featureRows = report.features.map(({ name, available, gives, hint }) => [
    name,
    available === null ? { text: "unknown" } : verdict(available ? "yes" : "no", available, style),
    hint === null ? gives : `${hint} (${gives})`,
  ]);
  const limitRows = report.limits.map((limit) => [limit.name, limitText(limit), limit.about, limit.hint ?? ""]);
  return [
    `${style("title", "Machine")}\n${table(machineRows, { indent: "  " })}\n`,
    `${style("title", "Permissions of Deno")}\n${table(permissionRows, { indent: "  " })}\n`,
    `${style("title", "Kernel features, tried")}\n${table(featureRows, { indent: "  " })}\n`,
    `${style("title", "Limits, and what raises them")}\n${table(limitRows, { indent: "  ", right: [1] })}`,
  ].join("");
}

function verdict(text: string, good: boolean, style: Style): Cell {
  return { text, style: (padded) => style(good ? "good" : "bad", padded) };
}
