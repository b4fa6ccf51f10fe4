/**
 * A trace as a sequence diagram, before it is drawn as text, Mermaid or SVG: lanes, and rows in the order of time.
 *
 * @module
 */

import type { Trace, TraceProcess } from "./event.ts";
import { DiagramBuilder } from "./diagram_builder.ts";

/** One vertical line. */
export interface Lane {
  /** Its first title. */
  readonly name: string;
  /** Its second title. */
  readonly detail: string;
  /** Whose it is. */
  readonly kind: "process" | "kernel";
  /** The process. */
  readonly pid?: number;
  /** The thread, of a Worker. */
  readonly tid?: number;
}

/** What a lane is doing below a row. `"holding"` a lock or a permit; or, of the kernel, a message. */
export type LaneState = "absent" | "running" | "waiting" | "holding" | "ended";

/** What happens at one moment. */
export interface Row {
  /** When, in nanoseconds from the first row. */
  readonly atNs: number;
  /** The lane where it begins. */
  readonly from: number;
  /** The lane where an arrow ends; `undefined` for something that one lane does alone. */
  readonly to?: number;
  /** What happens. */
  readonly label: string;
  /** What is to be said of the lane where it ends. */
  readonly detail?: string;
  /** A system call or a delivery by the kernel; memory that both have; an interruption of the lane where it ends. */
  readonly style: "call" | "memory" | "interrupt";
  /** What each lane does from now on. */
  readonly states: readonly LaneState[];
}

/** All of it. */
export interface Diagram {
  readonly title: string;
  readonly lanes: readonly Lane[];
  readonly rows: readonly Row[];
  /** What the marks mean that the rows use, and what a reader should know. */
  readonly notes: readonly string[];
}

/** More lanes than this cannot be read. */
const MOST_LANES = 12;

/** Lays a trace out. */
export function diagramOf(trace: Trace): Diagram {
  const names = new Set(trace.processes.map(({ name }) => name));
  const isAmbiguous = names.size < trace.processes.length;
  const all = trace.processes.flatMap((process) => [laneOf(process, isAmbiguous), ...workerLanes(process)]);
  const lanes = all.slice(0, MOST_LANES);
  const left = all.length - lanes.length;
  lanes.splice(1, 0, { name: "kernel", detail: "kernel space", kind: "kernel" });
  const builder = new DiagramBuilder(trace, lanes);
  const { rows, legend } = builder.build();
  const missing = left > 0 ? [`${left} more ${left === 1 ? "lane is" : "lanes are"} not drawn`] : [];
  return { title: trace.title, lanes, rows, notes: [...legend, ...trace.notes, ...missing] };
}

function laneOf({ name, pid, traced }: TraceProcess, ambiguous: boolean): Lane {
  const title = ambiguous || !name.includes(String(pid)) ? `${name} ${pid}` : name;
  return { name: title, detail: traced ? "user space" : "seen from outside", kind: "process", pid };
}

function workerLanes({ pid, workers = [] }: TraceProcess): Lane[] {
  return workers.map(({ tid, name }) => {
    return { name: `${name} ${tid}`, detail: `Worker of ${pid}`, kind: "process", pid, tid };
  });
}

/** Nanoseconds as people read them: `840 ns`, `31.2 µs`, `2.113 ms`, `1.520 s`. */
export function duration(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 100_000) return `${(ns / 1e3).toFixed(1)} µs`;
  if (ns < 1_000_000) return `${Math.round(ns / 1e3)} µs`;
  return ns < 1e9 ? `${(ns / 1e6).toFixed(3)} ms` : `${(ns / 1e9).toFixed(3)} s`;
}
