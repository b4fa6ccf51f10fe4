/**
 * The doctor's report as text.
 *
 * @module
 */

import type { DoctorReport } from "../doctor.ts";
import { wrap } from "../wrap.ts";
import type { Role, Style } from "../style.ts";
import { type Cell, table } from "../table.ts";
import type { Finding, Level } from "./finding.ts";
import { limitText } from "./limits.ts";

/** Everything, what matters most last, where it is still on the screen. @param width How long lines may be. */
export function page(report: DoctorReport, style: Style, width: number): string {
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
  const limitRows = report.limits.map((limit) => [
    limit.name,
    limitText(limit),
    limit.used === null ? "" : `${limitText({ value: limit.used, unit: limit.unit })} used`,
    limit.about,
    limit.hint ?? "",
  ]);
  const section = (title: string, rows: Rows, right: readonly number[] = []) =>
    `${style("title", title)}\n${fitted(rows, width, right, style)}\n`;
  return [
    section("Machine", machineRows),
    section("Permissions of Deno", permissionRows),
    section("Kernel features and mechanisms, tried", featureRows),
    section("Limits, their use, what raises them", limitRows, [1, 2]),
    `${style("title", "Findings")}\n`,
    ...report.findings.map((finding) => findingText(finding, style, width)),
  ].join("");
}

type Rows = readonly (readonly (string | Cell)[])[];

/** A table where it fits, or else the first cells on a line and the rest below. */
function fitted(rows: Rows, width: number, right: readonly number[], style: Style): string {
  const wide = table(rows, { indent: "  ", right });
  const plainRows = rows.map((row) => row.map((cell) => typeof cell === "string" ? cell : cell.text));
  if (table(plainRows, { indent: "  " }).split("\n").every((line) => line.length <= width)) return wide;
  return rows.map((row) => {
    const [name, value, ...rest] = row.map((cell) => typeof cell === "string" ? { text: cell } : cell);
    const below = [value, ...rest].map((cell) => cell?.text ?? "").filter((text) => text !== "").join(", ");
    const marked = value?.style === undefined ? undefined : `  ${value.style(value.text)}`;
    const text = marked === undefined ? below : rest.map((cell) => cell.text).join(", ");
    const lines = wrap(text, Math.max(20, width - 6)).map((line) => `      ${line}`.trimEnd());
    return `  ${style("name", name?.text ?? "")}${marked ?? ""}\n${lines.map((line) => `${line}\n`).join("")}`;
  }).join("");
}

const ROLES: Readonly<Record<Level, Role>> = { ok: "good", note: "name", warning: "bad", error: "bad" };

/** What was found on a line; what it breaks and what helps below. */
function findingText({ level, what, breaks, fix }: Finding, style: Style, width: number): string {
  const indent = " ".repeat(11);
  const lines = (label: string, text: string | null) =>
    text === null ? "" : hanging(`${label}: ${text}`, width, indent).map((line) => `${indent}${line}\n`).join("");
  const [first = "", ...rest] = hanging(what, width, indent);
  return [
    `  ${style(ROLES[level], level.padEnd(7))}  ${first}\n`,
    ...rest.map((line) => `${indent}${line}\n`),
    lines("breaks", breaks),
    lines("fix", fix),
  ].join("");
}

function hanging(text: string, width: number, indent: string): string[] {
  return width === Infinity ? [text] : wrap(text, Math.max(20, width - indent.length));
}

function verdict(text: string, good: boolean, style: Style): Cell {
  return { text, style: (padded) => style(good ? "good" : "bad", padded) };
}
