/**
 * How an end of a ring sleeps and is woken: Z1 to Z4 of ring_end.ts.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { type FutexWord, LOOK_AGAIN_MS, type Watched } from "../sync/futex.ts";
import { sleepersSettled, sleepOn } from "../sync/futex_sleeper.ts";
import { futexWaitAny } from "../sync/futex_vector.ts";
import { cancellable, type Deadline, nextTurn, turned, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import type { RingDoorbell } from "./ring_doorbell.ts";

/** How an end sleeps, in its sleep word: by the word itself, or by its doorbell. */
const BY_FUTEX = 1;
export const BY_DOORBELL = 2;

/** On one CPU the peer could not run meanwhile. (A process that is kept on one CPU counts one, wherever its peer is.) */
export const DEFAULT_SPINS: number = navigator.hardwareConcurrency > 1 ? 2000 : 0;

/** What sleeps. */
export interface Sleeping {
  /** What waits, for messages. */
  readonly what: string;
  /** The word that is slept on, and that the peer looks at. */
  readonly word: FutexWord;
  readonly doorbell: RingDoorbell | undefined;
  readonly spins: number;
  /** Whether what is waited for is there, or never will be. Sequentially consistent: Z2. */
  ready(): boolean;
  /** The liveness words of the peers. */
  watched(): readonly Watched[];
}

/** One sleeper; one wait at a time. */
export class Sleeper {
  readonly #of: Sleeping;
  #closed = false;
  #waiting = false;
  #interrupt: ((reason: unknown) => void) | undefined;

  constructor(of: Sleeping) {
    this.#of = of;
  }

  /** Ends a wait: nothing of the memory is touched any more. */
  close(): void {
    this.#closed = true;
    this.#interrupt?.(this.#closedError());
  }

  /** @throws {Deno.errors.Busy} While a wait is pending: what it waits for must stay as it is. */
  mustBeIdle(): void {
    if (this.#waiting) throw this.#busy();
  }

  /** Blocks this thread until `ready()`. */
  block(deadline: Deadline): void {
    // A hostile peer can seem ready each time: that is no reason to go on for ever.
    if (deadline.remainingMs === 0) throw deadline.timeoutError();
    const { word, spins } = this.#of;
    for (let spin = 0; spin < spins; spin++) {
      if (this.#of.ready()) return;
      Atomics.pause();
    }
    this.mustBeIdle();
    try {
      while (true) {
        Atomics.store(word.words, 0, BY_FUTEX);
        if (this.#of.ready()) return;
        const remainingMs = deadline.remainingMs;
        if (remainingMs === 0) throw deadline.timeoutError();
        futexWaitAny([{ ...word, expected: BY_FUTEX }, ...this.#of.watched()], Math.min(remainingMs, LOOK_AGAIN_MS));
      }
    } finally {
      Atomics.store(word.words, 0, 0);
    }
  }

  /** Waits on the event loop until `ready()`. */
  async wait(options: WaitOptions, deadline: Deadline): Promise<void> {
    this.mustBeIdle();
    if (deadline.remainingMs === 0) throw deadline.timeoutError();
    this.#waiting = true;
    const { doorbell } = this.#of;
    try {
      if (turnIsDue()) await nextTurn();
      while (true) {
        if (this.#closed) throw this.#closedError();
        if (this.#of.ready()) return;
        if (doorbell === undefined || doorbell.hungUp) await this.#sleepOnWords(options, deadline);
        else await this.#sleepOnBell(doorbell, options, deadline);
        turned();
      }
    } finally {
      this.#waiting = false;
      this.#interrupt = undefined;
      if (!this.#closed) Atomics.store(this.#of.word.words, 0, 0);
    }
  }

  async #sleepOnWords(options: WaitOptions, deadline: Deadline): Promise<void> {
    const { words, address } = this.#of.word;
    try {
      await cancellable<void>(this.#of.what, options, (resolve, reject) => {
        Atomics.store(words, 0, BY_FUTEX);
        if (this.#of.ready()) {
          resolve();
          return () => {};
        }
        const also = this.#of.watched();
        return this.#interruptible(
          sleepOn({ words, address, expected: BY_FUTEX, also, wake: resolve, fail: reject }),
          reject,
        );
      }, deadline);
    } finally {
      await sleepersSettled();
    }
  }

  async #sleepOnBell(bell: RingDoorbell, options: WaitOptions, deadline: Deadline): Promise<void> {
    let look: ReturnType<typeof setTimeout> | undefined;
    try {
      await cancellable<void>(this.#of.what, options, (resolve, reject) => {
        Atomics.store(this.#of.word.words, 0, BY_DOORBELL);
        if (this.#of.ready()) {
          resolve();
          return () => {};
        }
        const stop = bell.listen({ resolve, reject });
        // A peer whose thread died, and not its process, does not hang up.
        look = setTimeout(() => {
          stop();
          resolve();
        }, LOOK_AGAIN_MS);
        return this.#interruptible(stop, reject);
      }, deadline);
    } finally {
      clearTimeout(look);
    }
  }

  #interruptible(stop: () => void, reject: (reason: unknown) => void): () => void {
    this.#interrupt = (reason) => {
      stop();
      reject(reason);
    };
    return stop;
  }

  #closedError(): ClosedError {
    return new ClosedError(this.#of.what, "was closed during the wait");
  }

  #busy(): Error {
    return new Deno.errors.Busy(`${this.#of.what}: a wait is pending already`);
  }
}

/** What an asynchronous call begins with: whoever never has to wait lets the event loop have a turn now and then. */
export async function begin(options: WaitOptions): Promise<void> {
  options.signal?.throwIfAborted();
  if (!turnIsDue()) return;
  await nextTurn();
  options.signal?.throwIfAborted();
}
