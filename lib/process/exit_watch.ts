/**
 * Hearing of a child's exit on the event loop.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { EPOLL, POLL } from "../sys/linux.ts";
import { pollNow } from "../sys/poll.ts";

/** How often to look after a child that must not keep this process alive, at first and at last. */
const LOOK_MS = { first: 10, last: 100 } as const;

/** Waits for one child to exit, and can be told to stop keeping this process alive for it. */
export class ExitWatch {
  readonly #pidfd: Fd;
  #held = true;
  #change = new AbortController();

  constructor(pidfd: Fd) {
    this.#pidfd = pidfd;
  }

  /**
   * Whether the wait keeps this process alive. A wait in the kernel always does; who does not want that is looked after by a timer, as long as
   * something else keeps the process alive.
   */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#change.abort();
    this.#change = new AbortController();
  }

  /** Resolves when the child has exited; it is not reaped yet. */
  async exited(): Promise<void> {
    let canWait = true;
    for (let lookMs: number = LOOK_MS.first;;) {
      const { signal } = this.#change;
      if (this.#held && canWait) {
        try {
          await waitFor(this.#pidfd, EPOLL.IN, { signal });
          return;
        } catch (error) {
          // The first wait of all opens descriptors, and there may be none left. The child has to be reaped all the same.
          if (error instanceof PosixError && (error.code === "EMFILE" || error.code === "ENFILE")) canWait = false;
          else if (!signal.aborted) throw error;
        }
      } else {
        if (pollNow(this.#pidfd, POLL.IN) !== 0) return;
        await sleep(lookMs, signal, this.#held);
        lookMs = Math.min(2 * lookMs, LOOK_MS.last);
      }
    }
  }
}

/** Sleeps until the time is over or the signal aborts. */
function sleep(ms: number, signal: AbortSignal, held: boolean): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    if (!held) Deno.unrefTimer(timer);
    signal.addEventListener("abort", over);
  });
}
