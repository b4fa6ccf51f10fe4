/**
 * Where received bytes go: into the caller's memory, or through a scratch buffer into memory of their own.
 *
 * @module
 */

import type { MessageBuffer, SocketMessage } from "./message_socket.ts";

const DEFAULT_MAX_BYTES = 65536;

/** Shared by all sockets of this thread: it is filled and copied from without anything in between. */
let scratch: Uint8Array<ArrayBuffer> | undefined;

/**
 * The memory to receive into.
 *
 * @throws {RangeError} When it would be empty.
 */
export function bufferFor({ into, maxBytes = DEFAULT_MAX_BYTES }: MessageBuffer): Uint8Array<ArrayBuffer> {
  if (into !== undefined) {
    if (into.byteLength === 0) throw new RangeError("The buffer to receive into must not be empty");
    return into;
  }
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > 0x7fffffff) {
    throw new RangeError(`maxBytes must be an integer of at least 1, got ${Deno.inspect(maxBytes)}`);
  }
  if (scratch === undefined || scratch.byteLength < maxBytes) {
    scratch = new Uint8Array(Math.max(maxBytes, DEFAULT_MAX_BYTES));
  }
  return scratch.subarray(0, maxBytes);
}

/** The message that was just received into `buffer`. */
export function messageFrom(
  buffer: Uint8Array<ArrayBuffer>,
  byteLength: number,
  { into }: MessageBuffer,
): SocketMessage {
  const arrived = Math.min(byteLength, buffer.byteLength);
  const bytes = into === undefined ? buffer.slice(0, arrived) : buffer.subarray(0, arrived);
  return { bytes, byteLength, truncated: byteLength > arrived };
}
