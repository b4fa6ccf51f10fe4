/**
 * One direction of one descriptor: who waits first is served first.
 *
 * @module
 */

import { cancellable, Deadline, nextTurn, type SyncWaitOptions, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { pollSync } from "../sys/poll.ts";

/** Runs attempts that never wait until one has a result, in the order in which they were asked for. */
export class Lane {
  readonly #fd: Fd;
  readonly #events: number;
  readonly #line: (() => void)[] = [];
  #taken = false;

  /** @param events What a failed attempt waits for: `EPOLL.IN` or `EPOLL.OUT`, which are `POLL.IN` and `POLL.OUT` too. */
  constructor(fd: Fd, events: number) {
    this.#fd = fd;
    this.#events = events;
  }

  /** Whether somebody waits on the event loop: who never waits would overtake. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Waits on the event loop until `attempt` returns something. */
  async run<T>(what: string, options: WaitOptions, attempt: () => T | undefined): Promise<T> {
    options.signal?.throwIfAborted();
    const deadline = new Deadline(what, options.timeoutMs);
    if (this.#taken) await this.#queue(what, options, deadline);
    else this.#taken = true;
    try {
      if (turnIsDue()) {
        await nextTurn();
        options.signal?.throwIfAborted();
      }
      while (true) {
        const result = attempt();
        if (result !== undefined) return result;
        await waitFor(this.#fd, this.#events, options, deadline);
      }
    } finally {
      this.#leave();
    }
  }

  /**
   * Blocks this thread until `attempt` returns something.
   *
   * @throws {Deno.errors.Busy} While somebody waits on the event loop: going first could cut a half-written write in two, and going last is
   * impossible while the thread is blocked.
   */
  runSync<T>(what: string, options: SyncWaitOptions, attempt: () => T | undefined): T {
    const deadline = new Deadline(what, options.timeoutMs);
    if (this.#taken) throw new Deno.errors.Busy(`${what} cannot block while the same is pending on the event loop`);
    while (true) {
      const result = attempt();
      if (result !== undefined) return result;
      pollSync(this.#fd, this.#events, deadline);
    }
  }

  /** Who leaves hands the lane over without letting go of it, so that nobody slips in between. */
  #leave(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }

  #queue(what: string, options: WaitOptions, deadline: Deadline): Promise<void> {
    return cancellable<void>(what, options, (resolve) => {
      this.#line.push(resolve);
      return () => void this.#line.splice(this.#line.indexOf(resolve), 1);
    }, deadline);
  }
}
