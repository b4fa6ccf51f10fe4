/**
 * Where signals come from: our own handler, or Deno's listeners.
 *
 * @module
 */

import type { Deadline } from "../sys/clock.ts";
import type { SignalEvent } from "./event.ts";

/** Somebody who wants events. */
export interface Sink {
  /** Which signals, by number. */
  readonly numbers: ReadonlySet<number>;
  /** Takes one. */
  push(event: SignalEvent): void;
  /** Learns that there will be no more. */
  fail(reason: unknown): void;
}

/** What a sink holds while it listens. */
export interface Subscription {
  /** How many events wait in the kernel while JavaScript is busy; 0 where they are not counted. */
  readonly capacity: number;
  /** How many of the sink's signals were dropped since it subscribed, because the kernel held that many already. */
  dropped(): number;
  /**
   * Begins to wait on the event loop, which keeps the process alive. Returns how to stop, which may take a turn of the event loop: it may
   * be called again, to await that.
   */
  wait(): () => Promise<void> | undefined;
  /** The same, for somebody whom the process need not stay alive for. */
  watch(): () => Promise<void> | undefined;
  /** Blocks this thread until there may be events. */
  waitSync(deadline: Deadline): void;
  /** Hands over some of what is there, without waiting. Returns whether there was anything, for whichever sink. */
  collect(): boolean;
  /** Stops listening. */
  close(): void;
}

/** A way to receive signals. */
export interface Source {
  /** Listens from now on. */
  subscribe(sink: Sink): Subscription;
}
