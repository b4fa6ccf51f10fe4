import { assertEquals, assertThrows } from "@std/assert";
import { type AnonymousMemory, createAnonymousMemory, createSharedMemory } from "../../lib/memory/mod.ts";
import { mappingOf } from "../../lib/memory/memory.ts";
import { ENTRY_OFFSET, pointerBits, robustList } from "../../lib/sync/robust_list.ts";
import { libc } from "../../lib/sys/libc.ts";
import { platform } from "../../lib/sys/platform.ts";
import { OWNER_DIED, RobustWord, WAITERS } from "../../lib/sync/robust_word.ts";
import { Guarded } from "../fixtures/mutex_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "./peer.ts";

const LIMIT_MS = 60_000;
const list = robustList();

function words(count: number): { memory: AnonymousMemory; made: RobustWord[] } {
  const memory = createAnonymousMemory({ size: 4096 });
  const mapping = mappingOf(memory);
  return { memory, made: Array.from({ length: count }, (_, index) => new RobustWord(mapping, index * 40)) };
}

/** What the kernel would find if this thread died now: indexes in the order of the list, by the pointers in memory alone. */
function chain(made: RobustWord[]): number[] {
  const head = new BigUint64Array(1);
  assertEquals(libc().syscall_get_robust_list(platform().SYS.get_robust_list, 0, head, new BigUint64Array(1)), 0);
  const found: number[] = [];
  let next = read64(head[0]!);
  while (next !== head[0]) {
    const index = made.findIndex((word) => word.address + BigInt(ENTRY_OFFSET) === next);
    if (index === -1) throw new Error(`No entry at 0x${next.toString(16)}`);
    found.push(index);
    next = read64(next);
  }
  return found;
}

/** The word that the kernel would look at beside the list, or 0. */
function pending(): bigint {
  const head = new BigUint64Array(1);
  assertEquals(libc().syscall_get_robust_list(platform().SYS.get_robust_list, 0, head, new BigUint64Array(1)), 0);
  const entry = read64(head[0]! + 16n);
  return entry === 0n ? 0n : entry - BigInt(ENTRY_OFFSET);
}

function read64(address: bigint): bigint {
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) throw new Error("Null pointer");
  return new Deno.UnsafePointerView(pointer).getBigUint64();
}

// What stands in the word, what a taker makes of it (besides its id), and what it is told.
const TAKINGS: [before: number, slept: number, after: number, taken: string][] = [
  [0, 0, 0, "yes"],
  [0, WAITERS, WAITERS, "yes"],
  [WAITERS, 0, WAITERS, "yes"],
  [OWNER_DIED, 0, 0, "after death"],
  [OWNER_DIED | WAITERS, 0, WAITERS, "after death"],
  [OWNER_DIED, WAITERS, WAITERS, "after death"],
];

for (const [before, slept, after, taken] of TAKINGS) {
  const shown = `0x${(before >>> 0).toString(16)}${slept ? " after sleeping" : ""}`;
  Deno.test(`RobustWord.take of ${shown} keeps what others must know`, () => {
    const { memory, made: [word] } = words(1);
    using _memory = memory;
    Atomics.store(word!.words, 0, before);
    assertEquals(word!.take(list, slept), taken);
    assertEquals(Atomics.load(word!.words, 0), list.tid | after);
    assertEquals(word!.take(list, 0), "no");
    assertEquals(word!.release(list), 0);
    assertEquals(Atomics.load(word!.words, 0), 0);
  });
}

Deno.test("RobustWord.take and announce leave a word alone that another owns", () => {
  const { memory, made: [word] } = words(1);
  using _memory = memory;
  Atomics.store(word!.words, 0, 1);
  assertEquals(word!.take(list, 0), "no");
  assertEquals(word!.announce(), 1 | WAITERS);
  assertEquals(word!.announce(), 1 | WAITERS);
  assertEquals(Atomics.load(word!.words, 0), 1 | WAITERS);
  Atomics.store(word!.words, 0, OWNER_DIED);
  assertEquals(word!.announce(), undefined);
});

Deno.test("RobustList chains entries in memory as it does in JavaScript, whatever the order of release", () => {
  const { memory, made } = words(4);
  using _memory = memory;
  const [a, b, c, d] = made as [RobustWord, RobustWord, RobustWord, RobustWord];
  for (const word of made) word.take(list, 0);
  assertEquals(chain(made), [3, 2, 1, 0]);
  b.release(list);
  assertEquals(chain(made), [3, 2, 0]);
  d.release(list);
  assertEquals(chain(made), [2, 0]);
  b.take(list, 0);
  assertEquals(chain(made), [1, 2, 0]);
  for (const word of [c, a, b]) word.release(list);
  assertEquals(made.map((word) => [word.above, word.below]), Array(4).fill([undefined, undefined]));
});

Deno.test("RobustWord.takeAlone keeps a single word pending, and in the list as soon as another is pending", () => {
  const { memory, made } = words(3);
  using _memory = memory;
  const [a, b, c] = made as [RobustWord, RobustWord, RobustWord];
  assertEquals([a.takeAlone(list), b.takeAlone(list), a.takeAlone(list)], [true, false, false]);
  assertEquals([chain(made), pending()], [[], a.address]);
  list.begin(b);
  assertEquals([chain(made), pending()], [[0], b.address]);
  b.take(list, 0);
  list.end();
  assertEquals([chain(made), pending()], [[1, 0], 0n]);
  assertEquals(c.takeAlone(list), true);
  assertEquals([chain(made), pending()], [[1, 0], c.address]);
  // Whatever ends, the one that is held alone stays pending.
  list.end();
  assertEquals(pending(), c.address);
  assertEquals([a.releaseAlone(list), c.releaseAlone(list)], [false, true]);
  assertEquals([chain(made), pending()], [[1, 0], 0n]);
  assertEquals(c.takeAlone(list), true);
  Atomics.or(c.words, 0, WAITERS);
  assertEquals([c.releaseAlone(list), pending()], [false, c.address]);
  for (const word of [c, a, b]) word.release(list);
  assertEquals([chain(made), pending(), c.words[0]], [[], 0n, 0]);
});

Deno.test("RobustList follows no pointer that a peer wrote", () => {
  const { memory, made } = words(3);
  using _memory = memory;
  const [a, b, c] = made as [RobustWord, RobustWord, RobustWord];
  for (const word of made) {
    word.take(list, 0);
    word.next[0] = pointerBits(0xdead_beefn);
  }
  b.release(list);
  c.release(list);
  a.release(list);
  a.take(list, 0);
  assertEquals(chain(made), [0]);
  a.release(list);
  assertEquals(chain(made), []);
});

Deno.test("pointerBits keeps the 64 bits of every address that a process can have", () => {
  const memory = new ArrayBuffer(8);
  const asNumber = new Float64Array(memory);
  const asBits = new BigUint64Array(memory);
  for (const address of [0n, 8n, 0x7fff_ffff_fff8n, 0x5555_5555_5550n, (1n << 52n) - 8n]) {
    asNumber[0] = pointerBits(address);
    assertEquals(asBits[0], address);
  }
  for (const address of [-1n, 1n << 52n]) assertThrows(() => pointerBits(address), RangeError);
});

Deno.test("RobustWord.release wakes all who sleep", async () => {
  using memory = createSharedMemory(uniqueName(), { size: Guarded.byteLength });
  Guarded.create(memory);
  const word = new RobustWord(mappingOf(memory), 64);
  word.take(list, 0);
  await using first = Peer.deno("mutex_waiter.ts", { args: [memory.name] });
  await using second = Peer.deno("mutex_waiter.ts", { args: [memory.name] });
  for (const peer of [first, second]) {
    assertEquals(await peer.says(), "waiting");
    await watchdog(LIMIT_MS, peer.sleepsOnFutex());
  }
  memory.unlink();
  assertEquals(word.release(list), 2);
  for (const peer of [first, second]) assertEquals(await watchdog(LIMIT_MS, peer.says()), "held");
});
