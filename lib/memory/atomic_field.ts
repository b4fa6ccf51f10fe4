/**
 * Integers that several processes change at the same time.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { type ObjectField, type Place, requireField } from "./field.ts";
import { closedError, type Memory } from "./memory.ts";
import type { ReadOnlyMemory } from "./read_only.ts";
import type { i32, i64, u32, u64 } from "./scalars.ts";

/**
 * An integer that processes and threads share: every operation is one indivisible step for all of them, and all see all steps in one order
 * (sequentially consistent, as C11's `atomic_*` without a weaker order). None makes a system call. Arithmetic wraps around at the integer's
 * width, as in C. Every method throws {@linkcode ClosedError} after the memory is closed.
 */
export interface Atomic<Value> {
  /** Reads. */
  load(): Value;
  /** Writes. */
  store(value: Value): void;
  /** Adds, and returns what was there before. */
  add(value: Value): Value;
  /** Subtracts, and returns what was there before. */
  sub(value: Value): Value;
  /** Keeps the bits that both have, and returns what was there before. */
  and(value: Value): Value;
  /** Keeps the bits that either has, and returns what was there before. */
  or(value: Value): Value;
  /** Keeps the bits that one of the two has, and returns what was there before. */
  xor(value: Value): Value;
  /** Writes, and returns what was there before. */
  exchange(value: Value): Value;
  /** Writes `replacement` if `expected` is there, and returns what was there before: `expected` means that it was written. */
  compareExchange(expected: Value, replacement: Value): Value;
  /** For `JSON.stringify`: what `load` gives. */
  toJSON(): Value;
}

/** An integer that others change and this process may only read. */
export interface ReadOnlyAtomic<Value> {
  /** Reads. @throws {ClosedError} After the memory is closed. */
  load(): Value;
  /** For `JSON.stringify`: what `load` gives. */
  toJSON(): Value;
}

/**
 * `atomic(u32)`: an integer that is changed indivisibly, without a lock.
 *
 * @param field `i32`, `u32`, `i64` or `u64`. In C: `_Atomic uint32_t` and so on.
 * @throws {TypeError} For another field.
 *
 * @example Count from many processes
 * ```ts
 * import { atomic, createAnonymousMemory, struct, u32 } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Counters = struct({ seen: atomic(u32) });
 * using memory = createAnonymousMemory({ size: Counters.byteLength });
 * const counters = Counters.create(memory);
 * assertEquals(counters.seen.add(2), 0);
 * assertEquals(counters.seen.compareExchange(2, 5), 2);
 * assertEquals(counters.seen.load(), 5);
 * ```
 */
export function atomic(field: typeof i32 | typeof u32): ObjectField<Atomic<number>, ReadOnlyAtomic<number>>;
/** `atomic(u64)`: a 64-bit integer that is changed indivisibly, without a lock. */
export function atomic(field: typeof i64 | typeof u64): ObjectField<Atomic<bigint>, ReadOnlyAtomic<bigint>>;
export function atomic(
  field: typeof i32 | typeof u32 | typeof i64 | typeof u64,
): ObjectField<Atomic<number>, ReadOnlyAtomic<number>> | ObjectField<Atomic<bigint>, ReadOnlyAtomic<bigint>> {
  requireField(field, "What atomic(field) takes");
  const { size, alignment, layout, c } = field;
  const shape = {
    kind: "object",
    size,
    alignment,
    layout: `atomic(${layout})`,
    c: { type: `_Atomic ${"type" in c ? c.type : layout}` },
  } as const;
  switch (layout) {
    case "i32":
      return { ...shape, ...numbers((at) => new Int32Array(at.buffer, at.offset, 1)) };
    case "u32":
      return { ...shape, ...numbers((at) => new Uint32Array(at.buffer, at.offset, 1)) };
    case "i64":
      return { ...shape, ...bigints((at) => new BigInt64Array(at.buffer, at.offset, 1)) };
    case "u64":
      return { ...shape, ...bigints((at) => new BigUint64Array(at.buffer, at.offset, 1)) };
    default:
      throw new TypeError(`atomic takes i32, u32, i64 or u64, got ${layout}`);
  }
}

type AnyPlace = Place<Memory | ReadOnlyMemory>;
type Placed<Value> = Required<Pick<ObjectField<Atomic<Value>, ReadOnlyAtomic<Value>>, "place" | "placeReadOnly">>;

function numbers(word: (at: AnyPlace) => NumberWord): Placed<number> {
  return {
    place: (at) => new AtomicNumber(at.memory, word(at)),
    placeReadOnly: (at) => readOnly(new AtomicNumber(at.memory, word(at))),
  };
}

function bigints(word: (at: AnyPlace) => BigIntWord): Placed<bigint> {
  return {
    place: (at) => new AtomicBigInt(at.memory, word(at)),
    placeReadOnly: (at) => readOnly(new AtomicBigInt(at.memory, word(at))),
  };
}

/** Only `load` is in reach: anything else would write, and die. */
function readOnly<Value>(atomic: Atomic<Value>): ReadOnlyAtomic<Value> {
  const seen = {
    load: () => atomic.load(),
    toJSON: () => atomic.load(),
    [INSPECT]: (inspect: typeof Deno.inspect) => shown(atomic, inspect),
  };
  return Object.preventExtensions(seen);
}

/** `console.log(view)` shows what is there. */
const INSPECT = Symbol.for("Deno.customInspect");

function shown(atomic: Atomic<unknown>, inspect: typeof Deno.inspect): string {
  try {
    return `Atomic(${inspect(atomic.load())})`;
  } catch (error) {
    if (!(error instanceof ClosedError)) throw error;
    return "[closed]";
  }
}

type NumberWord = Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
type BigIntWord = BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>;

class AtomicNumber implements Atomic<number> {
  readonly #memory: Memory | ReadOnlyMemory;
  readonly #word: NumberWord;

  constructor(memory: Memory | ReadOnlyMemory, word: NumberWord) {
    this.#memory = memory;
    this.#word = word;
    Object.preventExtensions(this);
  }

  load(): number {
    return Atomics.load(this.#live, 0);
  }

  store(value: number): void {
    Atomics.store(this.#live, 0, value);
  }

  add(value: number): number {
    return Atomics.add(this.#live, 0, value);
  }

  sub(value: number): number {
    return Atomics.sub(this.#live, 0, value);
  }

  and(value: number): number {
    return Atomics.and(this.#live, 0, value);
  }

  or(value: number): number {
    return Atomics.or(this.#live, 0, value);
  }

  xor(value: number): number {
    return Atomics.xor(this.#live, 0, value);
  }

  exchange(value: number): number {
    return Atomics.exchange(this.#live, 0, value);
  }

  compareExchange(expected: number, replacement: number): number {
    return Atomics.compareExchange(this.#live, 0, expected, replacement);
  }

  toJSON(): number {
    return this.load();
  }

  [INSPECT](inspect: typeof Deno.inspect): string {
    return shown(this, inspect);
  }

  get #live(): NumberWord {
    if (this.#word.length === 0) throw closedError(this.#memory);
    return this.#word;
  }
}

class AtomicBigInt implements Atomic<bigint> {
  readonly #memory: Memory | ReadOnlyMemory;
  readonly #word: BigIntWord;

  constructor(memory: Memory | ReadOnlyMemory, word: BigIntWord) {
    this.#memory = memory;
    this.#word = word;
    Object.preventExtensions(this);
  }

  load(): bigint {
    return Atomics.load(this.#live, 0);
  }

  store(value: bigint): void {
    Atomics.store(this.#live, 0, value);
  }

  add(value: bigint): bigint {
    return Atomics.add(this.#live, 0, value);
  }

  sub(value: bigint): bigint {
    return Atomics.sub(this.#live, 0, value);
  }

  and(value: bigint): bigint {
    return Atomics.and(this.#live, 0, value);
  }

  or(value: bigint): bigint {
    return Atomics.or(this.#live, 0, value);
  }

  xor(value: bigint): bigint {
    return Atomics.xor(this.#live, 0, value);
  }

  exchange(value: bigint): bigint {
    return Atomics.exchange(this.#live, 0, value);
  }

  compareExchange(expected: bigint, replacement: bigint): bigint {
    return Atomics.compareExchange(this.#live, 0, expected, replacement);
  }

  toJSON(): bigint {
    return this.load();
  }

  [INSPECT](inspect: typeof Deno.inspect): string {
    return shown(this, inspect);
  }

  get #live(): BigIntWord {
    if (this.#word.length === 0) throw closedError(this.#memory);
    return this.#word;
  }
}
