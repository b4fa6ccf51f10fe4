/**
 * What the locks tell through the probe (`lib/sys/probe.ts`).
 *
 * @module
 */

import { identityOf, type Memory } from "../memory/memory.ts";
import { isProbed, publish, publishWait } from "../sys/probe.ts";

/** What happens to a lock, or to whatever else is waited for in shared memory. */
type SyncKind =
  | "lock"
  | "unlock"
  | "event.set"
  | "event.wait"
  | "semaphore.take"
  | "semaphore.give"
  | "condition.notify"
  | "condition.wake"
  | "barrier.arrive"
  | "barrier.pass";

/** What is waited for. */
type SyncNoun = "lock" | "event" | "semaphore" | "condition" | "barrier";

/** Says that a lock was taken or given back, or an event set or seen. Call it only where somebody listens: a free lock takes 28 ns. */
export function tellSync(
  kind: SyncKind,
  memory: Memory,
  offset: number,
  facts?: Readonly<Record<string, unknown>>,
): void {
  publish(() => ({ kind, memory: identityOf(memory), offset, ...facts }));
}

/**
 * Says that a wait begins, of a thread that does not get at once what it wants.
 *
 * @returns How to say that it is over; `undefined` when nobody listens.
 */
export function tellWait(
  what: SyncNoun,
  memory: Memory,
  offset: number,
  facts?: Readonly<Record<string, unknown>>,
): (() => void) | undefined {
  return isProbed() ? publishWait({ for: what, memory: identityOf(memory), offset, ...facts }) : undefined;
}
