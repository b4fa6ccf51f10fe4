/**
 * The places of a pool: so many jobs at a time, never one more.
 *
 * @module
 */

/** setTimeout cannot wait longer. */
const LONGEST_MS = 2 ** 31 - 1;

/** Called when a place is free, with its number from 1. */
type OnPlace = (slot: number) => void;

/** Places that are given out in the order of asking; who comes back for another try goes first. */
export class Slots {
  readonly #delayMs: number;
  readonly #taken: boolean[];
  readonly #first = new Set<OnPlace>();
  readonly #others = new Set<OnPlace>();
  #free: number;
  #nextStartAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param concurrency How many places there are.
   * @param delayMs Least time between giving out two.
   */
  constructor(concurrency: number, delayMs: number) {
    this.#delayMs = delayMs;
    this.#taken = [];
    this.#free = concurrency;
  }

  /**
   * Asks for a place. `onPlace` is called once, at once if there is one.
   *
   * @param first Whether to go before those that wait.
   * @returns Withdraws the request.
   */
  request(onPlace: OnPlace, first: boolean): () => void {
    const queue = first ? this.#first : this.#others;
    queue.add(onPlace);
    this.#giveOut();
    return () => {
      queue.delete(onPlace);
      if (this.#first.size + this.#others.size === 0) this.#stopTimer();
    };
  }

  /** Gives a place back. */
  release(slot: number): void {
    this.#taken[slot - 1] = false;
    this.#free++;
    this.#giveOut();
  }

  #giveOut(): void {
    while (this.#free > 0) {
      const [queue, onPlace] = this.#next();
      if (queue === undefined || onPlace === undefined) return;
      const waitMs = this.#nextStartAt - performance.now();
      if (waitMs > 0) {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.#giveOut();
        }, Math.min(waitMs, LONGEST_MS));
        return;
      }
      if (this.#delayMs > 0) this.#nextStartAt = performance.now() + this.#delayMs;
      queue.delete(onPlace);
      this.#free--;
      onPlace(this.#lowest());
    }
  }

  #next(): [queue?: Set<OnPlace>, onPlace?: OnPlace] {
    for (const queue of [this.#first, this.#others]) {
      for (const onPlace of queue) return [queue, onPlace];
    }
    return [];
  }

  /** The lowest number that nobody has. */
  #lowest(): number {
    const found = this.#taken.indexOf(false);
    const index = found === -1 ? this.#taken.length : found;
    this.#taken[index] = true;
    return index + 1;
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
