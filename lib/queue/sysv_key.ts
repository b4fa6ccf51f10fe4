/**
 * What a System V queue is called: by the key that programs have agreed on, or by the kernel's id.
 *
 * @module
 */

/** What a queue is called in errors. */
export function describe(key: number | "private" | { id: number }): string {
  if (typeof key === "object") return `Queue ${key.id}`;
  return key === "private" ? "Private queue" : `Queue with key 0x${(key >>> 0).toString(16).padStart(8, "0")}`;
}
