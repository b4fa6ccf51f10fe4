/**
 * Being ended by a signal without leaving anything behind: the signal is heard, the work is ended, and then the process dies of that same
 * signal, so that whoever started it sees the truth.
 *
 * @module
 */

import type { Status } from "../process/mod.ts";
import { type SignalEvent, signals, type StandardSignal } from "../signal/mod.ts";
import { dieOfSignal } from "./die_of_signal.ts";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies readonly StandardSignal[];

/** How much later than the end of its children this process may hear of the signal that ended them. */
const HEARD_MS = 200;

/** Listens, from its construction on, to the signals that end a program. */
export class Interruption implements AsyncDisposable {
  readonly #listener = signals(ENDING);
  readonly #listening: Promise<void>;
  readonly #onSignal: (event: SignalEvent) => void;
  readonly #heard = Promise.withResolvers<void>();
  #first: SignalEvent | undefined;

  /** Begins to listen; `onSignal` is called for every signal. */
  constructor(onSignal: (event: SignalEvent) => void) {
    this.#onSignal = onSignal;
    this.#listening = this.#listen();
  }

  /** The first signal that came. */
  get received(): SignalEvent | undefined {
    return this.#first;
  }

  /**
   * The first signal that came, asked for when the children have ended. Ctrl-C reaches them and this process, which may hear of it only after
   * their end: when one of them died of such a signal, it is waited for.
   */
  async receivedWith(children: readonly Status[]): Promise<SignalEvent | undefined> {
    const suspect = children.some((status) => status.kind === "signaled" && isEnding(status.signal));
    if (this.#first === undefined && suspect) {
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, HEARD_MS);
      await Promise.race([this.#heard.promise, over]);
      clearTimeout(timer);
    }
    return this.#first;
  }

  /**
   * Dies of the first signal that came, as if it had never been listened to.
   *
   * @returns What a shell would report, where the process may not signal itself.
   */
  async dieOfIt(): Promise<number> {
    const number = this.#first?.number ?? 0;
    await this[Symbol.asyncDispose]();
    return await dieOfSignal(number);
  }

  /** Stops listening: the signals' default actions are back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    for await (const event of this.#listener) {
      this.#first ??= event;
      this.#heard.resolve();
      this.#onSignal(event);
    }
  }
}

function isEnding(signal: string): boolean {
  return ENDING.some((each) => each === signal);
}
