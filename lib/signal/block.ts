/**
 * Holding signals back for the length of a scope.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { guardEmptySignalMask } from "../sys/signal_mask.ts";
import { handlerSource } from "./handler_source.ts";
import { listenable, requireMainThread } from "./listenable.ts";
import { type Signal, signalName } from "./names.ts";
import { hasHandler, needsHandler } from "./needs_handler.ts";
import { siginfoHandler } from "./siginfo_handler.ts";
import { CARRIER } from "./thread_masks.ts";

/**
 * `blockSignals("SIGTERM", "SIGINT")`: holds signals back until the end of the scope. They stay pending in the kernel and are delivered
 * then, before the scope's end returns: to their listeners, or as their default action (which for the signals that Deno itself catches, such
 * as SIGTERM, a thread of Deno's plays a moment later). A standard signal that came several times is delivered once, each real-time signal
 * as often as it came.
 *
 * All threads of this process block them, those of Deno and of Workers included, and those that are started meanwhile. That takes a message
 * to each, about half a millisecond in all: a scope is not for the inside of a hot loop. Scopes may overlap and end in any order: a signal
 * comes through when the last scope that names it has ended. What was blocked before the first scope stays blocked after the last.
 *
 * In the scope {@linkcode waitForSignalSync} takes the signals one by one, here or in a Worker, and none is lost between two calls; listeners
 * ({@linkcode signals}) hear of them when the scope has ended.
 *
 * Children that `command` and `pipeline` start have no signal blocked. Those of `Deno.Command` inherit the mask; and a Worker that starts a
 * child in this time has an empty mask itself for that moment, so that what is pending comes through there.
 *
 * @param names The signals.
 * @returns The scope, to be disposed of.
 * @throws {TypeError} When there is no such signal, none is given, or it cannot be blocked: SIGKILL, SIGSTOP, the faults SIGILL, SIGBUS,
 * SIGFPE, SIGSEGV, and SIGURG, by which this library reaches the other threads.
 * @throws {PosixError} ENOENT where /proc is not mounted; EMFILE.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 * @throws {Error} In a Worker.
 *
 * @example Do not be interrupted between two steps
 * ```ts
 * import { blockSignals, kill, signals } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using listener = signals(["SIGTERM"]);
 * {
 *   using blocked = blockSignals("SIGTERM", "SIGINT");
 *   kill(Deno.pid, "SIGTERM");
 *   assertEquals(blocked.pending, ["SIGTERM"]);
 *   assertEquals(listener.tryReceive(), undefined);
 * }
 * assertEquals(listener.tryReceive()?.signal, "SIGTERM");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/sigprocmask.2.html sigprocmask(2)}
 *
 * @tags allow-ffi
 */
export function blockSignals<const S extends Signal>(...names: S[]): BlockedSignals<S> {
  const numbers = [...listenable(names, "blocked")].sort((left, right) => left - right);
  if (numbers.includes(CARRIER)) {
    throw new TypeError(`${signalName(CARRIER)} cannot be blocked: this library reaches the other threads by it`);
  }
  requireMainThread("block signals");
  if (!hasHandler()) throw needsHandler("block signals");
  return new BlockedSignals<S>(numbers);
}

/** Signals that are held back. Made by {@linkcode blockSignals}. */
export class BlockedSignals<S extends Signal = Signal> implements Disposable {
  /** The signals of this scope, by number. */
  readonly signals: readonly S[];
  readonly #numbers: readonly number[];
  #closed = false;

  /** Called by {@linkcode blockSignals}. */
  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
    this.signals = numbers.map((number) => named<S>(number));
    siginfoHandler().block(numbers);
    // A child starts with an empty mask, which is this thread's for that moment.
    guardEmptySignalMask((work) => handlerSource().holdBack(work));
  }

  /**
   * `sigpending(2)`: those of this scope's signals that have come, by number. What waits for the process is seen, and what was sent to this
   * thread alone.
   *
   * @throws {ClosedError} After the end of the scope.
   */
  get pending(): S[] {
    if (this.#closed) throw new ClosedError(`Block of ${this.signals.join(", ")}`);
    const set = new BigUint64Array(16);
    check(libc().sigpending(set), "sigpending");
    const word = set[0]!;
    return this.#numbers.filter((number) => (word >> BigInt(number - 1) & 1n) === 1n).map((number) => named<S>(number));
  }

  /** Ends the scope: what is pending, and no other scope holds back, is delivered before this returns. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const handler = siginfoHandler();
    handler.unblock(this.#numbers);
    if (handler.scoped.size === 0) guardEmptySignalMask(undefined);
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The numbers come from the names in S. */
function named<S extends Signal>(number: number): S {
  return signalName(number) as S;
}
