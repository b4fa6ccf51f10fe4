/**
 * Receiving signals as values, on the event loop.
 *
 * @module
 */

import type { WaitOptions } from "../sys/clock.ts";
import type { SignalEvent } from "./event.ts";
import { listenable, requireMainThread, signalSource } from "./listenable.ts";
import { SignalListener } from "./listener.ts";
import type { Signal } from "./names.ts";

/** Options of {@linkcode signals}. */
export interface SignalsOptions {
  /** Ends the listening when it aborts: the iteration throws `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Events that may wait in this listener while nobody takes them. Further ones are dropped and counted.
   * @default {8192}
   */
  maxBuffered?: number | undefined;
}

const DEFAULT_MAX_BUFFERED = 8192;

/**
 * `signals(names)`: listens to signals, from this call on, and gives each as a value.
 *
 * While somebody listens, the signal's default action does not happen; when the last listener is closed, it is back. Leaving the loop
 * closes the listener, whatever way it is left. Several listeners to one signal all see it. The process is kept alive while an event is
 * waited for, not by listening alone.
 *
 * Real-time signals arrive each and in order, lowest number first among those that are pending at once. (A thread that Deno has only just
 * started may bring one of them out of turn: docs/gotchas.md.) A standard signal that is pending
 * already is not counted again: two that come quickly can be one event. Nothing ever blocks the sender or the handler: events wait in a
 * pipe in the kernel (`capacity`) while JavaScript is busy, and what finds it full is counted in `dropped`. A standard signal that was
 * dropped is made up for by an event of the cause `"unknown"`: a SIGTERM is never lost altogether.
 *
 * With `--allow-ffi`, a listener of `Deno.addSignalListener` to the same signal does not hear it meanwhile, and SIGUSR1 does not open Deno's
 * inspector. (To SIGCHLD, SIGCONT, SIGURG and SIGWINCH both listen.) While {@linkcode blockSignals} blocks a signal nobody hears of it.
 *
 * Without `--allow-ffi`, and on a CPU without our handler, Deno's own listeners do it: every event then has the cause `"unknown"`, neither
 * sender nor value, and there are no real-time signals.
 *
 * Signals belong to the process: a Worker cannot listen, but it can wait for one that the main thread has blocked
 * ({@linkcode waitForSignalSync}). (A Worker's child processes start with the real-time signals blocked while the main thread listens to
 * one.)
 *
 * @param names The signals, for example `["SIGTERM", realtime(1)]`.
 * @returns The listener: an async iterable, to be disposed of.
 * @throws {TypeError} When there is no such signal, none is given, or it cannot be listened to: SIGKILL, SIGSTOP, and the faults SIGILL,
 * SIGBUS, SIGFPE, SIGSEGV.
 * @throws {PosixError} EMFILE when no descriptor is left for the pipe.
 * @throws {Deno.errors.NotCapable} For a real-time signal without `--allow-ffi`.
 *
 * @example Reload on SIGHUP, end on SIGTERM
 * ```ts
 * import { kill, signals } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * using listener = signals(["SIGHUP", "SIGTERM"]);
 * kill(Deno.pid, "SIGHUP");
 * for await (const event of listener) {
 *   seen.push(event.signal);
 *   if (event.signal === "SIGTERM") break;
 *   kill(Deno.pid, "SIGTERM");
 * }
 * assertEquals(seen, ["SIGHUP", "SIGTERM"]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/signal.7.html signal(7)}
 * @see {@link https://man7.org/linux/man-pages/man2/sigaction.2.html sigaction(2)}
 */
export function signals<const S extends Signal>(names: readonly S[], options: SignalsOptions = {}): SignalListener<S> {
  const numbers = listenable(names, "listened to");
  const maxBuffered = options.maxBuffered ?? DEFAULT_MAX_BUFFERED;
  if (!Number.isInteger(maxBuffered) || maxBuffered < 1) {
    throw new RangeError(`maxBuffered must be an integer of at least 1, got ${Deno.inspect(maxBuffered)}`);
  }
  requireMainThread("listen to signals");
  options.signal?.throwIfAborted();
  return new SignalListener<S>(signalSource(), numbers, {
    what: names.join(", "),
    maxBuffered,
    signal: options.signal,
  });
}

/**
 * `waitForSignal(names)`: waits for one signal. It listens from this call until the promise settles; before and after that the signal has
 * its default action. To take one after the other, keep a listener ({@linkcode signals}) or block them ({@linkcode blockSignals}).
 *
 * @param names The signals, for example `["SIGHUP"]`.
 * @returns The first that came. See {@linkcode signals} for what it says, and for when it throws.
 * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
 *
 * @example Wait for a signal, but not for ever
 * ```ts
 * import { kill, waitForSignal } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const coming = waitForSignal(["SIGUSR1"], { timeoutMs: 10_000 });
 * kill(Deno.pid, "SIGUSR1");
 * assertEquals((await coming).signal, "SIGUSR1");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/signal.7.html signal(7)}
 */
export async function waitForSignal<const S extends Signal>(
  names: readonly S[],
  options: WaitOptions = {},
): Promise<SignalEvent<S>> {
  options.signal?.throwIfAborted();
  using listener = signals(names);
  return await listener.receive(options);
}
