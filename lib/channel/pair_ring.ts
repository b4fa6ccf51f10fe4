/**
 * The road between a parent and its child, or a Worker, through shared memory: two rings, and a hello as the first message of each.
 *
 * @module
 */

import { ChannelClosedError } from "../errors.ts";
import type { Struct } from "../memory/struct.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { agree, encodeHello, type Hello } from "./frame.ts";
import { type InPlace, RingInPlace } from "./shm_in_place.ts";
import { RingTransport } from "./shm_transport.ts";
import type { RingLink } from "./shm_link.ts";

/** A ring holds any hello. */
export const LEAST_MESSAGE_BYTES = 64;

/** Two rings whose ends agree by their first messages. */
export class PairRingTransport extends RingTransport {
  readonly #hello: Hello;
  #greeted = false;
  /** The peer closed before it said anything. */
  #ended = false;

  constructor(link: RingLink, side: "first" | "second", hello: Hello) {
    super(link, side);
    this.#hello = hello;
    try {
      // An empty ring has room.
      super.trySend(encodeHello(hello));
    } catch (error) {
      // What a peer that has gone already has sent, and then why there is no more, is told by receiving.
      if (error instanceof ChannelClosedError) return;
      this.close();
      throw error;
    }
  }

  override async receive(options: WaitOptions = {}): Promise<Uint8Array | null> {
    await this.#greet(options);
    return this.#ended ? null : await super.receive(options);
  }

  override receiveSync(options: SyncWaitOptions = {}): Uint8Array | null {
    this.#greetSync(options);
    return this.#ended ? null : super.receiveSync(options);
  }

  override tryReceive(): Uint8Array | null | undefined {
    if (!this.#tryGreet()) return undefined;
    return this.#ended ? null : super.tryReceive();
  }

  override inPlace<View>(struct: Struct<unknown> | undefined): InPlace<View> {
    const { receiver } = this;
    return new RingInPlace(
      this.sender,
      {
        get closed() {
          return receiver.closed;
        },
        borrow: async (options) => {
          await this.#greet(options);
          return this.#ended ? null : await receiver.borrow(options);
        },
        borrowSync: (options) => {
          this.#greetSync(options);
          return this.#ended ? null : receiver.borrowSync(options);
        },
        tryBorrow: () => {
          if (!this.#tryGreet()) return undefined;
          return this.#ended ? null : receiver.tryBorrow();
        },
      },
      this.memory,
      struct,
    );
  }

  async #greet(options: WaitOptions = {}): Promise<void> {
    if (!this.#greeted) this.#hear(await super.receive(options));
  }

  #greetSync(options: SyncWaitOptions = {}): void {
    if (!this.#greeted) this.#hear(super.receiveSync(options));
  }

  /** Whether the peer has been heard. */
  #tryGreet(): boolean {
    if (this.#greeted) return true;
    const first = super.tryReceive();
    if (first === undefined) return false;
    this.#hear(first);
    return true;
  }

  /** @throws {ProtocolError} When the other end is of another codec or type. The road is closed. */
  #hear(first: Uint8Array | null): void {
    this.#greeted = true;
    this.#ended = first === null;
    if (first === null) return;
    try {
      agree(this.#hello, first, this.address);
    } catch (error) {
      this.close();
      throw error;
    }
  }
}
