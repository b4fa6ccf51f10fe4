/**
 * `causeway demo`: every mechanism at work between real processes.
 *
 * @module
 */

import type { Trace } from "../trace/mod.ts";
import { suggestion, UsageError } from "./command_line.ts";
import { type MechanismEntry, MECHANISMS } from "./demo/mechanism.ts";
import { perform, type Performance } from "./demo/performance.ts";
import { timeline } from "./demo/timeline.ts";
import { Interruption } from "./interruption.ts";
import { parseOptions } from "./options.ts";
import { print, printJson } from "./output.ts";
import { requirePermissions } from "./permissions.ts";
import { styleFor } from "./style.ts";
import { drawing, traced } from "./traced.ts";
import { outputWidth } from "./wrap.ts";

/** What `demo --json` prints. */
export interface DemoReport {
  /** Whether every mechanism that was played did what it should. */
  readonly ok: boolean;
  /** Milliseconds that it all took. */
  readonly durationMs: number;
  /** The mechanisms, in the order in which they were played. */
  readonly mechanisms: readonly DemoPerformance[];
}

/** One mechanism in it. */
export interface DemoPerformance extends Performance {
  /** One message of it, as `causeway trace` has it; `null` where that has no scene of it. */
  readonly trace: Trace | null;
}

/** What `causeway trace` shows too. */
const TRACED: readonly string[] = ["pipe", "fifo", "signal", "realtime-signal", "socket", "shared-memory", "mutex"];

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, words } = await parseOptions("demo", args, { flags: ["json"] });
  const entries = await chosen(words);
  requirePermissions(["demo", ...args], ["ffi", "run", "read", "write"]);
  const curtain = new AbortController();
  await using interruption = new Interruption(() => curtain.abort());
  const startedAt = performance.now();
  const style = styleFor(Deno.stdout);
  const width = outputWidth(Deno.stdout);
  const performances: DemoPerformance[] = [];
  for (const entry of entries) {
    const performed = await perform(entry, curtain.signal);
    if (interruption.received !== undefined) return await interruption.dieOfIt();
    const shown = await withTrace(performed);
    performances.push(shown);
    if (!flags.json) {
      print(`${timeline(shown, style)}${shown.trace === null ? "" : `${drawing(shown.trace, width)}\n`}`);
    }
  }
  const report = summary(performances, performance.now() - startedAt);
  if (flags.json) printJson(report);
  else print(`${verdict(report)}\n`);
  return report.ok ? 0 : 1;
}

/** The picture of one message, where there is one. */
async function withTrace(performed: Performance): Promise<DemoPerformance> {
  if (!performed.ok || !TRACED.includes(performed.name)) return { ...performed, trace: null };
  try {
    return { ...performed, trace: await traced(performed.name) };
  } catch (error) {
    return { ...performed, ok: false, error: error instanceof Error ? error.message : String(error), trace: null };
  }
}

/** The mechanisms that were named, in that order; all when none was. */
async function chosen(names: readonly string[]): Promise<readonly MechanismEntry[]> {
  if (names.length === 0) return MECHANISMS;
  const found: MechanismEntry[] = [];
  for (const name of names) {
    const entry = MECHANISMS.find((each) => each.name === name);
    if (entry === undefined) throw await unknownMechanism(name);
    found.push(entry);
  }
  return found;
}

async function unknownMechanism(name: string): Promise<UsageError> {
  const known = MECHANISMS.map((each) => each.name);
  return new UsageError(`demo: unknown mechanism ${JSON.stringify(name)}: ${await suggestion(name, known)}`);
}

function summary(performances: readonly DemoPerformance[], durationMs: number): DemoReport {
  return { ok: performances.every(({ ok }) => ok), durationMs, mechanisms: performances };
}

function verdict({ ok, durationMs, mechanisms }: DemoReport): string {
  const failed = mechanisms.filter((each) => !each.ok).map(({ name }) => name);
  const seconds = (durationMs / 1000).toFixed(1);
  return ok
    ? `ok: ${mechanisms.length} of ${mechanisms.length} mechanisms did what they should, in ${seconds} s. Nothing is left behind.`
    : `FAILED: ${failed.join(", ")} (${failed.length} of ${mechanisms.length} mechanisms)`;
}
