/**
 * Writing into a child's standard input.
 *
 * @module
 */

import { keepAlive } from "./keep_alive.ts";
import type { StdinBytes } from "./stdio.ts";

/**
 * Writes everything, then closes. A child that closes its input early or exits is no error: it has read what it wanted. A source that
 * fails closes the pipe: the child sees end of file, and the error goes to the source's own owner through its stream.
 */
export async function feed(
  into: WritableStream<Uint8Array>,
  input: StdinBytes,
  exited: Promise<unknown>,
): Promise<void> {
  const release = keepAlive();
  const writer = into.getWriter();
  const reader = input instanceof ReadableStream ? input.getReader() : undefined;
  // A write into the full pipe of a child that has exited fails with EPIPE by itself; a source that has nothing to say must be left.
  exited.finally(() => {
    release();
    reader?.cancel().catch(() => {});
  });
  try {
    if (reader === undefined) await writer.write(input as Uint8Array);
    else {
      for (let next = await reader.read(); !next.done; next = await reader.read()) await writer.write(next.value);
    }
    await writer.close();
  } catch (error) {
    reader?.cancel(error).catch(() => {});
    // abort() waits for the pending write, which a stopped child never takes: not awaited.
    writer.abort(error).catch(() => {});
  } finally {
    release();
  }
}
