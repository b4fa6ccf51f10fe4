/**
 * The hub of many-to-one lanes: receives from all in turn.
 *
 * @module
 */

import { ClosedError, ProtocolError } from "../errors.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { LanesReceiver } from "./lanes.ts";
import { hubSleep, type LanesTable } from "./lanes_layout.ts";
import type { RingReceiverEnd } from "./ring_receiver.ts";
import { begin, DEFAULT_SPINS, Sleeper } from "./ring_sleeper.ts";

/** What `poll()` says of a lane. */
const CLOSED = -2;
const DIED = -3;

export class LanesReceiverHub implements LanesReceiver {
  readonly name: string;
  readonly #what: string;
  readonly #lanes: readonly RingReceiverEnd[];
  /** What was last seen of each lane's producer, so that a death counts once. */
  readonly #gone: boolean[];
  readonly #sleeper: Sleeper;
  readonly #withdraw: () => void;
  #turn = 0;
  #last = -1;
  #deaths = 0;
  #closed = false;

  constructor(table: LanesTable, lanes: readonly RingReceiverEnd[], spins: number = DEFAULT_SPINS / lanes.length) {
    this.name = table.name;
    this.#what = `Receiving from ${table.name}`;
    this.#lanes = lanes;
    this.#gone = lanes.map(() => true);
    this.#sleeper = new Sleeper({
      what: this.#what,
      word: hubSleep(table),
      doorbell: undefined,
      spins,
      // Every lane is looked at: each look announces that the death of its producer is to wake this end.
      ready: () => this.#closed || lanes.filter((lane) => this.#hasNews(lane)).length > 0,
      watched: () => lanes.flatMap((lane) => lane.watched()),
    });
    this.#withdraw = table.mapping.beforeClose(() => this.close());
  }

  get producers(): number {
    this.#mustBeOpen();
    return this.#lanes.filter((lane) => lane.look() === "open").length;
  }

  get deaths(): number {
    return this.#deaths;
  }

  get lane(): number {
    return this.#last;
  }

  tryReceive(): Uint8Array<ArrayBuffer> | undefined {
    this.#mustBeOpen();
    const { length } = this.#lanes;
    for (let asked = 0; asked < length; asked++) {
      const index = this.#turn;
      this.#turn = index + 1 === length ? 0 : index + 1;
      const lane = this.#lanes[index]!;
      if (lane.closed) continue;
      const at = this.#poll(lane);
      if (at >= 0) {
        this.#gone[index] = false;
        this.#last = index;
        return lane.view(at);
      }
      const gone = at === CLOSED || at === DIED;
      if (at === DIED && !this.#gone[index]) this.#deaths++;
      this.#gone[index] = gone;
    }
    return undefined;
  }

  receiveSync(options: SyncWaitOptions = {}): Uint8Array<ArrayBuffer> {
    const deadline = new Deadline(this.#what, options.timeoutMs);
    while (true) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
      this.#sleeper.block(deadline);
    }
  }

  async receive(options: WaitOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const deadline = new Deadline(this.#what, options.timeoutMs);
    await begin(options);
    while (true) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
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

  /** A producer that writes what cannot be loses its lane. */
  #poll(lane: RingReceiverEnd): number {
    try {
      return lane.poll();
    } catch (error) {
      if (error instanceof ProtocolError) lane.close();
      throw error;
    }
  }

  #hasNews(lane: RingReceiverEnd): boolean {
    if (lane.closed || !lane.ready()) return false;
    // An end that is known to be gone is no news.
    return !this.#gone[this.#lanes.indexOf(lane)] || lane.hasMessage;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ClosedError(`The end of ${this.name}`);
  }
}
