import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type AnonymousMemory, array, createAnonymousMemory, i64, struct } from "../../lib/memory/mod.ts";
import { ClosedError, mutex, type MutexGuard, PosixError, ProtocolError } from "../../lib/sync/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Guarded } from "../fixtures/mutex_struct.ts";

function guarded(): { memory: AnonymousMemory; view: ReturnType<typeof Guarded.create> } {
  const memory = createAnonymousMemory({ size: Guarded.byteLength });
  return { memory, view: Guarded.create(memory) };
}

Deno.test("mutex takes 40 bytes, aligned to 8, and zeros are a free lock", () => {
  assertEquals([mutex.size, mutex.alignment], [40, 8]);
  using memory = createAnonymousMemory({ size: 64 });
  const view = Guarded.at(memory);
  view.lock.lockSync().unlock();
  assertEquals(new Int32Array(memory.bytes.buffer, 0, 2), new Int32Array([0, 0]));
});

Deno.test("Mutex.lock, lockSync and tryLock exclude each other", async () => {
  const { memory, view } = guarded();
  using _memory = memory;
  for (const take of [() => view.lock.lock(), () => view.lock.lockSync(), () => view.lock.tryLock()]) {
    using guard = await take();
    assert(guard !== undefined);
    assertEquals(guard.previousOwnerDied, false);
    assertEquals(view.lock.tryLock(), undefined);
    await assertRejects(() => view.lock.lock({ timeoutMs: 1 }), DOMException, "timed out after 1 ms");
    assertThrows(() => view.lock.lockSync(), PosixError, "EDEADLK");
  }
});

Deno.test("Mutex.lock gives tasks of one thread the lock in the order in which they asked", async () => {
  const { memory, view } = guarded();
  using _memory = memory;
  const order: number[] = [];
  const held = view.lock.lockSync();
  const tasks = [1, 2, 3, 4, 5].map(async (task) => {
    using _guard = await view.lock.lock();
    order.push(task);
    await Promise.resolve();
    assertEquals(view.lock.tryLock(), undefined);
  });
  held.unlock();
  await watchdog(10_000, Promise.all(tasks));
  assertEquals(order, [1, 2, 3, 4, 5]);
});

Deno.test("Mutex.lock that is aborted or times out leaves no later grant", async () => {
  const { memory, view } = guarded();
  using _memory = memory;
  const held = view.lock.lockSync();
  const controller = new AbortController();
  const reason = new Error("Enough");
  const aborted = view.lock.lock({ signal: controller.signal });
  const timedOut = view.lock.lock({ timeoutMs: 5 });
  const last = view.lock.lock();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => aborted), reason);
  assertEquals((await assertRejects(() => timedOut, DOMException)).name, "TimeoutError");
  held.unlock();
  (await watchdog(10_000, last)).unlock();
  view.lock.lockSync().unlock();
  const refused = await assertRejects(() => view.lock.lock({ signal: controller.signal }));
  assertStrictEquals(refused, reason);
  view.lock.lockSync().unlock();
});

Deno.test("Mutex refuses a timeout that is none before it takes the lock", async () => {
  const { memory, view } = guarded();
  using _memory = memory;
  for (const timeoutMs of [-1, NaN]) {
    await assertRejects(() => view.lock.lock({ timeoutMs }), RangeError);
    assertThrows(() => view.lock.lockSync({ timeoutMs }), RangeError);
  }
  view.lock.lockSync().unlock();
});

Deno.test("MutexGuard.unlock throws when called twice, and leaving the scope after it is fine", () => {
  const { memory, view } = guarded();
  using _memory = memory;
  let kept: MutexGuard;
  {
    using guard = view.lock.lockSync();
    guard.unlock();
    kept = guard;
  }
  using _other = view.lock.lockSync();
  for (const use of [() => kept.unlock(), () => kept.markConsistent()]) assertThrows(use, PosixError, "EPERM");
  kept[Symbol.dispose]();
  assertEquals(view.lock.tryLock(), undefined);
});

Deno.test("Memory.close throws while a lock in it is held or waited for, and kills its locks after", async () => {
  const { memory, view } = guarded();
  const same = memory.duplicate();
  const { lock } = Guarded.open(same);
  const guard = view.lock.lockSync();
  assertThrows(() => memory.close(), Error, "a lock in it is held");
  view.first = 1n;
  const abort = new AbortController();
  const waiting = lock.lock({ signal: abort.signal });
  assertThrows(() => same.close(), Error, "a lock in it is waited for");
  abort.abort();
  await assertRejects(() => waiting);
  same.close();
  for (const use of [() => lock.tryLock(), () => lock.lockSync()]) assertThrows(use, ClosedError);
  await assertRejects(() => lock.lock(), ClosedError);
  guard.unlock();
  memory.close();
  assertThrows(() => view.lock, ClosedError);
});

Deno.test("Mutex is one lock for all views of one mapping", () => {
  const { memory, view } = guarded();
  using _memory = memory;
  const other = Guarded.open(memory);
  using _guard = view.lock.lockSync();
  assertEquals(other.lock.tryLock(), undefined);
  assertThrows(() => other.lock.lockSync(), PosixError, "EDEADLK");
});

Deno.test("Mutex mapped twice in one thread excludes, waits, and sees the deadlock", async () => {
  const { memory, view } = guarded();
  using _memory = memory;
  using same = memory.duplicate();
  const other = Guarded.open(same);
  const guard = view.lock.lockSync();
  assertEquals(other.lock.tryLock(), undefined);
  assertThrows(() => other.lock.lockSync(), PosixError, "EDEADLK");
  await assertRejects(() => other.lock.lock({ timeoutMs: 1 }), DOMException);
  const waiting = other.lock.lock();
  guard.unlock();
  (await watchdog(10_000, waiting)).unlock();
});

Deno.test("Mutex locks are independent and may be released in any order", () => {
  const Many = struct({ locks: array(mutex, 5), value: i64 });
  using memory = createAnonymousMemory({ size: Many.byteLength });
  const { locks } = Many.create(memory);
  for (const order of [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]]) {
    const guards = Array.from(locks, (lock) => lock.lockSync());
    for (const index of order) {
      assertEquals(locks.get(index).tryLock(), undefined);
      guards[index]?.unlock();
      locks.get(index).lockSync().unlock();
    }
  }
});

Deno.test("Mutex says when it holds more locks than the kernel would release", () => {
  const Many = struct({ locks: array(mutex, 2048) });
  using memory = createAnonymousMemory({ size: Many.byteLength });
  const { locks } = Many.create(memory);
  const guards = Array.from({ length: 2047 }, (_, index) => locks.get(index).lockSync());
  assertThrows(() => locks.get(2047).lockSync(), PosixError, "EAGAIN");
  for (const guard of guards) guard.unlock();
  locks.get(2047).lockSync().unlock();
});

Deno.test("MutexGuard.unlock throws ProtocolError when a peer overwrote the lock", () => {
  const { memory, view } = guarded();
  using _memory = memory;
  const word = new Int32Array(memory.bytes.buffer, 64, 1);
  const guard = view.lock.lockSync();
  Atomics.store(word, 0, 12345);
  assertThrows(() => guard.unlock(), ProtocolError, "overwrote");
  Atomics.store(word, 0, 0);
  view.lock.lockSync().unlock();
});

Deno.test("Mutex refuses a state that no owner writes", () => {
  const { memory, view } = guarded();
  using _memory = memory;
  const words = new Int32Array(memory.bytes.buffer, 64, 10);
  for (const state of [2, 3, -1, 0x7fffffff]) {
    words[1] = state;
    for (let again = 0; again < 2; again++) {
      assertThrows(() => view.lock.lockSync(), PosixError, "ENOTRECOVERABLE");
      assertThrows(() => view.lock.tryLock(), PosixError, "ENOTRECOVERABLE");
    }
    assertEquals(words[0], 0);
  }
});

Deno.test("Mutex.lock leaves no descriptor, mapping or pending operation", async () => {
  await noLeaks(async () => {
    const { memory, view } = guarded();
    using _memory = memory;
    using same = memory.duplicate();
    const guard = view.lock.lockSync();
    const waiting = Guarded.open(same).lock.lock();
    await assertRejects(() => Guarded.open(same).lock.lock({ timeoutMs: 1 }), DOMException);
    guard.unlock();
    (await watchdog(10_000, waiting)).unlock();
  });
});
