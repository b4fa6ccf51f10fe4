/**
 * Messages over roads that have boundaries of their own: seqpacket sockets and message queues. A packet is the kind of a frame and its payload.
 *
 * @module
 */

import { ChannelClosedError, ClosedError, PosixError, ProtocolError } from "../errors.ts";
import type { PeerCredentials } from "../socket/peer.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { agree, encodeHello, type Hello, KIND, NOTHING } from "./frame.ts";
import type { Transport } from "./transport.ts";

/** A road of packets. */
export interface PacketRoad {
  readonly directions: "both" | "send" | "receive";
  readonly peer: PeerCredentials | undefined;
  /** The longest packet, the kind included. */
  readonly maxPacketBytes: number;
  /** Sends a packet if there is room. @throws {PosixError} EPIPE when nobody is there. */
  trySend(packet: Uint8Array<ArrayBuffer>): boolean;
  /** The next packet, valid until the next call; `null` when nobody is there any more and everything was received; `undefined` for nothing yet. */
  tryReceive(): Uint8Array<ArrayBuffer> | null | undefined;
  /** Waits until there may be room. */
  room(options: WaitOptions, deadline: Deadline): Promise<unknown>;
  roomSync(deadline: Deadline): void;
  /** Waits until there may be a packet, or the end. */
  arrival(options: WaitOptions, deadline: Deadline): Promise<unknown>;
  arrivalSync(deadline: Deadline): void;
  /** After EPIPE, where the road itself knows: whether the other end has gone without a goodbye. */
  readonly died?: boolean;
  /** The hello has been heard. */
  met?(): void;
  close(): void;
}

/** One end of a road of packets. */
export class PacketTransport implements Transport {
  readonly address: string;
  readonly directions: "both" | "send" | "receive";
  readonly peer: PeerCredentials | undefined;
  readonly maxMessageBytes: number;
  readonly #road: PacketRoad;
  #packet = new Uint8Array(1024);
  /** Data that was received while the peer's last word was looked for. */
  readonly #early: Uint8Array<ArrayBuffer>[] = [];
  #farewell: "end" | "bye" | undefined;
  #failure: Error | undefined;
  #closed = false;

  private constructor(address: string, road: PacketRoad, maxMessageBytes: number) {
    this.address = address;
    this.#road = road;
    this.directions = road.directions;
    this.peer = road.peer;
    this.maxMessageBytes = Math.min(maxMessageBytes, road.maxPacketBytes - 1);
  }

  /**
   * Says hello, and hears the other end's where it can speak.
   *
   * @throws {ProtocolError} When the two do not agree. The road is closed.
   * @throws {ChannelClosedError} When the other end has gone without a word.
   */
  static async open(address: string, road: PacketRoad, hello: Hello, options: WaitOptions): Promise<PacketTransport> {
    try {
      const deadline = new Deadline(`Meeting at ${address}`, options.timeoutMs);
      const greeting = new PacketTransport(address, road, HELLO_ROOM);
      const ours = { ...hello, maxMessageBytes: Math.min(hello.maxMessageBytes, road.maxPacketBytes - 1) };
      let theirs: Hello = ours;
      if (road.directions !== "receive") {
        const payload = encodeHello(ours);
        while (!greeting.#sending(() => greeting.#try(KIND.HELLO, payload))) await road.room(options, deadline);
      }
      if (road.directions !== "send") {
        let packet = road.tryReceive();
        for (; packet === undefined; packet = road.tryReceive()) await road.arrival(options, deadline);
        if (packet === null) throw new ChannelClosedError(address, "died");
        theirs = agree(ours, packet[0] === KIND.HELLO ? packet.subarray(1) : NOTHING, address);
      }
      road.met?.();
      return new PacketTransport(address, road, Math.min(ours.maxMessageBytes, theirs.maxMessageBytes));
    } catch (error) {
      road.close();
      throw isReset(error) ? new ChannelClosedError(address, "died", { cause: error }) : error;
    }
  }

  trySend(message: Uint8Array): boolean {
    return this.#sending(() => this.#try(KIND.DATA, message));
  }

  async send(message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const deadline = new Deadline(`Sending to ${this.address}`, options.timeoutMs);
    while (!this.trySend(message)) {
      await this.#waiting(this.#road.room(options, deadline));
    }
  }

  sendSync(message: Uint8Array, options: SyncWaitOptions = {}): void {
    const deadline = new Deadline(`Sending to ${this.address}`, options.timeoutMs);
    while (!this.trySend(message)) this.#road.roomSync(deadline);
  }

  async receive(options: WaitOptions = {}): Promise<Uint8Array | null> {
    const deadline = new Deadline(`Receiving from ${this.address}`, options.timeoutMs);
    while (true) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
      await this.#waiting(this.#road.arrival(options, deadline));
    }
  }

  receiveSync(options: SyncWaitOptions = {}): Uint8Array | null {
    const deadline = new Deadline(`Receiving from ${this.address}`, options.timeoutMs);
    while (true) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
      this.#road.arrivalSync(deadline);
    }
  }

  tryReceive(): Uint8Array | null | undefined {
    this.#requireOpen();
    const early = this.#early.shift();
    if (early !== undefined) return early;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#farewell !== undefined) return null;
    let packet: Uint8Array<ArrayBuffer> | null | undefined;
    try {
      packet = this.#road.tryReceive();
    } catch (error) {
      if (error instanceof ProtocolError) this.#fail(error);
      if (!isReset(error)) throw error;
      packet = null;
    }
    if (packet === undefined) return undefined;
    if (packet === null) throw this.#failure = new ChannelClosedError(this.address, "died");
    const message = this.#understand(packet);
    return message;
  }

  closeSending(): void {
    this.#farewellOf(KIND.END);
  }

  close(): void {
    if (this.#closed) return;
    if (this.directions !== "receive") this.#farewellOf(KIND.BYE);
    this.#closed = true;
    this.#road.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What a packet says: a message, or the end. */
  #understand(packet: Uint8Array<ArrayBuffer>): Uint8Array | null {
    const kind = packet[0];
    const payload = packet.subarray(1);
    if (kind === KIND.DATA && payload.byteLength <= this.maxMessageBytes) return payload;
    if (kind === KIND.END || kind === KIND.BYE) {
      this.#farewell = kind === KIND.BYE ? "bye" : "end";
      return null;
    }
    throw this.#fail(
      new ProtocolError(
        kind === KIND.DATA
          ? `${this.address}: message of ${payload.byteLength} bytes, at most ${this.maxMessageBytes} were declared`
          : `${this.address}: packet of unknown kind ${kind}`,
      ),
    );
  }

  /** Nothing more that such a peer says is read. */
  #fail(failure: ProtocolError): ProtocolError {
    this.#failure = failure;
    this.#road.close();
    return failure;
  }

  #try(kind: number, payload: Uint8Array): boolean {
    const byteLength = 1 + payload.byteLength;
    if (this.#packet.byteLength < byteLength) {
      this.#packet = new Uint8Array(Math.max(byteLength, 2 * this.#packet.byteLength));
    }
    this.#packet[0] = kind;
    this.#packet.set(payload, 1);
    return this.#road.trySend(this.#packet.subarray(0, byteLength));
  }

  /** A last word for which there may be no room. Whoever does not hear it takes the end for a death. */
  #farewellOf(kind: number): void {
    try {
      const deadline = new Deadline("Saying goodbye", LAST_WORD_MS);
      while (!this.#sending(() => this.#try(kind, NOTHING))) this.#road.roomSync(deadline);
    } catch (error) {
      const gone = error instanceof ChannelClosedError || error instanceof DOMException || error instanceof ClosedError;
      if (!gone) throw error;
    }
  }

  #sending(work: () => boolean): boolean {
    this.#requireOpen();
    try {
      return work();
    } catch (error) {
      if (!isReset(error)) throw error;
      throw new ChannelClosedError(this.address, this.#saidBye() ? "closed" : "died", { cause: error });
    }
  }

  #saidBye(): boolean {
    if (this.#road.died !== undefined) return !this.#road.died;
    try {
      while (this.#farewell !== "bye") {
        const packet = this.#road.tryReceive();
        if (packet === undefined || packet === null) return false;
        if (packet[0] === KIND.DATA && this.#early.length < MOST_EARLY) this.#early.push(packet.slice(1));
        else if (packet[0] === KIND.END || packet[0] === KIND.BYE) this.#understand(packet);
        else return false;
      }
      return true;
    } catch (error) {
      if (!isReset(error) && !(error instanceof ClosedError)) throw error;
      return false;
    }
  }

  async #waiting(wait: Promise<unknown>): Promise<void> {
    try {
      await wait;
    } catch (error) {
      throw this.#closed ? new ClosedError(`Channel ${this.address}`, "was closed during the wait") : error;
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw new ClosedError(`Channel ${this.address}`);
  }
}

/** Room for a hello. */
const HELLO_ROOM = 256;

/** How long `close()` and `closeSending()` block for room for their last word. */
const LAST_WORD_MS = 100;

/** A peer that has gone cannot have left more than the kernel holds. */
const MOST_EARLY = 4096;

function isReset(error: unknown): boolean {
  return error instanceof PosixError && (error.code === "EPIPE" || error.code === "ECONNRESET");
}
