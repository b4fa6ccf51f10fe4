/**
 * Where rooms say what happens, for whoever listens (`lib/trace`, `--events`). Free when nobody does: an event is made only for a
 * subscriber.
 *
 * @module
 */

import { channel } from "node:diagnostics_channel";

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

/** Listens to every event of this isolate. Returns how to stop. */
export function subscribe(listener: (event: ProbeEvent) => void): () => void {
  const onMessage = (message: unknown) => listener(message as ProbeEvent);
  events.subscribe(onMessage);
  return () => void events.unsubscribe(onMessage);
}
