/**
 * Work for the next turn of the event loop.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";

/** One piece of work at a time, which can be called off. */
export class NextTurn {
  #asked: { readonly immediate: NodeJS.Immediate } | undefined;

  /** Does the work in the next turn; nothing when some is waiting for it already. */
  ask(work: () => void): void {
    this.#asked ??= {
      immediate: setImmediate(() => {
        this.#asked = undefined;
        work();
      }),
    };
  }

  /** Nothing will be done, when nothing was done yet. */
  callOff(): void {
    if (this.#asked === undefined) return;
    clearImmediate(this.#asked.immediate);
    this.#asked = undefined;
  }
}
