/** Two ends of a channel of JSON messages inside one program, and what a peer sees and can do with one of them. */
import type { RpcChannel } from "../../lib/channel/rpc.ts";

/** One end. */
export interface MessageEnd extends RpcChannel {
  /** What was sent from here, as text. */
  readonly sent: string[];
  tryReceive(): unknown;
  /** The peer is told that this end died. */
  die(error: Error): void;
  readonly closed: boolean;
}

/** Makes the two ends. Messages are copied, as between processes. */
export function messagePair(): [MessageEnd, MessageEnd] {
  const left = new End(), right = new End();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class End implements MessageEnd {
  readonly sent: string[] = [];
  closed = false;
  peer!: End;
  #messages: string[] = [];
  #error: Error | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  send(message: unknown): Promise<void> {
    this.trySend(message);
    return Promise.resolve();
  }

  trySend(message: unknown): boolean {
    if (this.closed) throw new Error("This end is closed");
    const text = JSON.stringify(message);
    this.sent.push(text);
    this.peer.#messages.push(text);
    this.peer.#wake?.();
    return true;
  }

  async receive(): Promise<unknown> {
    for (;;) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  tryReceive(): unknown {
    const text = this.#messages.shift();
    if (text !== undefined) return JSON.parse(text);
    if (this.#error !== undefined) throw this.#error;
    return this.#ended ? null : undefined;
  }

  die(error: Error): void {
    this.peer.#error = error;
    this.peer.#wake?.();
  }

  close(): void {
    this.closed = true;
    this.#ended = this.peer.#ended = true;
    this.#wake?.();
    this.peer.#wake?.();
  }
}
