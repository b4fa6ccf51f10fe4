/**
 * The rings of this library in other processes' shared memory, read without taking part. A ring counts what goes through it: see docs/layouts.md.
 *
 * @module
 */

import type { SharedMapping } from "./mappings.ts";
import { readAt } from "./proc.ts";

/** A ring, as its words say. Any process that maps it may write them. */
export interface RingLevel {
  /** Where it begins in the memory, in bytes. */
  readonly offset: number;
  /** Bytes of data that fit. */
  readonly capacity: number;
  /** Up to where messages were published, and given back: bytes modulo 2^32. */
  readonly tail: number;
  readonly head: number;
  /** Messages that were published, modulo 2^32; a producer that does not count leaves it as it is. */
  readonly sent: number;
  /** Messages that were dropped because it was full. */
  readonly dropped: number;
  /** Who says that it is the producer, and the consumer; 0 for nobody. */
  readonly producer: number;
  readonly consumer: number;
}

/** "CWRG". */
const MAGIC = 0x47525743;
const VERSION = 1;
/** Words by index: as `lib/channel/ring_layout.ts` has them. */
const WORD = {
  magic: 0,
  version: 1,
  capacity: 2,
  tail: 16,
  dropped: 17,
  sent: 18,
  head: 32,
  producerPid: 50,
  consumerPid: 66,
} as const;
const HEADER_BYTES = 384;
/** A channel has two, and lanes have at most so many; a memory with more is not one of ours. */
const MOST_RINGS = 120;

/** "CWLN", and how many bytes lie before the first ring of lanes. */
const LANES_MAGIC = 0x4e4c5743;
const LANES_BYTES = 128;

/**
 * The rings that lie one behind the other from the beginning of some mapped memory, or behind the header of lanes; none when there is none, or this user may not
 * look.
 */
export function readRings({ pid, start, end, offset, direction }: SharedMapping): RingLevel[] {
  const found: RingLevel[] = [];
  if (offset !== 0n || direction === "none" || direction === "write") return found;
  const byteLength = Number(end - start);
  const first = readAt(`/proc/${pid}/mem`, start, 4);
  if (typeof first === "number" || first.byteLength < 4) return found;
  const areLanes = new DataView(first.buffer, first.byteOffset, 4).getUint32(0, true) === LANES_MAGIC;
  for (let at = areLanes ? LANES_BYTES : 0; at + HEADER_BYTES <= byteLength && found.length < MOST_RINGS;) {
    const bytes = readAt(`/proc/${pid}/mem`, start + BigInt(at), HEADER_BYTES);
    if (typeof bytes === "number" || bytes.byteLength < HEADER_BYTES) return found;
    const words = new Uint32Array(bytes.slice().buffer);
    const word = (index: number) => words[index] ?? 0;
    const capacity = word(WORD.capacity);
    if (word(WORD.magic) !== MAGIC || word(WORD.version) !== VERSION || capacity < 64 || capacity > 2 ** 30) {
      return found;
    }
    found.push({
      offset: at,
      capacity,
      tail: word(WORD.tail),
      head: word(WORD.head),
      sent: word(WORD.sent),
      dropped: word(WORD.dropped),
      producer: word(WORD.producerPid),
      consumer: word(WORD.consumerPid),
    });
    at += HEADER_BYTES + capacity;
  }
  return found;
}
