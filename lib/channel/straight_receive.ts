/**
 * A receive that waits for nothing but a message: without a deadline or a signal, it takes one promise in all. Who answers one message at a time
 * receives like that, each time.
 *
 * @module
 */

import type { Waiter } from "../sys/adopted.ts";
import type { Transport } from "./transport.ts";

/** The rest of a receive. It has entered the line of receivers. */
export interface Receiving<In> {
  /** What a message says: a promise when that takes its time. */
  read(message: Uint8Array): In | Promise<In>;
  /** Goes on in the ordinary way, with the place in the line, where what has arrived is no whole message. */
  goOn(): Promise<In | null>;
  /** Lets the next one in. */
  leave(): void;
}

/** The straight receives of one end, one at a time. */
export class StraightReceive<In> {
  readonly #transport: Transport;
  readonly #receiving: Receiving<In>;
  #resolve: ((value: In | null | Promise<In | null>) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  readonly #keepSettlers = (
    resolve: (value: In | null | Promise<In | null>) => void,
    reject: (reason: unknown) => void,
  ): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };
  readonly #waiter: Waiter = {
    resolve: () => this.#arrived(),
    reject: (reason) => {
      this.#receiving.leave();
      this.#reject?.(reason);
    },
  };

  constructor(transport: Transport, receiving: Receiving<In>) {
    this.#transport = transport;
    this.#receiving = receiving;
  }

  /** Whether the road can do it now. */
  get possible(): boolean {
    return this.#transport.quiet === true;
  }

  /** Receives, for somebody who has just entered the line. */
  receive(): Promise<In | null> {
    const promise = new Promise<In | null>(this.#keepSettlers);
    try {
      this.#transport.whenArrived?.(this.#waiter);
    } catch (error) {
      this.#waiter.reject(error);
    }
    return promise;
  }

  #arrived(): void {
    try {
      const message = this.#transport.tryReceive();
      if (message === undefined) return this.#resolve?.(this.#receiving.goOn());
      const value = message === null ? null : this.#receiving.read(message);
      if (value instanceof Promise) return this.#resolve?.(value.finally(() => this.#receiving.leave()));
      this.#receiving.leave();
      this.#resolve?.(value);
    } catch (error) {
      this.#waiter.reject(error);
    }
  }
}
