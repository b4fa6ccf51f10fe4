import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type AnonymousMemory, array, createAnonymousMemory, i64, struct } from "../../lib/memory/mod.ts";
import { ClosedError, PosixError, ProtocolError, semaphore } from "../../lib/sync/mod.ts";
import { PERMITS, Shared } from "../fixtures/semaphore_shared_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 10_000;

function shared(): { memory: AnonymousMemory; view: ReturnType<typeof Shared.create> } {
  const memory = createAnonymousMemory({ size: Shared.byteLength });
  return { memory, view: Shared.create(memory) };
}

Deno.test("semaphore has a record for every participant, and zeros are one with all permits", () => {
  assertEquals([semaphore(3).size, semaphore(3).alignment, semaphore(3).layout], [40 + 8 * 64, 8, "semaphore(3)"]);
  assertEquals(Shared.offsets, { permits: 0, items: 104, inside: 208, taken: 212, most: 216, participants: 224 });
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const { permits, items } = Shared.at(memory);
  assertEquals([permits.value, items.value], [PERMITS, 0]);
});

Deno.test("semaphore refuses a number of permits that cannot be", () => {
  for (const permits of [-1, 0.5, NaN, 2 ** 31, Infinity]) {
    assertThrows(() => semaphore(permits), RangeError, "permits");
  }
});

Deno.test("Semaphore gives out as many permits as there are, in all three ways", async () => {
  const { memory, view: { permits } } = shared();
  using _memory = memory;
  for (const take of [() => permits.acquire(), () => permits.acquireSync(), () => permits.tryAcquire()]) {
    using one = await take();
    assertEquals(permits.value, 1);
    using two = await take();
    assert(one !== undefined && two !== undefined);
    assertEquals([permits.value, permits.tryAcquire(), permits.tryWait()], [0, undefined, false]);
    await assertRejects(() => permits.acquire({ timeoutMs: 1 }), DOMException, "timed out after 1 ms");
    await assertRejects(() => permits.wait({ timeoutMs: 1 }), DOMException, "timed out after 1 ms");
    assertThrows(() => permits.acquireSync({ timeoutMs: 1 }), DOMException, "timed out after 1 ms");
    assertThrows(() => permits.waitSync({ timeoutMs: 0 }), DOMException, "timed out after 0 ms");
    two.release();
    two.release();
    assertEquals(permits.value, 1);
  }
  assertEquals(permits.value, PERMITS);
});

Deno.test("Semaphore.post wakes as many as it adds, and wait uses up what nobody owns", async () => {
  const { memory, view: { items } } = shared();
  using _memory = memory;
  let woken = 0;
  const waits = Array.from({ length: 5 }, () => items.wait().then(() => woken++));
  items.post(2);
  await watchdog(LIMIT_MS, Promise.all(waits.slice(0, 2)));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals([woken, items.value], [2, 0]);
  items.post(4);
  await watchdog(LIMIT_MS, Promise.all(waits));
  assertEquals([woken, items.value], [5, 1]);
  items.waitSync();
  assertEquals([items.value, items.tryWait()], [0, false]);
  items.post();
  assertEquals([items.tryWait(), items.tryWait()], [true, false]);
});

Deno.test("Semaphore.post refuses what does not fit, and adds nothing then", () => {
  const { memory, view: { items, permits } } = shared();
  using _memory = memory;
  for (const count of [0, -1, 1.5, NaN]) assertThrows(() => items.post(count), RangeError, "count");
  items.post(0x7fff_ffff);
  assertThrows(() => items.post(), PosixError, "EOVERFLOW");
  assertThrows(() => permits.post(0x7fff_ffff), PosixError, "EOVERFLOW");
  assertEquals([items.value, permits.value], [0x7fff_ffff, PERMITS]);
  assertThrows(() => items.post(2 ** 40), PosixError, "EOVERFLOW");
  items.waitSync();
  items.post();
  assertEquals(items.value, 0x7fff_ffff);
});

Deno.test("Semaphore serves the tasks of one thread in the order in which they asked", async () => {
  const { memory, view: { permits } } = shared();
  using _memory = memory;
  const order: number[] = [];
  const held = [permits.acquireSync(), permits.acquireSync()];
  const tasks = [1, 2, 3, 4, 5, 6].map(async (task) => {
    using _permit = await permits.acquire();
    order.push(task);
    await new Promise((resolve) => setTimeout(resolve, 1));
  });
  for (const permit of held) permit.release();
  await watchdog(LIMIT_MS, Promise.all(tasks));
  assertEquals(order, [1, 2, 3, 4, 5, 6]);
  assertEquals(permits.value, PERMITS);
});

Deno.test("Semaphore waits that are aborted or time out leave no later grant, whoever is first in the queue", async () => {
  const { memory, view: { permits } } = shared();
  using _memory = memory;
  using same = memory.duplicate();
  const there = Shared.open(same).permits;
  const held = [there.acquireSync(), permits.acquireSync()];
  const controller = new AbortController();
  const reason = new Error("Enough");
  const aborted = permits.acquire({ signal: controller.signal });
  const timedOut = permits.wait({ timeoutMs: 5 });
  const last = permits.acquire();
  const alsoAborted = permits.wait({ signal: controller.signal });
  controller.abort(reason);
  for (const one of [aborted, alsoAborted]) assertStrictEquals(await assertRejects(() => one), reason);
  assertEquals((await assertRejects(() => timedOut, DOMException)).name, "TimeoutError");
  for (const permit of held) permit.release();
  (await watchdog(LIMIT_MS, last)).release();
  assertEquals(permits.value, PERMITS);
  for (
    const use of [
      () => permits.acquire({ signal: controller.signal }),
      () => permits.wait({ signal: controller.signal }),
    ]
  ) {
    assertStrictEquals(await assertRejects(use), reason);
  }
  assertEquals(permits.value, PERMITS);
});

Deno.test("Semaphore refuses a timeout that is none before it takes a permit", async () => {
  const { memory, view: { permits } } = shared();
  using _memory = memory;
  for (const timeoutMs of [-1, NaN]) {
    await assertRejects(() => permits.acquire({ timeoutMs }), RangeError);
    await assertRejects(() => permits.wait({ timeoutMs }), RangeError);
    assertThrows(() => permits.acquireSync({ timeoutMs }), RangeError);
    assertThrows(() => permits.waitSync({ timeoutMs }), RangeError);
  }
  assertEquals(permits.value, PERMITS);
});

Deno.test("Memory.close throws while a permit of it is held or waited for, and kills its semaphores after", async () => {
  const { memory, view: { permits } } = shared();
  const same = memory.duplicate();
  const there = Shared.open(same).permits;
  const held = [permits.acquireSync(), permits.acquireSync()];
  assertThrows(() => memory.close(), Error, "a permit of a semaphore in it is held");
  const abort = new AbortController();
  const waiting = there.acquire({ signal: abort.signal });
  assertThrows(() => same.close(), Error, "a semaphore in it is waited for");
  abort.abort();
  await assertRejects(() => waiting);
  for (const permit of held) permit.release();
  there.acquireSync().release();
  same.close();
  for (
    const use of [
      () => there.tryAcquire(),
      () => there.acquireSync(),
      () => there.tryWait(),
      () => there.waitSync(),
      () => there.post(),
      () => there.value,
    ]
  ) assertThrows(use, ClosedError);
  for (const use of [() => there.acquire(), () => there.wait()]) await assertRejects(use, ClosedError);
  assertEquals(permits.value, PERMITS);
  memory.close();
});

Deno.test("Semaphore mapped twice in one thread counts both, and one wakes the other", async () => {
  const { memory, view: { permits } } = shared();
  using _memory = memory;
  using same = memory.duplicate();
  const there = Shared.open(same).permits;
  const [one, two] = [permits.acquireSync(), there.acquireSync()];
  assertEquals([permits.value, there.value], [0, 0]);
  const waits = [permits.acquire(), there.acquire()];
  one.release();
  two.release();
  for (const wait of waits) (await watchdog(LIMIT_MS, wait)).release();
  // Waiting, held by both, closed by one: its slot and its permits are free.
  there.acquireSync().release();
  same.close();
  assertEquals(permits.value, PERMITS);
});

Deno.test("Semaphore semaphores of one struct, and of two structs in one memory, are independent", () => {
  const Many = struct({ all: array(semaphore(1), 3), value: i64, own: semaphore(1) }, { participants: 5 });
  using memory = createAnonymousMemory({ size: 2 * Many.size });
  const [one, two] = [Many.at(memory), Many.at(memory, Many.size)];
  const all = [...one.all, one.own, ...two.all, two.own];
  for (const chosen of all) {
    using _permit = chosen.acquireSync();
    for (const other of all) assertEquals(other.value, other === chosen ? 0 : 1);
  }
});

Deno.test("Semaphore.acquire says ENOSPC when the participant table is full, and wait and post need no slot", async () => {
  const Small = struct({ permits: semaphore(3) }, { participants: 1 });
  using memory = createAnonymousMemory({ size: Small.byteLength });
  const { permits } = Small.create(memory);
  using same = memory.duplicate();
  const there = Small.open(same).permits;
  permits.acquireSync().release();
  for (const use of [() => there.acquireSync(), () => there.tryAcquire()]) {
    assertThrows(use, PosixError, "participants");
  }
  await assertRejects(() => there.acquire(), PosixError, "ENOSPC");
  there.waitSync();
  await there.wait();
  assertEquals([there.tryWait(), there.value], [true, 0]);
  there.post(3);
  permits.acquireSync().release();
});

Deno.test("semaphore of 120 participants that all hold is waited for", async () => {
  const Large = struct({ permits: semaphore(120) }, { participants: 120 });
  using memory = createAnonymousMemory({ size: Large.byteLength });
  const { permits } = Large.create(memory);
  using mappings = new DisposableStack();
  const held = Array.from({ length: 120 }, () => Large.open(mappings.use(memory.duplicate())).permits.acquireSync());
  assertThrows(() => permits.waitSync({ timeoutMs: 1 }), DOMException);
  const waits = [permits.wait(), Large.open(mappings.use(memory.duplicate())).permits.wait()];
  for (const permit of held) permit.release();
  await watchdog(LIMIT_MS, Promise.all(waits));
  assertEquals(permits.value, 118);
});

const SCRIBBLES = [1, 2, 3, -1, 0x4000_0000, -0x8000_0000, 0x7fff_ffff, 0x1234_5678];

Deno.test("Semaphore with any word overwritten by a peer fails or times out, and does no harm", async () => {
  for (let index = 0; index < Shared.offsets["inside"]! / 4; index++) {
    for (const value of SCRIBBLES) await scribble(index, value);
  }
  for (let index = Shared.offsets["participants"]! / 4; index < Shared.size / 4; index++) {
    for (const value of SCRIBBLES) await scribble(index, value);
  }
});

async function scribble(index: number, value: number): Promise<void> {
  const { memory, view: { permits } } = shared();
  const words = new Int32Array(memory.bytes.buffer, 64);
  // With a slot taken, and without.
  if (value > 1) permits.acquireSync().release();
  words[index] = value;
  const uses = [
    () => permits.tryAcquire(),
    () => permits.tryWait(),
    () => permits.acquireSync({ timeoutMs: 1 }),
    () => permits.waitSync({ timeoutMs: 1 }),
    () => permits.acquire({ timeoutMs: 1 }),
    () => permits.wait({ timeoutMs: 1 }),
    () => permits.post(),
    () => permits.value,
  ];
  for (const use of uses) {
    const came = await watchdog(LIMIT_MS, outcome(use, () => void (words[index] = value)));
    const known = came === undefined || came instanceof PosixError || came instanceof ProtocolError ||
      came instanceof DOMException;
    assert(known, `word ${index} = ${value}: ${Deno.inspect(came)}`);
  }
  memory.close();
}

async function outcome(use: () => unknown, meanwhile: () => void): Promise<unknown> {
  try {
    const permit = await use();
    if (typeof permit !== "object" || permit === null) return undefined;
    meanwhile();
    (permit as { release(): void }).release();
    return undefined;
  } catch (error) {
    return error;
  }
}

Deno.test("Permit.release throws ProtocolError when the memory was zeroed meanwhile, and the semaphore works on", () => {
  const { memory, view: { permits } } = shared();
  using _memory = memory;
  const permit = permits.acquireSync();
  memory.bytes.fill(0);
  Shared.create(memory);
  assertThrows(() => permit.release(), ProtocolError, "overwrote");
  permits.acquireSync().release();
  assertEquals(permits.value, PERMITS);
});

Deno.test("Semaphore leaves no descriptor, mapping or pending operation", async () => {
  await noLeaks(async () => {
    const { memory, view: { permits, items } } = shared();
    using _memory = memory;
    using same = memory.duplicate();
    const there = Shared.open(same);
    using _one = permits.acquireSync();
    const two = permits.acquireSync();
    const waits = [there.permits.acquire(), there.items.wait()] as const;
    await assertRejects(() => there.items.wait({ timeoutMs: 1 }), DOMException);
    two.release();
    items.post();
    (await watchdog(LIMIT_MS, waits[0])).release();
    await watchdog(LIMIT_MS, waits[1]);
  });
});
