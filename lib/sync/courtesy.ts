/**
 * After you: who released a lock and woke somebody for it does not snatch it back before that somebody is on its feet.
 *
 * Waking takes tens of microseconds, taking a free lock takes one compare-exchange: without courtesy a thread that locks in a loop would
 * starve all who sleep. Every owner counts the turn in the lock, so it is seen when somebody else has had it.
 *
 * @module
 */

import { futexWait } from "./futex.ts";
import { OWNER } from "./robust_word.ts";

/** A sleeper that has not come by then is stopped, dead or busy. It is waited for once, not again until it sleeps again. */
const LIMIT_MS = 1;

/** A nap on the way there, after a little spinning. */
const NAP_MS = 0.1;
const SPINS = navigator.hardwareConcurrency > 1 ? 200 : 0;

/** What one thread owes to the sleepers of one lock. */
export class Courtesy {
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #turns: number;
  readonly #turnsPointer: NonNullable<Deno.PointerValue>;
  #turn: number | undefined;
  #untilMs = 0;

  /**
   * @param words The lock's words, the futex word first.
   * @param turns Index of the word that counts owners.
   * @param turnsPointer Its address.
   */
  constructor(words: Int32Array<ArrayBuffer>, turns: number, turnsPointer: NonNullable<Deno.PointerValue>) {
    this.#words = words;
    this.#turns = turns;
    this.#turnsPointer = turnsPointer;
  }

  /** Somebody was woken: it is their turn. */
  offer(): void {
    this.#turn = Atomics.load(this.#words, this.#turns);
    this.#untilMs = performance.now() + LIMIT_MS;
  }

  /** Whether it still is somebody else's turn. */
  get owed(): boolean {
    if (this.#turn === undefined) return false;
    const untaken = Atomics.load(this.#words, this.#turns) === this.#turn &&
      (Atomics.load(this.#words, 0) & OWNER) === 0;
    if (untaken && performance.now() < this.#untilMs) return true;
    this.#turn = undefined;
    return false;
  }

  /** Blocks this thread until the turn is taken, or the limit is over. */
  wait(): void {
    for (let spin = 0; spin < SPINS && this.owed; spin++) Atomics.pause();
    while (this.#turn !== undefined && this.owed) futexWait(this.#turnsPointer, this.#turn, NAP_MS);
  }
}
