/**
 * What a lane does by itself, in few words.
 *
 * @module
 */

import { numberFact, textFact, type TraceEvent } from "./event.ts";
import type { ObjectNames } from "./object_names.ts";

/** Kinds that are told for the sake of others, and not drawn. */
export const QUIET: ReadonlySet<string> = new Set(["pipe", "socketpair", "signal-pipe", "trace.limit"]);

const PLAIN: Readonly<Record<string, string>> = {
  "unlock": "unlocks",
  "event.set": "sets the event",
  "event.wait": "sees the event",
  "fifo.create": "makes a FIFO",
  "fifo.open": "has opened the FIFO",
  "fifo.unlink": "removes the FIFO",
  "listen": "listens",
  "connect": "is connected",
  "accept": "accepts a connection",
  "queue.create": "makes a queue",
  "queue.open": "opens a queue",
  "queue.unlink": "removes the queue",
  "lock.ownerDied": "finds a lock whose owner died",
};

/** The words for an event that no arrow belongs to. */
export function noteLabel(event: TraceEvent, names: ObjectNames): string {
  const suffix = names.suffix(event);
  switch (event.kind) {
    case "lock":
      return event.facts.previousOwnerDied === true ? "has the lock; its owner died" : "has the lock";
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
  return `${PLAIN[event.kind] ?? event.kind}${suffix}`;
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
