/**
 * Text and raw bytes of a fixed size as struct fields.
 *
 * @module
 */

import { type ReadOnlyNumbers, readOnlyNumbers } from "./array_field.ts";
import { explain, type ObjectField, requireCount, type ValueField } from "./field.ts";
import { u8 } from "./scalars.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * `utf8(32)`: text of at most so many bytes of UTF-8, `char name[32]`. Shorter text is followed by NULs; text that fills the field has none.
 *
 * Reading copies, and replaces what is no UTF-8 by U+FFFD. Reading while a peer writes can give a mixture: put text under a lock.
 *
 * @param byteLength Bytes in memory, at least 1.
 * @throws {RangeError} When that is no size; on assignment when the text does not fit.
 * @throws {TypeError} On assignment when the text contains a NUL.
 *
 * @example Text in a struct
 * ```ts
 * import { createAnonymousMemory, struct, utf8 } from "@causeway/causeway";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const Job = struct({ name: utf8(8) });
 * using memory = createAnonymousMemory({ size: Job.byteLength });
 * const job = Job.create(memory);
 * job.name = "größe";
 * assertEquals(job.name, "größe");
 * assertThrows(() => job.name = "nine bytes", RangeError);
 * ```
 */
export function utf8(byteLength: number): ValueField<string> {
  requireCount(byteLength, "byteLength");
  return {
    kind: "value",
    size: byteLength,
    alignment: 1,
    layout: `utf8(${byteLength})`,
    c: { type: "char", dimensions: [byteLength] },
    get(data, offset) {
      // A copy of our own first: a decoder that looks twice must not see a peer's store in between.
      const copy = new Uint8Array(data.buffer, data.byteOffset + offset, byteLength).slice();
      const end = copy.indexOf(0);
      return decoder.decode(end === -1 ? copy : copy.subarray(0, end));
    },
    set(data, offset, value) {
      const text = encoder.encode(value);
      if (text.byteLength > byteLength) {
        throw new RangeError(`Text must have at most ${byteLength} bytes of UTF-8, got ${text.byteLength}`);
      }
      if (text.includes(0)) throw new TypeError("Text must not contain a NUL character");
      const target = new Uint8Array(data.buffer, data.byteOffset + offset, byteLength);
      target.set(text);
      target.fill(0, text.byteLength);
    },
  };
}

/**
 * `bytes(16)`: so many raw bytes. The view is the memory itself, a `Uint8Array`; it is empty after the memory is closed.
 *
 * @param byteLength Bytes, at least 1.
 * @throws {RangeError} When that is no size.
 *
 * @example A digest in a struct
 * ```ts
 * import { bytes, createAnonymousMemory, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Entry = struct({ digest: bytes(4) });
 * using memory = createAnonymousMemory({ size: Entry.byteLength });
 * const entry = Entry.create(memory);
 * entry.digest.set([1, 2, 3, 4]);
 * assertEquals(entry.digest[3], 4);
 * ```
 */
export function bytes(
  byteLength: number,
): ObjectField<Uint8Array<ArrayBuffer>, ReadOnlyNumbers<number, Uint8Array<ArrayBuffer>>> {
  requireCount(byteLength, "byteLength");
  return {
    kind: "object",
    size: byteLength,
    alignment: 1,
    layout: `bytes(${byteLength})`,
    c: { type: "uint8_t", dimensions: [byteLength] },
    placeReadOnly: (at) => readOnlyNumbers(u8, byteLength, at),
    place({ memory, buffer, offset }) {
      try {
        return new Uint8Array(buffer, offset, byteLength);
      } catch (error) {
        throw explain(error, memory);
      }
    },
  };
}
