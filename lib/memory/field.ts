/**
 * What a struct is made of. The rooms above add kinds of fields (locks) by implementing {@linkcode ObjectField}.
 *
 * @module
 */

import type { CType } from "./c_type.ts";
import { closedError, type Memory } from "./memory.ts";
import type { ReadOnlyMemory } from "./read_only.ts";

/** How a field lies in memory: as C would lay it. */
export interface FieldLayout {
  /** Bytes, as C's `sizeof`. */
  readonly size: number;
  /** Its offset is a multiple of this: a power of two of at most 64. */
  readonly alignment: number;
  /** The canonical text of the layout. Two sides that agree on it agree on every byte. */
  readonly layout: string;
  /**
   * What it is in C, for `Struct.cHeader()`. A lock gives the name of its C struct, and as definitions the code of docs/layouts.md: the struct with
   * its static assertions, and `static inline` functions that lock it.
   */
  readonly c: CType;
}

/** A field that is read and assigned: `view.hits += 1n`. */
export interface ValueField<Value> extends FieldLayout {
  /** Tells it from a field that is an object. */
  readonly kind: "value";
  /**
   * Reads the value at an offset. It reads memory once, and never writes it: the memory may be read-only.
   *
   * @throws {ProtocolError} When what a peer wrote there is no `Value`.
   */
  get(data: DataView<ArrayBuffer>, offset: number): Value;
  /** Writes the value at an offset. @throws {RangeError} When the value does not fit. */
  set(data: DataView<ArrayBuffer>, offset: number, value: Value): void;
}

/** A value field that typed arrays can hold: `array` of it is such a typed array. */
export interface NumericField<Value, Elements> extends ValueField<Value> {
  /** Makes the typed array over a piece of memory. */
  elements(buffer: ArrayBuffer, offset: number, length: number): Elements;
}

/**
 * A field whose view is an object with methods: `view.seen.add(1)`. It is made once per struct view, when first used.
 *
 * `ReadOnlyView` is what it looks like in read-only memory; `never` for what cannot be used there, such as a lock.
 */
export interface ObjectField<View, ReadOnlyView = never> extends FieldLayout {
  /** Tells it from a field that is a value. */
  readonly kind: "object";
  /** Makes the view of the field at a place. All-zero bytes there are a valid start. */
  place(at: Place): View;
  /**
   * Makes the view of the field in memory that this process may only read: it has no way to write, because a store would be SIGSEGV. Left out by
   * fields that cannot be used there: touching such a field of a read-only view is a `TypeError` that says so.
   */
  placeReadOnly?(at: Place<ReadOnlyMemory>): ReadOnlyView;
  /**
   * How it notices the deaths of many holders; left out by fields that need not. Its own layout is then that beside a table of 64 slots, the
   * default.
   */
  readonly participants?: Participation<View, ReadOnlyView> | undefined;
}

/**
 * How a field takes part in the participant table: a struct has one behind its last field, for all of its fields that need it, and tells them where
 * it is (`Place.participants`). A nested struct has its own.
 */
export interface Participation<View, ReadOnlyView = never> {
  /** The table, with so many slots. */
  table(slots: number): FieldLayout;
  /** The field beside a table with so many slots: what it keeps of each is as many. */
  field(slots: number): ObjectField<View, ReadOnlyView>;
}

/** How many slots a participant table has unless something else is said. */
export const PARTICIPANTS = 64;

/** A field of a struct: what its view gives for it is a `View`. */
export type Field<View, ReadOnlyView = unknown> = ValueField<View> | ObjectField<View, ReadOnlyView>;

/** Where a field is. */
export interface Place<Of extends Memory | ReadOnlyMemory = Memory> {
  /** The memory. */
  readonly memory: Of;
  /** Its bytes. Detached, so of length 0, after the memory is closed. */
  readonly buffer: ArrayBuffer;
  /** Offset of the field's first byte in the memory. */
  readonly offset: number;
  /** Offset of the struct's participant table in the memory, for fields that have `participants`. */
  readonly participants?: number | undefined;
}

/** Says that the memory is closed, if that is why an access failed; else passes the error on. */
export function explain(error: unknown, memory: Memory | ReadOnlyMemory): unknown {
  return memory.closed ? closedError(memory) : error;
}

/** @throws {TypeError} When it is no field: from JavaScript it may be anything. */
export function requireField(field: unknown, what: string): void {
  if (isField(field)) return;
  const hint = typeof field === "function" && field.name !== "" ? `: is ${field.name}(…) meant?` : "";
  const got = Deno.inspect(field, { depth: 0 });
  throw new TypeError(`${what} must be a field, as u32, utf8(16), mutex or a struct is one; got ${got}${hint}`);
}

function isField(field: unknown): boolean {
  if (typeof field !== "object" || field === null) return false;
  const { kind, size, alignment, layout, get, place } = field as Readonly<Record<string, unknown>>;
  if (typeof size !== "number" || typeof alignment !== "number" || typeof layout !== "string") return false;
  return kind === "value" ? typeof get === "function" : kind === "object" && typeof place === "function";
}

/** @throws {RangeError} When it is no count that a layout can have. */
export function requireCount(count: number, what: string): void {
  if (!Number.isInteger(count) || count < 1 || count > 2 ** 40) {
    throw new RangeError(`${what} must be an integer of at least 1, got ${Deno.inspect(count)}`);
  }
}

/** @throws {RangeError} When bytes would be more than there can be. */
export function requireLayoutSize(size: number): number {
  if (size <= 2 ** 46) return size;
  throw new RangeError(`A layout must have at most 2^46 bytes, got ${size}`);
}

/** The next multiple. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
