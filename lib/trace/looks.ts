/**
 * Sleeps that were interrupted only to look. Nobody who blocks for a lock sleeps for longer than a second without a look at it (`lib/sync/futex.ts`); in a
 * picture a minute's wait would be sixty sleeps.
 *
 * @module
 */

import { threadOf, type TraceEvent } from "./event.ts";

/** A sleep of at least so long, after which the same thread sleeps again within so little time, was interrupted to look. */
const LOOK_NS = 990e6;
const SOON_NS = 50e6;

interface Sleep {
  /** The number by which its end is told, and that of the first of the sleeps that are one. */
  readonly own: unknown;
  readonly first: unknown;
  readonly beganNs: number;
}

/**
 * What is to be drawn instead of events, by their index: sleeps of one thread that follow each other become one.
 *
 * @param events In the order of time.
 * @returns `undefined` where nothing is to be drawn.
 */
export function withoutLooks(events: readonly TraceEvent[]): Map<number, TraceEvent | undefined> {
  const changes = new Map<number, TraceEvent | undefined>();
  const open = new Map<string, Sleep>();
  /** By thread, the sleep that was the last thing that it told. */
  const over = new Map<string, { readonly sleep: Sleep; readonly index: number; readonly atNs: number }>();
  for (const [index, event] of events.entries()) {
    const thread = threadOf(event);
    const last = over.get(thread);
    over.delete(thread);
    const isSleep = event.facts.for === "futex";
    if (isSleep && event.kind === "wait") {
      const wasLook = last !== undefined && last.atNs - last.sleep.beganNs >= LOOK_NS &&
        event.atNs - last.atNs < SOON_NS;
      if (wasLook) changes.set(last.index, undefined).set(index, undefined);
      const own = event.facts.wait;
      open.set(thread, { own, first: wasLook ? last.sleep.first : own, beganNs: event.atNs });
    }
    const sleep = open.get(thread);
    if (!isSleep || event.kind !== "wait.end" || sleep === undefined || sleep.own !== event.facts.wait) continue;
    if (sleep.first !== sleep.own) changes.set(index, { ...event, facts: { ...event.facts, wait: sleep.first } });
    over.set(thread, { sleep, index, atNs: event.atNs });
  }
  return changes;
}
