/**
 * Typed layouts over raw memory: plain objects whose fields are in memory that processes share.
 *
 * @module
 */

import { explain, type Field, type ObjectField, type Place, type ValueField } from "./field.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkHeader, HEADER_BYTES, writeHeader } from "./header.ts";
import { closedError, mappingOf, type Memory } from "./memory.ts";

/** The fields of a struct by name, in the order in which they lie in memory. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a struct's view looks like: value fields can be assigned, object fields have methods. */
export type ViewOf<Shape extends Fields> =
  & {
    -readonly [Name in keyof Shape as Shape[Name] extends ValueField<unknown> ? Name : never]: ViewOfField<Shape[Name]>;
  }
  & {
    readonly [Name in keyof Shape as Shape[Name] extends ValueField<unknown> ? never : Name]: ViewOfField<Shape[Name]>;
  };

/** What a field looks like in a view. */
export type ViewOfField<Of> = Of extends ValueField<infer Value> ? Value
  : Of extends ObjectField<infer View> ? View
  : never;

/** The type of a struct's views: `type View = Infer<typeof Shared>`. */
export type Infer<Of> = Of extends Struct<infer View> ? View : never;

/** A layout: what `struct({ … })` returns. It is a field too, so structs nest. */
export interface Struct<View> extends ObjectField<View> {
  /** Bytes of memory that `create()` needs: a header of 64 bytes and the struct. (`size` is the struct alone.) */
  readonly byteLength: number;
  /** 64-bit FNV-1a of `layout`: names, types and offsets of all fields. Sides whose fingerprints are equal agree on every byte. */
  readonly fingerprint: bigint;
  /** Offset of each field from the beginning of the struct. */
  readonly offsets: Readonly<Record<string, number>>;
  /**
   * `create(memory)`: zeros the struct, writes the header, publishes it as the last step, and returns the view.
   *
   * A creator that is killed in between leaves memory that `open` refuses.
   *
   * @throws {RangeError} When the memory is smaller than `byteLength`.
   * @throws {ProtocolError} When the memory holds a struct already, of whatever type. Of several creators one wins.
   * @throws {ClosedError} When the memory is closed.
   */
  create(memory: Memory): View;
  /**
   * `open(memory)`: checks the header that the creator wrote, and returns the view. It does not wait.
   *
   * @throws {ProtocolError} When there is no header yet, or its magic, layout version, fingerprint or size is another than ours.
   * @throws {ClosedError} When the memory is closed.
   */
  open(memory: Memory): View;
  /**
   * `at(memory, offset)`: a view without any check, for layouts that another program defined.
   *
   * @param offset First byte of the struct, a multiple of `alignment`. @default {0}
   * @throws {RangeError} When the struct would not be aligned, or not be inside the memory.
   * @throws {ClosedError} When the memory is closed.
   */
  at(memory: Memory, offset?: number): View;
}

/**
 * `struct({ hits: i64, name: utf8(32) })`: defines a layout, as a C compiler would lay out the fields in this order.
 *
 * A view's fields are memory: reading and assigning them is one load or store, without a copy and without a system call. Nothing orders plain
 * fields between processes but a lock (`mutex`) or an `atomic` field. After the memory is closed every field throws `ClosedError`. All-zero memory is
 * a valid start for every field.
 *
 * @param fields Fields by name; the names are identifiers. Order matters.
 * @throws {TypeError} For no fields, or a name that cannot be.
 *
 * @example Two views of one memory
 * ```ts
 * import { atomic, bool, createAnonymousMemory, f64, i64, type Infer, struct, u32, utf8 } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Shared = struct({ hits: i64, price: f64, ok: bool, name: utf8(32), seen: atomic(u32) });
 *
 * using memory = createAnonymousMemory({ size: Shared.byteLength });
 * const writer: Infer<typeof Shared> = Shared.create(memory);
 * using same = memory.duplicate();
 * const reader = Shared.open(same);
 *
 * writer.hits += 1n;
 * writer.name = "Ada";
 * writer.seen.add(3);
 * assertEquals([reader.hits, reader.name, reader.seen.load()], [1n, "Ada", 3]);
 * ```
 *
 * @tags allow-ffi
 */
export function struct<Shape extends Fields>(fields: Shape): Struct<ViewOf<Shape>> {
  const placed = layOut(fields);
  const View = defineView(placed);
  const { size, alignment, layout } = placed;
  const fingerprint = fingerprintOf(layout);
  // The class has an accessor for every field of `Shape`, which no type can follow through defineProperty.
  const place = (at: Place) => new View(at, size) as unknown as ViewOf<Shape>;
  return {
    kind: "object",
    size,
    alignment,
    layout,
    offsets: placed.offsets,
    byteLength: HEADER_BYTES + size,
    fingerprint,
    place,
    create(memory) {
      const { buffer } = mappingOf(memory);
      writeHeader(memory, buffer, { fingerprint, size });
      return place({ memory, buffer, offset: HEADER_BYTES });
    },
    open(memory) {
      const { buffer } = mappingOf(memory);
      checkHeader(memory, buffer, { fingerprint, size });
      return place({ memory, buffer, offset: HEADER_BYTES });
    },
    at(memory, offset = 0) {
      const { buffer } = mappingOf(memory);
      if (!Number.isSafeInteger(offset) || offset < 0 || offset % alignment !== 0) {
        throw new RangeError(`offset must be a multiple of ${alignment} and at least 0, got ${offset}`);
      }
      if (offset + size > buffer.byteLength) {
        throw new RangeError(
          `Struct of ${size} bytes at offset ${offset} is not inside ${buffer.byteLength} bytes of memory`,
        );
      }
      return place({ memory, buffer, offset });
    },
  };
}

interface Layout {
  fields: [name: string, field: Field<unknown>, offset: number][];
  offsets: Readonly<Record<string, number>>;
  size: number;
  alignment: number;
  layout: string;
}

/** As C does it: every field at the next multiple of its alignment, the whole a multiple of the largest. */
function layOut(shape: Fields): Layout {
  const fields: Layout["fields"] = [];
  let end = 0;
  let alignment = 1;
  for (const [name, field] of Object.entries(shape)) {
    if (!/^[A-Za-z_]\w*$/.test(name) || name === "constructor" || name === "__proto__") {
      throw new TypeError(`Field name must be an identifier other than "constructor", got ${JSON.stringify(name)}`);
    }
    const offset = roundUp(end, field.alignment);
    fields.push([name, field, offset]);
    end = offset + field.size;
    alignment = Math.max(alignment, field.alignment);
  }
  if (fields.length === 0) throw new TypeError("struct must have at least one field");
  const size = roundUp(end, alignment);
  const inner = fields.map(([name, field, offset]) => `${name}@${offset}:${field.layout}`).join(",");
  const offsets = Object.fromEntries(fields.map(([name, , offset]) => [name, offset]));
  return { fields, offsets, size, alignment, layout: `struct{${inner}}#${size}` };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Makes the class of a struct's views: its accessors are defined once, here. */
function defineView({ fields }: Layout): typeof StructView {
  const View = class extends StructView {};
  fields.forEach(([name, field, offset], index) => {
    const accessor = field.kind === "value"
      ? StructView.valueAccessor(field, offset)
      : StructView.objectAccessor(field, offset, index);
    Object.defineProperty(View.prototype, name, { ...accessor, enumerable: true });
  });
  return View;
}

class StructView {
  readonly #memory: Memory;
  readonly #buffer: ArrayBuffer;
  readonly #offset: number;
  readonly #data: DataView<ArrayBuffer>;
  /** Views of object fields, by index, made when first used. */
  readonly #objects: unknown[] = [];

  constructor({ memory, buffer, offset }: Place, size: number) {
    this.#memory = memory;
    this.#buffer = buffer;
    this.#offset = offset;
    this.#data = new DataView(buffer, offset, size);
  }

  static valueAccessor<Value>(field: ValueField<Value>, offset: number): PropertyDescriptor & ThisType<StructView> {
    return {
      get() {
        try {
          return field.get(this.#data, offset);
        } catch (error) {
          throw explain(error, this.#memory);
        }
      },
      set(value: Value) {
        try {
          field.set(this.#data, offset, value);
        } catch (error) {
          throw explain(error, this.#memory);
        }
      },
    };
  }

  static objectAccessor<View>(
    field: ObjectField<View>,
    offset: number,
    index: number,
  ): PropertyDescriptor & ThisType<StructView> {
    return {
      get() {
        if (this.#memory.closed) throw closedError(this.#memory);
        return this.#objects[index] ??= field.place({
          memory: this.#memory,
          buffer: this.#buffer,
          offset: this.#offset + offset,
        });
      },
    };
  }

  /** `console.log(view)` shows the fields. */
  [Symbol.for("Deno.customInspect")](inspect: typeof Deno.inspect, options: Deno.InspectOptions): string {
    if (this.#memory.closed) return "[closed]";
    const shown: Record<string, unknown> = {};
    // for…in, because the accessors are inherited: they are the prototype's.
    // deno-lint-ignore guard-for-in
    for (const name in this) shown[name] = this[name];
    return inspect(shown, options);
  }
}
