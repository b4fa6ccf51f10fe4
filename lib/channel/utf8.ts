/**
 * Texts as bytes and back.
 *
 * @module
 */

import { MOST_SLAB_BYTES, slabRoom, takeFromSlab } from "./slab.ts";

/** Longer messages are copied into memory of their own. */
const MOMENTARY_BYTES = 65536;

/** The most bytes of UTF-8 that a unit of a string becomes. */
const MOST_BYTES_OF_UNIT = 3;

/** What the decoder puts in place of what is no UTF-8. */
const REPLACEMENT = "\uFFFD";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const momentary = new Uint8Array(MOMENTARY_BYTES);

/** The bytes of a text, in the slab if they are few. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  const most = text.length * MOST_BYTES_OF_UNIT;
  if (most > MOST_SLAB_BYTES) return encoder.encode(text);
  return takeFromSlab(encoder.encodeInto(text, slabRoom(most)).written);
}

/**
 * A copy of a message, valid until the next call. In shared memory a hostile peer could change it between two looks: what is parsed would not be what was
 * checked, and a decoder that counts characters first and writes them then would write beyond what it has counted.
 */
export function copyForNow(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength > MOMENTARY_BYTES) return new Uint8Array(bytes);
  momentary.set(bytes);
  return momentary.subarray(0, bytes.byteLength);
}

/** The text of bytes that nobody changes meanwhile. @throws {TypeError} When they are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  // The strict decoder is three times as slow: it is asked only if something was replaced, or may have been.
  return text.includes(REPLACEMENT) ? strictDecoder.decode(bytes) : text;
}
