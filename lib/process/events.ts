/**
 * What this room tells through the probe (`lib/sys/probe.ts`), for whoever listens: `--events`, `lib/trace`, and any program that subscribes to
 * the channel `"causeway"` of `node:diagnostics_channel`.
 *
 * @module
 */

import type { Signal } from "../signal/names.ts";
import { publish } from "../sys/probe.ts";
import type { Status } from "./status.ts";
import type { Usage } from "./usage.ts";

/** A process was started. */
export interface SpawnEvent {
  /** What happened. */
  readonly kind: "process.spawn";
  /** Its pid. */
  readonly pid: number;
  /** Program and arguments, as they were given. */
  readonly words: readonly string[];
  /** The working directory that was asked for. */
  readonly cwd?: string | undefined;
}

/** A process has ended and was reaped. */
export interface ExitEvent {
  /** What happened. */
  readonly kind: "process.exit";
  /** The pid that it had. */
  readonly pid: number;
  /** Program and arguments, as they were given. */
  readonly words: readonly string[];
  /** How it ended. */
  readonly status: Status;
  /** Milliseconds from its start. */
  readonly durationMs: number;
  /** With `usage: true`. */
  readonly usage?: Usage;
}

/** A signal was sent to a child. */
export interface SignalSentEvent {
  /** What happened. */
  readonly kind: "process.signal";
  /** The child's pid. */
  readonly pid: number;
  /** The signal. */
  readonly signal: Signal;
  /** Whether it went to the whole group that the child leads. */
  readonly group: boolean;
}

/** A run is being ended because its time was over, its signal aborted, or it printed too much. */
export interface EndingEvent {
  /** What happens. */
  readonly kind: "process.ending";
  /** Its processes, from left to right. */
  readonly pids: readonly number[];
  /** Why. */
  readonly because: "timeout" | "abort" | "output-limit";
}

/** Everything that this room tells. */
export type ProcessEvent = SpawnEvent | ExitEvent | SignalSentEvent | EndingEvent;

/** Publishes an event. `make` is called only when somebody listens. */
export function publishProcess(make: () => ProcessEvent): void {
  publish(() => ({ ...make() }));
}
