import { assertEquals, assertMatch } from "@std/assert";
import { array, createAnonymousMemory, i32, struct } from "../../lib/memory/mod.ts";
import { mutex } from "../../lib/sync/mod.ts";
import { mappingOf } from "../../lib/memory/memory.ts";
import { ALL, futexWake } from "../../lib/sync/futex.ts";
import { sleepersSettled, sleepOn } from "../../lib/sync/futex_sleeper.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("sleepOn wakes for the words that change, and for no others", async () => {
  using memory = createAnonymousMemory({ size: 4096 });
  const mapping = mappingOf(memory);
  const woken: number[] = [];
  const stops = [0, 8, 16].map((offset) =>
    sleepOn({
      words: new Int32Array(mapping.buffer, offset, 1),
      address: mapping.address + BigInt(offset),
      expected: 0,
      wake: () => void woken.push(offset),
      fail: (reason) => {
        throw reason;
      },
    })
  );
  Atomics.store(new Int32Array(mapping.buffer), 2, 1);
  futexWake(mapping.pointerAt(8), ALL);
  await watchdog(10_000, async () => {
    while (woken.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  assertEquals(woken, [8]);
  for (const stop of stops) stop();
  await watchdog(10_000, sleepersSettled());
  assertEquals(woken, [8]);
});

Deno.test("sleepOn wakes at once for a word that has changed already", async () => {
  using memory = createAnonymousMemory({ size: 4096 });
  const mapping = mappingOf(memory);
  const { promise, resolve: wake, reject: fail } = Promise.withResolvers<void>();
  sleepOn({ words: new Int32Array(mapping.buffer), address: mapping.address, expected: -1, wake, fail });
  await watchdog(10_000, promise);
  await sleepersSettled();
});

Deno.test("sleepOn ends the wait whose memory was taken away, and no other", async () => {
  using lost = createAnonymousMemory({ size: 4096 });
  using kept = createAnonymousMemory({ size: 4096 });
  const ends: string[] = [];
  for (const memory of [lost, kept]) {
    const mapping = mappingOf(memory);
    sleepOn({
      words: new Int32Array(mapping.buffer, 0, 1),
      address: mapping.address,
      expected: 0,
      wake: () => void ends.push("woken"),
      fail: (reason) => void ends.push(`${reason}`),
    });
  }
  // As `postMessage` does with what is in its list of transfers.
  lost.bytes.buffer.transfer();
  Atomics.store(new Int32Array(kept.bytes.buffer), 0, 1);
  futexWake(mappingOf(kept).pointer, ALL);
  await watchdog(10_000, async () => {
    while (ends.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  assertMatch(ends[0]!, /ClosedError/);
  assertEquals(ends[1], "woken");
  await sleepersSettled();
});

Deno.test("Mutex.lock waits for more words than one call of futex_waitv takes", async () => {
  const COUNT = 300;
  const Many = struct({ locks: array(mutex, COUNT), spare: i32 });
  using memory = createAnonymousMemory({ size: Many.byteLength });
  using same = memory.duplicate();
  const here = Many.create(memory).locks;
  const there = Many.open(same).locks;
  const guards = Array.from(here, (lock) => lock.lockSync());
  const waits = Array.from(there, (lock) => lock.lock());
  // In an order that touches all batches in turn.
  for (let index = 0; index < COUNT; index++) {
    const chosen = (index * 131) % COUNT;
    guards[chosen]?.unlock();
    const wait = waits[chosen];
    if (wait !== undefined) (await watchdog(10_000, wait)).unlock();
  }
});
