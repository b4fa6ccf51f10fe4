/**
 * The values of `latest` in other processes' memory: how many there have been. Each value says the how manieth it is: see docs/layouts.md.
 *
 * @module
 */

import type { SharedMapping } from "./mappings.ts";
import { readAt } from "./proc.ts";

/** "CWLATEST". */
const MAGIC = 0x54534554_414c5743n;
const OFFSET = { magic: 0, slots: 8, maxBytes: 12, firstSlot: 128 } as const;
const SLOT = { version: 8, value: 64 } as const;
/** Readers that there can be, and two. */
const MOST_SLOTS = 4098;

/** How many values were written, modulo 2^32; `undefined` where there are none, or this user may not look. */
export function readLatest({ pid, start, end, offset, direction }: SharedMapping): number | undefined {
  if (offset !== 0n || direction === "none" || direction === "write") return undefined;
  const view = (at: number, byteLength: number): DataView | undefined => {
    const bytes = readAt(`/proc/${pid}/mem`, start + BigInt(at), byteLength);
    if (typeof bytes === "number" || bytes.byteLength < byteLength) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, byteLength);
  };
  const header = view(0, OFFSET.firstSlot);
  if (header?.getBigUint64(OFFSET.magic, true) !== MAGIC) return undefined;
  const slots = header.getUint32(OFFSET.slots, true);
  const slotBytes = SLOT.value + Math.ceil(header.getUint32(OFFSET.maxBytes, true) / 64) * 64;
  if (slots > MOST_SLOTS || OFFSET.firstSlot + slots * slotBytes > Number(end - start)) return undefined;
  let newest = 0n;
  for (let slot = 0; slot < slots; slot++) {
    const version = view(OFFSET.firstSlot + slot * slotBytes + SLOT.version, 8)?.getBigUint64(0, true) ?? 0n;
    if (version > newest) newest = version;
  }
  return Number(BigInt.asUintN(32, newest));
}
