/**
 * The publishing end of a topic: a lane for each subscriber.
 *
 * @module
 */

import { ChannelClosedError, ClosedError, ProtocolError } from "../errors.ts";
import { Deadline, nextTurn, type SyncWaitOptions, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { Line } from "../sys/line.ts";
import { publish as tell } from "../sys/probe.ts";
import type { ResolvedCodec } from "./codec.ts";
import type { Guest, Rendezvous } from "./rendezvous.ts";
import { keepDoor } from "./rendezvous_door.ts";
import type { TopicPublisher, TopicSubscription } from "./topic_ends.ts";
import { factsToWishes, Lane } from "./topic_lane.ts";

/** What a publisher allows. */
export interface TopicLimits {
  readonly maxMessageBytes: number;
  readonly history: number;
  readonly maxSubscribers: number;
  readonly maxBufferBytes: number;
}

/** Bytes of a ring that a message takes besides its own. */
const RECORD_BYTES = 16;

/** A publisher. */
export class TopicPublisherEnd implements TopicPublisher<unknown> {
  readonly address: string;
  readonly #rendezvous: Rendezvous;
  readonly #codec: ResolvedCodec<unknown, unknown>;
  readonly #limits: TopicLimits;
  readonly #lanes = new Set<Lane>();
  /** The newest messages, oldest first. */
  readonly #history: Uint8Array[] = [];
  readonly #line = new Line();
  readonly #door: Promise<void>;
  readonly #what: string;

  constructor(
    address: string,
    rendezvous: Rendezvous,
    codec: ResolvedCodec<unknown, unknown>,
    limits: TopicLimits,
  ) {
    this.address = address;
    this.#what = `Publishing to ${address}`;
    this.#rendezvous = rendezvous;
    this.#codec = codec;
    this.#limits = limits;
    this.#door = keepDoor(rendezvous, (guest) => this.#letIn(guest));
  }

  get subscribers(): readonly TopicSubscription[] {
    this.#sweep();
    return [...this.#lanes];
  }

  get closed(): boolean {
    return this.#rendezvous.closed;
  }

  async publish(value: unknown, options: WaitOptions = {}): Promise<number> {
    const message = this.#encode(value);
    options.signal?.throwIfAborted();
    const isFree = !this.#line.taken && !turnIsDue();
    if (isFree && this.#fullLane(message.byteLength) === undefined) return this.#post(message);
    const deadline = new Deadline(this.#what, options.timeoutMs);
    await this.#line.enter(this.#what, options, deadline);
    try {
      // A loop that never has to wait must not keep newcomers at the door.
      if (!isFree) await nextTurn();
      options.signal?.throwIfAborted();
      this.#requireOpen();
      // Somebody may come during the wait, and have no room for what comes after the history.
      for (let lane = this.#fullLane(message.byteLength); lane; lane = this.#fullLane(message.byteLength)) {
        try {
          await lane.room(message.byteLength, { signal: options.signal, timeoutMs: deadline.remainingMs });
        } catch (error) {
          if (!this.#isOver(lane, error)) throw error;
        }
        this.#requireOpen();
      }
      return this.#post(message);
    } finally {
      this.#line.leave();
    }
  }

  publishSync(value: unknown, options: SyncWaitOptions = {}): number {
    const message = this.#encode(value);
    if (this.#line.taken) throw new Deno.errors.Busy(`A publish to ${this.address} is pending`);
    const deadline = new Deadline(this.#what, options.timeoutMs);
    for (let lane = this.#fullLane(message.byteLength); lane; lane = this.#fullLane(message.byteLength)) {
      try {
        lane.roomSync(message.byteLength, deadline.remainingMs);
      } catch (error) {
        if (!this.#isOver(lane, error)) throw error;
      }
    }
    return this.#post(message);
  }

  tryPublish(value: unknown): number | undefined {
    const message = this.#encode(value);
    if (this.#line.taken || this.#fullLane(message.byteLength) !== undefined) return undefined;
    return this.#post(message);
  }

  close(): void {
    if (this.closed) return;
    this.#rendezvous.close();
    for (const lane of this.#lanes) lane.close();
    this.#lanes.clear();
    this.#history.length = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#door;
  }

  #encode(value: unknown): Uint8Array {
    this.#requireOpen();
    const message = this.#codec.encode(value);
    // A codec, or a toJSON, may have closed this publisher.
    this.#requireOpen();
    const { maxMessageBytes } = this.#limits;
    if (message.byteLength <= maxMessageBytes) return message;
    throw new RangeError(
      `A message of ${this.address} has at most ${maxMessageBytes} bytes, this one ${message.byteLength}`,
    );
  }

  #requireOpen(): void {
    if (this.closed) throw new ClosedError(`Publisher of ${this.address}`);
  }

  /** A lane that makes a message wait. */
  #fullLane(byteLength: number): Lane | undefined {
    for (const lane of this.#lanes) {
      try {
        if (lane.mustWait(byteLength)) return lane;
      } catch (error) {
        if (!this.#isOver(lane, error)) throw error;
      }
    }
    return undefined;
  }

  #post(message: Uint8Array): number {
    if (this.#limits.history > 0) {
      // The caller's bytes may change, and a codec may use its memory again.
      this.#history.push(message.slice());
      if (this.#history.length > this.#limits.history) this.#history.shift();
    }
    let sent = 0;
    for (const lane of this.#lanes) {
      const outcome = lane.post(message);
      if (outcome === "sent") sent++;
      else if (outcome === "gone") this.#drop(lane);
    }
    return sent;
  }

  /** Whether a wait for a lane ended because the lane did: then it is forgotten, and the others go on. */
  #isOver(lane: Lane, error: unknown): boolean {
    const ended = error instanceof ChannelClosedError || error instanceof ProtocolError ||
      (error instanceof ClosedError && lane.closed);
    if (ended) this.#drop(lane);
    return ended;
  }

  #sweep(): void {
    for (const lane of this.#lanes) if (lane.isGone) this.#drop(lane);
  }

  #drop(lane: Lane): void {
    if (!this.#lanes.delete(lane)) return;
    const { pid, dropped } = lane;
    lane.close();
    tell(() => ({ kind: "topic.leave", address: this.address, pid, dropped, subscribers: this.#lanes.size }));
  }

  async #letIn(guest: Guest): Promise<void> {
    const { maxMessageBytes, maxSubscribers, maxBufferBytes } = this.#limits;
    const wishes = factsToWishes(guest.facts);
    if (wishes === undefined) return guest.refuse("there is no such policy");
    this.#sweep();
    if (this.#lanes.size >= maxSubscribers) {
      return guest.refuse(`${this.address} has ${maxSubscribers} subscribers already (maxSubscribers)`);
    }
    if (wishes.bufferBytes > maxBufferBytes) {
      return guest.refuse(`${this.address} gives at most ${maxBufferBytes} bytes to a subscriber (maxBufferBytes)`);
    }
    const lane = new Lane(this.address, wishes, maxMessageBytes, guest.peer.pid);
    // From here on nothing is missed: first the history, then whatever is published.
    this.#remember(lane, wishes.history);
    this.#lanes.add(lane);
    try {
      await guest.welcome([lane.capacity, maxMessageBytes, lane.missed], lane.inherited);
    } catch (error) {
      this.#drop(lane);
      throw error;
    }
    for (const fd of lane.inherited) fd.close();
    const { pid, whenFull } = lane;
    tell(() => ({ kind: "topic.join", address: this.address, pid, whenFull, subscribers: this.#lanes.size }));
  }

  /** The newest messages that were asked for, as many as there is room for. */
  #remember(lane: Lane, wanted: number): void {
    const wishes = wanted === 0 ? [] : this.#history.slice(-wanted);
    let bytes = 0;
    let first = wishes.length;
    while (first > 0 && (bytes += wishes[first - 1]!.byteLength + RECORD_BYTES) <= lane.capacity) first--;
    for (let missed = 0; missed < first; missed++) lane.miss();
    for (const message of wishes.slice(first)) lane.post(message);
  }
}
