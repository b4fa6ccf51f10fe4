/**
 * Structs as messages: the bytes are sent as they lie in memory, and received as a view over them.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { Memory } from "../memory/memory.ts";
import type { Struct } from "../memory/struct.ts";
import { bytesOfView } from "../memory/struct_view.ts";
import type { ResolvedCodec } from "./codec.ts";
import { MOST_SLAB_BYTES, slabRoom, takeFromSlab } from "./slab.ts";

/** What can be given for a struct's view when it is sent: the view itself, or an object with a value for each field. */
export type StructValues<View> =
  | View
  | { readonly [Name in keyof View as View[Name] extends () => unknown ? never : Name]: StructFieldValues<View[Name]> };

/** What can be given for one field of a struct that is sent. */
export type StructFieldValues<Field> = Field extends number | bigint | string | boolean ? Field
  : Field extends { readonly BYTES_PER_ELEMENT: number } & ArrayLike<infer Value> ? Field | ArrayLike<Value>
  : Field extends Iterable<infer Value> ? Iterable<Value> | Iterable<StructValues<Value>>
  : Field extends { load(): infer Value } ? Value
  : StructValues<Field>;

/**
 * A codec of a struct. A view's bytes are copied once, on sending; what is received is a copy of the receiver's own.
 *
 * @throws {TypeError} For a struct with a lock: a lock is a place in memory, and a message is none.
 */
export function structCodec<View>(struct: Struct<View>, named: bigint): ResolvedCodec<View, StructValues<View>> {
  const { size } = struct;
  if (LOCKS.test(struct.layout)) throw new TypeError("A struct with a lock in it cannot be sent, only shared");
  const scratch = new Uint8Array(size);
  const draft = struct.place(placeIn(scratch.buffer));
  const ours: unknown = prototypeOf(draft);
  /** A value's own accessors may send something in the middle of it. */
  let drafting = false;
  return {
    name: "struct",
    fingerprint: BigInt.asUintN(64, struct.fingerprint ^ named),
    messageBytes: size,
    struct,
    encode(value) {
      if (typeof value !== "object" || value === null) {
        throw new TypeError(`A message is a struct's view or an object with its fields, got ${typeof value}`);
      }
      if (prototypeOf(value) === ours) {
        const bytes = bytesOfView(value);
        if (bytes !== undefined) return bytes;
      }
      if (drafting || size > MOST_SLAB_BYTES) {
        const buffer = new ArrayBuffer(size);
        assign(struct.place(placeIn(buffer)), value, "");
        return new Uint8Array(buffer);
      }
      drafting = true;
      try {
        // What is between the fields, and behind a text, must not tell of an earlier message.
        scratch.fill(0);
        assign(draft, value, "");
        slabRoom(size).set(scratch);
        return takeFromSlab(size);
      } finally {
        drafting = false;
      }
    },
    decode(bytes) {
      if (bytes.byteLength !== size) {
        throw new ProtocolError(`A message has ${bytes.byteLength} bytes, the struct has ${size}`);
      }
      // At the beginning of memory of its own, so that every field is aligned.
      const own = new ArrayBuffer(size);
      new Uint8Array(own).set(bytes);
      return struct.place(placeIn(own));
    },
  };
}

/** Fields that are more than bytes: the words of a layout after a field's name, or as the element of an array. */
const LOCKS = /(?:[:(]|aligned\(\d+,)(?:mutex|condition|once|rwLock|semaphore|barrier|\w*[eE]vent|participants)\b/;

function placeIn(buffer: ArrayBuffer) {
  return { memory: new MessageMemory(buffer), buffer, offset: 0 };
}

function prototypeOf(value: unknown): unknown {
  return Object.getPrototypeOf(value);
}

/** A message as memory: its views live as long as somebody has them. */
class MessageMemory implements Memory {
  readonly closed = false;
  readonly #buffer: ArrayBuffer;

  constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer);
  }

  get byteLength(): number {
    return this.#buffer.byteLength;
  }

  advise(): void {}

  lockPages(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

/** How a field of a view is read and written. */
interface FieldAccess {
  readonly name: string;
  readonly get: (this: unknown) => unknown;
  readonly set: ((this: unknown, value: unknown) => void) | undefined;
}

/** By the prototype of the views of a layout, which has an accessor for each field: to look them up costs more than to use them. */
const accesses = new WeakMap<object, readonly FieldAccess[]>();

function accessesOf(view: unknown): readonly FieldAccess[] {
  const prototype: object = Object.getPrototypeOf(view);
  let known = accesses.get(prototype);
  if (known === undefined) {
    known = Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { get, set, enumerable }]) =>
      get === undefined || enumerable !== true ? [] : [{ name, get, set }]
    );
    accesses.set(prototype, known);
  }
  return known;
}

/** Gives every field of a view the value of the same name. */
function assign(view: unknown, values: object, within: string): void {
  const given = values as Readonly<Record<string, unknown>>;
  for (const { name, get, set } of accessesOf(view)) {
    const value = given[name];
    if (value === undefined) throw new TypeError(`The struct's field ${pathOf(within, name)} has no value`);
    if (set !== undefined) set.call(view, value);
    else assignObject(get.call(view), value, pathOf(within, name));
  }
}

function pathOf(within: string, name: string): string {
  return within === "" ? name : `${within}.${name}`;
}

function assignObject(target: unknown, value: unknown, path: string): void {
  if (typeof target !== "object" || target === null) throw new TypeError(`The struct's field ${path} cannot be sent`);
  if ("store" in target && typeof target.store === "function") {
    const loaded = typeof value === "object" && value !== null && "load" in value && typeof value.load === "function"
      ? value.load()
      : value;
    target.store(loaded);
    return;
  }
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`The struct's field ${path} needs an object, got ${typeof value}`);
  }
  if (!("length" in target) || typeof target.length !== "number") return assign(target, value, path);
  const elements: unknown[] = Array.from(value as ArrayLike<unknown> | Iterable<unknown>);
  if (elements.length !== target.length) {
    throw new RangeError(`The struct's field ${path} has ${target.length} elements, got ${elements.length}`);
  }
  if (ArrayBuffer.isView(target)) {
    elements.forEach((element, index) => Reflect.set(target, index, element));
  } else if ("set" in target && typeof target.set === "function") {
    for (const [index, element] of elements.entries()) target.set(index, element);
  } else if ("get" in target && typeof target.get === "function") {
    for (const [index, element] of elements.entries()) assignObject(target.get(index), element, `${path}[${index}]`);
  }
}
