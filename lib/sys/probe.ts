/**
 * Where rooms say what happens, for whoever listens (`lib/trace`, `--events`). Free when nobody does: an event is made only for a
 * subscriber.
 *
 * @module
 */

import { channel } from "node:diagnostics_channel";
import { monotonicNow } from "./clock.ts";
import { hasFfi } from "./platform.ts";

/** One thing that happened, stamped by whoever receives it. */
export interface ProbeEvent {
  /** What happened, for example `"spawn"`. */
  readonly kind: string;
  /** The facts, by name. */
  readonly [fact: string]: unknown;
}

const events = channel("causeway");

/** Publishes an event. `make` is called only when somebody listens. */
export function publish(make: () => ProbeEvent): void {
  if (events.hasSubscribers) events.publish(make());
}

/**
 * Whether anybody listens. Ask it where even making the function for {@linkcode publish} would count (a lock that is free takes 28 ns), and before work
 * that only a listener needs.
 */
export function isProbed(): boolean {
  return events.hasSubscribers;
}

/**
 * The time before a call, in nanoseconds of CLOCK_MONOTONIC, for the `startedNs` of its event: what the call does becomes visible to others before it
 * returns. `undefined` when nobody listens, and without `--allow-ffi`.
 */
export function startedNs(): number | undefined {
  return events.hasSubscribers && hasFfi() ? monotonicNow() : undefined;
}

let waits = 0;

/**
 * Says that a wait begins, and returns how to say that it has ended. A listener pairs the two by the number `wait`. Call it only if {@linkcode isProbed}.
 *
 * @param facts What is waited for: `for`, and the `object`.
 */
export function publishWait(facts: Readonly<Record<string, unknown>>): () => void {
  const wait = ++waits;
  publish(() => ({ kind: "wait", wait, ...facts }));
  return () => publish(() => ({ kind: "wait.end", wait, ...facts }));
}

/** Listens to every event of this isolate. Returns how to stop. */
export function subscribe(listener: (event: ProbeEvent) => void): () => void {
  const onMessage = (message: unknown) => listener(message as ProbeEvent);
  events.subscribe(onMessage);
  return () => void events.unsubscribe(onMessage);
}
