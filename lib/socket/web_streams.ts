/**
 * A socket's two directions as web streams. Neither closes the socket: each ends its own direction.
 *
 * @module
 */

/** Bytes of one chunk. */
const CHUNK_BYTES = 65536;

/** The bytes that `read` gives, until `null`. */
export function readableFrom(
  read: (into: Uint8Array<ArrayBuffer>) => Promise<number | null>,
  cancel: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const count = await read(chunk);
      if (count === null) controller.close();
      else controller.enqueue(chunk.subarray(0, count));
    },
    cancel,
  }, { highWaterMark: 0 });
}

/** Chunks go to `write`; the end goes to `close`. */
export function writableTo(write: (bytes: Uint8Array) => Promise<void>, close: () => void): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({ write, close, abort: close });
}
