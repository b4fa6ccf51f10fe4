/**
 * After you: who has had a lock for a while, and wakes somebody for it, does not snatch it back before that somebody is on its feet.
 *
 * Waking takes tens of microseconds, taking a free lock takes one compare-exchange: without courtesy a thread that locks in a loop would
 * starve all who sleep. With courtesy at every release two threads would hand the lock to and fro, and do little else. So a thread may come back
 * to a lock as often as it likes for the length of a tenure, and then lets others go first. Every owner counts in the lock, which shows
 * whether somebody else has had it.
 *
 * @module
 */

import { futexWait } from "./futex.ts";
import { OWNER } from "./robust_word.ts";

/** So long a thread may keep coming back while others sleep: some wake-ups long. */
const TENURE_MS = 0.25;

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
  /** The count after this thread's last taking, and when it came to the lock from somebody else. */
  #own: number | undefined;
  #tenureFromMs = 0;
  /** The count as long as a promised turn has not been taken, and how long it is waited for. */
  #promised: number | undefined;
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

  /** This thread has just taken the lock: counts it. */
  taken(): void {
    const before = this.#words[this.#turns]!;
    if (before !== this.#own) this.#tenureFromMs = performance.now();
    this.#own = this.#words[this.#turns] = (before + 1) | 0;
  }

  /** This thread has just released the lock, and woken somebody. */
  woke(): void {
    const now = performance.now();
    if (now < this.#tenureFromMs + TENURE_MS) return;
    this.#promised = this.#own;
    this.#untilMs = now + LIMIT_MS;
  }

  /** Whether a turn may have been promised to somebody else; `owed` looks closer. */
  get isPromised(): boolean {
    return this.#promised !== undefined;
  }

  /** Whether it is somebody else's turn. */
  get owed(): boolean {
    if (this.#promised === undefined) return false;
    const free = (Atomics.load(this.#words, 0) & OWNER) === 0;
    if (free && Atomics.load(this.#words, this.#turns) === this.#promised && performance.now() < this.#untilMs) {
      return true;
    }
    this.#promised = undefined;
    return false;
  }

  /** Blocks this thread until the turn is taken, or the limit is over. */
  wait(): void {
    for (let spin = 0; spin < SPINS && this.owed; spin++) Atomics.pause();
    while (this.#promised !== undefined && this.owed) futexWait(this.#turnsPointer, this.#promised, NAP_MS);
  }
}
