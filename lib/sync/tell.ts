/**
 * What the locks tell through the probe (`lib/sys/probe.ts`).
 *
 * @module
 */

import { identityOf, type Memory } from "../memory/memory.ts";
import { publish } from "../sys/probe.ts";

/** Says that a lock was taken or given back, or an event set or seen. Call it only where somebody listens: a free lock takes 28 ns. */
export function tellSync(
  kind: "lock" | "unlock" | "event.set" | "event.wait",
  memory: Memory,
  offset: number,
  previousOwnerDied?: boolean,
): void {
  publish(() => ({ kind, memory: identityOf(memory), offset, previousOwnerDied }));
}
