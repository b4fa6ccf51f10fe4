/**
 * One of several names as a struct field, stored as its number.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { ValueField } from "./field.ts";
import { u32, u8 } from "./scalars.ts";

/**
 * `enumeration("idle", "busy")`: one of these names, stored as its index in a byte. All-zero memory is the first name.
 *
 * Reading a number that is no name's throws {@linkcode ProtocolError}: a peer wrote it. In C the field is a `uint8_t`, and the header has a constant
 * for each name (`SHARED_STATE_IDLE`).
 *
 * @param names At most 256, each a word of letters, digits, `_` and `-`.
 * @throws {TypeError} For no names, a name twice, or a name that cannot be; on assignment for another name.
 *
 * @example A state by name
 * ```ts
 * import { createAnonymousMemory, enumeration, struct } from "@causeway/causeway";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const Job = struct({ state: enumeration("idle", "busy", "done") });
 * using memory = createAnonymousMemory({ size: Job.byteLength });
 * const job = Job.create(memory);
 * assertEquals(job.state, "idle");
 * job.state = "busy";
 * assertEquals(job.state, "busy");
 * // @ts-expect-error: no such name.
 * assertThrows(() => job.state = "lost", TypeError);
 * ```
 */
export function enumeration<const Names extends readonly [string, ...string[]]>(
  ...names: Names
): ValueField<Names[number]>;
/** `enumeration(u32, "idle", "busy")`: the same in four bytes, as C compilers store an `enum`. */
export function enumeration<const Names extends readonly [string, ...string[]]>(
  storage: typeof u8 | typeof u32,
  ...names: Names
): ValueField<Names[number]>;
export function enumeration(first: string | typeof u8 | typeof u32, ...rest: string[]): ValueField<string> {
  const named = typeof first === "string";
  const storage = named ? u8 : first;
  const names = named ? [first, ...rest] : rest;
  requireNames(names, storage);
  const numbers = new Map(names.map((name, index) => [name, index]));
  const { size, alignment, layout, c } = storage;
  return {
    kind: "value",
    size,
    alignment,
    layout: `enumeration(${layout},${names.join(",")})`,
    c: { ...c, values: names },
    get(data, offset) {
      const number = storage.get(data, offset);
      const name = names[number];
      if (name === undefined) throw new ProtocolError(`Enumeration has no name for ${number}: it has ${names.length}`);
      return name;
    },
    set(data, offset, value) {
      const number = numbers.get(value);
      if (number === undefined) {
        throw new TypeError(`Value must be one of ${names.join(", ")}, got ${Deno.inspect(value)}`);
      }
      storage.set(data, offset, number);
    },
  };
}

function requireNames(names: readonly string[], storage: typeof u8 | typeof u32): void {
  if (storage !== u8 && storage !== u32) throw new TypeError("enumeration is stored as u8 or u32");
  if (names.length < 1 || names.length > 256) {
    throw new TypeError(`enumeration takes 1 to 256 names, got ${names.length}`);
  }
  const inC = new Set<string>();
  for (const name of names) {
    if (!/^[A-Za-z_][\w-]*$/.test(name)) throw new TypeError(`Name must be a word, got ${JSON.stringify(name)}`);
    inC.add(constantOf(name));
  }
  if (inC.size < names.length) throw new TypeError(`Names must differ in more than case, got ${names.join(", ")}`);
}

/** A name as the end of a constant of C. */
export function constantOf(name: string): string {
  return name.replaceAll("-", "_").toUpperCase();
}
