/**
 * The streams of a session, both ways, by number.
 *
 * @module
 */

import type { ServedCall } from "./rpc_call.ts";
import type { RpcMessage } from "./rpc_message.ts";
import { ReceivedStream, SentStream, type StreamRoad } from "./rpc_stream.ts";

/** Messages about streams. */
export type StreamMessage = Extract<RpcMessage, { stream: number }>;

/** What is read here, and what is read from here. */
export class Streams {
  readonly #road: StreamRoad;
  readonly #onStart: () => void;
  readonly #sent = new Map<number, SentStream>();
  readonly #received = new Map<number, ReceivedStream>();
  /** The other side keeps an iterable until it is read; one that is garbage here will never be. */
  readonly #unread: FinalizationRegistry<number>;

  #end: { readonly error: Error } | undefined;

  /** @param onStart Told when something begins to be read here. */
  constructor(road: StreamRoad, onStart: () => void) {
    this.#road = road;
    this.#onStart = onStart;
    this.#unread = new FinalizationRegistry((stream) => road.post({ kind: "stop", stream }));
  }

  /** How many are read from here. */
  get sent(): number {
    return this.#sent.size;
  }

  /** How many are read here. */
  get received(): number {
    return this.#received.size;
  }

  /** One of our iterables goes to the peer. */
  send(id: number, items: AsyncIterable<unknown>, call?: ServedCall): void {
    const onOver = () => {
      this.#sent.delete(id);
      call?.finish();
    };
    this.#sent.set(id, new SentStream(id, items, { road: this.#road, call, onOver }));
  }

  /** One of the peer's came. */
  receive(id: number, window: number): ReceivedStream {
    const stream: ReceivedStream = new ReceivedStream(id, {
      road: this.#road,
      window,
      onStart: () => {
        this.#unread.unregister(stream);
        if (this.#end !== undefined) return stream.finish(this.#end);
        this.#received.set(id, stream);
        this.#onStart();
      },
      onOver: () => {
        this.#unread.unregister(stream);
        this.#received.delete(id);
      },
    });
    this.#unread.register(stream, id, stream);
    return stream;
  }

  /** Does what a message says; one about a stream that is over is late, and no error. */
  take(message: StreamMessage): void {
    const { stream: id } = message;
    switch (message.kind) {
      case "pull":
        return this.#sent.get(id)?.pull(message.count);
      case "stop":
        return this.#sent.get(id)?.stop(new DOMException("The reader has stopped", "AbortError"));
      case "item":
        return this.#received.get(id)?.deliver(message.value);
      case "end":
        return this.#received.get(id)?.finish({});
      case "fail":
        return this.#received.get(id)?.finish({ error: this.#road.decode(message.error) });
    }
  }

  /** The session is over. */
  end(error: Error): void {
    this.#end = { error };
    for (const stream of [...this.#received.values()]) stream.finish({ error });
    for (const stream of [...this.#sent.values()]) stream.stop(error);
  }
}
