/**
 * What a struct is made of. The rooms above add kinds of fields (locks) by implementing {@linkcode ObjectField}.
 *
 * @module
 */

import { closedError, type Memory } from "./memory.ts";

/** How a field lies in memory: as C would lay it. */
export interface FieldLayout {
  /** Bytes, as C's `sizeof`. */
  readonly size: number;
  /** Its offset is a multiple of this: 1, 2, 4 or 8. */
  readonly alignment: number;
  /** The canonical text of the layout. Two sides that agree on it agree on every byte. */
  readonly layout: string;
}

/** A field that is read and assigned: `view.hits += 1n`. */
export interface ValueField<Value> extends FieldLayout {
  /** Tells it from a field that is an object. */
  readonly kind: "value";
  /** Reads the value at an offset. Whatever a peer wrote, the result is a `Value`. */
  get(data: DataView<ArrayBuffer>, offset: number): Value;
  /** Writes the value at an offset. @throws {RangeError} When the value does not fit. */
  set(data: DataView<ArrayBuffer>, offset: number, value: Value): void;
}

/** A value field that typed arrays can hold: `array` of it is such a typed array. */
export interface NumericField<Value, Elements> extends ValueField<Value> {
  /** Makes the typed array over a piece of memory. */
  elements(buffer: ArrayBuffer, offset: number, length: number): Elements;
}

/** A field whose view is an object with methods: `view.seen.add(1)`. It is made once per struct view, when first used. */
export interface ObjectField<View> extends FieldLayout {
  /** Tells it from a field that is a value. */
  readonly kind: "object";
  /** Makes the view of the field at a place. All-zero bytes there are a valid start. */
  place(at: Place): View;
}

/** A field of a struct: what its view gives for it is a `View`. */
export type Field<View> = ValueField<View> | ObjectField<View>;

/** Where a field is. */
export interface Place {
  /** The memory. */
  readonly memory: Memory;
  /** Its bytes. Detached, so of length 0, after the memory is closed. */
  readonly buffer: ArrayBuffer;
  /** Offset of the field's first byte in the memory. */
  readonly offset: number;
}

/** Says that the memory is closed, if that is why an access failed; else passes the error on. */
export function explain(error: unknown, memory: Memory): unknown {
  return memory.closed ? closedError(memory) : error;
}

/** @throws {RangeError} When it is no count that a layout can have. */
export function requireCount(count: number, what: string): void {
  if (!Number.isInteger(count) || count < 1 || count > 2 ** 40) {
    throw new RangeError(`${what} must be an integer of at least 1, got ${count}`);
  }
}
