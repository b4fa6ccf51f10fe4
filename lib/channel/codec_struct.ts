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

/** What can be given for a struct's view when it is sent: the view itself, or an object with a value for each field. */
export type StructValues<View> = View | { readonly [Name in keyof View]: StructFieldValues<View[Name]> };

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
  const ours: unknown = prototypeOf(struct.place(placeIn(new ArrayBuffer(size))));
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
      const buffer = new ArrayBuffer(size);
      assign(struct.place(placeIn(buffer)), value, "");
      return new Uint8Array(buffer);
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
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly closed = false;

  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
  }

  get byteLength(): number {
    return this.bytes.byteLength;
  }

  advise(): void {}

  lockPages(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

/** Gives every field of a view the value of the same name. The prototype of a view has an accessor for each field. */
function assign(view: unknown, values: object, within: string): void {
  const accessors: object = Object.getPrototypeOf(view);
  for (const [name, accessor] of Object.entries(Object.getOwnPropertyDescriptors(accessors))) {
    if (accessor.get === undefined || accessor.enumerable !== true) continue;
    const path = within === "" ? name : `${within}.${name}`;
    const value: unknown = Reflect.get(values, name);
    if (value === undefined) throw new TypeError(`The struct's field ${path} has no value`);
    if (accessor.set !== undefined) accessor.set.call(view, value);
    else assignObject(accessor.get.call(view), value, path);
  }
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
