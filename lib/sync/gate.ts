/**
 * A robust word that is held for a microsecond at a time, never while anybody waits: a lock for the steps of another primitive.
 *
 * Who dies with it leaves it to the next one. What it guards must need no mending: nobody is told.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { Deadline, WaitOptions } from "../sys/clock.ts";
import { robustList } from "./robust_list.ts";
import { passOn } from "./participants.ts";
import { blockUntilFree, takeIfFree } from "./robust_wait.ts";
import { type RobustWord, WAITERS } from "./robust_word.ts";
import { spinWhileOwned } from "./spin.ts";
import { waitForChange } from "./word_wait.ts";

/** The gate of one primitive at one place of one mapping. */
export class Gate {
  readonly #word: RobustWord;
  readonly #what: string;
  readonly #target: string;

  /**
   * @param what What waits, for the message of the `TimeoutError`.
   * @param target What it is in, for errors.
   */
  constructor(word: RobustWord, what: string, target: string) {
    this.#word = word;
    this.#what = what;
    this.#target = target;
  }

  /** Does something with the gate, blocking this thread until it has it. */
  passSync<Result>(deadline: Deadline, action: () => Result): Result {
    if (!this.#take(0)) {
      blockUntilFree(this.#word, deadline, (waiters) => this.#take(waiters) || undefined, () => this.#deadlock());
    }
    return this.#release(action);
  }

  /** Does something with the gate, waiting for it on the event loop. Who gets it does it at once, so that no other task of the thread is between. */
  async pass<Result>(options: WaitOptions, deadline: Deadline, action: () => Result): Promise<Result> {
    let waiters = 0;
    while (true) {
      spinWhileOwned(this.#word.words);
      if (this.#take(waiters)) return this.#release(action);
      const expected = this.#word.announce();
      if (expected === undefined) continue;
      const { words, address, pointer } = this.#word;
      const watched = { words, address, pointer, expected, relay: true };
      try {
        await waitForChange(this.#what, [watched], options, deadline);
      } finally {
        // When its owner died, the kernel woke one of all sleepers: this one, perhaps, which may have given up.
        passOn([watched]);
      }
      waiters = WAITERS;
    }
  }

  /** Does something with the gate, if it gets it after a short spin; else returns `undefined`. */
  tryPass<Result>(action: () => Result): Result | undefined {
    spinWhileOwned(this.#word.words);
    return this.#take(0) ? this.#release(action) : undefined;
  }

  #take(waiters: number): boolean {
    return takeIfFree(this.#word, waiters, "wait", this.#target);
  }

  #release<Result>(action: () => Result): Result {
    try {
      return action();
    } finally {
      this.#word.release(robustList());
    }
  }

  #deadlock(): PosixError {
    const hint = "this thread is at it, by another mapping";
    return new PosixError({ code: "EDEADLK", syscall: "wait", target: this.#target, hint });
  }
}
