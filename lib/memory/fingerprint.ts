/**
 * One number for a layout: two programs with the same number lay out the same fields at the same places.
 *
 * @module
 */

const encoder = new TextEncoder();

/**
 * FNV-1a, 64 bits, of a text. It tells a mistake, not an attack, and a C program computes it in four lines.
 *
 * @see http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fingerprintOf(text: string): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of encoder.encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  }
  return hash;
}
