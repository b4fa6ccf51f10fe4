/**
 * How lanes lie in memory: see docs/layouts.md.
 *
 * | bytes | what |
 * |---|---|
 * | 0..63 | facts: magic, version, direction, number of lanes, bytes from one lane to the next |
 * | 64..127 | the hub's sleep word, for all its lanes |
 * | 128.. | the lanes: rings (ring_layout.ts), one behind the other |
 *
 * The hub has one end of every lane, each with its own liveness word; it sleeps on the table's word instead of theirs. Rings of one-to-many lanes have `overwrite`.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { mappingOf, type Memory, nameOf } from "../memory/memory.ts";
import { type FutexWord, futexWord } from "../sync/futex.ts";
import type { Mapping } from "../sys/memory.ts";
import type { LanesDirection, LanesOptions } from "./lanes.ts";
import { ringLayout, writeRing } from "./ring_layout.ts";

/** "CWLN". */
const MAGIC = 0x4e4c5743;
const VERSION = 1;

const FACT = { magic: 0, version: 1, direction: 2, lanes: 3, stride: 4 } as const;
const DIRECTIONS: readonly (LanesDirection | undefined)[] = [undefined, "many-to-one", "one-to-many"];

const HUB_SLEEP = 64;
const FIRST_LANE = 128;

/** The hub sleeps on the liveness words of all lanes together, in one call. */
const MOST_LANES = 120;

const DEFAULT_CAPACITY = 65536;

/** Lanes in a memory. */
export interface LanesTable {
  readonly memory: Memory;
  readonly mapping: Mapping;
  readonly name: string;
  readonly lanes: number;
  readonly stride: number;
}

/** @throws {RangeError} For what cannot be. */
export function lanesLayout(options: LanesOptions): { lanes: number; stride: number; byteLength: number } {
  const { lanes = 16, capacity = DEFAULT_CAPACITY, maxMessageBytes } = options;
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > MOST_LANES) {
    throw new RangeError(`lanes must be an integer in 1..${MOST_LANES}, got ${Deno.inspect(lanes)}`);
  }
  const stride = ringLayout({ capacity, maxMessageBytes }).byteLength;
  return { lanes, stride, byteLength: FIRST_LANE + lanes * stride };
}

/** Writes the headers, the table's magic last. */
export function writeLanes(memory: Memory, options: LanesOptions): void {
  const { direction = "many-to-one", capacity = DEFAULT_CAPACITY, maxMessageBytes } = options;
  if (direction !== "many-to-one" && direction !== "one-to-many") {
    throw new TypeError(`direction must be one of many-to-one, one-to-many, got ${String(direction)}`);
  }
  const { lanes, stride, byteLength } = lanesLayout(options);
  const mapping = mappingOf(memory);
  if (byteLength > mapping.byteLength) {
    throw new RangeError(`${lanes} lanes need ${byteLength} bytes, and ${nameOf(memory)} has ${mapping.byteLength}`);
  }
  const overwrite = direction === "one-to-many";
  for (let lane = 0; lane < lanes; lane++) {
    writeRing(memory, { offset: FIRST_LANE + lane * stride, capacity, maxMessageBytes, overwrite });
  }
  const words = new Int32Array(mapping.buffer, 0, FIRST_LANE / 4);
  Atomics.store(words, FACT.magic, 0);
  words.fill(0);
  words[FACT.version] = VERSION;
  words[FACT.direction] = DIRECTIONS.indexOf(direction);
  words[FACT.lanes] = lanes;
  words[FACT.stride] = stride;
  Atomics.store(words, FACT.magic, MAGIC);
}

/**
 * Reads the table: each word once. The rings say the rest of themselves, and are checked when they are opened.
 *
 * @throws {ProtocolError} There are no lanes, or they go the other way, or what they say cannot be.
 */
export function readLanes(memory: Memory, direction: LanesDirection, name: string = nameOf(memory)): LanesTable {
  const mapping = mappingOf(memory);
  if (mapping.byteLength < FIRST_LANE) throw new ProtocolError(`${name} has no lanes`);
  const words = new Int32Array(mapping.buffer, 0, FIRST_LANE / 4);
  if (Atomics.load(words, FACT.magic) !== MAGIC) throw new ProtocolError(`${name} has no lanes`);
  const version = words[FACT.version];
  if (version !== VERSION) throw new ProtocolError(`${name}: the lanes' version is ${version}, not ${VERSION}`);
  const found = DIRECTIONS[words[FACT.direction] ?? 0];
  if (found !== direction) throw new ProtocolError(`${name}: the lanes are ${found}, not ${direction}`);
  const lanes = words[FACT.lanes] ?? 0;
  const stride = words[FACT.stride] ?? 0;
  if (
    lanes < 1 || lanes > MOST_LANES || stride < 1 || stride % 64 !== 0 ||
    FIRST_LANE + lanes * stride > mapping.byteLength
  ) {
    throw new ProtocolError(`${name}: the lanes' header says what cannot be`);
  }
  return { memory, mapping, name, lanes, stride };
}

/** Where a lane's ring begins. */
export function laneOffset(table: LanesTable, lane: number): number {
  return FIRST_LANE + lane * table.stride;
}

/** The word that the hub sleeps on. */
export function hubSleep(table: LanesTable): FutexWord {
  return futexWord(table.mapping, HUB_SLEEP);
}
