/**
 * What a lane does by itself, in few words.
 *
 * @module
 */

import { numberFact, textFact, type TraceEvent } from "./event.ts";
import type { ObjectNames } from "./object_names.ts";

/** Kinds that are told for the sake of others, and not drawn. */
export const QUIET: ReadonlySet<string> = new Set([
  "pipe",
  "socketpair",
  "signal-pipe",
  "trace.limit",
  "worker.silent",
]);

const PLAIN: Readonly<Record<string, string>> = {
  "memory.create": "makes memory to share",
  "memory.open": "opens memory that is shared",
  "channel.open": "opens a channel",
  "channel.close": "closes its channel",
  "semaphore.create": "makes a semaphore",
  "semaphore.open": "opens a semaphore",
  "semaphore.unlink": "removes the semaphore's name",
  "barrier.broken": "finds that a member of the barrier died",
  "bind": "has an address",
  "splice": "splices",
  "tee": "tees",
  "tap": "taps a pipe",
  "fifo.create": "makes a FIFO",
  "fifo.open": "has opened the FIFO",
  "fifo.unlink": "removes the FIFO",
  "listen": "listens",
  "connect": "is connected",
  "accept": "accepts a connection",
  "queue.create": "makes a queue",
  "queue.open": "opens a queue",
  "queue.unlink": "removes the queue",
  "queue.remove": "removes the queue",
  "lock.ownerDied": "finds a lock whose owner died",
};

/** The words for an event that no arrow belongs to. */
export function noteLabel(event: TraceEvent, names: ObjectNames): string {
  const suffix = names.suffix(event);
  switch (event.kind) {
    case "process.exit":
      return `learns that ${event.facts.pid} has ended`;
    case "note":
      return textFact(event, "text") ?? "";
    case "memory.store":
      return `stores ${event.facts.bytes} B in memory`;
    case "syscall":
      return `strace: ${textFact(event, "call")} = ${textFact(event, "result")}${suffix}`;
    case "syscall.signal":
      return `strace: ${textFact(event, "signal")} arrives`;
    case "syscall.end":
      return `strace: ${textFact(event, "how")}`;
    case "channel.send":
    case "channel.receive":
      return `${event.kind.slice("channel.".length)}s ${event.facts.bytes} B by channel`;
  }
  return syncLabel(event, names.place(event)) ?? `${PLAIN[event.kind] ?? event.kind}${suffix}`;
}

/** The words for what happens to locks and their like; `undefined` for anything else. */
function syncLabel({ kind, facts }: TraceEvent, place: string): string | undefined {
  switch (kind) {
    case "lock": {
      const died = facts.previousOwnerDied === true ? "; its owner died" : "";
      return `has ${place}${purpose(facts.mode)}${died}`;
    }
    case "unlock":
      return `unlocks${place === "the lock" ? "" : ` ${place}`}`;
    case "event.set":
      return `sets ${place}`;
    case "event.wait":
      return `sees ${place}`;
    case "semaphore.take":
      return `${facts.owned === true ? "has a permit" : "takes a permit"}${ofPlace(place)}, ${facts.left} left`;
    case "semaphore.give":
      return facts.owned === true ? `gives its permit${ofPlace(place)} back` : `posts ${facts.count}${ofPlace(place)}`;
    case "condition.notify":
      return `notifies ${facts.all === true ? "all" : "one"}${facts.waiting === 0 ? ": nobody waits" : ""}`;
    case "condition.wake":
      return "is notified";
    case "barrier.arrive":
      return `comes to ${place}, ${Number(facts.size) - Number(facts.missing)} of ${facts.size}`;
    case "barrier.pass":
      if (facts.leader !== true && facts.ended !== 0) return `finds ${place} broken`;
      return facts.leader === true ? "goes on, as the last to come" : "goes on";
    default:
      return undefined;
  }
}

/** Which one, where there are several. */
function ofPlace(place: string): string {
  return place.startsWith("the ") ? "" : ` of ${place}`;
}

/** What for. */
function purpose(mode: unknown): string {
  if (mode === "read" || mode === "shared") return ", to read";
  return mode === "write" || mode === "exclusive" ? ", to write" : "";
}

/** What somebody waits for who waits for a lock or its like, and who has it. */
export function waitLabel(event: TraceEvent, names: ObjectNames, holders: readonly string[]): string {
  const place = names.place(event);
  const isOne = holders.length === 1;
  const list = `${holders.slice(0, -1).join(", ")}${isOne ? "" : " and "}${holders.at(-1)}`;
  const have = holders.length === 0 ? "" : `; ${list} ${isOne ? "has" : "have"}`;
  switch (event.facts.for) {
    case "semaphore":
      return `waits for a permit${ofPlace(place)}${have}${have === "" ? "" : isOne ? " one" : " some"}`;
    case "barrier":
      return `waits for the others at ${place}`;
    default:
      return `waits for ${place}${purpose(event.facts.mode)}${have}${have === "" ? "" : " it"}`;
  }
}

/** What was heard, and from whom. */
export function heardLabel(event: TraceEvent): string {
  const value = numberFact(event, "value");
  const sender = numberFact(event, "pid");
  const from = sender === undefined ? "" : ` from ${sender}`;
  return value === undefined ? `hears ${textFact(event, "signal")}${from}` : `hears value ${value}${from}`;
}

/** What was sent. */
export function killLabel(event: TraceEvent): string {
  const value = numberFact(event, "value");
  return `kill ${textFact(event, "signal")}${value === undefined ? "" : `, value ${value}`}`;
}

/** What is waited for. */
export function waitedFor(event: TraceEvent): string {
  const object = textFact(event, "object") ?? "";
  const what = textFact(event, "what") ?? "";
  if (/inotify/.test(object)) return "for the other side";
  if (/pidfd/.test(object) || /^Process \d+$/.test(what)) return `for ${what.toLowerCase() || "a process"}`;
  switch (event.facts.for) {
    case "read":
      return "to read";
    case "write":
      return "for room";
    case "signal":
      return "for a signal";
    default:
      return `for ${event.facts.for}`;
  }
}
