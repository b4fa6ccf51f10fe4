/**
 * The objects that a struct's views are: their accessors are defined once a layout, and each is one load or store.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { explain, type ObjectField, type Place, type ValueField } from "./field.ts";
import { closedError, type Memory } from "./memory.ts";
import type { ReadOnlyMemory } from "./read_only.ts";
import type { PlacedField } from "./struct.ts";

/** The two classes of a layout's views. */
export interface ViewClasses {
  writable: new (at: Place) => object;
  readOnly: new (at: Place<ReadOnlyMemory>) => object;
}

/** Makes the classes of a layout's views. */
export function defineView(fields: readonly PlacedField[], size: number, participants?: number): ViewClasses {
  const writable = class extends StructView<Memory> {
    constructor(at: Place) {
      super(at, size);
    }
  };
  const readOnly = class extends StructView<ReadOnlyMemory> {
    constructor(at: Place<ReadOnlyMemory>) {
      super(at, size);
    }
  };
  fields.forEach(({ name, field, offset }, index) => {
    if (field.kind === "value") {
      const { get, set } = StructView.valueAccessor(field, offset);
      Object.defineProperty(writable.prototype, name, { get, set, enumerable: true });
      Object.defineProperty(readOnly.prototype, name, { get, enumerable: true });
      return;
    }
    const own = { offset, index };
    const table = field.participants === undefined ? undefined : participants;
    const get = StructView.objectGetter<Memory>((at) => field.place(at), { ...own, participants: table });
    Object.defineProperty(writable.prototype, name, { get, enumerable: true });
    Object.defineProperty(readOnly.prototype, name, readOnlyObject(name, field, own));
  });
  return { writable, readOnly };
}

function readOnlyObject(name: string, field: ObjectField<unknown, unknown>, own: Own): PropertyDescriptor {
  const { placeReadOnly } = field;
  if (placeReadOnly !== undefined) {
    return {
      get: StructView.objectGetter<ReadOnlyMemory>((at) => placeReadOnly.call(field, at), own),
      enumerable: true,
    };
  }
  return {
    get() {
      throw new TypeError(`Field ${name} (${field.layout}) needs memory that can be written, this is read-only`);
    },
    enumerable: false,
  };
}

/** Where an object field is, in the struct and among the objects that a view keeps. */
interface Own {
  offset: number;
  index: number;
  /** Offset of the participant table, where the field uses it. */
  participants?: number | undefined;
}

/** The memory under a struct's view, of whatever layout; `undefined` for anything else. @throws {ClosedError} After the memory is closed. */
export function bytesOfView(value: object): Uint8Array<ArrayBuffer> | undefined {
  return StructView.bytesOf(value);
}

/** What a field holds as a plain value: arrays of typed arrays, objects of structs; `undefined` of a lock, which is no value. */
export function plainOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  // One with a field of that name has no such method in reach.
  if (StructView.isView(value)) return StructView.prototype.toJSON.call(value);
  if (ArrayBuffer.isView(value)) return Array.from(value as ArrayBufferView & Iterable<unknown>);
  return "toJSON" in value && typeof value.toJSON === "function" ? value.toJSON() : undefined;
}

interface Accessor<Value> {
  get(this: StructView<Memory | ReadOnlyMemory>): Value;
  set(this: StructView<Memory | ReadOnlyMemory>, value: Value): void;
}

class StructView<Of extends Memory | ReadOnlyMemory> {
  readonly #memory: Of;
  readonly #buffer: ArrayBuffer;
  readonly #offset: number;
  readonly #data: DataView<ArrayBuffer>;
  /** Views of object fields, by index, made when first used. */
  readonly #objects: unknown[] = [];

  constructor({ memory, buffer, offset }: Place<Of>, size: number) {
    this.#memory = memory;
    this.#buffer = buffer;
    this.#offset = offset;
    this.#data = new DataView(buffer, offset, size);
    // A misspelt field must not become a property that no other process sees.
    Object.preventExtensions(this);
  }

  static bytesOf(value: object): Uint8Array<ArrayBuffer> | undefined {
    if (!(#data in value)) return undefined;
    if (value.#memory.closed) throw closedError(value.#memory);
    return new Uint8Array(value.#buffer, value.#offset, value.#data.byteLength);
  }

  static isView(value: object): value is StructView<Memory | ReadOnlyMemory> {
    return #data in value;
  }

  static valueAccessor<Value>(field: ValueField<Value>, offset: number): Accessor<Value> {
    return {
      get() {
        try {
          return field.get(this.#data, offset);
        } catch (error) {
          throw explain(error, this.#memory);
        }
      },
      set(value) {
        try {
          field.set(this.#data, offset, value);
        } catch (error) {
          throw explain(error, this.#memory);
        }
      },
    };
  }

  static objectGetter<Of extends Memory | ReadOnlyMemory>(
    place: (at: Place<Of>) => unknown,
    { offset, index, participants }: Own,
  ): (this: StructView<Of>) => unknown {
    return function () {
      if (this.#memory.closed) throw closedError(this.#memory);
      return this.#objects[index] ??= place({
        memory: this.#memory,
        buffer: this.#buffer,
        offset: this.#offset + offset,
        participants: participants === undefined ? undefined : this.#offset + participants,
      });
    };
  }

  /** `JSON.stringify(view)` takes the values of the fields: they are accessors of the prototype, which it does not see by itself. */
  toJSON(): Record<string, unknown> {
    if (this.#memory.closed) throw closedError(this.#memory);
    const plain: Record<string, unknown> = {};
    // deno-lint-ignore guard-for-in -- the accessors are inherited: they are the prototype's
    for (const name in this) {
      const value = plainOf(this[name]);
      if (value !== undefined) plain[name] = value;
    }
    return plain;
  }

  /** `console.log(view)` shows the fields. */
  [Symbol.for("Deno.customInspect")](inspect: typeof Deno.inspect, options: Deno.InspectOptions): string {
    if (this.#memory.closed) return "[closed]";
    const shown: Record<string, unknown> = {};
    // deno-lint-ignore guard-for-in -- the accessors are inherited: they are the prototype's
    for (const name in this) {
      try {
        shown[name] = this[name];
      } catch (error) {
        // A peer wrote what is no value of the field's type. Showing that is what logging is for.
        if (!(error instanceof ProtocolError)) throw error;
        shown[name] = `[${error.message}]`;
      }
    }
    return inspect(shown, options);
  }
}
