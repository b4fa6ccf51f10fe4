/**
 * Messages on their way out: at once while the channel has room, in their turn when it has none.
 *
 * @module
 */

import { PosixError, ProtocolError, ValidationError } from "../errors.ts";
import type { RpcMessage } from "./rpc_message.ts";
import { DEFAULT_WAITING_BYTES, tooMuch, weigh } from "./rpc_weight.ts";

/** What calls need of a channel; every `Channel` of JSON that goes both ways has it. */
export interface RpcChannel {
  /** The address, for messages. */
  readonly address?: string;
  /** Sends a message. */
  send(message: unknown): Promise<void>;
  /** Sends a message if that takes no waiting. */
  trySend?(message: unknown): boolean;
  /** Sends several messages. What cannot be sent of them is known before any is. */
  sendMany?(messages: Iterable<unknown>): Promise<number>;
  /** The next message; `null` at the end. */
  receive(): Promise<unknown>;
  /** The next message, if it is there. */
  tryReceive?(): unknown;
  /** Gives the channel up. */
  close(): void;
}

interface Queued {
  readonly message: RpcMessage;
  readonly refused: ((error: unknown) => void) | undefined;
  /** Of what the peer has asked for; what we ask weighs nothing here. */
  readonly bytes: number;
}

/** Messages, and bytes of them, that go together at most: each is there once more, encoded. */
const MOST_TOGETHER = 128;
const MOST_BYTES_TOGETHER = 65_536;

/** How an outbox tells of trouble. */
export interface OutboxEvents {
  /** The channel takes nothing any more. What the peer had said before is still there to be received, and so is the reason. */
  onBroken(): void;
  /** So much waits that the peer cannot be an honest one: it asks, and does not listen. */
  onOverflow(error: ProtocolError): void;
}

/** Sends in order. */
export class Outbox {
  readonly #channel: RpcChannel;
  readonly #most: number;
  readonly #events: OutboxEvents;
  readonly #queue: Queued[] = [];
  /** Whether a message went out in this turn: what follows it goes together, in fewer system calls. */
  #inTurn = false;
  #sending = false;
  #broken = false;
  /** Bytes that the peer has asked for and not taken. */
  #bytes = 0;
  /** Those of answers, which are bounded already: `mostBytes`, or one that is larger. */
  #answerBytes = 0;
  readonly #waiters: (() => void)[] = [];
  /** What answers that wait may weigh. */
  mostBytes = DEFAULT_WAITING_BYTES;

  /**
   * @param most Messages that may wait.
   */
  constructor(channel: RpcChannel, most: number, events: OutboxEvents) {
    this.#channel = channel;
    this.#most = most;
    this.#events = events;
  }

  /** Sends a message; a message that cannot be sent for what it is, is told to `refused`. */
  post(message: RpcMessage, refused?: (error: unknown) => void): void {
    if (this.#broken) return;
    if (!this.#sending && !this.#inTurn) {
      this.#inTurn = true;
      queueMicrotask(() => {
        this.#inTurn = false;
        if (!this.#sending && this.#queue.length > 0) void this.#send();
      });
      try {
        if (this.#channel.trySend?.(message)) return;
      } catch (error) {
        return this.#notSent(error, refused);
      }
    }
    const bytes = message.kind === "call" ? 0 : weigh(message);
    if (message.kind === "return" && refused && this.#bytes > 0 && this.#bytes + bytes > this.mostBytes) {
      return refused(tooMuch(`More than ${this.mostBytes} bytes of answers wait for their caller to read`));
    }
    this.#bytes += bytes;
    if (message.kind === "return") this.#answerBytes += bytes;
    this.#queue.push({ message, refused, bytes });
    const others = this.#bytes - this.#answerBytes;
    if (this.#queue.length > this.#most || (others > this.mostBytes && others > bytes)) {
      const { address = "the channel" } = this.#channel;
      return this.#events.onOverflow(new ProtocolError(`Calls: the peer of ${address} asks and does not listen`));
    }
  }

  /** Whether so much waits for the peer that it should be given nothing more to ask for. */
  get crowded(): boolean {
    return this.#bytes > this.mostBytes / 4;
  }

  /** Resolves when it is no longer crowded, or closed, or on `wake()` when it need not be roomy any more. */
  async roomy(needed = () => true): Promise<void> {
    while (this.crowded && needed()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Sends nothing more. */
  close(): void {
    this.#broken = true;
    this.#queue.length = 0;
    this.#bytes = this.#answerBytes = 0;
    this.wake();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#together());
      if (batch.length > 1 && await this.#sendTogether(batch)) {
        this.#sent(batch);
        continue;
      }
      for (const queued of batch) {
        const { message, refused } = queued;
        if (this.#broken) break;
        try {
          await this.#channel.send(message);
        } catch (error) {
          this.#notSent(error, refused);
        }
        this.#sent([queued]);
      }
    }
    this.#sending = false;
  }

  /** How many of those that wait go together. */
  #together(): number {
    let bytes = 0;
    const end = this.#queue.findIndex((queued) => (bytes += queued.bytes) > MOST_BYTES_TOGETHER);
    return Math.min(end === -1 ? this.#queue.length : Math.max(end, 1), MOST_TOGETHER);
  }

  #sent(batch: readonly Queued[]): void {
    for (const { message, bytes } of batch) {
      this.#bytes = Math.max(0, this.#bytes - bytes);
      if (message.kind === "return") this.#answerBytes = Math.max(0, this.#answerBytes - bytes);
    }
    if (!this.crowded) this.wake();
  }

  /** Who waits for room looks again. */
  wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Whether they are gone; when one of them cannot be sent, none was. */
  async #sendTogether(batch: readonly Queued[]): Promise<boolean> {
    if (this.#channel.sendMany === undefined) return false;
    try {
      await this.#channel.sendMany(batch.map(({ message }) => message));
    } catch (error) {
      if (isOfTheMessage(error)) return false;
      this.#notSent(error, undefined);
    }
    return true;
  }

  #notSent(error: unknown, refused: ((error: unknown) => void) | undefined): void {
    if (this.#broken) return;
    if (refused !== undefined && isOfTheMessage(error)) return refused(error);
    this.close();
    this.#events.onBroken();
  }
}

/** Whether a message could not be sent because of what it is, and the next one may well be. */
function isOfTheMessage(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ValidationError ||
    (error instanceof PosixError && error.code === "EMSGSIZE");
}
