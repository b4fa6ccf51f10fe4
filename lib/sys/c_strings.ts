/**
 * Arrays of C strings, as `execve(2)` takes arguments and variables.
 *
 * @module
 */

import { libc } from "./libc.ts";
import { addressOf } from "./memory.ts";

/**
 * `char *texts[]`: addresses, a null one, and then the texts themselves, all in memory that does not move.
 *
 * @param texts Each with its NUL, as `cString` makes them.
 */
export function cStringArray(texts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let at = 8 * (texts.length + 1);
  const array = new Uint8Array(new ArrayBuffer(texts.reduce((sum, text) => sum + text.byteLength, at)));
  const [view, base] = [new DataView(array.buffer), addressOf(array)];
  for (const [index, text] of texts.entries()) {
    view.setBigUint64(8 * index, base + BigInt(at), true);
    array.set(text, at);
    at += text.byteLength;
  }
  return array;
}

/** `environ(7)` as it is: for a child that gets all of it. It holds until a variable is set. */
export function environPointer(): Deno.PointerValue {
  const variable = libc().environ;
  return variable === null ? null : new Deno.UnsafePointerView(variable).getPointer();
}

/** A copy of every `NAME=value` of `environ(7)`, each with its NUL, byte for byte. */
export function environEntries(): Uint8Array<ArrayBuffer>[] {
  const entries: Uint8Array<ArrayBuffer>[] = [];
  const array = environPointer();
  if (array === null) return entries;
  const view = new Deno.UnsafePointerView(array);
  for (let at = 0;; at += 8) {
    const entry = view.getPointer(at);
    if (entry === null) return entries;
    const bytes = new Uint8Array(Number(libc().strlen(entry)) + 1);
    new Deno.UnsafePointerView(entry).copyInto(bytes);
    entries.push(bytes);
  }
}

/** The address of a buffer, as FFI calls take it. The caller keeps the buffer alive. */
export function pointerTo(buffer: Uint8Array<ArrayBuffer>): Deno.PointerValue {
  return Deno.UnsafePointer.of(buffer);
}
