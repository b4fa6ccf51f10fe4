/**
 * Reading what traced processes have written.
 *
 * @module
 */

import type { TraceEvent } from "./event.ts";
import { TRACE_SUFFIX } from "./trace_file.ts";

/** The text of every trace file in a directory. */
export function* readTraceFiles(directory: string): Generator<string, void, void> {
  for (const { name } of Deno.readDirSync(directory)) {
    if (name.endsWith(TRACE_SUFFIX)) yield Deno.readTextFileSync(`${directory}/${name}`);
  }
}

/** The events of one file. A line that is cut off (the disk was full) is left out. */
export function eventsOf(text: string): TraceEvent[] {
  return text.split("\n").flatMap((line) => {
    const event = parse(line);
    return isEvent(event) ? [event] : [];
  });
}

function parse(line: string): unknown {
  if (line === "") return undefined;
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isEvent(value: unknown): value is TraceEvent {
  if (typeof value !== "object" || value === null) return false;
  const { kind, pid, tid, atNs, startedNs, source, facts } = value as Partial<Record<keyof TraceEvent, unknown>>;
  return typeof kind === "string" && typeof pid === "number" && typeof tid === "number" && typeof atNs === "number" &&
    (startedNs === undefined || typeof startedNs === "number") && (source === "probe" || source === "strace") &&
    typeof facts === "object" && facts !== null;
}
