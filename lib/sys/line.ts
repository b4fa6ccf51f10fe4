/**
 * Who comes first is served first: a queue of waiters for one thing that only one may use at a time.
 *
 * @module
 */

import { cancellable, type Deadline, type WaitOptions } from "./clock.ts";

/** Lets one in at a time, in the order in which they came. */
export class Line {
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  /** Whether somebody is in: who never waits would overtake. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Waits for the turn. Who is let in must {@linkcode leave}; who gives up before is out of the line. */
  async enter(what: string, options: WaitOptions, deadline: Deadline): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return;
    }
    await cancellable<void>(what, options, (resolve) => {
      this.#waiting.push(resolve);
      return () => void this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
    }, deadline);
  }

  /** Enters where nobody is in. */
  tryEnter(): boolean {
    if (this.#taken) return false;
    return this.#taken = true;
  }

  /** Lets the next one in, without letting go in between: nobody slips past. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
