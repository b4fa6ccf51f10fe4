/**
 * Listening to the probe of this isolate, and stamping what it tells.
 *
 * @module
 */

import { monotonicNow } from "../sys/clock.ts";
import { ownPid, threadId } from "../sys/identity.ts";
import { type ProbeEvent, subscribe } from "../sys/probe.ts";
import type { TraceEvent } from "./event.ts";

/** Pipes that this library makes for itself. What is read from them is told as what it stands for. */
const OWN_PIPES: ReadonlySet<unknown> = new Set(["Signal pipe", "Signal bell"]);

/** Most events of one recorder when nobody says otherwise: a loop of locks would fill a disk. */
export const MOST_EVENTS = 100_000;

/**
 * Calls `sink` for everything that this isolate tells from now on, until the returned function is called.
 *
 * @param most After so many events it stops, and the last one is `trace.limit`.
 */
export function listen(sink: (event: TraceEvent) => void, most: number = MOST_EVENTS): () => void {
  const pid = ownPid();
  const tid = threadId();
  let count = 0;
  const stop = subscribe((event) => {
    const atNs = monotonicNow();
    const told = eventOf(event, { pid, tid, atNs });
    if (told === undefined) return;
    if (++count < most) return sink(told);
    stop();
    sink({ kind: "trace.limit", pid, tid, atNs, source: "probe", facts: { events: most } });
  });
  return stop;
}

/** What a process, or a Worker, tells of itself, beside what it does. */
export function introduction(kind: "process" | "worker", facts: Readonly<Record<string, unknown>>): TraceEvent {
  return { kind, pid: ownPid(), tid: threadId(), atNs: monotonicNow(), source: "probe", facts };
}

function eventOf(
  { kind, startedNs, ...facts }: ProbeEvent,
  stamp: { readonly pid: number; readonly tid: number; readonly atNs: number },
): TraceEvent | undefined {
  const isOwn = OWN_PIPES.has(facts.what);
  if (isOwn && kind !== "wait" && kind !== "wait.end") return undefined;
  return {
    kind,
    ...stamp,
    ...(typeof startedNs === "number" ? { startedNs } : {}),
    source: "probe",
    facts: plain(isOwn ? { wait: facts.wait, for: "signal" } : facts),
  };
}

/** What JSON can carry of facts: a room may tell bigints and errors. */
function plain(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(facts).filter(([, fact]) => fact !== undefined);
  return Object.fromEntries(entries.map(([name, fact]) => [name, plainFact(fact)]));
}

function plainFact(fact: unknown): unknown {
  if (typeof fact === "bigint") return String(fact);
  if (typeof fact !== "object" || fact === null) return typeof fact === "function" ? undefined : fact;
  if (Array.isArray(fact)) return fact.map(plainFact);
  if (fact instanceof Error) return String(fact);
  return plain({ ...fact });
}
