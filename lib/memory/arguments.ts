/**
 * The arguments that every kind of memory checks alike, before any system call.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { libc } from "../sys/libc.ts";

/** Half of what the smaller of the two CPUs' user address spaces can map. */
const MAX_BYTE_LENGTH = 2 ** 46;

/** @throws {RangeError} When it is no size that memory can have. */
export function requireSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 1 || size > MAX_BYTE_LENGTH) {
    throw new RangeError(`size must be an integer in 1..2^46 bytes, got ${size}`);
  }
}

/** @throws {RangeError} When it is more or less than permission bits. */
export function requireMode(mode: number): void {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`mode must be permission bits in 0..0o777, got ${mode}`);
  }
}

/** Whose object an opener accepts: a user id, anybody's, or (when left out) this user's and root's. */
export type Owner = number | "any";

/** @throws {PosixError} EACCES when the object belongs to a user that the caller did not say it trusts. */
export function requireOwner(uid: number, owner: Owner | undefined, syscall: string, target: string): void {
  if (owner === "any" || uid === owner) return;
  if (owner === undefined && (uid === 0 || uid === libc().geteuid())) return;
  const hint = `it belongs to user ${uid}; pass owner: ${uid} to trust that user`;
  throw new PosixError({ code: "EACCES", syscall, target, hint });
}

/**
 * Checks a System V key.
 *
 * @returns The key as C's `key_t`: 32 bits with a sign.
 * @throws {TypeError} For what is no key; 0 is IPC_PRIVATE, which has a name of its own here.
 */
export function requireKey(key: number): number {
  if (!Number.isInteger(key) || key === 0 || key < -0x8000_0000 || key > 0xffff_ffff) {
    throw new TypeError(`key must be a 32-bit integer other than 0, or "private", got ${Deno.inspect(key)}`);
  }
  return key | 0;
}

/**
 * Checks the kernel's id of a System V object.
 *
 * @throws {TypeError} For what is no id.
 */
export function requireId(id: number): number {
  if (!Number.isInteger(id) || id < 0 || id > 0x7fff_ffff) {
    throw new TypeError(`id must be an integer of at least 0, got ${Deno.inspect(id)}`);
  }
  return id;
}
