/**
 * Writing into a child's standard input.
 *
 * @module
 */

import { keepAlive } from "./keep_alive.ts";
import type { StdinBytes } from "./stdio.ts";

/** What came of feeding a child. */
export interface FeedResult {
  /** Why the source ended early; `undefined` when it did not. */
  readonly sourceError?: unknown;
}

/** Where the bytes go, and when that is over. */
export interface Feeding {
  readonly into: WritableStream<Uint8Array>;
  readonly input: StdinBytes;
  /** Resolves when the child has exited. */
  readonly exited: Promise<unknown>;
  /** How long whoever else holds the pipe may go on reading after that. */
  readonly graceMs: number;
  /** Whether a pending write can be withdrawn: Deno's own pipes cannot. */
  readonly withdrawable: boolean;
}

/**
 * Writes everything, then closes. A child that closes its input early or exits is no error: it has read what it wanted. A source that fails
 * closes the pipe, and the error is returned: the child has seen an end of file that was none.
 */
export async function feed({ into, input, exited, graceMs, withdrawable }: Feeding): Promise<FeedResult> {
  const release = keepAlive();
  const writer = into.getWriter();
  const source = input instanceof Uint8Array ? undefined : iterate(input);
  const { promise: left, resolve: onLeave } = Promise.withResolvers<void>();
  let over = false;
  let aborted: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const leave = () => {
    over = true;
    onLeave();
    source?.return?.().then(undefined, () => {});
    aborted = writer.abort().catch(() => {});
  };
  // A write into the full pipe of a child that has exited fails with EPIPE by itself, unless a grandchild holds the other end.
  exited.finally(() => {
    release();
    if (source !== undefined) leave();
    else if (!over) timer = setTimeout(leave, Math.min(graceMs, 2 ** 31 - 1));
  });
  try {
    if (source === undefined) await Promise.race([writer.write(input as Uint8Array), left]);
    else {
      for (let next = await source.next(); !next.done && !over; next = await source.next()) {
        const bytes = bytesOf(next.value);
        try {
          await Promise.race([writer.write(bytes), left]);
        } catch {
          // The child wants no more.
          leave();
          return {};
        }
      }
    }
    if (!over) await writer.close();
    return {};
  } catch (error) {
    const fromSource = source !== undefined && !over;
    leave();
    return fromSource ? { sourceError: error } : {};
  } finally {
    over = true;
    clearTimeout(timer);
    release();
    // It waits for the pending write, which in Deno's own pipe a stopped child, or a grandchild, never takes.
    if (withdrawable) await aborted;
  }
}

function iterate(input: Exclude<StdinBytes, Uint8Array>): AsyncIterator<Uint8Array | string> {
  // An iterator of a stream cannot be left while a read is pending; a reader can be cancelled.
  const stream = input instanceof ReadableStream ? input : ReadableStream.from<Uint8Array | string>(input);
  const reader: ReadableStreamDefaultReader<Uint8Array | string> = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done: false, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

const encoder = new TextEncoder();

/** A chunk of a source as bytes. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return encoder.encode(chunk);
  throw new TypeError(`stdin must be made of bytes or texts, got ${Deno.inspect(chunk, { depth: 0 })}`);
}
