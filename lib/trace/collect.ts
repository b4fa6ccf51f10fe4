/**
 * Putting together what several processes told: who took part, what happened in which order, and which message is which.
 *
 * @module
 */

import { momentOf, numberFact, textFact, threadOf, type Trace, type TraceEvent } from "./event.ts";
import type { TraceProcess, TraceWorker } from "./event.ts";
import { matchMessages } from "./match.ts";
import { relevantCalls } from "./syscalls.ts";

/** Makes a trace of events in any order. */
export function collect(title: string, told: readonly TraceEvent[], notes: readonly string[]): Trace {
  const introduced = new Map(told.filter(({ kind }) => kind === "process").map((event) => [event.pid, event]));
  const events = relevantCalls(afterCurtains(told), new Set(introduced.keys()))
    .toSorted((left, right) => momentOf(left) - momentOf(right) || left.atNs - right.atNs);
  const { messages, coalesced } = matchMessages(events);
  return {
    title,
    processes: processesOf(events, introduced, told),
    events,
    messages,
    notes: [...notes, ...limits(events), ...silent(events), ...lost(coalesced)],
  };
}

/** How things came to be connected. It is needed to understand what follows, even where a rehearsal is left out. */
const STRUCTURE: ReadonlySet<string> = new Set(["pipe", "socketpair", "connect", "accept"]);

/** Leaves out what a process did before it raised the curtain: a rehearsal, so that times are not those of code that runs for the first time. */
function afterCurtains(told: readonly TraceEvent[]): TraceEvent[] {
  const raised = told.filter(({ kind }) => kind === "curtain");
  const curtains = new Map(raised.map((event) => [threadOf(event), event.atNs]));
  const first = Math.min(...curtains.values());
  return told.filter((event) => {
    const { kind, pid, atNs, source } = event;
    if (kind === "process" || kind === "worker" || kind === "curtain") return false;
    // A Worker that raises none has its process's.
    const own = curtains.get(threadOf(event)) ?? curtains.get(threadOf({ pid, tid: pid }));
    const since = own ?? (source === "strace" && curtains.size > 0 ? first : -Infinity);
    return atNs >= since || STRUCTURE.has(kind);
  });
}

function processesOf(
  events: readonly TraceEvent[],
  introduced: ReadonlyMap<number, TraceEvent>,
  told: readonly TraceEvent[],
): TraceProcess[] {
  const started = new Map<number, TraceEvent>();
  for (const event of events) {
    const pid = numberFact(event, "pid");
    if (event.kind === "process.spawn" && pid !== undefined) started.set(pid, event);
  }
  const seen = new Set([...introduced.keys(), ...events.map(({ pid }) => pid), ...started.keys()]);
  const moments = new Map<number, number>();
  for (const event of [...introduced.values(), ...events]) {
    moments.set(event.pid, Math.min(momentOf(event), moments.get(event.pid) ?? Infinity));
  }
  for (const [pid, event] of started) moments.set(pid, event.atNs);
  const workersOf = (pid: number): TraceWorker[] =>
    told.filter((event) => event.kind === "worker" && event.pid === pid)
      .toSorted((left, right) => left.atNs - right.atNs)
      .map((event) => ({ tid: event.tid, name: textFact(event, "name") ?? "worker" }));
  const processes = [...seen].map((pid) => {
    const own = introduced.get(pid);
    const words = wordsOf(own) ?? wordsOf(started.get(pid)) ?? executed(events, pid) ?? [];
    const parent = (own === undefined ? undefined : numberFact(own, "parent")) ?? started.get(pid)?.pid;
    const name = (own === undefined ? undefined : textFact(own, "name")) ?? programName(words) ?? `process ${pid}`;
    const workers = workersOf(pid);
    return {
      pid,
      name,
      words,
      ...(parent === undefined ? {} : { parent }),
      ...(workers.length > 0 && { workers }),
      traced: own !== undefined,
    };
  });
  return parentsFirst(processes.sort((left, right) => (moments.get(left.pid) ?? 0) - (moments.get(right.pid) ?? 0)));
}

/** A child comes after its parent, whoever spoke first. */
function parentsFirst(processes: readonly TraceProcess[]): TraceProcess[] {
  const ordered: TraceProcess[] = [];
  const add = (process: TraceProcess) => {
    if (ordered.includes(process)) return;
    const parent = processes.find(({ pid }) => pid === process.parent && pid !== process.pid);
    // A pid that was used again could make a circle.
    if (parent !== undefined && parent.parent !== process.pid) add(parent);
    if (!ordered.includes(process)) ordered.push(process);
  };
  for (const process of processes) add(process);
  return ordered;
}

function wordsOf(event: TraceEvent | undefined): string[] | undefined {
  const words = event?.facts.words;
  return Array.isArray(words) && words.length > 0 ? words.map(String) : undefined;
}

/** What strace saw it become. */
function executed(events: readonly TraceEvent[], pid: number): string[] | undefined {
  const call = events.findLast((event) =>
    event.pid === pid && event.kind === "syscall" && textFact(event, "call") === "execve" && event.facts.result === "0"
  );
  const path = /^"([^"]*)"/.exec(call === undefined ? "" : textFact(call, "args") ?? "")?.[1];
  return path === undefined ? undefined : [path];
}

/** Of a Deno program its module, which says more than "deno". */
function programName(words: readonly string[]): string | undefined {
  const program = words[0]?.replace(/^.*\//, "");
  if (program !== "deno") return program;
  return words.find((word, index) => index > 0 && /\.[cm]?[jt]sx?$/.test(word))?.replace(/^.*\//, "") ?? program;
}

function limits(events: readonly TraceEvent[]): string[] {
  return events.filter(({ kind }) => kind === "trace.limit")
    .map(({ pid, facts }) => `process ${pid} told ${facts.events} events and then no more`);
}

function silent(events: readonly TraceEvent[]): string[] {
  return events.filter(({ kind }) => kind === "worker.silent")
    .map((event) => `the Worker ${textFact(event, "name")} told nothing: ${textFact(event, "reason")}`);
}

function lost(coalesced: number): string[] {
  return coalesced === 0
    ? []
    : [`${coalesced} standard signals were sent while one was pending already, and became one with it`];
}
