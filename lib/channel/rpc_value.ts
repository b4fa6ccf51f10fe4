/**
 * Values of calls as JSON: what JSON cannot say is an object with the key `$`, and what cannot travel at all is an error.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { decodeError, encodeError } from "./rpc_error.ts";
import { shown } from "./rpc_message.ts";

/** How deep values may be nested. */
const MOST_DEEP = 100;

/** What stays where it is and is only referred to. */
export interface References {
  /** The number of a function of ours. */
  exportFunction(work: (...args: never[]) => unknown): number;
  /** The number of a stream of ours. */
  exportStream(items: AsyncIterable<unknown>): number;
  /** A signal of ours: when it aborts, the call is cancelled. */
  exportSignal(signal: AbortSignal): void;
  /** A function of the peer's. */
  importFunction(id: number): (...args: unknown[]) => Promise<unknown>;
  /** A stream of the peer's. */
  importStream(id: number): AsyncIterable<unknown>;
  /** The signal of the call that this is an argument of. */
  importSignal(): AbortSignal;
}

/** A value as JSON has it; arrays and objects are copied only where something in them changes. @throws {TypeError} For what cannot travel. */
export function encode(value: unknown, references: References, depth = 0): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $: "number", value: Object.is(value, -0) ? "-0" : String(value) };
    case "undefined":
      return { $: "undefined" };
    case "bigint":
      return { $: "bigint", value: String(value) };
    case "function":
      return { $: "function", id: references.exportFunction(value as (...args: never[]) => unknown) };
    case "symbol":
      throw new TypeError(`A message cannot carry ${String(value)}`);
    default:
      return value === null ? null : encodeObject(value as object, references, depth + 1);
  }
}

function encodeObject(value: object, references: References, depth: number): unknown {
  if (depth > MOST_DEEP) {
    throw new TypeError(`A message cannot carry what is nested deeper than ${MOST_DEEP}, or in itself`);
  }
  const inner = (item: unknown) => encode(item, references, depth);
  if (Array.isArray(value)) return encodeArray(value, inner);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return encodePlain(value, inner, references);
  if (value instanceof Uint8Array) return { $: "bytes", base64: value.toBase64() };
  if (value instanceof Date) return { $: "date", ms: Number.isNaN(value.getTime()) ? null : value.getTime() };
  if (value instanceof Map) return { $: "map", entries: Array.from(value, ([key, item]) => [inner(key), inner(item)]) };
  if (value instanceof Set) return { $: "set", items: Array.from(value, inner) };
  if (value instanceof Error) return encodeError(value, inner);
  if (value instanceof AbortSignal) {
    references.exportSignal(value);
    return { $: "signal" };
  }
  if (isAsyncIterable(value)) return { $: "stream", id: references.exportStream(value) };
  if ("toJSON" in value && typeof value.toJSON === "function") return inner(value.toJSON());
  const { constructor } = value;
  const name = typeof constructor === "function" ? constructor.name : "class";
  throw new TypeError(`A message cannot carry an instance of ${name}: send a plain object`);
}

function encodeArray(value: readonly unknown[], inner: (item: unknown) => unknown): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const item = value[index];
    const encoded = inner(item);
    if (encoded !== item) (copy ??= [...value])[index] = encoded;
  }
  return copy ?? value;
}

function encodePlain(value: object, inner: (item: unknown) => unknown, references: References): unknown {
  if (isAsyncIterable(value)) return { $: "stream", id: references.exportStream(value) };
  if ("toJSON" in value && typeof value.toJSON === "function") return inner(value.toJSON());
  if (Object.hasOwn(value, "$")) {
    return { $: "object", entries: Object.entries(value).map(([key, item]) => [key, inner(item)]) };
  }
  const from = value as Readonly<Record<string, unknown>>;
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(from)) {
    if (key === "__proto__") throw new TypeError("A message cannot carry a key __proto__");
    const item = from[key];
    // As in JSON: a field that is undefined is a field that is not there.
    if (item === undefined) delete (copy ??= { ...from })[key];
    else {
      const encoded = inner(item);
      if (encoded !== item) (copy ??= { ...from })[key] = encoded;
    }
  }
  return copy ?? from;
}

/** The value that {@linkcode encode} was given at the other side. @throws {ProtocolError} For what it never makes. */
export function decode(value: unknown, references: References, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MOST_DEEP) throw new ProtocolError(`Calls: a value is nested deeper than ${MOST_DEEP}`);
  const inner = (item: unknown) => decode(item, references, depth + 1);
  if (Array.isArray(value)) return encodeArray(value, inner);
  if (Object.hasOwn(value, "$")) return decodeSpecial(value as Readonly<Record<string, unknown>>, inner, references);
  const from = value as Readonly<Record<string, unknown>>;
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(from)) {
    if (key === "__proto__") throw new ProtocolError("Calls: a value has the key __proto__");
    const item = from[key];
    const decoded = inner(item);
    if (decoded !== item) (copy ??= { ...from })[key] = decoded;
  }
  return copy ?? from;
}

function decodeSpecial(
  value: Readonly<Record<string, unknown>>,
  inner: (item: unknown) => unknown,
  references: References,
): unknown {
  switch (value.$) {
    case "undefined":
      return undefined;
    case "number":
      if (!["NaN", "Infinity", "-Infinity", "-0"].includes(String(value.value))) throw unknown(value);
      return Number(value.value);
    case "bigint":
      if (typeof value.value !== "string" || !/^-?\d{1,10000}$/.test(value.value)) throw unknown(value);
      return BigInt(value.value);
    case "bytes":
      return decodeBytes(value);
    case "date":
      if (value.ms !== null && typeof value.ms !== "number") throw unknown(value);
      return new Date(value.ms ?? NaN);
    case "map":
      return new Map(pairs(value).map(([key, item]) => [inner(key), inner(item)]));
    case "set":
      if (!Array.isArray(value.items)) throw unknown(value);
      return new Set(value.items.map(inner));
    case "object":
      return decodeEntries(value, inner);
    case "error":
      return decodeError(value, inner);
    case "function":
      return references.importFunction(numberOf(value));
    case "stream":
      return references.importStream(numberOf(value));
    case "signal":
      return references.importSignal();
    default:
      throw unknown(value);
  }
}

function decodeBytes(value: Readonly<Record<string, unknown>>): Uint8Array {
  try {
    return Uint8Array.fromBase64(String(value.base64));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unknown(value);
  }
}

function decodeEntries(value: Readonly<Record<string, unknown>>, inner: (item: unknown) => unknown): object {
  const entries = pairs(value);
  if (entries.some(([key]) => typeof key !== "string" || key === "__proto__")) throw unknown(value);
  return Object.fromEntries(entries.map(([key, item]) => [String(key), inner(item)]));
}

function pairs(value: Readonly<Record<string, unknown>>): readonly (readonly [unknown, unknown])[] {
  const { entries } = value;
  if (!Array.isArray(entries) || !entries.every((entry) => Array.isArray(entry) && entry.length === 2)) {
    throw unknown(value);
  }
  return entries;
}

function numberOf(value: Readonly<Record<string, unknown>>): number {
  const { id } = value;
  if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 1) throw unknown(value);
  return id;
}

function unknown(value: Readonly<Record<string, unknown>>): ProtocolError {
  return new ProtocolError(`Calls: a value of kind ${shown(value.$)} is wrong or unknown`);
}

/** Whether something can be iterated by `for await` only. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value &&
    typeof value[Symbol.asyncIterator] === "function";
}
