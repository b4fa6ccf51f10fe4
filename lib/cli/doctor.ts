/**
 * `causeway doctor`: what this machine, this kernel and these permissions allow, what is near its end, and what helps.
 *
 * @module
 */

import {
  featureFindings,
  type FeatureReport,
  featureReports,
  type MachineReport,
  machineReport,
} from "./doctor/features.ts";
import { type Finding, LEVELS, worstFirst } from "./doctor/finding.ts";
import { limitFindings, type LimitReport, limitReports } from "./doctor/limits.ts";
import { page } from "./doctor/page.ts";
import { permissionFindings, type PermissionReport, permissionReports } from "./doctor/permissions.ts";
import { type Surroundings, surroundings } from "./doctor/surroundings.ts";
import { UsageError } from "./command_line.ts";
import { parseOptions } from "./options.ts";
import { print, printJson } from "./output.ts";
import { styleFor } from "./style.ts";

/** What `doctor --json` prints. */
export interface DoctorReport {
  /** Whether no finding is an error. */
  readonly ok: boolean;
  /** The machine. */
  readonly machine: MachineReport;
  /** Deno's permissions. */
  readonly permissions: readonly PermissionReport[];
  /** What the kernel can do. */
  readonly features: readonly FeatureReport[];
  /** How much of it there is. */
  readonly limits: readonly LimitReport[];
  /** Walls around this process; `null` when that cannot be told. */
  readonly container: Surroundings["container"];
  /** The CPU; `null` when that cannot be told. */
  readonly processor: Surroundings["processor"];
  /** What was found, the worst first. */
  readonly findings: readonly Finding[];
}

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, words } = await parseOptions("doctor", args, { flags: ["json"] });
  if (words.length > 0) throw new UsageError(`doctor: takes no argument, got ${JSON.stringify(words[0])}`);
  const report = examine();
  if (flags.json) printJson(report);
  // Lines that are too long for a terminal are broken; a pipe gets them whole, for grep.
  else print(page(report, styleFor(Deno.stdout), Deno.stdout.isTerminal() ? Deno.consoleSize().columns : Infinity));
  return report.ok ? 0 : 1;
}

function examine(): DoctorReport {
  const machine = machineReport();
  const permissions = permissionReports();
  const features = featureReports();
  const limits = limitReports();
  const { container, processor, findings: around } = surroundings();
  const findings = worstFirst([
    ...permissionFindings(permissions),
    ...featureFindings(features),
    ...limitFindings(limits),
    ...around,
  ]);
  const ok = findings.every(({ level }) => LEVELS.indexOf(level) < LEVELS.indexOf("error"));
  return { ok, machine, permissions, features, limits, container, processor, findings };
}
