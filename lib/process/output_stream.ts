/**
 * A child's output as a stream that knows when to stop waiting.
 *
 * Exit is not end of file: a grandchild may hold the pipe for hours. After the exit the stream waits `drainGraceMs` more for the end of
 * file. What the child itself wrote lies in the kernel's pipe by then and is read whole: after the grace, reading goes on as long as
 * bytes are there, up to the largest capacity that a pipe can have. What comes later is somebody else's.
 *
 * @module
 */

import { keepAlive } from "./keep_alive.ts";

/** `/proc/sys/fs/pipe-max-size` as shipped: more than this cannot be left over from before the exit. */
const MOST_LEFT_OVER_BYTES = 1 << 20;

/** After the grace, a read that finds nothing at once is given this long: the bytes are in the kernel, only the event loop has to turn. */
const LAST_LOOK_MS = 20;

/** An output of a child. */
export interface OutputStream {
  /** The bytes. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Resolves when the stream is over: with `true` after end of file, `false` when the wait was given up or the reader left. */
  readonly drained: Promise<boolean>;
}

/**
 * Wraps a pipe's stream.
 *
 * @param exited Resolves when the child has exited.
 * @param drainGraceMs How long to wait for end of file after that; `Infinity` for as long as it takes.
 */
export function outputStream(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  exited: Promise<unknown>,
  drainGraceMs: number,
): OutputStream {
  const reader = source.getReader();
  const { promise: drained, resolve: over } = Promise.withResolvers<boolean>();
  let graceEndsAt = Infinity;
  let leftOver = MOST_LEFT_OVER_BYTES;
  let onExit: (() => void) | undefined;
  exited.then(() => {
    graceEndsAt = performance.now() + drainGraceMs;
    onExit?.();
  });

  /** Reads once; `undefined` when the grace ends first. */
  function read(): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>> | undefined> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      onExit = () => {
        if (graceEndsAt === Infinity) return;
        const waitMs = Math.max(LAST_LOOK_MS, graceEndsAt - performance.now());
        timer = setTimeout(() => settle(() => resolve(undefined)), Math.min(waitMs, 2 ** 31 - 1));
      };
      const settle = (how: () => void) => {
        clearTimeout(timer);
        onExit = undefined;
        how();
      };
      onExit();
      reader.read().then((result) => settle(() => resolve(result)), (error) => settle(() => reject(error)));
    });
  }

  async function leave(): Promise<void> {
    over(false);
    await reader.cancel();
  }

  const readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const release = keepAlive();
      try {
        const result = leftOver > 0 ? await read() : undefined;
        if (result === undefined) {
          controller.close();
          await leave();
        } else if (result.done) {
          controller.close();
          over(true);
        } else {
          if (performance.now() > graceEndsAt) leftOver -= result.value.byteLength;
          controller.enqueue(result.value);
        }
      } catch (error) {
        over(false);
        throw error;
      } finally {
        release();
      }
    },
    cancel: leave,
  }, { highWaterMark: 0 });
  return { readable, drained };
}
