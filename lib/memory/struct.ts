/**
 * Typed layouts over raw memory: plain objects whose fields are in memory that processes share.
 *
 * @module
 */

import { printCHeader } from "./c_header.ts";
import type { CMember, CStructType } from "./c_type.ts";
import {
  type Field,
  type FieldLayout,
  type ObjectField,
  PARTICIPANTS,
  type Place,
  requireField,
  requireLayoutSize,
  roundUp,
  type ValueField,
} from "./field.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { checkHeader, HEADER_BYTES, writeHeader } from "./header.ts";
import { isWritable, mappingOf, type Memory } from "./memory.ts";
import type { ReadOnlyMemory } from "./read_only.ts";
import { defineView } from "./struct_view.ts";

/** The fields of a struct by name, in the order in which they lie in memory. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a struct's view looks like: value fields can be assigned, object fields have methods; `toJSON` is there unless a field has that name. */
export type ViewOf<Shape extends Fields> =
  & {
    -readonly [Name in keyof Shape as Shape[Name] extends ValueField<unknown> ? Name : never]: ViewOfField<Shape[Name]>;
  }
  & {
    readonly [Name in keyof Shape as Shape[Name] extends ValueField<unknown> ? never : Name]: ViewOfField<Shape[Name]>;
  }
  & ("toJSON" extends keyof Shape ? unknown : { toJSON(): Record<string, unknown> });

/** What a field looks like in a view. */
export type ViewOfField<Of> = Of extends ValueField<infer Value> ? Value
  : Of extends ObjectField<infer View, unknown> ? View
  : never;

/** What a struct's view looks like in read-only memory: nothing can be assigned, and what only makes sense with writing (locks) is `never`. */
export type ReadOnlyViewOf<Shape extends Fields> =
  & {
    readonly [Name in keyof Shape]: ReadOnlyViewOfField<Shape[Name]>;
  }
  & ("toJSON" extends keyof Shape ? unknown : { toJSON(): Record<string, unknown> });

/** What a field looks like in a view of read-only memory. */
export type ReadOnlyViewOfField<Of> = Of extends ValueField<infer Value> ? Value
  : Of extends ObjectField<unknown, infer ReadOnlyView> ? ReadOnlyView
  : never;

/** The type of a struct's views: `type View = Infer<typeof Shared>`. */
export type Infer<Of> = Of extends Struct<infer View, unknown> ? View : never;

/** The type of a struct's views of read-only memory: `type Seen = InferReadOnly<typeof Shared>`. */
export type InferReadOnly<Of> = Of extends Struct<unknown, infer ReadOnlyView> ? ReadOnlyView : never;

/** What more there is to say of a struct, for {@linkcode struct}. */
export interface StructOptions {
  /**
   * How many threads of all processes can take part at once in the fields that notice the deaths of their holders (`rwLock`, `semaphore`,
   * `barrier`): 1..120. Sides that share the struct agree on it.
   * @default {64}
   */
  participants?: number | undefined;
}

/** A layout: what `struct({ … })` returns. It is a field too, so structs nest. */
export interface Struct<View, ReadOnlyView = unknown> extends ObjectField<View, ReadOnlyView> {
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
   * Of read-only memory the view has no way to write: fields cannot be assigned, atomics only load, and touching a lock throws `TypeError`.
   *
   * @throws {ClosedError} When the memory is closed.
   */
  open(memory: Memory): View;
  /** `open(readOnlyMemory)`: checks the header, and returns a view that cannot write. */
  open(memory: ReadOnlyMemory): ReadOnlyView;
  /**
   * `at(memory, offset)`: a view without any check, for layouts that another program defined.
   *
   * @param offset First byte of the struct, a multiple of `alignment`. @default {0}
   * @throws {RangeError} When the struct would not be aligned, or not be inside the memory.
   * @throws {ClosedError} When the memory is closed.
   */
  at(memory: Memory, offset?: number): View;
  /** `at(readOnlyMemory, offset)`: a view that cannot write, without any check. */
  at(memory: ReadOnlyMemory, offset?: number): ReadOnlyView;
  /**
   * `cHeader("shared")`: this layout as a C header, complete: `struct shared` with static assertions of its size and of every offset, `shared_open` and
   * `shared_create` for memory with Causeway's header, and the locks that it contains with the functions that lock them.
   *
   * @param name An identifier of C.
   * @throws {TypeError} For a name that cannot be.
   */
  cHeader(name: string): string;
}

/**
 * `struct({ hits: i64, name: utf8(32) })`: defines a layout, as a C compiler would lay out the fields in this order.
 *
 * A view's fields are memory: reading and assigning them is one load or store, without a copy and without a system call. Nothing orders plain
 * fields between processes but a lock (`mutex`) or an `atomic` field. After the memory is closed every field throws `ClosedError`. All-zero memory is
 * a valid start for every field.
 *
 * `view.toJSON()`, and so `JSON.stringify(view)`, copies the fields into a plain object: of atomics what they load, of arrays and `bytes` plain arrays,
 * of nested structs objects, of locks nothing; a bigint stays one, so `JSON.stringify` needs a replacer for it, and says so by throwing. A struct whose
 * field is called `toJSON` has that field instead. `{ ...view }` and `structuredClone(view)` copy nothing: a view has no properties of its own, and assigning
 * a name that is no field throws `TypeError`.
 *
 * Fields that must notice the deaths of many holders (`rwLock`, `semaphore`, `barrier`) share one table of participants, which the struct puts behind
 * its last field: every thread that holds something through one of them has a slot there.
 *
 * @param fields Fields by name; the names are identifiers. Order matters.
 * @param options How many threads can take part.
 * @throws {TypeError} For what is no field, for no fields, or a name that cannot be; for `participants` without a field that needs them.
 * @throws {RangeError} For a number of participants that cannot be.
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
 * @example A watcher that cannot write, and the header for a C program
 * ```ts
 * import { createAnonymousMemory, i64, openAnonymousMemory, struct } from "@causeway/causeway";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const Shared = struct({ hits: i64 });
 * using memory = createAnonymousMemory({ size: Shared.byteLength });
 * Shared.create(memory).hits = 5n;
 *
 * using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
 * const seen = Shared.open(reader);
 * assertEquals(seen.hits, 5n);
 * // @ts-expect-error: it is read-only.
 * assertThrows(() => seen.hits = 6n, TypeError);
 *
 * assertEquals(/struct shared \{\n {2}int64_t hits;\n\};/.test(Shared.cHeader("shared")), true);
 * ```
 *
 * @tags allow-ffi
 */
export function struct<Shape extends Fields>(
  fields: Shape,
  options: StructOptions = {},
): Struct<ViewOf<Shape>, ReadOnlyViewOf<Shape>> {
  const { placed, members, participants, size, alignment, layout } = layOut(fields, options);
  const View = defineView(placed, size, participants);
  const fingerprint = fingerprintOf(layout);
  const c: CStructType = { members, size };
  // The classes have an accessor for every field of `Shape`, which no type can follow through defineProperty.
  const place = (at: Place) => new View.writable(at) as unknown as ViewOf<Shape>;
  const placeReadOnly = (at: Place<ReadOnlyMemory>) => new View.readOnly(at) as unknown as ReadOnlyViewOf<Shape>;

  function open(memory: Memory): ViewOf<Shape>;
  function open(memory: ReadOnlyMemory): ReadOnlyViewOf<Shape>;
  function open(memory: Memory | ReadOnlyMemory): ViewOf<Shape> | ReadOnlyViewOf<Shape> {
    const { buffer, address } = mappingOf(memory);
    requireAligned(address, HEADER_BYTES, alignment);
    checkHeader(memory, buffer, { fingerprint, size });
    return placeIn(memory, buffer, HEADER_BYTES);
  }

  function at(memory: Memory, offset?: number): ViewOf<Shape>;
  function at(memory: ReadOnlyMemory, offset?: number): ReadOnlyViewOf<Shape>;
  function at(memory: Memory | ReadOnlyMemory, offset = 0): ViewOf<Shape> | ReadOnlyViewOf<Shape> {
    const { buffer, address } = mappingOf(memory);
    requireAligned(address, offset, alignment);
    if (offset + size > buffer.byteLength) {
      throw new RangeError(
        `Struct of ${size} bytes at offset ${offset} is not inside ${buffer.byteLength} bytes of memory`,
      );
    }
    return placeIn(memory, buffer, offset);
  }

  function placeIn(memory: Memory | ReadOnlyMemory, buffer: ArrayBuffer, offset: number) {
    return isWritable(memory) ? place({ memory, buffer, offset }) : placeReadOnly({ memory, buffer, offset });
  }

  return {
    kind: "object",
    size,
    alignment,
    layout,
    c,
    offsets: Object.fromEntries(members.map(({ name, offset }) => [name, offset])),
    byteLength: HEADER_BYTES + size,
    fingerprint,
    place,
    placeReadOnly,
    create(memory) {
      if (!isWritable(memory)) throw new TypeError("Struct.create needs writable memory, got read-only memory");
      const { buffer, address } = mappingOf(memory);
      requireAligned(address, HEADER_BYTES, alignment);
      writeHeader(memory, buffer, { fingerprint, size });
      return place({ memory, buffer, offset: HEADER_BYTES });
    },
    open,
    at,
    cHeader: (name) => printCHeader(name, { type: c, size, layout, fingerprint }),
  };
}

/** A field at its offset. */
export interface PlacedField {
  readonly name: string;
  readonly field: Field<unknown>;
  readonly offset: number;
}

/** What the participant table is called in the layout and in C. */
const TABLE = "participants";

/** A pool thread that sleeps until somebody dies waits for all slots at once, which the kernel can do for so many. */
const MOST_PARTICIPANTS = 120;

interface Layout {
  placed: readonly PlacedField[];
  /** The same, and the participant table where there is one. */
  members: readonly CMember[];
  /** Offset of the participant table. */
  participants: number | undefined;
  size: number;
  alignment: number;
  layout: string;
}

/** As C does it: every field at the next multiple of its alignment, the whole a multiple of the largest. */
function layOut(shape: Fields, options: StructOptions): Layout {
  if (typeof shape !== "object" || shape === null || Array.isArray(shape)) {
    throw new TypeError(`struct takes an object with its fields by name, got ${Deno.inspect(shape, { depth: 0 })}`);
  }
  const slots = options.participants ?? PARTICIPANTS;
  if (!Number.isInteger(slots) || slots < 1 || slots > MOST_PARTICIPANTS) {
    throw new RangeError(`participants must be an integer in 1..${MOST_PARTICIPANTS}, got ${Deno.inspect(slots)}`);
  }
  const placed: PlacedField[] = [];
  let table: FieldLayout | undefined;
  let end = 0;
  let alignment = 1;
  for (const [name, declared] of Object.entries(shape)) {
    requireField(declared, `Field ${JSON.stringify(name)}`);
    const participation = declared.kind === "object" ? declared.participants : undefined;
    const field = participation?.field(slots) ?? declared;
    table ??= participation?.table(slots);
    if (!/^[A-Za-z_]\w*$/.test(name) || name === "constructor" || name === "__proto__") {
      throw new TypeError(`Field name must be an identifier other than "constructor", got ${JSON.stringify(name)}`);
    }
    const offset = roundUp(end, field.alignment);
    placed.push({ name, field, offset });
    end = offset + field.size;
    alignment = Math.max(alignment, field.alignment);
  }
  if (placed.length === 0) throw new TypeError("struct must have at least one field");
  const members: CMember[] = [...placed];
  if (table !== undefined) {
    if (TABLE in shape) throw new TypeError(`A field of this struct cannot be called ${TABLE}: its table is`);
    members.push({ name: TABLE, field: table, offset: roundUp(end, table.alignment) });
    end = roundUp(end, table.alignment) + table.size;
    alignment = Math.max(alignment, table.alignment);
  } else if (options.participants !== undefined) {
    throw new TypeError("participants is for structs with a field that needs them, such as rwLock");
  }
  const size = requireLayoutSize(roundUp(end, alignment));
  const inner = members.map(({ name, field, offset }) => `${name}@${offset}:${field.layout}`).join(",");
  const participants = table && members.at(-1)?.offset;
  return { placed, members, participants, size, alignment, layout: `struct{${inner}}#${size}` };
}

/** The memory itself may begin anywhere: it can be a part of a file. */
function requireAligned(address: bigint, offset: number, alignment: number): void {
  const valid = Number.isSafeInteger(offset) && offset >= 0;
  if (!valid || (address + BigInt(offset)) % BigInt(alignment) !== 0n) {
    throw new RangeError(`offset must be a multiple of ${alignment} and at least 0, got ${Deno.inspect(offset)}`);
  }
}
