/**
 * A channel as web streams of messages.
 *
 * @module
 */

import type { Channel } from "./channel.ts";

/** One message at a time, when it is asked for: the road does the buffering. */
const UNBUFFERED = { highWaterMark: 0 };

/** The messages as a stream. */
export function readableFrom<In>(channel: Channel<In, never>): ReadableStream<In> {
  return new ReadableStream<In>({
    async pull(controller) {
      const value = await channel.receive();
      if (value === null) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => channel.close(),
  }, UNBUFFERED);
}

/** A stream whose chunks are sent. */
export function writableTo<Out>(channel: Channel<unknown, Out>): WritableStream<Out> {
  return new WritableStream<Out>({
    write: (value, controller) => channel.send(value, { signal: controller.signal }),
    close: () => channel.closeSending(),
    abort: () => channel.close(),
  }, { highWaterMark: 1 });
}
