/**
 * Numbers in the arguments of the util-linux tools, and what these say of words that are none.
 *
 * @module
 */

import { ClassicError } from "./classic.ts";

/**
 * A decimal number of 32 bits with a sign.
 *
 * @throws {ClassicError} `WHAT: 'TEXT'`, with the reason when there are too many digits.
 */
export function int32(text: string, what: string, exitCode?: number): number {
  if (!/^\s*[+-]?\d+$/.test(text)) throw new ClassicError(`${what}: '${text}'`, exitCode);
  const number = Number(text);
  if (number < -0x8000_0000 || number > 0x7fff_ffff) throw tooLarge(text, what, exitCode);
  return number;
}

/**
 * A number of bytes: `5`, `0x10`, `1.5M`, `2KiB` (1024), `2KB` (1000).
 *
 * @throws {ClassicError} As `int32()` does.
 */
export function byteSize(text: string, what: string): bigint {
  const match = /^\s*\+?(0x[\da-f]+|\d+)(?:\.(\d+)(?=[KMGTPEZY]))?(?:([KMGTPEZY])(iB|B)?)?$/i.exec(text);
  if (match === null) throw new ClassicError(`${what}: '${text}': Invalid argument`);
  const [, whole = "0", fraction = "", letter, suffix] = match;
  const power = letter === undefined ? 0 : 1 + "KMGTPEZY".indexOf(letter.toUpperCase());
  const unit = BigInt(suffix?.toUpperCase() === "B" ? 1000 : 1024) ** BigInt(power);
  const decimals = 10n ** BigInt(fraction.length);
  const number = BigInt(octal(whole)) * unit + unit * BigInt(fraction || "0") / decimals;
  if (number > 0xffff_ffff_ffff_ffffn) throw tooLarge(text, what);
  return number;
}

/**
 * A key of System V, as `strtoul(3)` reads it: decimal, `0x…` or octal, cut to 32 bits.
 *
 * @throws {ClassicError} As `int32()` does.
 */
export function key32(text: string, what: string): number {
  const match = /^\s*([+-]?)(0x[\da-f]+|0[0-7]*|[1-9]\d*)$/i.exec(text);
  if (match === null) throw new ClassicError(`${what}: '${text}'`);
  const [, sign, digits = "0"] = match;
  const number = BigInt(octal(digits));
  if (number > 0xffff_ffff_ffff_ffffn) throw tooLarge(text, what);
  return Number(BigInt.asIntN(32, sign === "-" ? -number : number));
}

/** C reads a leading 0 as octal, JavaScript's BigInt does not. */
function octal(digits: string): string {
  return /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
}

function tooLarge(text: string, what: string, exitCode?: number): ClassicError {
  return new ClassicError(`${what}: '${text}': Numerical result out of range`, exitCode);
}
