/**
 * Being ended by a signal without leaving anything behind: the signal is heard, the work is ended, and then the process dies of that same
 * signal, so that whoever started it sees the truth.
 *
 * @module
 */

import { kill, type SignalEvent, signals, type StandardSignal } from "../signal/mod.ts";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies readonly StandardSignal[];

/** How long a signal to oneself may take: Deno lets another thread play the default action. */
const DEATH_MS = 1000;

/** Listens, from its construction on, to the signals that end a program. */
export class Interruption implements AsyncDisposable {
  readonly #listener = signals(ENDING);
  readonly #listening: Promise<void>;
  readonly #onSignal: (event: SignalEvent) => void;
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
   * Dies of the first signal that came, as if it had never been listened to.
   *
   * @returns What a shell would report, where the process may not signal itself.
   */
  async dieOfIt(): Promise<number> {
    const number = this.#first?.number ?? 0;
    await this[Symbol.asyncDispose]();
    try {
      kill(Deno.pid, number);
      await new Promise((resolve) => setTimeout(resolve, DEATH_MS));
    } catch (error) {
      // To signal a process, itself included, --allow-run must be there without a list.
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    }
    return 128 + number;
  }

  /** Stops listening: the signals' default actions are back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    for await (const event of this.#listener) {
      this.#first ??= event;
      this.#onSignal(event);
    }
  }
}
