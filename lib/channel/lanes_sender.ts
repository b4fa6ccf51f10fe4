/**
 * The hub of one-to-many lanes: sends to all, each by its own policy.
 *
 * @module
 */

import { ClosedError, ProtocolError } from "../errors.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { LanesSender } from "./lanes.ts";
import { hubSleep, type LanesTable } from "./lanes_layout.ts";
import type { RingSenderEnd } from "./ring_sender.ts";
import { begin, DEFAULT_SPINS, Sleeper } from "./ring_sleeper.ts";

/** Policies, as the lane's header has them. Any other number, a hostile subscriber's, drops the newest. */
const BLOCK = 0;
const DROP_OLDEST = 1;
const ERROR = 3;

export class LanesSenderHub implements LanesSender {
  readonly name: string;
  readonly #what: string;
  readonly #lanes: readonly RingSenderEnd[];
  readonly #sleeper: Sleeper;
  readonly #withdraw: () => void;
  /** What is waited for has so many bytes. */
  #awaited = 0;
  #closed = false;

  constructor(table: LanesTable, lanes: readonly RingSenderEnd[], spins: number = DEFAULT_SPINS / lanes.length) {
    this.name = table.name;
    this.#what = `Sending to ${table.name}`;
    this.#lanes = lanes;
    this.#sleeper = new Sleeper({
      what: this.#what,
      word: hubSleep(table),
      doorbell: undefined,
      spins,
      ready: () => this.#closed || !this.#live().some((lane) => this.#isFull(lane, BLOCK, this.#awaited)),
      watched: () => this.#live().filter((lane) => lane.peerPolicy === BLOCK).flatMap((lane) => lane.watched()),
    });
    this.#withdraw = table.mapping.beforeClose(() => this.close());
  }

  get subscribers(): number {
    this.#mustBeOpen();
    return this.#live().length;
  }

  get dropped(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.dropped, 0);
  }

  trySend(message: Uint8Array): boolean {
    this.#mustBeOpen();
    const { byteLength } = message;
    const { maxMessageBytes } = this.#lanes[0]!;
    if (byteLength > maxMessageBytes) {
      throw new RangeError(`A message of ${this.name} has 0..${maxMessageBytes} bytes, got ${byteLength}`);
    }
    const live = this.#live();
    // Only this end takes room, so what is there now is there below.
    if (live.some((lane) => this.#isFull(lane, ERROR, byteLength))) {
      throw new DOMException(`${this.name}: a subscriber's lane is full`, "QuotaExceededError");
    }
    if (live.some((lane) => this.#isFull(lane, BLOCK, byteLength))) return false;
    for (const lane of live) {
      // It may have been given up just now, for what its subscriber wrote.
      if (!lane.closed) this.#guarded(lane, () => this.#sendTo(lane, message));
    }
    return true;
  }

  sendSync(message: Uint8Array, options: SyncWaitOptions = {}): void {
    const deadline = new Deadline(this.#what, options.timeoutMs);
    while (!this.trySend(message)) {
      this.#await(message);
      this.#sleeper.block(deadline);
    }
  }

  async send(message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    const deadline = new Deadline(this.#what, options.timeoutMs);
    await begin(options);
    while (!this.trySend(message)) {
      this.#await(message);
      await this.#sleeper.wait(options, deadline);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const lane of this.#lanes) lane.close();
    this.#sleeper.close();
    this.#withdraw();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #live(): RingSenderEnd[] {
    return this.#lanes.filter((lane) => !lane.closed && lane.look() === "open");
  }

  #await({ byteLength }: Uint8Array): void {
    this.#sleeper.mustBeIdle();
    this.#awaited = byteLength;
  }

  #isFull(lane: RingSenderEnd, policy: number, byteLength: number): boolean {
    return lane.peerPolicy === policy && this.#guarded(lane, () => !lane.hasRoom(byteLength)) === true;
  }

  /** O1 to O3 of ring_receiver.ts, where the oldest goes. */
  #sendTo(lane: RingSenderEnd, message: Uint8Array): void {
    while (!lane.hasRoom(message.byteLength)) {
      if (lane.peerPolicy !== DROP_OLDEST) return lane.countDrop();
      // Nothing is left to drop when the subscriber has received it meanwhile, and then there is room.
      if (!lane.dropOldest() && !lane.hasRoom(message.byteLength)) return lane.countDrop();
    }
    if (!lane.stageCopy(message)) return lane.countDrop();
    lane.publish();
  }

  /** A subscriber that writes what cannot be loses its lane, and its lane alone. */
  #guarded<Result>(lane: RingSenderEnd, act: () => Result): Result | undefined {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      lane.close();
      return undefined;
    }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ClosedError(`The end of ${this.name}`);
  }
}
