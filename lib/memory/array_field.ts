/**
 * Many of one field, one after the other, as C's arrays.
 *
 * @module
 */

import { closedError, type Memory } from "./memory.ts";
import {
  explain,
  type Field,
  type NumericField,
  type ObjectField,
  type Place,
  requireCount,
  type ValueField,
} from "./field.ts";

/** An array of values that no typed array can hold: booleans, texts. */
export interface ValueArray<Value> extends Iterable<Value> {
  /** How many. */
  readonly length: number;
  /** Reads one. @throws {RangeError} Outside the array. @throws {ClosedError} After the memory is closed. */
  get(index: number): Value;
  /** Writes one. @throws {RangeError} Outside the array, or when the value does not fit. */
  set(index: number, value: Value): void;
}

/** An array of objects: structs, atomics, locks. */
export interface ObjectArray<View> extends Iterable<View> {
  /** How many. */
  readonly length: number;
  /** One of them; the same object every time. @throws {RangeError} Outside the array. */
  get(index: number): View;
}

/**
 * `array(i32, 16)`: so many of one field. Of numbers the view is a typed array over the memory itself (`Int32Array`), empty after the memory is
 * closed; of anything else it has `get(index)`, and `set(index, value)` where the field can be assigned.
 *
 * @param field Any field, a struct too.
 * @param length How many, at least 1.
 * @throws {RangeError} When that is no length.
 *
 * @example Numbers and structs
 * ```ts
 * import { array, createAnonymousMemory, i32, struct, utf8 } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Slot = struct({ owner: i32, label: utf8(12) });
 * const Table = struct({ history: array(i32, 16), slots: array(Slot, 4) });
 * using memory = createAnonymousMemory({ size: Table.byteLength });
 * const table = Table.create(memory);
 * table.history[15] = -1;
 * table.slots.get(3).label = "last";
 * assertEquals(table.history.at(-1), -1);
 * assertEquals(table.slots.get(3).label, "last");
 * ```
 */
export function array<Value, Elements>(field: NumericField<Value, Elements>, length: number): ObjectField<Elements>;
/** `array(bool, 16)`: so many values that no typed array can hold. */
export function array<Value>(field: ValueField<Value>, length: number): ObjectField<ValueArray<Value>>;
/** `array(Slot, 16)`: so many objects. */
export function array<View>(field: ObjectField<View>, length: number): ObjectField<ObjectArray<View>>;
export function array<View, Elements>(
  field: NumericField<View, Elements> | Field<View>,
  length: number,
): ObjectField<Elements | ValueArray<View> | ObjectArray<View>> {
  requireCount(length, "length");
  return {
    kind: "object",
    size: field.size * length,
    alignment: field.alignment,
    layout: `array(${field.layout},${length})`,
    place(at) {
      try {
        if (field.kind === "object") return new PlacedObjects(field, length, at);
        return "elements" in field ? field.elements(at.buffer, at.offset, length) : new PlacedValues(field, length, at);
      } catch (error) {
        throw explain(error, at.memory);
      }
    },
  };
}

class PlacedValues<Value> implements ValueArray<Value> {
  readonly length: number;
  readonly #field: ValueField<Value>;
  readonly #data: DataView<ArrayBuffer>;
  readonly #memory: Memory;

  constructor(field: ValueField<Value>, length: number, at: Place) {
    this.#field = field;
    this.length = length;
    this.#data = new DataView(at.buffer, at.offset, field.size * length);
    this.#memory = at.memory;
  }

  get(index: number): Value {
    try {
      return this.#field.get(this.#data, this.#offset(index));
    } catch (error) {
      throw explain(error, this.#memory);
    }
  }

  set(index: number, value: Value): void {
    try {
      this.#field.set(this.#data, this.#offset(index), value);
    } catch (error) {
      throw explain(error, this.#memory);
    }
  }

  *[Symbol.iterator](): IterableIterator<Value> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  #offset(index: number): number {
    return requireIndex(index, this.length) * this.#field.size;
  }
}

class PlacedObjects<View> implements ObjectArray<View> {
  readonly length: number;
  readonly #field: ObjectField<View>;
  readonly #at: Place;
  readonly #placed = new Map<number, View>();

  constructor(field: ObjectField<View>, length: number, at: Place) {
    this.#field = field;
    this.length = length;
    this.#at = at;
  }

  get(index: number): View {
    const { memory, buffer, offset } = this.#at;
    if (memory.closed) throw closedError(memory);
    const found = this.#placed.get(requireIndex(index, this.length));
    if (found !== undefined) return found;
    const made = this.#field.place({ memory, buffer, offset: offset + index * this.#field.size });
    this.#placed.set(index, made);
    return made;
  }

  *[Symbol.iterator](): IterableIterator<View> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }
}

function requireIndex(index: number, length: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new RangeError(`Index must be an integer in 0..${length - 1}, got ${index}`);
}
