/**
 * JSON that loses nothing and believes nothing.
 *
 * Sending: what JSON would drop or change in silence (functions, NaN, a `Map`, `undefined` in an array) is refused. A field that is `undefined` is left out,
 * because nothing is lost by it: `{ a?: number }` reads the same, and `{ a: undefined }` is how a program says that it has no `a`. Receiving: a message that nests deeper than
 * {@linkcode MAX_DEPTH} is refused before it is parsed, and one with a key `__proto__` after: whoever merges such a message into another object would
 * give it a prototype that the peer has chosen.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** How deep messages nest at most, in both directions. */
const MAX_DEPTH = 256;

/** The codec. */
export const jsonCodec = {
  name: "json",
  messageBytes: undefined,
  encode(value: unknown): Uint8Array {
    requireJson(value, 0);
    return encodeUtf8(JSON.stringify(value));
  },
  decode(bytes: Uint8Array): unknown {
    requireShallow(bytes);
    let text: string;
    let value: unknown;
    try {
      text = decodeUtf8(bytes);
      value = JSON.parse(text);
    } catch (cause) {
      throw new ProtocolError("A message is not JSON", { cause });
    }
    // The key may hide behind an escape; only then every key has to be looked at.
    if (text.includes("__proto__") || text.includes("\\u")) refusePrototypes(value);
    return value;
  },
};

/** @throws {TypeError} When JSON would lose or change something. */
function requireJson(value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw new TypeError("JSON over a channel cannot carry half of a surrogate pair");
      return;
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`JSON cannot carry ${value}`);
      return;
    case "object":
      if (value !== null) requireJsonObject(value, depth);
      return;
    default:
      throw new TypeError(`JSON cannot carry ${article(typeof value)}`);
  }
}

function requireJsonObject(value: object, depth: number): void {
  if (depth >= MAX_DEPTH) {
    throw new TypeError(`JSON over a channel nests at most ${MAX_DEPTH} deep: this is deeper, or refers to itself`);
  }
  if (Array.isArray(value)) {
    // A hole is undefined here, and refused.
    for (let index = 0; index < value.length; index++) requireJson(value[index], depth + 1);
    return;
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    requireJson(value.toJSON(), depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype && !isForeignPlain(prototype)) {
    throw new TypeError(`JSON cannot carry a ${value.constructor?.name ?? "class"}`);
  }
  // Every message goes through here: the pairs that `Object.entries` makes would cost as much as all the rest.
  const fields = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(fields)) {
    if (key === "__proto__") throw new TypeError("JSON over a channel does not carry a key __proto__");
    const inner = fields[key];
    if (inner !== undefined) requireJson(inner, depth + 1);
  }
}

/** A plain object of another realm: its prototype has none of its own. */
function isForeignPlain(prototype: unknown): boolean {
  return typeof prototype === "object" && prototype !== null && Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, "hasOwnProperty");
}

function article(type: string): string {
  return type === "undefined" ? "undefined" : `a ${type}`;
}

/**
 * Counts brackets before anything is parsed: neither the parser nor what later walks through the value may run out of stack.
 *
 * @throws {ProtocolError} When it nests too deep.
 */
function requireShallow(bytes: Uint8Array): void {
  // Each level takes two bytes at least.
  if (bytes.byteLength <= 2 * MAX_DEPTH) return;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < bytes.byteLength; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) inString = !inString;
    else if (inString) {
      if (byte === BACKSLASH) index++;
    } else if (byte === BRACKET || byte === BRACE) {
      if (++depth > MAX_DEPTH) throw new ProtocolError(`A message nests deeper than ${MAX_DEPTH}`);
    } else if (byte === BRACKET_END || byte === BRACE_END) depth--;
  }
}

const [QUOTE, BACKSLASH, BRACKET, BRACKET_END, BRACE, BRACE_END] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

function refusePrototypes(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__")) throw new ProtocolError("A message has a key __proto__");
  for (const inner of Object.values(value)) refusePrototypes(inner);
}
