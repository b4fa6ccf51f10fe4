/**
 * Which event of the recipient belongs to which of the sender.
 *
 * Bytes have no names, so they are counted: what is read from a pipe is what was written to it, in order. Writes are ordered by their beginnings, reads by
 * their ends. Messages of queues are counted by priority, real-time signals by number and value; of standard signals several become one.
 *
 * @module
 */

import { type Mechanism, momentOf, numberFact, textFact, threadOf, type TraceEvent } from "./event.ts";
import type { TraceMessage } from "./event.ts";
import { matchSync } from "./match_sync.ts";
import { socketPeers } from "./socket_peers.ts";

/** What came of the matching. */
export interface Matched {
  /** In the order of sending. */
  readonly messages: readonly TraceMessage[];
  /** Standard signals that were sent while one was pending already. */
  readonly coalesced: number;
}

/** An event, and its place among all. */
export interface Indexed {
  readonly index: number;
  readonly event: TraceEvent;
}

/** A message before it has a number. */
export type Pair = Omit<TraceMessage, "id" | "latencyNs">;

/** @param events In the order of time. */
export function matchMessages(events: readonly TraceEvent[]): Matched {
  const all = events.map((event, index) => ({ event, index }));
  const signals = matchSignals(all);
  const pairs = [
    ...matchBytes(all),
    ...matchQueues(all),
    ...signals.pairs,
    ...matchSync(all),
    ...matchChannels(all),
  ];
  const messages = pairs.toSorted((left, right) => left.sent - right.sent || left.received - right.received)
    .map((pair, index) => ({ id: index + 1, ...pair, latencyNs: latency(events, pair) }));
  return { messages, coalesced: signals.coalesced };
}

function latency(events: readonly TraceEvent[], { sent, received }: Pair): number {
  const sender = events[sent];
  const recipient = events[received];
  if (sender === undefined || recipient === undefined) return 0;
  const gotAt = numberFact(recipient, "handledNs") ?? recipient.atNs;
  return Math.max(0, gotAt - momentOf(sender));
}

/** Pipes, FIFOs and sockets: the n-th byte in is the n-th byte out. */
function matchBytes(all: readonly Indexed[]): Pair[] {
  const peers = socketPeers(all.map(({ event }) => event));
  const written = new Map<string, { one: Indexed; end: number }[]>();
  const lengths = new Map<string, number>();
  const of = (event: TraceEvent, kind: string) => event.kind === kind ? textFact(event, "object") : undefined;
  for (const one of all) {
    const object = of(one.event, "write");
    const bytes = numberFact(one.event, "bytes") ?? 0;
    if (object === undefined || bytes <= 0) continue;
    const end = (lengths.get(object) ?? 0) + bytes;
    lengths.set(object, end);
    written.set(object, [...written.get(object) ?? [], { one, end }]);
  }
  const pairs: Pair[] = [];
  const taken = new Map<string, number>();
  const reads = all.filter(({ event }) => of(event, "read") !== undefined).sort((a, b) => a.event.atNs - b.event.atNs);
  for (const { event, index } of reads) {
    const own = of(event, "read") ?? "";
    const object = peers.get(own) ?? own;
    const bytes = numberFact(event, "bytes") ?? 0;
    if (bytes <= 0) continue;
    const start = taken.get(object) ?? 0;
    taken.set(object, start + bytes);
    const mechanism: Mechanism = object.startsWith("socket:") ? "socket" : "pipe";
    let from = 0;
    for (const { one, end } of written.get(object) ?? []) {
      const shared = Math.min(end, start + bytes) - Math.max(from, start);
      if (shared > 0) {
        pairs.push({ mechanism, object, sent: one.index, received: index, bytes: shared, copies: 2 });
      }
      from = end;
    }
  }
  return pairs;
}

/** Queues: of what is in it, the highest priority that came first. */
function matchQueues(all: readonly Indexed[]): Pair[] {
  const pairs: Pair[] = [];
  const inside = new Map<string, Indexed[]>();
  const priority = ({ event }: Indexed) => numberFact(event, "priority") ?? 0;
  for (const one of all) {
    const { kind } = one.event;
    const object = textFact(one.event, "name");
    if (object === undefined) continue;
    const queue = inside.get(object) ?? [];
    if (kind === "queue.send") inside.set(object, [...queue, one]);
    if (kind !== "queue.receive") continue;
    const wanted = numberFact(one.event, "priority") ?? numberFact(one.event, "type");
    const next = queue.findIndex(({ event }) =>
      (numberFact(event, "priority") ?? numberFact(event, "type")) === wanted
    );
    const sent = queue[next === -1 ? highest(queue.map(priority)) : next];
    if (sent === undefined) continue;
    inside.set(object, queue.filter((each) => each !== sent));
    pairs.push({
      mechanism: "queue",
      object,
      sent: sent.index,
      received: one.index,
      bytes: numberFact(one.event, "bytes") ?? 0,
      copies: 2,
    });
  }
  return pairs;
}

function highest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

function matchSignals(all: readonly Indexed[]): { pairs: Pair[]; coalesced: number } {
  const pairs: Pair[] = [];
  let coalesced = 0;
  const pending: { one: Indexed; to: number; used: boolean }[] = [];
  for (const one of all) {
    const { event } = one;
    const to = event.kind === "process.signal" ? numberFact(event, "pid") : numberFact(event, "to");
    if ((event.kind === "signal.send" || event.kind === "process.signal") && to !== undefined) {
      pending.push({ one, to, used: false });
    }
  }
  for (const { event, index } of all) {
    if (event.kind !== "signal.receive") continue;
    const candidates = pending.filter(({ one, to, used }) =>
      !used && to === event.pid && textFact(one.event, "signal") === textFact(event, "signal") &&
      (numberFact(event, "pid") === undefined || numberFact(event, "pid") === one.event.pid) &&
      momentOf(one.event) <= (numberFact(event, "handledNs") ?? event.atNs)
    );
    const value = numberFact(event, "value");
    const first = candidates.find(({ one }) => numberFact(one.event, "value") === value) ?? candidates[0];
    if (first === undefined) continue;
    const object = textFact(event, "signal") ?? "signal";
    pairs.push({ mechanism: "signal", object, sent: first.one.index, received: index, copies: 0 });
    first.used = true;
    if (/^SIGRT/.test(object)) continue;
    // The others were on their way when it was handled: the kernel keeps one.
    for (const other of candidates) {
      if (other.used || other.one.event.atNs > (numberFact(event, "handledNs") ?? 0)) continue;
      other.used = true;
      coalesced++;
    }
  }
  return { pairs, coalesced };
}

/** Channels: in order. Over shared memory nothing is copied by the kernel; over every other road it is, in and out. */
function matchChannels(all: readonly Indexed[]): Pair[] {
  const pairs: Pair[] = [];
  const sent = new Map<string, Indexed[]>();
  // A sending is told when it is over, and may have been received by then: so all of them first.
  for (const one of all) {
    const object = roadOf(one.event);
    if (one.event.kind === "channel.send") sent.set(object, [...sent.get(object) ?? [], one]);
  }
  for (const { event, index } of all) {
    const object = roadOf(event);
    // Both ways have one address: what one sent itself it does not receive.
    const first = event.kind === "channel.receive"
      ? sent.get(object)?.find((each) => threadOf(each.event) !== threadOf(event))
      : undefined;
    if (first === undefined) continue;
    sent.set(object, (sent.get(object) ?? []).filter((each) => each !== first));
    const copies = /^(shm|ring):/.test(object) ? 0 : 2;
    pairs.push({
      mechanism: "channel",
      object,
      sent: first.index,
      received: index,
      bytes: numberFact(event, "bytes") ?? 0,
      copies,
    });
  }
  return pairs;
}

/** The two ends of a pair have no address in common, but a road. */
function roadOf(event: TraceEvent): string {
  return textFact(event, "road") ?? textFact(event, "address") ?? "";
}
