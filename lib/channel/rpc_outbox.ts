/**
 * Messages on their way out: at once while the channel has room, in their turn when it has none.
 *
 * @module
 */

import { PosixError, ProtocolError, ValidationError } from "../errors.ts";
import type { RpcMessage } from "./rpc_message.ts";

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
}

/** Messages that go together at most. */
const MOST_TOGETHER = 128;

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
    this.#queue.push({ message, refused });
    if (this.#queue.length > this.#most) {
      const { address = "the channel" } = this.#channel;
      return this.#events.onOverflow(new ProtocolError(`Calls: the peer of ${address} asks and does not listen`));
    }
  }

  /** Sends nothing more. */
  close(): void {
    this.#broken = true;
    this.#queue.length = 0;
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MOST_TOGETHER);
      if (batch.length > 1 && await this.#sendTogether(batch)) continue;
      for (const { message, refused } of batch) {
        if (this.#broken) break;
        try {
          await this.#channel.send(message);
        } catch (error) {
          this.#notSent(error, refused);
        }
      }
    }
    this.#sending = false;
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
