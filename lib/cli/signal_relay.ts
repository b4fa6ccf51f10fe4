/**
 * Passing signals on to the programs that `causeway run` and `causeway each` started.
 *
 * Ctrl-C reaches every process of the terminal's foreground group, this one and its children: the kernel sent it, and telling the
 * children again would interrupt the cleaning up that the first one started. Any other sender meant this process alone, and the children
 * must be told. Without FFI the sender is unknown: on a terminal the children that are still there after a moment are told, elsewhere
 * all are at once.
 *
 * @module
 */

import type { Signal, SignalEvent } from "../signal/mod.ts";

/** Who is told: a child, or a pipeline of them. */
export interface Told {
  /** Sends a signal to whoever of them is still there. */
  kill(signal: Signal | number): boolean;
}

/** How long children have to end of a Ctrl-C that they may have had already. */
const MOMENT_MS = 100;

/** Passes a signal on, unless the children have it already. */
export function relay(event: SignalEvent, running: Told): void {
  if (event.cause === "kernel") goOn(running);
  else if (event.cause === "unknown" && isOnTerminal()) setTimeout(() => tell(event, running), MOMENT_MS);
  else tell(event, running);
}

function tell(event: SignalEvent, running: Told): void {
  running.kill(event.number);
  goOn(running);
}

/** A stopped child takes the signal when it continues. */
function goOn(running: Told): void {
  running.kill("SIGCONT");
}

function isOnTerminal(): boolean {
  return [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}
