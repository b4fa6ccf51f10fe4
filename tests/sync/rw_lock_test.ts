import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type AnonymousMemory, array, createAnonymousMemory, i64, struct } from "../../lib/memory/mod.ts";
import { ClosedError, PosixError, ProtocolError, rwLock } from "../../lib/sync/mod.ts";
import { Shared } from "../fixtures/rw_lock_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 10_000;

function shared(): { memory: AnonymousMemory; view: ReturnType<typeof Shared.create> } {
  const memory = createAnonymousMemory({ size: Shared.byteLength });
  return { memory, view: Shared.create(memory) };
}

/** The words of the lock, as docs/layouts.md has them: word, state, turns, seq, waiting. */
function wordsOf(memory: AnonymousMemory): Int32Array {
  return new Int32Array(memory.bytes.buffer, 64, 10);
}

Deno.test("rwLock has a record for every participant, and zeros are a free lock", () => {
  assertEquals([rwLock.size, rwLock.alignment], [40 + 4 * 64, 8]);
  assertEquals(Shared.offsets, { lock: 0, other: 72, first: 144, second: 152, deaths: 160, participants: 168 });
  assertEquals(struct({ lock: rwLock }, { participants: 3 }).offsets, { lock: 0, participants: 56 });
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const { lock } = Shared.at(memory);
  lock.readSync().unlock();
  lock.writeSync().unlock();
  assertEquals(new Int32Array(memory.bytes.buffer, 0, 2), new Int32Array(2));
});

Deno.test("RwLock lets many read, and keeps out who writes", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  {
    using _one = await lock.read();
    using _two = lock.readSync();
    using three = lock.tryRead();
    assert(three !== undefined);
    assertEquals(lock.tryWrite(), undefined);
    assertThrows(() => lock.writeSync(), PosixError, "EDEADLK");
    await assertRejects(() => lock.write({ timeoutMs: 1 }), DOMException, "timed out after 1 ms");
  }
  lock.writeSync().unlock();
});

Deno.test("RwLock lets one write, and keeps out everybody else", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  for (const take of [() => lock.write(), () => lock.writeSync(), () => lock.tryWrite()]) {
    using guard = await take();
    assert(guard !== undefined);
    assertEquals(guard.previousOwnerDied, false);
    assertEquals([lock.tryRead(), lock.tryWrite()], [undefined, undefined]);
    await assertRejects(() => lock.read({ timeoutMs: 1 }), DOMException, "timed out after 1 ms");
    await assertRejects(() => lock.write({ timeoutMs: 1 }), DOMException, "timed out after 1 ms");
    for (const again of [() => lock.readSync(), () => lock.writeSync()]) assertThrows(again, PosixError, "EDEADLK");
  }
  lock.readSync().unlock();
});

Deno.test("RwLock gives the tasks of one thread their turns in the order in which they asked", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  const order: string[] = [];
  const held = lock.writeSync();
  const tasks = ["r1", "r2", "w3", "r4", "w5", "w6", "r7", "r8"].map(async (task) => {
    using _guard = task.startsWith("r") ? await lock.read() : await lock.write();
    order.push(`${task} in`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    order.push(`${task} out`);
  });
  held.unlock();
  await watchdog(LIMIT_MS, Promise.all(tasks));
  assertEquals(
    order.join(),
    "r1 in,r2 in,r1 out,r2 out,w3 in,w3 out,r4 in,r4 out,w5 in,w5 out,w6 in,w6 out,r7 in,r8 in,r7 out,r8 out",
  );
});

Deno.test("RwLock.read waits behind a task that waits to write, and readSync of a thread that reads does not", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  const order: string[] = [];
  const reading = lock.readSync();
  const write = lock.write().then((guard) => {
    order.push("write");
    guard.unlock();
  });
  const read = lock.read().then((guard) => {
    order.push("read");
    guard.unlock();
  });
  lock.readSync().unlock();
  reading.unlock();
  await watchdog(LIMIT_MS, Promise.all([write, read]));
  assertEquals(order, ["write", "read"]);
});

Deno.test("RwLock waits that are aborted or time out leave no later grant, whoever is first in the queue", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  using same = memory.duplicate();
  const there = Shared.open(same).lock;
  const reason = new Error("Enough");
  for (const hold of [() => there.readSync(), () => there.writeSync(), () => lock.readSync()]) {
    const held = hold();
    const controller = new AbortController();
    const aborted = lock.write({ signal: controller.signal });
    const timedOut = lock.write({ timeoutMs: 5 });
    const last = lock.read();
    const alsoAborted = lock.write({ signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => aborted), reason);
    assertStrictEquals(await assertRejects(() => alsoAborted), reason);
    assertEquals((await assertRejects(() => timedOut, DOMException)).name, "TimeoutError");
    held.unlock();
    (await watchdog(LIMIT_MS, last)).unlock();
    lock.writeSync().unlock();
    there.writeSync().unlock();
    assertStrictEquals(await assertRejects(() => lock.read({ signal: controller.signal })), reason);
    assertStrictEquals(await assertRejects(() => lock.write({ signal: controller.signal })), reason);
  }
  assertEquals(wordsOf(memory)[0], 0);
});

Deno.test("RwLock.write of a task whose turn it is lets its own thread go first, and gets its turn after", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  using same = memory.duplicate();
  const there = Shared.open(same).lock;
  const foreign = there.readSync();
  const waiting = lock.write();
  // The task has the word, and waits for the reader.
  assert(wordsOf(memory)[0] !== 0);
  assertEquals([lock.tryRead(), lock.tryWrite(), there.tryRead()], [undefined, undefined, undefined]);
  const own = lock.readSync();
  assertThrows(() => lock.writeSync(), PosixError, "EDEADLK");
  foreign.unlock();
  own.unlock();
  const [first] = await watchdog(LIMIT_MS, Promise.all([waiting]));
  first.unlock();

  const again = there.readSync();
  const next = lock.write();
  // The reader is this thread itself.
  assertThrows(() => lock.writeSync({ timeoutMs: 5 }), PosixError, "EDEADLK");
  again.unlock();
  lock.writeSync().unlock();
  (await watchdog(LIMIT_MS, next)).unlock();
});

Deno.test("RwLock refuses a timeout that is none before it takes the lock", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  for (const timeoutMs of [-1, NaN]) {
    await assertRejects(() => lock.read({ timeoutMs }), RangeError);
    await assertRejects(() => lock.write({ timeoutMs }), RangeError);
    assertThrows(() => lock.readSync({ timeoutMs }), RangeError);
    assertThrows(() => lock.writeSync({ timeoutMs }), RangeError);
  }
  lock.writeSync().unlock();
});

Deno.test("ReadGuard and WriteGuard throw when unlocked twice, and leaving the scope after it is fine", () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  const reading = lock.readSync();
  const writing = (() => {
    reading.unlock();
    using guard = lock.writeSync();
    guard.unlock();
    return guard;
  })();
  using _other = lock.writeSync();
  for (
    const use of [
      () => reading.unlock(),
      () => writing.unlock(),
      () => writing.markConsistent(),
      () => writing.downgrade(),
    ]
  ) {
    assertThrows(use, PosixError, "EPERM");
  }
  reading[Symbol.dispose]();
  writing[Symbol.dispose]();
  assertEquals(lock.tryRead(), undefined);
});

Deno.test("WriteGuard.downgrade goes on as a reader, and lets other readers in", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  using same = memory.duplicate();
  const there = Shared.open(same).lock;
  const writing = lock.writeSync();
  const waitingRead = there.read();
  const waitingWrite = there.write();
  using reading = writing.downgrade();
  assertThrows(() => writing.unlock(), PosixError, "EPERM");
  (await watchdog(LIMIT_MS, waitingRead)).unlock();
  assertEquals(await Promise.race([waitingWrite, new Promise((resolve) => setTimeout(resolve, 5, "waits"))]), "waits");
  reading.unlock();
  (await watchdog(LIMIT_MS, waitingWrite)).unlock();
});

Deno.test("Memory.close throws while a reader-writer lock in it is held or waited for, and kills its locks after", async () => {
  const { memory, view: { lock } } = shared();
  const same = memory.duplicate();
  const there = Shared.open(same).lock;
  const reading = lock.readSync();
  assertThrows(() => memory.close(), Error, "a lock in it is held");
  const abort = new AbortController();
  const waiting = there.write({ signal: abort.signal });
  assertThrows(() => same.close(), Error, "a lock in it is waited for");
  abort.abort();
  await assertRejects(() => waiting);
  reading.unlock();
  const writing = there.writeSync();
  assertThrows(() => same.close(), Error, "a lock in it is held");
  writing.unlock();
  there.readSync().unlock();
  same.close();
  for (const use of [() => there.tryRead(), () => there.readSync(), () => there.tryWrite(), () => there.writeSync()]) {
    assertThrows(use, ClosedError);
  }
  for (const use of [() => there.read(), () => there.write()]) await assertRejects(use, ClosedError);
  memory.close();
});

Deno.test("RwLock mapped twice in one thread excludes, waits, and sees the deadlock", async () => {
  const { memory, view: { lock } } = shared();
  using _memory = memory;
  using same = memory.duplicate();
  const there = Shared.open(same).lock;
  {
    using _reading = lock.readSync();
    there.readSync().unlock();
    assertEquals(there.tryWrite(), undefined);
    assertThrows(() => there.writeSync(), PosixError, "EDEADLK");
    await assertRejects(() => there.write({ timeoutMs: 1 }), DOMException);
  }
  const writing = lock.writeSync();
  for (const use of [() => there.readSync(), () => there.writeSync()]) assertThrows(use, PosixError, "EDEADLK");
  const waiting = [there.read(), there.write()];
  writing.unlock();
  for (const wait of waiting) (await watchdog(LIMIT_MS, wait)).unlock();
});

Deno.test("RwLock locks of one struct, and of two structs in one memory, are independent", () => {
  const Many = struct({ locks: array(rwLock, 3), value: i64, own: rwLock }, { participants: 5 });
  using memory = createAnonymousMemory({ size: 2 * Many.size });
  const [one, two] = [Many.at(memory), Many.at(memory, Many.size)];
  const locks = [...one.locks, one.own, ...two.locks, two.own];
  for (const [index, lock] of locks.entries()) {
    using _guard = index % 2 === 0 ? lock.readSync() : lock.writeSync();
    for (const other of locks) {
      if (other !== lock) other.writeSync().unlock();
    }
    assertEquals(lock.tryWrite(), undefined);
  }
});

Deno.test("RwLock.read says ENOSPC when the participant table is full, and write needs no slot", () => {
  const Small = struct({ lock: rwLock }, { participants: 1 });
  using memory = createAnonymousMemory({ size: Small.byteLength });
  const { lock } = Small.create(memory);
  using same = memory.duplicate();
  const there = Small.open(same).lock;
  lock.readSync().unlock();
  for (const use of [() => there.readSync(), () => there.tryRead()]) {
    assertThrows(use, PosixError, "participants");
  }
  const writing = there.writeSync();
  assertThrows(() => writing.downgrade(), PosixError, "ENOSPC");
  writing.unlock();
  lock.writeSync().unlock();
});

Deno.test("rwLock of 120 participants waits for all of them", async () => {
  const Large = struct({ lock: rwLock }, { participants: 120 });
  using memory = createAnonymousMemory({ size: Large.byteLength });
  const { lock } = Large.create(memory);
  using mappings = new DisposableStack();
  const guards = Array.from({ length: 120 }, () => Large.open(mappings.use(memory.duplicate())).lock.readSync());
  const waiting = [lock.write(), Large.open(mappings.use(memory.duplicate())).lock.write()];
  await assertRejects(() => lock.write({ timeoutMs: 5 }), DOMException);
  for (const guard of guards) guard.unlock();
  for (const wait of waiting) (await watchdog(LIMIT_MS, wait)).unlock();
});

const SCRIBBLES = [1, 2, 3, -1, 0x4000_0000, -0x8000_0000, 0x7fff_ffff, 0x1234_5678];

Deno.test("RwLock with any word overwritten by a peer fails or times out, and does no harm", async () => {
  for (let index = 0; index < Shared.size / 4; index++) {
    for (const value of SCRIBBLES) {
      const { memory, view: { lock } } = shared();
      const words = new Int32Array(memory.bytes.buffer, 64);
      // With a slot taken, and without.
      if (value > 1) lock.readSync().unlock();
      words[index] = value;
      const outcomes: unknown[] = [];
      for (
        const use of [
          () => lock.tryRead(),
          () => lock.tryWrite(),
          () => lock.readSync({ timeoutMs: 1 }),
          () => lock.writeSync({ timeoutMs: 1 }),
        ]
      ) {
        outcomes.push(await outcome(use, () => void (words[index] = value)));
      }
      for (const use of [() => lock.read({ timeoutMs: 1 }), () => lock.write({ timeoutMs: 1 })]) {
        outcomes.push(await watchdog(LIMIT_MS, outcome(use, () => void (words[index] = value))));
      }
      for (const one of outcomes) {
        const known = one === undefined || one instanceof PosixError || one instanceof ProtocolError ||
          one instanceof DOMException;
        assert(known, `word ${index} = ${value}: ${Deno.inspect(one)}`);
      }
      memory.close();
    }
  }
});

async function outcome(use: () => unknown, meanwhile: () => void): Promise<unknown> {
  try {
    const guard = await use();
    if (guard === undefined) return undefined;
    meanwhile();
    (guard as { unlock(): void }).unlock();
    return undefined;
  } catch (error) {
    return error;
  }
}

Deno.test("RwLock leaves no descriptor, mapping or pending operation", async () => {
  await noLeaks(async () => {
    const { memory, view: { lock } } = shared();
    using _memory = memory;
    using same = memory.duplicate();
    const there = Shared.open(same).lock;
    const reading = lock.readSync();
    const waiting = there.write();
    await assertRejects(() => there.write({ timeoutMs: 1 }), DOMException);
    reading.unlock();
    (await watchdog(LIMIT_MS, waiting)).unlock();
  });
});

Deno.test("RwLock.write that times out rejects, although a peer overwrote the lock", async () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const { lock } = Shared.create(memory);
  using same = memory.duplicate();
  using _reading = Shared.open(same).lock.readSync();
  const waiting = lock.write({ timeoutMs: 20 });
  new Int32Array(memory.bytes.buffer, 64 + Shared.offsets["lock"]!, 1)[0] = 0;
  const error = await assertRejects(() => watchdog(10_000, waiting), DOMException);
  assertEquals(error.name, "TimeoutError");
});
