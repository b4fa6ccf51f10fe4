import "../helpers/open_libc.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { RingInPlace } from "../../lib/channel/shm_in_place.ts";
import { type AnonymousMemory, createAnonymousMemory } from "../../lib/memory/mod.ts";

/** Room for four messages. */
const CAPACITY = 128;
const LENGTH = 24;

function ends(): { memory: AnonymousMemory; inPlace: RingInPlace<unknown>; [Symbol.dispose](): void } {
  const memory = createAnonymousMemory({ size: ringByteLength(CAPACITY) });
  createRing(memory, { capacity: CAPACITY });
  const inPlace = new RingInPlace<unknown>(openRingSender(memory), openRingReceiver(memory), memory, undefined);
  return { memory, inPlace, [Symbol.dispose]: () => memory.close() };
}

function send(inPlace: RingInPlace<unknown>, value: number): boolean {
  const loan = inPlace.tryLoan(LENGTH);
  loan?.bytes.fill(value);
  loan?.send();
  return loan !== undefined;
}

Deno.test("a borrowed message that is given back late does not give back the one after it", () => {
  using both = ends();
  const { inPlace } = both;
  for (let value = 1; value <= 4; value++) assert(send(inPlace, value));
  const first = inPlace.tryBorrow();
  const second = inPlace.tryBorrow();
  assert(first && second);
  // `using` of both: the later one goes first, and it can also be the other way around.
  first[Symbol.dispose]();
  send(inPlace, 5);
  send(inPlace, 6);
  assertEquals(second.bytes, new Uint8Array(LENGTH).fill(2));
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  assertEquals(inPlace.tryBorrow()?.bytes[0], 3);
});

Deno.test("a loan that was sent is over: disposing of it leaves the next one alone, and it cannot be sent again", () => {
  using both = ends();
  const { inPlace } = both;
  const first = inPlace.tryLoan(LENGTH);
  assert(first);
  first.bytes.fill(1);
  first.send();
  const second = inPlace.tryLoan(LENGTH);
  assert(second);
  second.bytes.fill(2);
  first[Symbol.dispose]();
  assertThrows(() => first.send(), Error, "sent, given back or replaced");
  second.send();
  assertEquals([inPlace.tryBorrow()?.bytes[0], inPlace.tryBorrow()?.bytes[0]], [1, 2]);
});

Deno.test("a loan that another one has replaced cannot be sent in its place", () => {
  using both = ends();
  const { inPlace } = both;
  const first = inPlace.tryLoan(LENGTH);
  const second = inPlace.tryLoan(8);
  assert(first && second);
  assertThrows(() => first.send(8), Error, "sent, given back or replaced");
  second[Symbol.dispose]();
  assertThrows(() => second.send(), Error, "sent, given back or replaced");
  assertEquals(inPlace.tryBorrow(), undefined);
});
