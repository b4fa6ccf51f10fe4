/**
 * A lane of a topic: the ring that the publisher has for one subscriber, and what the subscriber wants done when it is full.
 *
 * @module
 */

import { ChannelClosedError, ProtocolError } from "../errors.ts";
import type { AnonymousMemory } from "../memory/anonymous_memory.ts";
import { Deadline } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import type { WhenFull } from "./channel.ts";
import { PATIENCE_MS } from "./rendezvous.ts";
import type { Facts } from "./rendezvous_terms.ts";
import { openRingSender, type RingSender } from "./ring.ts";
import { type SocketDoorbell, socketDoorbell } from "./ring_doorbell.ts";
import { capacityFor, createLink } from "./shm_link.ts";
import type { TopicSubscription } from "./topic_ends.ts";

/** Policies by their number in a hello. */
export const POLICIES: readonly WhenFull[] = ["block", "drop-oldest", "drop-newest", "error"];

/** What a subscriber wishes, as it says it in its hello. */
export interface Wishes {
  readonly whenFull: WhenFull;
  readonly history: number;
  readonly bufferBytes: number;
}

/** Writes wishes down. */
export function wishesToFacts({ whenFull, history, bufferBytes }: Wishes): Facts {
  return [POLICIES.indexOf(whenFull), history, bufferBytes];
}

/** Reads wishes; `undefined` for those that cannot be. */
export function factsToWishes([policy = 0, history = 0, bufferBytes = 0]: Facts): Wishes | undefined {
  const whenFull = POLICIES[policy];
  return whenFull && { whenFull, history, bufferBytes };
}

/** The publisher's side. */
export class Lane implements TopicSubscription, Disposable {
  readonly whenFull: WhenFull;
  readonly pid: number;
  readonly capacity: number;
  /** What the subscriber gets, to be passed to it and closed. */
  readonly inherited: readonly [Fd, Fd];
  readonly #sender: RingSender;
  readonly #doorbell: SocketDoorbell;
  readonly #memory: AnonymousMemory;
  #missed = 0;
  /** Until when its subscriber may be on the way. */
  readonly #patience: Deadline;

  constructor(address: string, { whenFull, bufferBytes }: Wishes, maxMessageBytes: number, pid: number) {
    this.whenFull = whenFull;
    this.pid = pid;
    this.#patience = new Deadline(`Letting process ${pid} in to ${address}`, PATIENCE_MS);
    this.capacity = capacityFor(maxMessageBytes, bufferBytes);
    const overwrite = whenFull === "drop-oldest";
    const { capacity } = this;
    const { link, inherited } = createLink({ address, rings: 1, capacity, maxMessageBytes, overwrite });
    this.inherited = inherited;
    this.#memory = link.memory;
    this.#doorbell = socketDoorbell(link.doorbell);
    try {
      this.#sender = openRingSender(link.memory, { name: address, doorbell: this.#doorbell });
    } catch (error) {
      for (const fd of inherited) fd.close();
      this.#doorbell.close();
      link.memory.close();
      throw error;
    }
  }

  get dropped(): number {
    return this.#sender.dropped;
  }

  get waitingBytes(): number {
    return this.#sender.closed ? 0 : this.#sender.usedBytes;
  }

  get closed(): boolean {
    return this.#sender.closed;
  }

  /** Whether the subscriber has closed its end, or died. */
  get isGone(): boolean {
    return this.closed || this.#sender.peer === "closed" || this.#sender.peer === "died";
  }

  /** Whether a message of a subscriber that blocks must wait. What a gone one would say does not count. */
  mustWait(byteLength: number): boolean {
    if (this.whenFull !== "block" || this.isGone) return false;
    const isFull = this.#sender.reserve(byteLength) < 0;
    this.#sender.abandon();
    return isFull;
  }

  /** Waits for room. Not for that of a subscriber who is gone. */
  async room(byteLength: number, options: { signal?: AbortSignal | undefined; timeoutMs: number }): Promise<void> {
    await this.#sender.waitForRoom(byteLength, options);
  }

  /**
   * The same, blocking this thread: so nobody hears that a subscriber has died on its way here, and its patience is looked after by this wait.
   *
   * @throws {ProtocolError} When the subscriber has not come until then.
   */
  roomSync(byteLength: number, timeoutMs: number): void {
    const isAbsent = () => this.#sender.peer === "absent";
    const patienceMs = isAbsent() ? this.#patience.remainingMs : Infinity;
    try {
      this.#sender.waitForRoomSync(byteLength, { timeoutMs: Math.min(timeoutMs, patienceMs) });
    } catch (error) {
      const isLate = error instanceof DOMException && error.name === "TimeoutError" && patienceMs < timeoutMs;
      if (!isLate) throw error;
      if (isAbsent()) throw new ProtocolError(`Process ${this.pid} has not come`, { cause: error });
    }
  }

  /**
   * Sends a message, or does what the subscriber wants done when there is no room.
   *
   * @returns `"gone"` when the lane is of no more use.
   */
  post(message: Uint8Array): "sent" | "dropped" | "gone" {
    try {
      while (!this.#sender.trySend(message)) {
        if (this.whenFull === "drop-oldest" && this.#sender.dropOldest()) continue;
        this.#sender.countDrop();
        return this.whenFull === "error" ? "gone" : "dropped";
      }
      return "sent";
    } catch (error) {
      // It has closed, died, or written what it must not.
      if (error instanceof ChannelClosedError || error instanceof ProtocolError) return "gone";
      throw error;
    }
  }

  /** Messages of the history that there was no room for. */
  get missed(): number {
    return this.#missed;
  }

  /** Counts a message of the history that there is no room for. */
  miss(): void {
    this.#missed++;
    this.#sender.countDrop();
  }

  close(): void {
    for (const fd of this.inherited) fd.close();
    this.#sender.close();
    this.#doorbell.close();
    this.#memory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
