/**
 * What to do with a message for which the road has no room, other than to wait: a bounded queue in this process, in front of the road.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import type { WhenFull } from "./channel.ts";
import type { Transport } from "./transport.ts";

/** The queue of one channel that does not block. */
export class SendQueue {
  readonly #transport: Transport;
  readonly #policy: Exclude<WhenFull, "block">;
  readonly #highWaterMark: number;
  readonly #waiting: Uint8Array[] = [];
  readonly #giveUp = new AbortController();
  #pump: Promise<void> | undefined;
  /** The message that the pump is sending: it is first in line, and is no longer dropped. */
  #underWay = false;
  #failure: unknown;
  #dropped = 0;

  /** @param highWaterMark How many messages may wait. */
  constructor(transport: Transport, policy: Exclude<WhenFull, "block">, highWaterMark: number) {
    this.#transport = transport;
    this.#policy = policy;
    this.#highWaterMark = highWaterMark;
  }

  /** Messages that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Resolves when nothing waits any more. */
  get drained(): Promise<void> | undefined {
    return this.#pump;
  }

  /**
   * Takes a message, never waiting.
   *
   * @returns Whether there was room for it, on the road or here; with `"drop-oldest"` there always is.
   */
  offer(message: Uint8Array): boolean {
    this.#throwFailure();
    this.#flush();
    if (this.#waiting.length === 0 && !this.#underWay && this.#transport.trySend(message)) return true;
    if (this.#waiting.length >= this.#highWaterMark) {
      if (this.#policy !== "drop-oldest") return false;
      this.#waiting.shift();
      this.#dropped++;
    }
    // The queue keeps it: the caller's memory may be something else by the time that it goes.
    this.#waiting.push(message.slice());
    this.#pump ??= this.#run().finally(() => this.#pump = undefined);
    return true;
  }

  /** A message was refused that somebody will not send again. */
  countDropped(): void {
    this.#dropped++;
  }

  /** @throws {DOMException} `QuotaExceededError`, always. */
  refuse(): never {
    throw new DOMException(
      `${this.#transport.address} is full, and ${this.#highWaterMark} messages wait for room already`,
      "QuotaExceededError",
    );
  }

  /** Gives up what waits: it counts as dropped. */
  close(): void {
    this.#dropped += this.#waiting.length + (this.#underWay ? 1 : 0);
    this.#waiting.length = 0;
    this.#giveUp.abort(new ClosedError(`Channel ${this.#transport.address}`));
  }

  /** Sends from the queue what goes at once: who only ever sends synchronously never lets the event loop do it. */
  #flush(): void {
    while (!this.#underWay && this.#waiting.length > 0 && this.#transport.trySend(this.#waiting[0]!)) {
      this.#waiting.shift();
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#giveUp;
    // The first message stays where it may still be dropped until the caller's own turn is over.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const message = this.#waiting.shift()!;
      this.#underWay = true;
      try {
        await this.#transport.send(message, { signal });
      } catch (error) {
        if (signal.aborted) return;
        // The next send throws it.
        this.#failure = error;
        this.#waiting.length = 0;
      } finally {
        this.#underWay = false;
      }
    }
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }
}
