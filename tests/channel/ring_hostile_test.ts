import { assert, assertEquals, assertThrows } from "@std/assert";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { ProtocolError } from "../../lib/errors.ts";
import { type AnonymousMemory, createAnonymousMemory } from "../../lib/memory/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { mutateHeaders, scribbleLive } from "./ring_rounds.ts";

const CAPACITY = 1024;

/** Words of the header, by index: docs/layouts.md. */
const TAIL = 16;
const HEAD = 32;
const DATA = 96;

function emptyRing(): { memory: AnonymousMemory; words: Int32Array<ArrayBuffer> } {
  const memory = createAnonymousMemory({ size: ringByteLength(CAPACITY) });
  createRing(memory, { capacity: CAPACITY, maxMessageBytes: 200 });
  return { memory, words: new Int32Array(memory.bytes.buffer) };
}

Deno.test("opening a ring whose header says what cannot be: ProtocolError", () => {
  const wrong: [name: string, index: number, value: number][] = [
    ["magic", 0, 1],
    ["version", 1, 2],
    ["capacity that is no power of two", 2, 1000],
    ["capacity beyond the memory", 2, 2 ** 20],
    ["negative capacity", 2, -1024],
    ["capacity 0", 2, 0],
    ["longest message", 3, 2 ** 20],
    ["longest message 0", 3, 0],
    ["flags", 4, 6],
    ["data", 5, 512],
    ["tail that is no multiple of 8", TAIL, 3],
    ["tail beyond the capacity", TAIL, 4096],
    ["tail behind the head", HEAD, 8],
  ];
  for (const [name, index, value] of wrong) {
    const { memory, words } = emptyRing();
    using _memory = memory;
    words[index] = value;
    assertThrows(() => openRingSender(memory), ProtocolError, undefined, name);
  }
});

Deno.test("a receiver whose producer writes a wrong tail or length: ProtocolError, then and ever after", () => {
  const wrong: [name: string, tail: number, records: Record<number, number>][] = [
    ["tail beyond the capacity", CAPACITY + 8, {}],
    ["tail that goes back", -8, {}],
    ["tail that is no multiple of 8", 12, { 0: 4 }],
    ["negative length", 16, { 0: -5 }],
    ["length above the longest", 512, { 0: 201 }],
    ["length beyond the tail", 16, { 0: 100 }],
    ["padding at the beginning", CAPACITY, { 0: -1 }],
    ["padding beyond the tail", 32, { 0: 8, 16: -1 }],
  ];
  for (const [name, tail, records] of wrong) {
    const { memory, words } = emptyRing();
    using _memory = memory;
    using receiver = openRingReceiver(memory);
    for (const [at, length] of Object.entries(records)) words[DATA + Number(at) / 4] = length;
    words[TAIL] = tail;
    const drain = () => {
      while (receiver.tryReceive());
    };
    const error = assertThrows(drain, ProtocolError, "the peer wrote", name);
    assertEquals(assertThrows(drain), error);
  }
});

Deno.test("a sender whose consumer writes a wrong head: ProtocolError", () => {
  for (const head of [-8, 8, 4, 2 ** 31 - 8]) {
    const { memory, words } = emptyRing();
    using _memory = memory;
    using sender = openRingSender(memory);
    words[HEAD] = head;
    const fill = () => {
      while (sender.trySend(new Uint8Array(100)));
    };
    if (head === 8) {
      // It has given back what was then published.
      assertEquals(sender.trySend(Uint8Array.of(1)), true);
      continue;
    }
    assertThrows(fill, ProtocolError, "a head of", String(head));
  }
});

Deno.test("a length that changes after it was checked is not read again", () => {
  const { memory, words } = emptyRing();
  using _memory = memory;
  using sender = openRingSender(memory);
  using receiver = openRingReceiver(memory);
  sender.sendSync(new Uint8Array(8).fill(7));
  sender.sendSync(new Uint8Array(8).fill(8));
  const first = receiver.tryReceive();
  words[DATA] = 1000;
  assertEquals(first?.byteLength, 8);
  assertEquals(receiver.tryReceive(), new Uint8Array(8).fill(8));
});

Deno.test("words of a ring that change at random never crash, hang or give more than there is", () => {
  assert(mutateHeaders(300) > 30);
});

Deno.test("a process that scribbles over a ring in use: every call ends, in a message or in an error", async () => {
  assert(await watchdog(120_000, scribbleLive(2)) > 0);
});
