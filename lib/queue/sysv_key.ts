/**
 * What leads to a System V queue: a key that programs have agreed on, or the kernel's id.
 *
 * @module
 */

/** @returns The key as C's `key_t`: 32 bits with a sign. @throws {TypeError} For what is no key. */
export function requireKey(key: number): number {
  if (!Number.isInteger(key) || key === 0 || key < -0x8000_0000 || key > 0xffff_ffff) {
    throw new TypeError(`key must be a 32-bit integer other than 0, or "private", got ${Deno.inspect(key)}`);
  }
  return key | 0;
}

/** @throws {TypeError} For what is no id. */
export function requireId(id: number): number {
  if (!Number.isInteger(id) || id < 0 || id > 0x7fff_ffff) {
    throw new TypeError(`id must be an integer of at least 0, got ${Deno.inspect(id)}`);
  }
  return id;
}

/** What a queue is called in errors. */
export function describe(key: number | "private" | { id: number }): string {
  if (typeof key === "object") return `Queue ${key.id}`;
  return key === "private" ? "Private queue" : `Queue with key 0x${(key >>> 0).toString(16).padStart(8, "0")}`;
}
