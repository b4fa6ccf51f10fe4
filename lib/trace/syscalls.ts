/**
 * Which system calls belong into a trace, and what they say of programs that do not use this library.
 *
 * @module
 */

import { numberFact, textFact, type TraceEvent } from "./event.ts";

const READS: ReadonlySet<string> = new Set(["read", "readv", "recvfrom", "recvmsg"]);
const WRITES: ReadonlySet<string> = new Set(["write", "writev", "sendto", "sendmsg"]);
const ALWAYS =
  /^(kill|tgkill|tkill|rt_sigqueueinfo|rt_tgsigqueueinfo|pidfd_send_signal|mq_timed\w+|msgsnd|msgrcv|semop|semtimedop)$/;

/**
 * Leaves out what Deno does for itself: calls on objects that nobody told of, futexes that are not shared, attempts that found nothing. Reads and writes of
 * pipes and sockets by programs that do not tell of themselves become events like those that others tell.
 *
 * @param traced The processes that tell of themselves.
 */
export function relevantCalls(events: readonly TraceEvent[], traced: ReadonlySet<number>): TraceEvent[] {
  const known = new Set(events.filter(({ source }) => source === "probe").flatMap((event) => objectsOf(event)));
  const foreign = new Set<string>();
  for (const event of events) {
    const object = event.source === "strace" && !traced.has(event.pid) ? textFact(event, "object") : undefined;
    if (object !== undefined && /^(pipe|socket):/.test(object)) foreign.add(object);
  }
  const sent = new Set(
    events.filter(({ kind }) => /^(signal\.(send|receive)|process\.signal)$/.test(kind)).map(signalOf),
  );
  // Other threads use futexes, too.
  const sleepers = new Set(events.filter(tellsFutex).map(({ pid }) => pid));
  return events.flatMap((event) => {
    if (event.source === "probe") return [event];
    const call = textFact(event, "call") ?? "";
    const object = textFact(event, "object");
    const isKnown = object !== undefined && (known.has(object) || foreign.has(object));
    if (!traced.has(event.pid) && isKnown && (READS.has(call) || WRITES.has(call))) return [transfer(event, call)];
    if (event.kind === "syscall.signal") return sent.has(textFact(event, "signal")) ? [event] : [];
    if (event.kind === "syscall.end") return event.pid === event.tid ? [event] : [];
    if (call === "execve") return event.facts.result === "0" ? [event] : [];
    if (call === "futex") return sleepers.has(event.pid) && isShared(event) ? [event] : [];
    return isKnown || ALWAYS.test(call) ? [event] : [];
  });
}

function objectsOf(event: TraceEvent): string[] {
  const { object, objects } = event.facts;
  return [object, ...(Array.isArray(objects) ? objects : [])].filter((each) => typeof each === "string");
}

function signalOf(event: TraceEvent): string | undefined {
  return textFact(event, "signal");
}

function tellsFutex({ kind, facts }: TraceEvent): boolean {
  return kind === "futex.wake" || (kind === "wait" && facts.for === "futex");
}

function isShared(event: TraceEvent): boolean {
  return /, FUTEX_(WAIT|WAKE)(_BITSET)?\b(?!_PRIVATE)/.test(textFact(event, "args") ?? "");
}

function transfer(event: TraceEvent, call: string): TraceEvent {
  const value = numberFact(event, "value") ?? -1;
  const isRead = READS.has(call);
  if (value < 0) return event;
  const bytes = isRead && value === 0 ? null : value;
  return { ...event, kind: isRead ? "read" : "write", facts: { object: event.facts.object, call, bytes } };
}
