/**
 * Frames: what goes over roads that carry bytes, so that messages have boundaries, a declared maximum, and an end that is no accident.
 *
 * A frame is the length of its payload (4 bytes, little-endian), its kind (1 byte) and the payload. The first frame of each direction is a
 * hello. On roads with boundaries of their own (seqpacket sockets, message queues) a message is the kind and the payload.
 *
 * | kind | payload |
 * |---|---|
 * | 1 hello | `"CAUSEWAY"`, u16 version, u16 zero, u32 longest message that its sender takes, u64 fingerprint of the type, codec's name in 24 bytes with zeros |
 * | 2 data | one encoded message |
 * | 3 end | none: its sender sends nothing more, and goes on receiving |
 * | 4 bye | none: its sender has closed |
 *
 * An end of file without a bye before it is a death.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { CODEC_NAME_BYTES } from "./codec.ts";

/** Kinds of frames. */
export const KIND = { HELLO: 1, DATA: 2, END: 3, BYE: 4 } as const;

/** Bytes before the payload. */
export const HEADER_BYTES = 5;

/** What an end says of itself first. */
export interface Hello {
  /** The codec's name. */
  readonly codec: string;
  /** Of the struct, or of the name of the type; 0 for none. */
  readonly fingerprint: bigint;
  /** The longest message that it takes. */
  readonly maxMessageBytes: number;
}

const MAGIC = new TextEncoder().encode("CAUSEWAY");
const VERSION = 1;
const OFFSET = { version: 8, maxMessageBytes: 12, fingerprint: 16, codec: 24 } as const;

/** Bytes of a hello's payload. */
export const HELLO_BYTES: number = OFFSET.codec + CODEC_NAME_BYTES;

/** The payload of a hello. */
export function encodeHello({ codec, fingerprint, maxMessageBytes }: Hello): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HELLO_BYTES);
  const data = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  data.setUint16(OFFSET.version, VERSION, true);
  data.setUint32(OFFSET.maxMessageBytes, maxMessageBytes, true);
  data.setBigUint64(OFFSET.fingerprint, fingerprint, true);
  new TextEncoder().encodeInto(codec, bytes.subarray(OFFSET.codec));
  return bytes;
}

/**
 * Reads a peer's hello and compares it with ours. Both sides compare the same things, so both come to the same result.
 *
 * @throws {ProtocolError} When it is none, or one that we do not agree with.
 */
export function agree(ours: Hello, payload: Uint8Array, what: string): Hello {
  const data = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.byteLength !== HELLO_BYTES || MAGIC.some((byte, index) => byte !== payload[index])) {
    throw new ProtocolError(`${what}: the other end is no Causeway channel`);
  }
  const version = data.getUint16(OFFSET.version, true);
  if (version !== VERSION) {
    throw new ProtocolError(`${what}: the other end speaks version ${version}, this one ${VERSION}`);
  }
  const name = payload.subarray(OFFSET.codec);
  const end = name.indexOf(0);
  const codec = String.fromCharCode(...(end === -1 ? name : name.subarray(0, end)));
  if (codec !== ours.codec) {
    throw new ProtocolError(
      `${what}: this end has the codec ${JSON.stringify(ours.codec)}, the other ${JSON.stringify(codec)}`,
    );
  }
  const fingerprint = data.getBigUint64(OFFSET.fingerprint, true);
  if (fingerprint !== ours.fingerprint) {
    throw new ProtocolError(`${what}: the two ends have different types of messages`);
  }
  return { codec, fingerprint, maxMessageBytes: data.getUint32(OFFSET.maxMessageBytes, true) };
}

/** Writes a frame, header and payload. @returns Where it ends. */
export function putFrame(into: Uint8Array, at: number, kind: number, payload: Uint8Array): number {
  const { byteLength } = payload;
  into[at] = byteLength;
  into[at + 1] = byteLength >>> 8;
  into[at + 2] = byteLength >>> 16;
  into[at + 3] = byteLength >>> 24;
  into[at + 4] = kind;
  into.set(payload, at + HEADER_BYTES);
  return at + HEADER_BYTES + byteLength;
}

/** No payload. */
export const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);
