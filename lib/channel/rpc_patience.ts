/**
 * Watching for an answer for a moment before sleeping: waking a process costs more than most calls take.
 *
 * @module
 */

/** How long a thread may watch instead of sleeping. Nothing else of its program happens meanwhile. */
const WATCH_MS = 0.02;

/** After so many waits in vain, watching is tried once in 2 to the power of it. */
const MOST_DOUBLINGS = 10;

/** Decides whether watching is worth it: as long as it is, answers come within some microseconds. */
export class Patience {
  #misses = 0;
  #skip = 0;

  /**
   * Looks for a message until one is there or the moment is over. On one CPU, where the peer cannot answer while this thread watches, and with
   * peers that take their time, it is soon given up, and tried again more and more rarely.
   *
   * @param look Takes a message if there is one.
   * @returns What it took; `undefined` when there is nothing, or watching is not worth it.
   */
  watch(look: () => unknown): unknown {
    if (this.#skip > 0) {
      this.#skip--;
      return undefined;
    }
    for (const endMs = performance.now() + WATCH_MS; performance.now() < endMs;) {
      const message = look();
      if (message === undefined) continue;
      this.#misses = Math.max(0, this.#misses - 1);
      return message;
    }
    this.#misses = Math.min(this.#misses + 1, MOST_DOUBLINGS);
    this.#skip = 2 ** this.#misses;
    return undefined;
  }
}
