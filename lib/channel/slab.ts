/**
 * Memory for encoded messages on their way to the kernel, many in one piece: memory of its own would cost a short message more than everything else.
 *
 * Nobody else writes to what was taken. But it lies in one buffer with other messages, so it must not reach a user, and whoever keeps it for long copies
 * it, or would keep the others, too.
 *
 * @module
 */

const SLAB_BYTES = 65536;

/** What is longer gets memory of its own. */
export const MOST_SLAB_BYTES = 8192;

let slab = new Uint8Array(0);
let used = 0;

/** Where a message of at most so many bytes can be written. @param most At most {@linkcode MOST_SLAB_BYTES}. */
export function slabRoom(most: number): Uint8Array<ArrayBuffer> {
  if (used + most > slab.byteLength) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  return slab.subarray(used, used + most);
}

/** Takes the first bytes of the room that was asked for last. */
export function takeFromSlab(byteLength: number): Uint8Array<ArrayBuffer> {
  const start = used;
  used += byteLength;
  return slab.subarray(start, used);
}
