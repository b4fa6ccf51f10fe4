/**
 * Numbers and booleans as struct fields: little endian, naturally aligned.
 *
 * @module
 */

import type { NumericField, ValueField } from "./field.ts";

/** A signed byte, `int8_t`. */
export const i8: NumericField<number, Int8Array<ArrayBuffer>> = {
  kind: "value",
  size: 1,
  alignment: 1,
  layout: "i8",
  c: { type: "int8_t" },
  get: (data, offset) => data.getInt8(offset),
  set(data, offset, value) {
    if ((value << 24) >> 24 !== value) throw outOfRange("i8", -0x80, 0x7f, value);
    data.setInt8(offset, value);
  },
  elements: (buffer, offset, length) => new Int8Array(buffer, offset, length),
};

/** A byte, `uint8_t`. */
export const u8: NumericField<number, Uint8Array<ArrayBuffer>> = {
  kind: "value",
  size: 1,
  alignment: 1,
  layout: "u8",
  c: { type: "uint8_t" },
  get: (data, offset) => data.getUint8(offset),
  set(data, offset, value) {
    if ((value & 0xff) !== value) throw outOfRange("u8", 0, 0xff, value);
    data.setUint8(offset, value);
  },
  elements: (buffer, offset, length) => new Uint8Array(buffer, offset, length),
};

/** 16 bits, signed, `int16_t`. */
export const i16: NumericField<number, Int16Array<ArrayBuffer>> = {
  kind: "value",
  size: 2,
  alignment: 2,
  layout: "i16",
  c: { type: "int16_t" },
  get: (data, offset) => data.getInt16(offset, true),
  set(data, offset, value) {
    if ((value << 16) >> 16 !== value) throw outOfRange("i16", -0x8000, 0x7fff, value);
    data.setInt16(offset, value, true);
  },
  elements: (buffer, offset, length) => new Int16Array(buffer, offset, length),
};

/** 16 bits, `uint16_t`. */
export const u16: NumericField<number, Uint16Array<ArrayBuffer>> = {
  kind: "value",
  size: 2,
  alignment: 2,
  layout: "u16",
  c: { type: "uint16_t" },
  get: (data, offset) => data.getUint16(offset, true),
  set(data, offset, value) {
    if ((value & 0xffff) !== value) throw outOfRange("u16", 0, 0xffff, value);
    data.setUint16(offset, value, true);
  },
  elements: (buffer, offset, length) => new Uint16Array(buffer, offset, length),
};

/** 32 bits, signed, `int32_t`. */
export const i32: NumericField<number, Int32Array<ArrayBuffer>> = {
  kind: "value",
  size: 4,
  alignment: 4,
  layout: "i32",
  c: { type: "int32_t" },
  get: (data, offset) => data.getInt32(offset, true),
  set(data, offset, value) {
    if ((value | 0) !== value) throw outOfRange("i32", -0x8000_0000, 0x7fff_ffff, value);
    data.setInt32(offset, value, true);
  },
  elements: (buffer, offset, length) => new Int32Array(buffer, offset, length),
};

/** 32 bits, `uint32_t`. */
export const u32: NumericField<number, Uint32Array<ArrayBuffer>> = {
  kind: "value",
  size: 4,
  alignment: 4,
  layout: "u32",
  c: { type: "uint32_t" },
  get: (data, offset) => data.getUint32(offset, true),
  set(data, offset, value) {
    if (value >>> 0 !== value) throw outOfRange("u32", 0, 0xffff_ffff, value);
    data.setUint32(offset, value, true);
  },
  elements: (buffer, offset, length) => new Uint32Array(buffer, offset, length),
};

/** 64 bits, signed, `int64_t`: a bigint. */
export const i64: NumericField<bigint, BigInt64Array<ArrayBuffer>> = {
  kind: "value",
  size: 8,
  alignment: 8,
  layout: "i64",
  c: { type: "int64_t" },
  get: (data, offset) => data.getBigInt64(offset, true),
  set(data, offset, value) {
    if (BigInt.asIntN(64, value) !== value) throw outOfRange("i64", "-2^63", "2^63-1", value);
    data.setBigInt64(offset, value, true);
  },
  elements: (buffer, offset, length) => new BigInt64Array(buffer, offset, length),
};

/** 64 bits, `uint64_t`: a bigint. */
export const u64: NumericField<bigint, BigUint64Array<ArrayBuffer>> = {
  kind: "value",
  size: 8,
  alignment: 8,
  layout: "u64",
  c: { type: "uint64_t" },
  get: (data, offset) => data.getBigUint64(offset, true),
  set(data, offset, value) {
    if (BigInt.asUintN(64, value) !== value) throw outOfRange("u64", 0, "2^64-1", value);
    data.setBigUint64(offset, value, true);
  },
  elements: (buffer, offset, length) => new BigUint64Array(buffer, offset, length),
};

/** A 32-bit float, `float`: assigning rounds. */
export const f32: NumericField<number, Float32Array<ArrayBuffer>> = {
  kind: "value",
  size: 4,
  alignment: 4,
  layout: "f32",
  c: { type: "float" },
  get: (data, offset) => data.getFloat32(offset, true),
  set: (data, offset, value) => data.setFloat32(offset, value, true),
  elements: (buffer, offset, length) => new Float32Array(buffer, offset, length),
};

/** A 64-bit float, `double`. */
export const f64: NumericField<number, Float64Array<ArrayBuffer>> = {
  kind: "value",
  size: 8,
  alignment: 8,
  layout: "f64",
  c: { type: "double" },
  get: (data, offset) => data.getFloat64(offset, true),
  set: (data, offset, value) => data.setFloat64(offset, value, true),
  elements: (buffer, offset, length) => new Float64Array(buffer, offset, length),
};

/** One byte that is 0 or not, `bool`. */
export const bool: ValueField<boolean> = {
  kind: "value",
  size: 1,
  alignment: 1,
  layout: "bool",
  c: { type: "bool" },
  get: (data, offset) => data.getUint8(offset) !== 0,
  set: (data, offset, value) => data.setUint8(offset, value ? 1 : 0),
};

function outOfRange(type: string, least: number | string, most: number | string, value: number | bigint): RangeError {
  const shown = Deno.inspect(value, { depth: 0 });
  return new RangeError(`Value of an ${type} field must be an integer in ${least}..${most}, got ${shown}`);
}
