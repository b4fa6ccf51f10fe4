/**
 * Codecs: how values become the bytes of a message, and bytes values again.
 *
 * @module
 */

import type { Struct } from "../memory/struct.ts";
import { fingerprintOf } from "../memory/fingerprint.ts";
import { ProtocolError } from "../errors.ts";
import { jsonCodec } from "./codec_json.ts";
import { structCodec, type StructFieldValues, type StructValues } from "./codec_struct.ts";
import { copyForNow, decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** A codec of one's own. */
export interface Codec<In = unknown, Out = In> {
  /** What both ends agree on: at most 24 characters of ASCII without a space. */
  readonly name: string;
  /** Makes bytes of a value. @throws {TypeError} When it cannot carry the value. */
  encode(value: Out): Uint8Array;
  /**
   * Makes a value of bytes. They are the codec's own. Whatever it throws reaches
   * the receiver as a `ProtocolError`.
   */
  decode(bytes: Uint8Array): In;
}

/** What a channel takes for its `codec` option. */
export type ChannelCodec<In = unknown, Out = unknown> =
  | "json"
  | "text"
  | "bytes"
  | Codec<In, Out>
  | Struct<In>;

export type { StructFieldValues, StructValues };

/** A codec as the channel uses it. */
export interface ResolvedCodec<In, Out> {
  readonly name: string;
  /** Of the struct, or of the name of the type; 0 for none. */
  readonly fingerprint: bigint;
  /** How long every message is, where all are. */
  readonly messageBytes: number | undefined;
  /** The struct, where messages are one: for roads on which they are written and read in place. */
  readonly struct?: Struct<unknown> | undefined;
  encode(value: Out): Uint8Array;
  decode(bytes: Uint8Array): In;
}

/** The longest name of a codec: it has this much room in a hello. */
export const CODEC_NAME_BYTES = 24;

/**
 * @param type The name of the messages' type.
 * @throws {TypeError} For what is no codec.
 */
export function resolveCodec(chosen: ChannelCodec | undefined, type?: string): ResolvedCodec<unknown, unknown> {
  const codec = chosen ?? "json";
  if (type !== undefined && typeof type !== "string") throw new TypeError(`type is a text, got ${typeof type}`);
  const named = type === undefined ? 0n : fingerprintOf(`type:${type}`);
  if (codec === "json") {
    return {
      ...jsonCodec,
      decode: (bytes) => jsonCodec.decode(copyForNow(bytes)),
      fingerprint: named,
    };
  }
  if (codec === "text") return { ...textCodec, fingerprint: named };
  if (codec === "bytes") return { ...bytesCodec, fingerprint: named };
  if (typeof codec === "object" && codec !== null) {
    if ("layout" in codec) return structCodec(codec, named);
    const { name } = codec;
    if (!/^[\x21-\x7e]{1,24}$/.test(name)) {
      throw new TypeError(`A codec's name is 1 to ${CODEC_NAME_BYTES} characters of ASCII, got ${Deno.inspect(name)}`);
    }
    return {
      name,
      fingerprint: named,
      messageBytes: undefined,
      encode: (value) => requireBytes(codec.encode(value), `What the codec ${name} makes`),
      // A copy, which is the codec's own: see `copyForNow`.
      decode: (bytes) => unreadable(name, () => codec.decode(new Uint8Array(bytes))),
    };
  }
  throw new TypeError(`codec must be "json", "text", "bytes", a struct or a codec, got ${Deno.inspect(codec)}`);
}

const bytesCodec = {
  name: "bytes",
  messageBytes: undefined,
  encode: (value: unknown) => requireBytes(value, "A message of bytes"),
  decode: (bytes: Uint8Array) => bytes.slice(),
};

const textCodec = {
  name: "text",
  messageBytes: undefined,
  encode: (value: unknown) => encodeUtf8(requireText(value)),
  decode: (bytes: Uint8Array) => unreadable("text", () => decodeUtf8(copyForNow(bytes))),
};

function requireText(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`A message of text is a string, got ${typeof value}`);
  // What UTF-8 cannot carry would arrive as something else.
  if (!value.isWellFormed()) throw new TypeError("A message of text has half of a surrogate pair");
  return value;
}

function requireBytes(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`${what} is a Uint8Array, got ${Deno.inspect(value, { depth: 0 })}`);
}

function unreadable<Value>(name: string, decode: () => Value): Value {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError(
      `A message is not what the codec ${name} reads: ${Error.isError(cause) ? cause.message : cause}`,
      {
        cause,
      },
    );
  }
}
