/** Headers, and structs behind them, as nobody should write them. */
import { assert } from "@std/assert";
import {
  array,
  bool,
  createAnonymousMemory,
  enumeration,
  f64,
  i64,
  ProtocolError,
  struct,
  u8,
  utf8,
} from "../../lib/memory/mod.ts";
import { creationState } from "../../lib/memory/header.ts";

const Shared = struct({
  hits: i64,
  name: utf8(9),
  flag: bool,
  state: enumeration("idle", "busy", "done"),
  history: array(f64, 3),
  last: u8,
});

const INTERESTING = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/**
 * Attaches mutated headers. Every one must be refused by a `ProtocolError`, or be as good as the original; and every field must read as a
 * value of its type or throw one.
 *
 * @param seed The same seed gives the same headers.
 * @returns How many were accepted.
 */
export function attachMutated(rounds: number, seed: number): number {
  // The struct ends where the memory ends.
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const view = Shared.create(memory);
  view.name = "größe";
  const { bytes } = memory;
  const good = bytes.slice();
  const random = generator(seed);
  let accepted = 0;
  for (let round = 0; round < rounds; round++) {
    bytes.set(good);
    for (let count = 1 + random(8); count > 0; count--) {
      const at = random(4) === 0 ? random(bytes.length) : random(64);
      bytes[at] = random(2) === 0 ? INTERESTING[random(INTERESTING.length)] ?? 0 : random(256);
    }
    const changed = good.subarray(0, 32).some((byte, index) => bytes[index] !== byte);
    const state = creationState(bytes.buffer);
    const opened = attempt(() => Shared.open(memory));
    assert((opened !== undefined) === !changed, `seed ${seed}, round ${round}: ${changed ? "accepted" : "refused"}`);
    if (opened === undefined) {
      // Whatever is there, it is not written over.
      const empty = bytes.subarray(0, 8).every((byte) => byte === 0);
      assert(empty || attempt(() => Shared.create(memory)) === undefined, `seed ${seed}, round ${round}: written over`);
      continue;
    }
    accepted++;
    assert(state === "whole" && typeof opened.hits === "bigint" && typeof opened.name === "string");
    assert(typeof opened.flag === "boolean" && opened.history.length === 3 && opened.last < 256);
    const name = attempt(() => opened.state);
    assert(
      name === undefined
        ? (bytes[64 + (Shared.offsets["state"] ?? 0)] ?? 0) > 2
        : ["idle", "busy", "done"].includes(name),
    );
  }
  return accepted;
}

/** `undefined` for a `ProtocolError`; any other error is one of ours. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}

/** xorshift32: the same numbers for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
