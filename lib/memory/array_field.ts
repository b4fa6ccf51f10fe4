/**
 * Many of one field, one after the other, as C's arrays.
 *
 * @module
 */

import type { CType } from "./c_type.ts";
import {
  explain,
  type Field,
  type NumericField,
  type ObjectField,
  type Place,
  requireCount,
  requireField,
  requireLayoutSize,
  roundUp,
  type ValueField,
} from "./field.ts";
import { closedError, type Memory } from "./memory.ts";
import type { ReadOnlyMemory } from "./read_only.ts";
import { plainOf } from "./struct_view.ts";

/** An array of values that this process may only read. */
export interface ReadOnlyValues<Value> extends Iterable<Value> {
  /** How many. */
  readonly length: number;
  /** Reads one. @throws {RangeError} Outside the array. @throws {ClosedError} After the memory is closed. */
  get(index: number): Value;
  /** For `JSON.stringify`: a plain array of all. @throws {ClosedError} After the memory is closed. */
  toJSON(): Value[];
}

/** An array of numbers, or bytes, that this process may only read: a typed array could be written, and a store there is SIGSEGV. */
export interface ReadOnlyNumbers<Value, Elements> extends ReadOnlyValues<Value> {
  /**
   * Copies elements out, as `slice` of typed arrays does.
   *
   * @param start The first. @default {0}
   * @param end The one behind the last; all when left out.
   * @throws {ClosedError} After the memory is closed.
   */
  slice(start?: number, end?: number): Elements;
}

/** An array of values that no typed array can hold: booleans, texts. */
export interface ValueArray<Value> extends ReadOnlyValues<Value> {
  /** Writes one. @throws {RangeError} Outside the array, or when the value does not fit. */
  set(index: number, value: Value): void;
}

/** An array of objects: structs, atomics, locks. */
export interface ObjectArray<View> extends Iterable<View> {
  /** How many. */
  readonly length: number;
  /** One of them; the same object every time. @throws {RangeError} Outside the array. */
  get(index: number): View;
  /** For `JSON.stringify`: a plain array of what each holds; `undefined` of locks. @throws {ClosedError} After the memory is closed. */
  toJSON(): unknown[] | undefined;
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
export function array<Value, Elements>(
  field: NumericField<Value, Elements>,
  length: number,
): ObjectField<Elements, ReadOnlyNumbers<Value, Elements>>;
/** `array(bool, 16)`: so many values that no typed array can hold. */
export function array<Value>(
  field: ValueField<Value>,
  length: number,
): ObjectField<ValueArray<Value>, ReadOnlyValues<Value>>;
/** `array(Slot, 16)`: so many objects. */
export function array<View, ReadOnlyView>(
  field: ObjectField<View, ReadOnlyView>,
  length: number,
): ObjectField<ObjectArray<View>, ObjectArray<ReadOnlyView>>;
export function array<View, ReadOnlyView, Elements>(
  field: NumericField<View, Elements> | Field<View, ReadOnlyView>,
  length: number,
): ObjectField<
  Elements | ValueArray<View> | ObjectArray<View>,
  ReadOnlyNumbers<View, Elements> | ReadOnlyValues<View> | ObjectArray<ReadOnlyView>
> {
  requireField(field, "What array(field, length) takes");
  requireCount(length, "length");
  const stride = strideOf(field);
  const shape = {
    kind: "object",
    size: requireLayoutSize(stride * length),
    alignment: field.alignment,
    layout: `array(${field.layout},${length})`,
    c: arrayOf(field, length),
  } as const;
  if (field.kind === "value") {
    return {
      ...shape,
      place: (at) =>
        attempt(at, () => {
          return "elements" in field
            ? field.elements(at.buffer, at.offset, length)
            : new PlacedValues(field, length, at);
        }),
      placeReadOnly: (at) =>
        "elements" in field ? readOnlyNumbers(field, length, at) : readOnlyValues(field, length, at),
    };
  }
  const { placeReadOnly } = field;
  const { participants } = field;
  const placed = {
    ...shape,
    place: (at: Place) => new PlacedObjects(at, length, stride, (place) => field.place(place)),
    participants: participants && {
      table: (slots: number) => participants.table(slots),
      field: (slots: number) => array(participants.field(slots), length),
    },
  };
  if (placeReadOnly === undefined) return placed;
  return {
    ...placed,
    placeReadOnly: (at) => new PlacedObjects(at, length, stride, (place) => placeReadOnly.call(field, place)),
  };
}

/** For `bytes`, which is an array of numbers in all but name. */
export function readOnlyNumbers<Value, Elements>(
  field: NumericField<Value, Elements>,
  length: number,
  at: Place<ReadOnlyMemory>,
): ReadOnlyNumbers<Value, Elements> {
  const values = new PlacedValues(field, length, at);
  return Object.freeze({
    ...withoutSet(values),
    slice: (start = 0, end = length) => {
      if (at.memory.closed) throw closedError(at.memory);
      const first = clamp(start, length);
      const count = Math.max(0, clamp(end, length) - first);
      const from = at.offset + first * field.size;
      return field.elements(at.buffer.slice(from, from + count * field.size), 0, count);
    },
  });
}

function readOnlyValues<Value>(
  field: ValueField<Value>,
  length: number,
  at: Place<ReadOnlyMemory>,
): ReadOnlyValues<Value> {
  return withoutSet(new PlacedValues(field, length, at));
}

function withoutSet<Value>(values: PlacedValues<Value>): ReadOnlyValues<Value> {
  return Object.freeze({
    length: values.length,
    get: (index: number) => values.get(index),
    toJSON: () => values.toJSON(),
    [Symbol.iterator]: () => values[Symbol.iterator](),
  });
}

/** An index as `slice` takes it: counted from the end when negative. */
function clamp(index: number, length: number): number {
  const whole = Math.trunc(index) || 0;
  return whole < 0 ? Math.max(0, length + whole) : Math.min(whole, length);
}

/** From one element to the next. */
function strideOf({ size, alignment }: Field<unknown>): number {
  return roundUp(size, alignment);
}

function arrayOf(field: Field<unknown>, length: number): CType {
  const { alignas, padding: _, dimensions = [], ...element } = field.c;
  if (alignas === undefined) return { ...element, dimensions: [length, ...dimensions] };
  // C has no arrays of members that are aligned to more than their size: each goes into a struct.
  return { members: [{ name: "value", offset: 0, field }], size: strideOf(field), dimensions: [length] };
}

function attempt<View>(at: Place, make: () => View): View {
  try {
    return make();
  } catch (error) {
    throw explain(error, at.memory);
  }
}

class PlacedValues<Value> implements ValueArray<Value> {
  readonly length: number;
  readonly #field: ValueField<Value>;
  readonly #stride: number;
  readonly #data: DataView<ArrayBuffer>;
  readonly #memory: Memory | ReadOnlyMemory;

  constructor(field: ValueField<Value>, length: number, at: Place<Memory | ReadOnlyMemory>) {
    this.#field = field;
    this.length = length;
    this.#stride = strideOf(field);
    this.#data = new DataView(at.buffer, at.offset, this.#stride * length);
    this.#memory = at.memory;
    // `view.flags[0] = true` is not how one is written: it must not look as if it were.
    Object.preventExtensions(this);
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

  toJSON(): Value[] {
    return [...this];
  }

  *[Symbol.iterator](): IterableIterator<Value> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  #offset(index: number): number {
    return requireIndex(index, this.length) * this.#stride;
  }
}

class PlacedObjects<Of extends Memory | ReadOnlyMemory, View> implements ObjectArray<View> {
  readonly length: number;
  readonly #at: Place<Of>;
  readonly #stride: number;
  readonly #place: (at: Place<Of>) => View;
  readonly #placed = new Map<number, View>();

  constructor(at: Place<Of>, length: number, stride: number, place: (at: Place<Of>) => View) {
    this.#at = at;
    this.length = length;
    this.#stride = stride;
    this.#place = place;
    Object.preventExtensions(this);
  }

  get(index: number): View {
    const { memory, buffer, offset, participants } = this.#at;
    if (memory.closed) throw closedError(memory);
    const found = this.#placed.get(requireIndex(index, this.length));
    if (found !== undefined) return found;
    const made = this.#place({ memory, buffer, offset: offset + index * this.#stride, participants });
    this.#placed.set(index, made);
    return made;
  }

  toJSON(): unknown[] | undefined {
    // The elements are all alike: when the first holds nothing to tell, none does.
    return plainOf(this.get(0)) === undefined ? undefined : Array.from(this, plainOf);
  }

  *[Symbol.iterator](): IterableIterator<View> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }
}

function requireIndex(index: number, length: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new RangeError(`Index must be an integer in 0..${length - 1}, got ${Deno.inspect(index)}`);
}
