/**
 * Messages that no kernel carries: what is stored in shared memory, and what the locks and their like say between the lines: "it is there", "your turn",
 * "all have come".
 *
 * @module
 */

import { type Mechanism, numberFact, placeOf, textFact, threadOf, type TraceEvent } from "./event.ts";
import type { Indexed, Pair } from "./match.ts";

/** @param all In the order of time. */
export function matchSync(all: readonly Indexed[]): Pair[] {
  return [
    ...matchMemory(all),
    ...matchLatest(
      all,
      "event",
      ({ kind }) => kind === "event.set",
      ({ kind }) => kind === "event.wait",
      "oneself too",
    ),
    ...matchLocks(all),
    ...matchPermits(all),
    ...matchLatest(
      all,
      "condition",
      (event) => event.kind === "condition.notify" && event.facts.waiting !== 0,
      ({ kind }) => kind === "condition.wake",
    ),
    ...matchLatest(
      all,
      "barrier",
      (event) => event.kind === "barrier.arrive" && event.facts.missing === 0,
      (event) => event.kind === "barrier.pass" && event.facts.leader === false && event.facts.ended === 0,
    ),
  ];
}

/** Stores and loads of shared memory that a program told of. */
function matchMemory(all: readonly Indexed[]): Pair[] {
  const pairs: Pair[] = [];
  const stored = new Map<string, Indexed>();
  for (const one of all) {
    const object = placeOf(one.event) ?? "memory";
    if (one.event.kind === "memory.store") stored.set(object, one);
    const sent = one.event.kind === "memory.load" ? stored.get(object) : undefined;
    if (sent === undefined) continue;
    const bytes = numberFact(one.event, "bytes") ?? 0;
    pairs.push({ mechanism: "memory", object, sent: sent.index, received: one.index, bytes, copies: 0 });
  }
  return pairs;
}

/** What says something to whoever waits: the latest before is what was heard. */
function matchLatest(
  all: readonly Indexed[],
  mechanism: Mechanism,
  says: (event: TraceEvent) => boolean,
  hears: (event: TraceEvent) => boolean,
  to?: "oneself too",
): Pair[] {
  const pairs: Pair[] = [];
  const said = new Map<string, Indexed>();
  for (const one of all) {
    const object = placeOf(one.event);
    if (object === undefined) continue;
    if (says(one.event)) said.set(object, one);
    const sent = hears(one.event) ? said.get(object) : undefined;
    if (sent === undefined || (to === undefined && threadOf(sent.event) === threadOf(one.event))) continue;
    pairs.push({ mechanism, object, sent: sent.index, received: one.index, copies: 0 });
  }
  return pairs;
}

/** A lock that goes from one to another is a message too: "your turn". Of one that many share, it is to each of them. */
function matchLocks(all: readonly Indexed[]): Pair[] {
  const pairs: Pair[] = [];
  const released = new Map<string, Indexed>();
  for (const one of all) {
    const object = placeOf(one.event);
    if (object === undefined) continue;
    if (one.event.kind === "unlock") released.set(object, one);
    if (one.event.kind !== "lock") continue;
    const sent = released.get(object);
    if (!/^(read|shared)$/.test(textFact(one.event, "mode") ?? "")) released.delete(object);
    if (sent === undefined || threadOf(sent.event) === threadOf(one.event)) continue;
    pairs.push({ mechanism: "lock", object, sent: sent.index, received: one.index, copies: 0 });
  }
  return pairs;
}

/** Permits have no names: of those that were given, the one that was given first is taken first. */
function matchPermits(all: readonly Indexed[]): Pair[] {
  const pairs: Pair[] = [];
  const given = new Map<string, { readonly one: Indexed; left: number }[]>();
  for (const one of all) {
    const object = placeOf(one.event);
    if (object === undefined) continue;
    if (one.event.kind === "semaphore.give") {
      given.set(object, [...given.get(object) ?? [], { one, left: numberFact(one.event, "count") ?? 1 }]);
    }
    if (one.event.kind !== "semaphore.take") continue;
    const first = given.get(object)?.find(({ left }) => left > 0);
    if (first === undefined) continue;
    first.left--;
    if (threadOf(first.one.event) === threadOf(one.event)) continue;
    pairs.push({ mechanism: "semaphore", object, sent: first.one.index, received: one.index, copies: 0 });
  }
  return pairs;
}
