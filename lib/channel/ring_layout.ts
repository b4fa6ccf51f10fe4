/**
 * How a ring lies in memory: see docs/layouts.md.
 *
 * Everything below is little-endian, and cursors count bytes of data, modulo 2^32.
 *
 * | bytes | what | who writes it |
 * |---|---|---|
 * | 0..63 | facts: magic, version, capacity, longest message, flags | whoever creates the ring, once |
 * | 64..127 | `tail`: up to where messages are published; `dropped`; `sent`: how many messages were published | the producer |
 * | 128..191 | `head`: up to where the consumer has given back | the consumer (and the producer, with `overwrite`) |
 * | 192..255 | the producer's end: liveness, state, pid, sleep word | the producer; the sleep word both |
 * | 256..319 | the consumer's end | the consumer; the sleep word both |
 * | 320..383 | reserved | nobody |
 * | 384.. | the data | the producer |
 *
 * A record is 8 bytes (length, and 4 that are reserved), then the message, rounded up to a multiple of 8. It never wraps around: where it does not fit before
 * the end of the data, a padding record (length -1) takes what is left there, and the message is at the beginning. So there is a view of every message, and
 * messages of one size lie at the same offsets in every lap.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { isWritable, mappingOf, type Memory, nameOf } from "../memory/memory.ts";
import type { Mapping } from "../sys/memory.ts";
import type { CreateRingOptions } from "./ring.ts";

/** "CWRG". */
const MAGIC = 0x47525743;
const VERSION = 1;

/** Words of the facts, by index. */
const FACT = { magic: 0, version: 1, capacity: 2, maxMessageBytes: 3, flags: 4, data: 5 } as const;
const OVERWRITE = 1;

/** Words of the ring, by index from its beginning. */
export const TAIL = 64 / 4;
export const DROPPED = TAIL + 1;
export const SENT = TAIL + 2;
export const HEAD = 128 / 4;

/** Where the ends are, in bytes. */
export const PRODUCER = 192;
export const CONSUMER = 256;

/** Words of an end, by index from its beginning: a robust word with its list entry at 32, and what else is said of the end. */
export const END = { word: 0, state: 1, pid: 2, sleep: 10, policy: 11 } as const;

/** States of an end. */
export const FREE = 0;
export const OPEN = 1;
export const CLOSED = 2;

/** Where the data begins. */
export const DATA = 384;

/** Bytes before a message. */
export const RECORD = 8;

/** The length of a padding record. */
export const PADDING = -1;

/** A ring begins on a cache line. */
const LINE = 64;

export const DEFAULT_CAPACITY: number = 2 ** 20;
const LEAST_CAPACITY = 64;
const MOST_CAPACITY = 2 ** 30;

/** What is fixed when a ring is created. */
export interface RingFacts {
  readonly capacity: number;
  readonly maxMessageBytes: number;
  readonly overwrite: boolean;
  /** Bytes of the whole. */
  readonly byteLength: number;
}

/** Bytes of data that a message takes. */
export function recordBytes(byteLength: number): number {
  return RECORD + ((byteLength + 7) & ~7);
}

/**
 * Checks what a ring is to be like.
 *
 * @throws {RangeError} For what cannot be.
 */
export function ringLayout(options: CreateRingOptions): RingFacts {
  const { capacity = DEFAULT_CAPACITY, overwrite = false } = options;
  if (!isCapacity(capacity)) {
    throw new RangeError(
      `capacity must be a power of two in ${LEAST_CAPACITY}..${MOST_CAPACITY}, got ${Deno.inspect(capacity)}`,
    );
  }
  const most = capacity / 2 - RECORD;
  const { maxMessageBytes = most } = options;
  if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 1 || maxMessageBytes > most) {
    throw new RangeError(
      `maxMessageBytes must be an integer in 1..${most} with a capacity of ${capacity}, got ${
        Deno.inspect(maxMessageBytes)
      }`,
    );
  }
  return { capacity, maxMessageBytes, overwrite, byteLength: DATA + capacity };
}

/** Writes the header. The magic comes last: a reader sees a whole header or none. */
export function writeRing(memory: Memory, options: CreateRingOptions): void {
  const { offset = 0, firstCursor = 0 } = options;
  const { capacity, maxMessageBytes, overwrite, byteLength } = ringLayout(options);
  if (!Number.isInteger(firstCursor) || firstCursor < 0 || firstCursor >= 2 ** 32 || firstCursor % 8 !== 0) {
    throw new RangeError(`firstCursor must be a multiple of 8 in 0..2^32 - 8, got ${Deno.inspect(firstCursor)}`);
  }
  const mapping = requireRoom(memory, offset, byteLength);
  const words = new Int32Array(mapping.buffer, offset, DATA / 4);
  Atomics.store(words, FACT.magic, 0);
  words.fill(0);
  words[FACT.version] = VERSION;
  words[FACT.capacity] = capacity;
  words[FACT.maxMessageBytes] = maxMessageBytes;
  words[FACT.flags] = overwrite ? OVERWRITE : 0;
  words[FACT.data] = DATA;
  words[TAIL] = firstCursor | 0;
  words[HEAD] = firstCursor | 0;
  Atomics.store(words, FACT.magic, MAGIC);
}

/**
 * Reads the header: each word once.
 *
 * @throws {ProtocolError} There is no ring, or what it says cannot be.
 */
export function readRing(memory: Memory, offset: number, name: string): { mapping: Mapping; facts: RingFacts } {
  const mapping = requireRoom(memory, offset, DATA);
  const words = new Int32Array(mapping.buffer, offset, DATA / 4);
  if (Atomics.load(words, FACT.magic) !== MAGIC) throw new ProtocolError(`${name} has no ring`);
  const version = words[FACT.version];
  if (version !== VERSION) throw new ProtocolError(`${name}: the ring's version is ${version}, not ${VERSION}`);
  const capacity = words[FACT.capacity] ?? 0;
  const maxMessageBytes = words[FACT.maxMessageBytes] ?? 0;
  const flags = words[FACT.flags] ?? 0;
  if (
    !isCapacity(capacity) || maxMessageBytes < 1 || maxMessageBytes > capacity / 2 - RECORD ||
    (flags & ~OVERWRITE) !== 0 || words[FACT.data] !== DATA
  ) {
    throw new ProtocolError(`${name}: the ring's header says what cannot be`);
  }
  const byteLength = DATA + capacity;
  if (offset + byteLength > mapping.byteLength) {
    throw new ProtocolError(
      `${name}: the ring's header says ${byteLength} bytes, and the memory has ${mapping.byteLength - offset}`,
    );
  }
  return { mapping, facts: { capacity, maxMessageBytes, overwrite: (flags & OVERWRITE) !== 0, byteLength } };
}

function isCapacity(capacity: number): boolean {
  return Number.isInteger(capacity) && capacity >= LEAST_CAPACITY && capacity <= MOST_CAPACITY &&
    (capacity & (capacity - 1)) === 0;
}

function requireRoom(memory: Memory, offset: number, byteLength: number): Mapping {
  const mapping = mappingOf(memory);
  if (!isWritable(memory)) throw new TypeError("A ring needs memory that can be written");
  if (!Number.isInteger(offset) || offset < 0 || offset % LINE !== 0) {
    throw new RangeError(`offset must be a multiple of ${LINE}, got ${offset}`);
  }
  if (offset + byteLength > mapping.byteLength) {
    throw new RangeError(
      `A ring of ${byteLength} bytes at offset ${offset} needs more than the ${mapping.byteLength} bytes of ${
        nameOf(memory)
      }`,
    );
  }
  return mapping;
}
