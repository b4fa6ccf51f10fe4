/**
 * Deno's own signal listeners: what there is without FFI, and what has to be held beside our own handler.
 *
 * Deno catches a signal for good once somebody has listened to it. With no listener left, a thread of Deno's plays the default action: it
 * ends the process for SIGPIPE, which Deno ignored before, and it crashes for two signals that it does not know. While we listen by a
 * handler of our own, Deno's thread would play the default action too, unless it has a listener.
 *
 * @module
 */

import type { StandardSignal } from "./names.ts";

/** SIGPIPE would kill at the next EPIPE; of the others Deno does not know the default action, and panics. */
const NEVER_LET_GO: ReadonlySet<StandardSignal> = new Set<StandardSignal>(["SIGPIPE", "SIGPWR", "SIGSTKFLT"]);

const kept = new Set<StandardSignal>();

/** Listens by way of Deno. Returns how to stop. */
export function listenByDeno(signal: StandardSignal, listener: () => void): () => void {
  if (NEVER_LET_GO.has(signal) && !kept.has(signal)) {
    Deno.addSignalListener(signal, ignore);
    kept.add(signal);
  }
  Deno.addSignalListener(signal, listener);
  return () => Deno.removeSignalListener(signal, listener);
}

/** Keeps Deno's thread from playing the default action of a signal. Returns how to let it. */
export function calmDeno(signal: StandardSignal): () => void {
  // A function of its own for each hold: Deno removes by identity.
  return listenByDeno(signal, () => {});
}

function ignore(): void {}
