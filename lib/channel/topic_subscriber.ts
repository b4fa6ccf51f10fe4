/**
 * The subscribing end of a topic: the other end of a lane.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import type { AnonymousMemory } from "../memory/anonymous_memory.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { WhenFull } from "./channel.ts";
import type { ResolvedCodec } from "./codec.ts";
import { openRingReceiver, type RingReceiver } from "./ring.ts";
import { type SocketDoorbell, socketDoorbell } from "./ring_doorbell.ts";
import { requireAgreed, type RingLink } from "./shm_link.ts";
import type { TopicSubscriber } from "./topic_ends.ts";

/** What was agreed with the publisher. */
export interface Subscription {
  readonly whenFull: WhenFull;
  /** Messages of the history that there was no room for. */
  readonly missed: number;
}

/** A subscriber. */
export class TopicSubscriberEnd implements TopicSubscriber<unknown> {
  readonly address: string;
  readonly whenFull: WhenFull;
  readonly #codec: ResolvedCodec<unknown, unknown>;
  readonly #receiver: RingReceiver;
  readonly #doorbell: SocketDoorbell;
  readonly #memory: AnonymousMemory;
  /** Messages of the history that there was no room for. */
  readonly #missed: number;
  #dropped = 0;
  #closed = false;

  /** @param link Becomes the subscriber's, and is closed when this throws. */
  constructor(link: RingLink, codec: ResolvedCodec<unknown, unknown>, { whenFull, missed }: Subscription) {
    this.address = link.address;
    this.whenFull = whenFull;
    this.#missed = missed;
    this.#codec = codec;
    this.#memory = link.memory;
    this.#doorbell = socketDoorbell(link.doorbell);
    try {
      this.#receiver = openRingReceiver(link.memory, { name: link.address, doorbell: this.#doorbell });
      requireAgreed(this.#receiver, link);
    } catch (error) {
      this.#doorbell.close();
      link.memory.close();
      throw error;
    }
  }

  get dropped(): number {
    return this.#closed ? this.#dropped : this.#receiver.dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async receive(options?: WaitOptions): Promise<unknown> {
    return this.#read(await this.#receiver.receive(options));
  }

  receiveSync(options?: SyncWaitOptions): unknown {
    return this.#read(this.#receiver.receiveSync(options));
  }

  tryReceive(): unknown {
    const message = this.#receiver.tryReceive();
    return message === undefined ? undefined : this.#read(message);
  }

  close(): void {
    if (this.#closed) return;
    this.#dropped = this.#receiver.dropped;
    this.#closed = true;
    this.#receiver.close();
    this.#doorbell.close();
    this.#memory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    try {
      for (let value = await this.receive(); value !== null; value = await this.receive()) yield value;
    } catch (error) {
      if (!(this.#closed && error instanceof ClosedError)) throw error;
    }
  }

  #read(message: Uint8Array | null): unknown {
    if (message !== null) return this.#codec.decode(message);
    if (this.whenFull !== "error" || this.dropped === this.#missed) return null;
    // The publisher ended the subscription, not itself.
    throw new DOMException(
      `This subscriber of ${this.address} was too slow, and missed a message`,
      "QuotaExceededError",
    );
  }
}
