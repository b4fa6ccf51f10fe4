/**
 * What two strangers agree on before they share memory, and how it is written down (docs/layouts.md).
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";

/** What meets: each kind has a number of its own, so that a channel never takes a topic for one. */
export type Kind = "channel" | "latest" | "topic";

/** What both sides must say alike, or they do not meet. */
export interface Terms {
  readonly kind: Kind;
  /** The codec's name, for example `"json"`. At most 24 bytes. */
  readonly codec: string;
  /** Of the struct that is sent; 0 for codecs without one. */
  readonly fingerprint: bigint;
  /** The longest message. Of a channel the smaller of the two counts, and of everything else both say the same. */
  readonly maxMessageBytes: number;
}

/** Eight numbers of 32 bits that the kind gives a meaning. */
export type Facts = readonly number[];

/** Bytes of a hello, and of a welcome. */
export const HELLO_BYTES = 88;
/** A refusal may be longer: it has a reason. */
export const MAX_ANSWER_BYTES = 512;

const FACTS = 8;
const KINDS: readonly Kind[] = ["channel", "latest", "topic"];
/** "CAUSEWAY" */
const MAGIC = 0x59415745_53554143n;
const VERSION = 1;
const OFFSET = {
  magic: 0,
  version: 8,
  kind: 10,
  maxMessageBytes: 12,
  fingerprint: 16,
  codec: 24,
  status: 48,
  facts: 56,
};
const CODEC_BYTES = 24;
const AGREED = 0;
const REFUSED = 1;

/** Why two sides cannot meet; `undefined` when they can. */
export function disagreement(ours: Terms, theirs: Terms): string | undefined {
  if (theirs.kind !== ours.kind) return `one side has a ${ours.kind}, the other a ${theirs.kind}`;
  if (theirs.codec !== ours.codec) {
    return `one side has the codec ${JSON.stringify(ours.codec)}, the other ${JSON.stringify(theirs.codec)}`;
  }
  if (theirs.fingerprint !== ours.fingerprint) return "the two sides have different types of messages";
  if (ours.kind !== "channel" && theirs.maxMessageBytes !== ours.maxMessageBytes) {
    return `one side has messages of at most ${ours.maxMessageBytes} bytes, the other of ${theirs.maxMessageBytes}`;
  }
  return undefined;
}

/** What the connector says. */
export function encodeHello(terms: Terms, facts: Facts): Uint8Array {
  return encode(terms, facts, AGREED);
}

/** What the listener answers. */
export function encodeWelcome(terms: Terms, facts: Facts): Uint8Array {
  return encode(terms, facts, AGREED);
}

/** What the listener answers to whom it turns away. */
export function encodeRefusal(reason: string): Uint8Array {
  const message = new Uint8Array(MAX_ANSWER_BYTES);
  const { written } = new TextEncoder().encodeInto(reason, message.subarray(HELLO_BYTES));
  const data = new DataView(message.buffer);
  data.setBigUint64(OFFSET.magic, MAGIC, true);
  data.setUint16(OFFSET.version, VERSION, true);
  data.setUint32(OFFSET.status, REFUSED, true);
  return message.subarray(0, HELLO_BYTES + written);
}

/** @throws {ProtocolError} When it is no hello. */
export function decodeHello(message: Uint8Array): { terms: Terms; facts: Facts } {
  const data = dataOf(message);
  if (message.byteLength !== HELLO_BYTES || data.getUint32(OFFSET.status, true) !== AGREED) {
    throw new ProtocolError("The peer did not say hello");
  }
  return decode(message, data);
}

/** @throws {ProtocolError} When it is no welcome; with the reason, when it is a refusal. */
export function decodeWelcome(message: Uint8Array): { terms: Terms; facts: Facts } {
  const data = dataOf(message);
  if (message.byteLength >= HELLO_BYTES && data.getUint32(OFFSET.status, true) === REFUSED) {
    const reason = new TextDecoder().decode(message.subarray(HELLO_BYTES));
    // It is shown to people: no control characters of a stranger's.
    throw new ProtocolError(`The listener refuses: ${reason.replace(/\p{Cc}/gu, "?")}`);
  }
  return decodeHello(message);
}

function dataOf(message: Uint8Array): DataView {
  const data = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.byteLength < HELLO_BYTES || data.getBigUint64(OFFSET.magic, true) !== MAGIC) {
    throw new ProtocolError("The peer does not speak this protocol");
  }
  const version = data.getUint16(OFFSET.version, true);
  if (version !== VERSION) {
    throw new ProtocolError(`The peer speaks version ${version} of the protocol, not ${VERSION}`);
  }
  return data;
}

function decode(message: Uint8Array, data: DataView): { terms: Terms; facts: Facts } {
  const number = data.getUint16(OFFSET.kind, true);
  const kind = KINDS[number];
  if (kind === undefined) throw new ProtocolError(`The peer has something of the unknown kind ${number}`);
  const codec = new TextDecoder().decode(message.subarray(OFFSET.codec, OFFSET.codec + CODEC_BYTES)).replace(
    /\0.*$/s,
    "",
  );
  const facts = Array.from({ length: FACTS }, (_, index) => data.getUint32(OFFSET.facts + 4 * index, true));
  const maxMessageBytes = data.getUint32(OFFSET.maxMessageBytes, true);
  return { terms: { kind, codec, fingerprint: data.getBigUint64(OFFSET.fingerprint, true), maxMessageBytes }, facts };
}

function encode(terms: Terms, facts: Facts, status: number): Uint8Array {
  const message = new Uint8Array(HELLO_BYTES);
  const data = new DataView(message.buffer);
  const codec = new TextEncoder().encode(terms.codec);
  if (codec.byteLength > CODEC_BYTES) {
    throw new RangeError(`The codec's name must have at most ${CODEC_BYTES} bytes, got ${codec.byteLength}`);
  }
  data.setBigUint64(OFFSET.magic, MAGIC, true);
  data.setUint16(OFFSET.version, VERSION, true);
  data.setUint16(OFFSET.kind, KINDS.indexOf(terms.kind), true);
  data.setUint32(OFFSET.maxMessageBytes, terms.maxMessageBytes, true);
  data.setBigUint64(OFFSET.fingerprint, terms.fingerprint, true);
  message.set(codec, OFFSET.codec);
  data.setUint32(OFFSET.status, status, true);
  facts.forEach((fact, index) => data.setUint32(OFFSET.facts + 4 * index, fact, true));
  return message;
}
