/**
 * The arguments that both kinds of queue check alike, before any system call.
 *
 * @module
 */

/** The kernel takes no longer message, and FFI passes lengths of 32 bits. */
export const LONGEST_MESSAGE = 0x7fff_ffff;

/** @throws {TypeError} When it is no message. @throws {RangeError} When it is longer than any. */
export function requireMessage(bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`A message must be a Uint8Array, got ${typeof bytes}`);
  requireInteger("A message's length", bytes.byteLength, 0, LONGEST_MESSAGE);
}

/** @throws {RangeError} When it is no whole number within the bounds. */
export function requireInteger(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${what} must be an integer in ${least}..${most}, got ${Deno.inspect(value)}`);
}
