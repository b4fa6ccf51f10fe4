/**
 * Deno's own signal listeners: what there is without FFI, and what our own handler has to get along with.
 *
 * Deno catches a signal for good once somebody has listened to it. With no listener left, a thread of Deno's plays the default action: it
 * ends the process for SIGPIPE, which Deno ignored before, and panics for two signals that it does not know. With the first listener to
 * any signal, and half a second after the start in any case, it catches SIGHUP, SIGINT, SIGTERM as well; and SIGUSR1, to open its
 * inspector.
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

/**
 * Makes Deno catch a signal now. It does so once: from then on its handler stays where it is, and does not come to lie on top of ours.
 */
export function letDenoCatch(signal: StandardSignal): void {
  Deno.addSignalListener(signal, ignore);
  Deno.removeSignalListener(signal, ignore);
}

function ignore(): void {}
