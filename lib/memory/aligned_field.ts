/**
 * Fields that begin at more than their own alignment: on a cache line of their own, above all.
 *
 * @module
 */

import { HEADER_BYTES } from "./header.ts";
import { type Field, type ObjectField, requireField, roundUp, type ValueField } from "./field.ts";

/** What x86-64 and almost every aarch64 move between their cores at once. */
const CACHE_LINE_BYTES = 64;

/**
 * `padded(field)`: a field that shares its cache lines with no other. Two processes that write neighbours of one line slow each other down
 * many times over.
 *
 * The field begins at a multiple of 64 bytes, and its size is rounded up to one.
 *
 * @example Two cursors that do not disturb each other
 * ```ts
 * import { atomic, padded, struct, u32 } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Ring = struct({ head: padded(atomic(u32)), tail: padded(atomic(u32)) });
 * assertEquals([Ring.offsets.head, Ring.offsets.tail, Ring.size], [0, 64, 128]);
 * ```
 */
export function padded<Value>(field: ValueField<Value>): ValueField<Value>;
/** `padded(mutex)`: an object on cache lines of its own. */
export function padded<View, ReadOnlyView>(field: ObjectField<View, ReadOnlyView>): ObjectField<View, ReadOnlyView>;
export function padded<View, ReadOnlyView>(field: Field<View, ReadOnlyView>): Field<View, ReadOnlyView> {
  requireField(field, "What padded(field) takes");
  const size = roundUp(field.size, CACHE_LINE_BYTES);
  const line = alignedTo(CACHE_LINE_BYTES, field);
  const changed = { size, layout: `padded(${field.layout})`, c: { ...line.c, padding: size - field.size } };
  if (line.kind === "value" || field.kind === "value") return { ...line, ...changed };
  return { ...line, ...changed, ...taking(field, (changed) => padded(changed)) };
}

/**
 * `aligned(16, field)`: a field that begins at a multiple of so many bytes, C's `_Alignas(16)`. Its size stays as it is; in an `array` each element is
 * aligned.
 *
 * @param alignment A power of two in 1..64. What is less than the field's own changes nothing.
 * @throws {RangeError} For any other alignment.
 *
 * @example As a C program has it
 * ```ts
 * import { aligned, f32, array, struct, u8 } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Vertex = struct({ flags: u8, position: aligned(16, array(f32, 4)) });
 * assertEquals([Vertex.offsets.position, Vertex.size, Vertex.alignment], [16, 32, 16]);
 * ```
 */
export function aligned<Value>(alignment: number, field: ValueField<Value>): ValueField<Value>;
/** `aligned(16, mutex)`: an object that begins at a multiple of so many bytes. */
export function aligned<View, ReadOnlyView>(
  alignment: number,
  field: ObjectField<View, ReadOnlyView>,
): ObjectField<View, ReadOnlyView>;
export function aligned<View, ReadOnlyView>(
  alignment: number,
  field: Field<View, ReadOnlyView>,
): Field<View, ReadOnlyView> {
  // The struct behind a header begins at 64, so nothing in it can be aligned to more.
  if (
    !Number.isInteger(alignment) || alignment < 1 || alignment > HEADER_BYTES || (alignment & (alignment - 1)) !== 0
  ) {
    throw new RangeError(`alignment must be a power of two in 1..${HEADER_BYTES}, got ${Deno.inspect(alignment)}`);
  }
  requireField(field, "What aligned(alignment, field) takes");
  return alignedTo(alignment, field);
}

function alignedTo<View, ReadOnlyView>(alignment: number, field: Field<View, ReadOnlyView>): Field<View, ReadOnlyView> {
  const most = Math.max(alignment, field.alignment);
  const changed = { alignment: most, layout: `aligned(${most},${field.layout})`, c: { ...field.c, alignas: most } };
  const { size } = field;
  if (field.kind === "value") {
    // Not all of the field: the elements of a typed array lie closer together.
    return {
      kind: "value",
      size,
      get: (data, at) => field.get(data, at),
      set: (data, at, value) => field.set(data, at, value),
      ...changed,
    };
  }
  const { placeReadOnly } = field;
  return {
    kind: "object",
    size,
    place: (at) => field.place(at),
    ...(placeReadOnly === undefined ? {} : { placeReadOnly: (at) => placeReadOnly.call(field, at) }),
    ...changed,
    ...taking(field, (changed) => aligned(alignment, changed)),
  };
}

/** What is done to a field is done to it beside any participant table. */
function taking<View, ReadOnlyView>(
  { participants }: ObjectField<View, ReadOnlyView>,
  change: (field: ObjectField<View, ReadOnlyView>) => ObjectField<View, ReadOnlyView>,
): Pick<ObjectField<View, ReadOnlyView>, "participants"> {
  if (participants === undefined) return {};
  return {
    participants: {
      table: (slots) => participants.table(slots),
      field: (slots) => change(participants.field(slots)),
    },
  };
}
