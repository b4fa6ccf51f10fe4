/**
 * The 64 bytes in front of a shared struct, by which an opener knows what it has: see docs/layouts.md.
 *
 * Creating goes in steps, so that whoever looks at any moment sees nothing, something unfinished, or everything:
 *
 * 1. magic 0 → `CREATING`, by compare-exchange: of several creators one goes on. A creator that dies from here on leaves `CREATING`.
 * 2. Who the creator is goes into the header: from here on others can tell whether it has died.
 * 3. The struct is zeroed, and the rest of the header written.
 * 4. magic → `CAUSEWAY`, by an atomic store. Whoever loads it atomically sees all that was stored before.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { type Creator, isGone, ownIdentity } from "./creator.ts";
import { type Memory, nameOf } from "./memory.ts";
import type { ReadOnlyMemory } from "./read_only.ts";

/** Bytes of the header. The struct comes right behind, aligned for everything. */
export const HEADER_BYTES = 64;

/** Raised when the header or the way that fields are laid out changes. */
const LAYOUT_VERSION = 1;

const MAGIC = littleEndian("CAUSEWAY");
const CREATING = littleEndian("CREATING");

const OFFSET = {
  version: 8,
  headerBytes: 12,
  fingerprint: 16,
  size: 24,
  creatorPid: 32,
  creatorPidNamespace: 36,
  creatorStartTime: 40,
} as const;

/** What a header must say. */
export interface Expectation {
  fingerprint: bigint;
  /** Bytes of the struct, without the header. */
  size: number;
}

/**
 * Writes the header, and zeros the struct behind it.
 *
 * @throws {RangeError} When header and struct do not fit into the memory.
 * @throws {ProtocolError} When somebody created, or creates, a struct there already.
 */
export function writeHeader(memory: Memory, buffer: ArrayBuffer, expected: Expectation): void {
  const needed = HEADER_BYTES + expected.size;
  if (buffer.byteLength < needed) {
    throw new RangeError(
      `${nameOf(memory)} must have at least ${needed} bytes for this struct, got ${buffer.byteLength}`,
    );
  }
  const words = new BigUint64Array(buffer, 0, 1);
  const before = Atomics.compareExchange(words, 0, 0n, CREATING);
  if (before !== 0n) {
    throw new ProtocolError(`${nameOf(memory)} is not empty: ${describe(before)}; open() it, or zero its bytes first`);
  }
  const data = new DataView(buffer, 0, HEADER_BYTES);
  const creator = ownIdentity();
  data.setBigUint64(OFFSET.creatorStartTime, creator.startTime, true);
  data.setUint32(OFFSET.creatorPidNamespace, creator.pidNamespace, true);
  data.setUint32(OFFSET.creatorPid, creator.pid, true);
  const identityEnd = OFFSET.creatorStartTime + 8;
  new Uint8Array(buffer, 8, OFFSET.creatorPid - 8).fill(0);
  new Uint8Array(buffer, identityEnd, needed - identityEnd).fill(0);
  data.setUint32(OFFSET.version, LAYOUT_VERSION, true);
  data.setUint32(OFFSET.headerBytes, HEADER_BYTES, true);
  data.setBigUint64(OFFSET.fingerprint, expected.fingerprint, true);
  data.setBigUint64(OFFSET.size, BigInt(expected.size), true);
  Atomics.store(words, 0, MAGIC);
}

/**
 * Checks a header that a peer wrote.
 *
 * @throws {ProtocolError} When there is none yet, or it speaks of another struct.
 */
export function checkHeader(memory: Memory | ReadOnlyMemory, buffer: ArrayBuffer, expected: Expectation): void {
  const what = nameOf(memory);
  if (buffer.byteLength < HEADER_BYTES) {
    throw new ProtocolError(`${what} holds no struct: it has ${buffer.byteLength} bytes, less than a header`);
  }
  const magic = Atomics.load(new BigUint64Array(buffer, 0, 1), 0);
  if (magic !== MAGIC) throw new ProtocolError(`${what} holds no struct: ${describe(magic)}`);
  // A copy: what was checked is not read again from memory that a peer may write.
  const data = new DataView(new Uint8Array(buffer, 0, HEADER_BYTES).slice().buffer);
  expect(what, "layout version", data.getUint32(OFFSET.version, true), LAYOUT_VERSION);
  expect(what, "header size", data.getUint32(OFFSET.headerBytes, true), HEADER_BYTES);
  const fingerprint = data.getBigUint64(OFFSET.fingerprint, true);
  expect(what, "type fingerprint", hexadecimal(fingerprint), hexadecimal(expected.fingerprint));
  expect(what, "size", data.getBigUint64(OFFSET.size, true), BigInt(expected.size));
  const needed = HEADER_BYTES + expected.size;
  if (buffer.byteLength < needed) {
    throw new ProtocolError(`${what} is too small for its struct: ${buffer.byteLength} of ${needed} bytes`);
  }
}

/**
 * How far the creation of a struct has come, whatever the struct: `"whole"`; `"unfinished"`, and its creator may still be at it; `"abandoned"`, and its
 * creator is gone for certain; or `"foreign"`, something else.
 */
export type CreationState = "whole" | "unfinished" | "abandoned" | "foreign";

/** Looks at a header that a peer may be writing. */
export function creationState(buffer: ArrayBuffer): CreationState {
  if (buffer.byteLength < HEADER_BYTES) return "foreign";
  const magic = Atomics.load(new BigUint64Array(buffer, 0, 1), 0);
  if (magic === MAGIC) return "whole";
  if (magic === 0n) return "unfinished";
  if (magic !== CREATING) return "foreign";
  const data = new DataView(new Uint8Array(buffer, 0, HEADER_BYTES).slice().buffer);
  const gone = isGone({
    pid: data.getUint32(OFFSET.creatorPid, true),
    startTime: data.getBigUint64(OFFSET.creatorStartTime, true),
    pidNamespace: data.getUint32(OFFSET.creatorPidNamespace, true),
  });
  if (!gone) return "unfinished";
  // It may have finished before it ended.
  return Atomics.load(new BigUint64Array(buffer, 0, 1), 0) === MAGIC ? "whole" : "abandoned";
}

/** What a header says of itself, for who does not know the struct: nothing in it is more than a claim of whoever could write there. */
export interface FoundHeader {
  /** Whether the struct is whole, or its creation was begun. */
  readonly state: "whole" | "unfinished";
  /** Of the type. 0 while unfinished. */
  readonly fingerprint: bigint;
  /** Bytes of the struct, without the header. */
  readonly size: bigint;
  /** Who created it. */
  readonly creator: Creator;
}

/** Reads the header in front of some bytes; `undefined` when there is none. */
export function findHeader(bytes: Uint8Array<ArrayBuffer>): FoundHeader | undefined {
  if (bytes.byteLength < HEADER_BYTES) return undefined;
  const data = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const magic = data.getBigUint64(0, true);
  if (magic !== MAGIC && magic !== CREATING) return undefined;
  return {
    state: magic === MAGIC ? "whole" : "unfinished",
    fingerprint: data.getBigUint64(OFFSET.fingerprint, true),
    size: data.getBigUint64(OFFSET.size, true),
    creator: {
      pid: data.getUint32(OFFSET.creatorPid, true),
      startTime: data.getBigUint64(OFFSET.creatorStartTime, true),
      pidNamespace: data.getUint32(OFFSET.creatorPidNamespace, true),
    },
  };
}

function expect<Fact>(what: string, name: string, found: Fact, expected: Fact): void {
  if (found !== expected) {
    throw new ProtocolError(`${what} holds another struct: ${name} is ${found}, expected ${expected}`);
  }
}

function describe(magic: bigint): string {
  if (magic === 0n) return "its creator has not begun, or died";
  if (magic === CREATING) return "its creator has not finished, or died";
  return magic === MAGIC ? "a struct is there" : `it begins with ${hexadecimal(magic)}`;
}

function hexadecimal(value: bigint): string {
  return `0x${value.toString(16).padStart(16, "0")}`;
}

function littleEndian(text: string): bigint {
  return new DataView(new TextEncoder().encode(text).buffer).getBigUint64(0, true);
}
