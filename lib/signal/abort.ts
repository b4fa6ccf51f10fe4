/**
 * Being aborted by a signal: Ctrl-C for everything that takes an `AbortSignal`.
 *
 * @module
 */

import type { SignalEvent } from "./event.ts";
import { listenable, requireMainThread, signalSource } from "./listenable.ts";
import type { Signal } from "./names.ts";

/** Options of {@linkcode signalAborts}. */
export interface SignalAbortsOptions {
  /**
   * What a further signal of these does after the first: its default action (a second Ctrl-C ends a program that is slow to clean up), or
   * nothing until the end of the scope.
   * @default {"default-action"}
   */
  further?: "default-action" | "ignored" | undefined;
}

/** The reason of an abort by {@linkcode signalAborts}. */
export class SignalAbortError<S extends Signal = Signal> extends Error {
  /** Always `"SignalAbortError"`. */
  override readonly name = "SignalAbortError";
  /** The signal: its name, number, cause, and as the cause may be, its sender and value. */
  readonly event: SignalEvent<S>;

  /** Makes the error from the signal that came. */
  constructor(event: SignalEvent<S>) {
    super(`Received ${event.signal}${"pid" in event && event.cause !== "child" ? ` from process ${event.pid}` : ""}`);
    this.event = event;
  }
}

/** An `AbortSignal` that signals abort, until the end of its scope. Made by {@linkcode signalAborts}. */
export interface SignalAborts extends AbortSignal, Disposable {
  /** Stops listening: the default actions are back, and it will not abort any more. May be called twice. */
  close(): void;
}

/**
 * `signalAborts("SIGINT", "SIGTERM")`: an `AbortSignal` that the first of these signals aborts, for whatever takes one: `fetch`, timers, and
 * every wait and command of this library. Its `reason` is a {@linkcode SignalAbortError} that carries the signal.
 *
 * It listens from this call on, and does not keep the process alive. With the first signal it stops listening, before it aborts: a second
 * one has its default action again, so that Ctrl-C pressed twice ends a program that does not end by itself (`further` changes that). At
 * the end of the scope the default actions are back in any case. Listeners of {@linkcode signals} hear the signal as well.
 *
 * A signal is noticed when the event loop next turns: while JavaScript computes without a pause, it waits.
 *
 * Without `--allow-ffi` it works for standard signals; the event then has the cause `"unknown"`, and no sender. Signals belong to the process:
 * a Worker cannot call this.
 *
 * @param names The signals.
 * @returns The `AbortSignal`, to be disposed of.
 * @throws {TypeError} When there is no such signal, none is given, or nobody can handle it (see {@linkcode signals}).
 * @throws {PosixError} EMFILE when no descriptor is left for the pipes.
 * @throws {Deno.errors.NotCapable} For a real-time signal without `--allow-ffi`.
 *
 * @example Let Ctrl-C and SIGTERM end a command, and know which it was
 * ```ts
 * import { command, kill, signalAborts, SignalAbortError } from "@causeway/causeway";
 * import { assert, assertEquals, assertRejects } from "@std/assert";
 *
 * using interrupted = signalAborts("SIGINT", "SIGTERM");
 * const sleeping = command("sleep", ["60"], { signal: interrupted }).output();
 * kill(Deno.pid, "SIGTERM");
 * const reason = await assertRejects(() => sleeping, SignalAbortError);
 * assertEquals(reason.event.signal, "SIGTERM");
 * assert(interrupted.aborted);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/signal.7.html signal(7)}
 */
export function signalAborts(...names: Signal[]): SignalAborts;
/**
 * `signalAborts(names, options)`: the same, with options.
 *
 * @param names The signals.
 * @returns The `AbortSignal`, to be disposed of.
 *
 * @example Ignore the second Ctrl-C while cleaning up
 * ```ts
 * import { kill, signalAborts } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using interrupted = signalAborts(["SIGINT"], { further: "ignored" });
 * for (let time = 0; time < 2; time++) {
 *   kill(Deno.pid, "SIGINT");
 *   await new Promise((resolve) => setTimeout(resolve, 10));
 * }
 * assertEquals(String(interrupted.reason).startsWith("SignalAbortError: Received SIGINT"), true);
 * ```
 */
export function signalAborts(names: readonly Signal[], options?: SignalAbortsOptions): SignalAborts;
export function signalAborts(
  first?: Signal | readonly Signal[],
  second?: Signal | SignalAbortsOptions,
  ...others: Signal[]
): SignalAborts {
  if (first === undefined || typeof first === "string") {
    const names = [first, second, ...others].filter((name): name is Signal => name !== undefined);
    return abortOn(names, {});
  }
  return abortOn(first, typeof second === "object" ? second : {});
}

function abortOn(names: readonly Signal[], { further = "default-action" }: SignalAbortsOptions): SignalAborts {
  const numbers = listenable(names, "listened to");
  if (further !== "default-action" && further !== "ignored") {
    throw new TypeError(`further must be "default-action" or "ignored", got ${JSON.stringify(further)}`);
  }
  requireMainThread("listen to signals");
  const controller = new AbortController();
  let first: SignalEvent | undefined;
  let closed = false;
  const subscription = signalSource().subscribe({
    numbers,
    push(event) {
      if (first !== undefined) return;
      first = event;
      if (further === "default-action") stop();
      // Not at once: what listens to the abort may ask for signals itself, and others have not been handed theirs yet.
      queueMicrotask(() => abort(new SignalAbortError(event)));
    },
    fail: abort,
  });
  const unwatch = subscription.watch();
  function stop(): void {
    subscription.close();
    unwatch();
  }
  function abort(reason: unknown): void {
    if (!closed) controller.abort(reason);
  }
  function close(): void {
    closed = true;
    stop();
  }
  return Object.assign(controller.signal, { close, [Symbol.dispose]: close });
}
