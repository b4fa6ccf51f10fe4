// Needs: gcc, strace
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertRejects, assertThrows } from "@std/assert";
import { assertStrictEquals, assertStringIncludes } from "@std/assert";
import { ClosedError, condition, PosixError } from "../../lib/sync/mod.ts";
import { CONDITION_AT, Turns } from "../fixtures/condition_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { killProducersAndConsumers } from "./condition_rounds.ts";
import { systemCalls } from "./other_process.ts";
import { compileC, Peer } from "./peer.ts";
import { anonymousStruct, sharedStruct } from "./shared_struct.ts";
import { promptly } from "./rounds.ts";

const LIMIT_MS = 60_000;

type View = ReturnType<typeof Turns.create>;

const turns = () => anonymousStruct(Turns);

function shared() {
  const held = sharedStruct(Turns);
  return { ...held, words: wordsOf(held.memory) };
}

/** seq, waiting, loops, reserved. */
function wordsOf(memory: { bytes: Uint8Array<ArrayBuffer> }): Int32Array {
  return new Int32Array(memory.bytes.buffer, CONDITION_AT, 4);
}

/** Until so many wait who have given up the lock. */
async function untilWaiting(view: View, words: Int32Array, count: number): Promise<void> {
  await watchdog(LIMIT_MS, async () => {
    while (Atomics.load(words, 1) !== count) await new Promise((resolve) => setTimeout(resolve, 1));
    view.lock.lockSync().unlock();
  });
}

Deno.test("condition takes 16 bytes, aligned to 4", () => {
  assertEquals([condition.size, condition.alignment, condition.layout], [16, 4, "condition"]);
});

for (const form of ["wait", "waitSync"] as const) {
  Deno.test(`Condition.${form} gives up the lock, and has it again with the same guard`, async () => {
    using both = shared();
    const { memory, view, words } = both;
    await using peer = Peer.deno("condition_waiter.ts", { args: [memory.name, form === "wait" ? "async" : "sync"] });
    assertEquals(await peer.says(), "waiting");
    await untilWaiting(view, words, 1);
    {
      using _guard = view.lock.lockSync();
      view.turn = 1;
      view.changed.notifyOne();
    }
    assertEquals(await watchdog(LIMIT_MS, peer.says()), "went on");
    assert((await watchdog(LIMIT_MS, peer.status)).success);
    assertEquals([...words.subarray(1)], [0, 0, 0]);
  });

  Deno.test(`Condition.${form} times out with the lock held, and leaves nothing`, async () => {
    const { memory, view } = turns();
    using _memory = memory;
    using guard = view.lock.lockSync();
    for (const timeoutMs of [0, 20]) {
      for (const options of [{ timeoutMs }, { timeoutMs, until: () => false }]) {
        const from = performance.now();
        const waited = async () => await view.changed[form](guard, options);
        const error = await assertRejects(waited, DOMException, `timed out after ${timeoutMs} ms`);
        assertEquals(error.name, "TimeoutError");
        assertGreaterOrEqual(performance.now() - from, timeoutMs);
        assertEquals(view.lock.tryLock(), undefined);
      }
    }
    await assertRejects(async () => await view.changed[form](guard, { timeoutMs: -1 }), RangeError);
    assertEquals([...wordsOf(memory)], [0, 0, 0, 0]);
  });

  Deno.test(`Condition.${form} whose time has come does not wait, nor when it comes at the last moment`, async () => {
    const { memory, view } = turns();
    using _memory = memory;
    using guard = view.lock.lockSync();
    await view.changed[form](guard, { until: () => true, timeoutMs: 0 });
    let asked = 0;
    await view.changed[form](guard, { until: () => ++asked === 2, timeoutMs: 1 });
    assertEquals(asked, 2);
  });

  Deno.test(`Condition.${form} refuses a guard that is none, or that holds nothing`, async () => {
    const { memory, view } = turns();
    using _memory = memory;
    const guard = view.lock.lockSync();
    guard.unlock();
    await assertRejects(async () => await view.changed[form](guard), PosixError, "EPERM");
    const fake = { previousOwnerDied: false, markConsistent() {}, unlock() {}, [Symbol.dispose]() {} };
    await assertRejects(async () => await view.changed[form](fake), TypeError, "guard");
    assertEquals([...wordsOf(memory)], [0, 0, 0, 0]);
    view.lock.lockSync().unlock();
  });

  Deno.test(`Condition.${form} comes back when an owner died meanwhile, and the guard knows`, async () => {
    using both = shared();
    const { memory, view, words } = both;
    const args = [memory.name, form === "wait" ? "async" : "sync"];
    await using mending = Peer.deno("condition_waiter.ts", { args: [...args, "once"] });
    assertEquals(await mending.says(), "waiting");
    await untilWaiting(view, words, 1);
    await using owner = Peer.deno("condition_die.ts", { args: [memory.name] });
    assertEquals(await watchdog(LIMIT_MS, mending.says()), "went on after death");
    await watchdog(LIMIT_MS, owner.status);
    await using stubborn = Peer.deno("condition_waiter.ts", { args });
    assertEquals(await stubborn.says(), "waiting");
    await untilWaiting(view, words, 1);
    await using other = Peer.deno("condition_die.ts", { args: [memory.name] });
    // It goes on waiting for its turn, with what nobody has mended.
    assertEquals(await watchdog(LIMIT_MS, stubborn.says()), "EOWNERDEAD");
    await watchdog(LIMIT_MS, other.status);
  });
}

Deno.test("Condition.wait holds nothing when the lock has become unusable", async () => {
  using both = shared();
  const { memory, view, words } = both;
  const guard = await view.lock.lock();
  const waiting = view.changed.wait(guard);
  assertEquals([...words.subarray(1)], [1, 1, 0]);
  await using owner = Peer.deno("condition_die.ts", { args: [memory.name, "without a word"] });
  await watchdog(LIMIT_MS, owner.status);
  view.lock.lockSync().unlock();
  view.changed.notifyAll();
  await assertRejects(() => watchdog(LIMIT_MS, waiting), PosixError, "ENOTRECOVERABLE");
  assertThrows(() => guard.unlock(), PosixError, "EPERM");
  guard[Symbol.dispose]();
  assertEquals([...words.subarray(1)], [0, 0, 0]);
});

Deno.test("Condition.wait that is aborted has the lock, rejects with the reason, and leaves nothing", async () => {
  const { memory, view } = turns();
  using _memory = memory;
  const controller = new AbortController();
  const reason = new Error("Enough");
  using guard = view.lock.lockSync();
  const waiting = view.changed.wait(guard, { signal: controller.signal, until: () => false });
  const other = await view.lock.lock();
  controller.abort(reason);
  assertEquals(view.lock.tryLock(), undefined);
  other.unlock();
  assertStrictEquals(await assertRejects(() => watchdog(LIMIT_MS, waiting)), reason);
  assertEquals(view.lock.tryLock(), undefined);
  assertStrictEquals(await assertRejects(() => view.changed.wait(guard, { signal: controller.signal })), reason);
  assertEquals([...wordsOf(memory)], [0, 0, 0, 0]);
});

Deno.test("Condition.notifyAll lets all tasks go on, one after the other", async () => {
  const { memory, view } = turns();
  using _memory = memory;
  let inside = 0;
  const tasks = Array.from({ length: 10 }, async () => {
    using guard = await view.lock.lock();
    await view.changed.wait(guard, { until: () => view.turn === 1 });
    assertEquals(++inside, 1);
    await Promise.resolve();
    inside--;
  });
  {
    // Behind all tasks in the queue: they wait by now.
    using _guard = await view.lock.lock();
    view.turn = 1;
    view.changed.notifyAll();
  }
  await watchdog(LIMIT_MS, Promise.all(tasks));
});

Deno.test("Condition.waitSync gives the lock to no task of its own thread, which could not use it", async () => {
  using both = shared();
  const { memory, view } = both;
  const guard = view.lock.lockSync();
  const task = view.lock.lock();
  await using peer = Peer.deno("condition_set_turn.ts", { args: [memory.name] });
  assertEquals(await peer.says(), "ready");
  // The peer gets the lock, and notifies.
  view.changed.waitSync(guard, { until: () => view.turn === 1, timeoutMs: LIMIT_MS });
  guard.unlock();
  (await watchdog(LIMIT_MS, task)).unlock();
});

Deno.test("Memory.close throws while a condition in it, or with a lock in it, is waited for", async () => {
  const { memory, view } = turns();
  const other = turns();
  using _other = other.memory;
  const guard = view.lock.lockSync();
  const abort = new AbortController();
  const waiting = other.view.changed.wait(guard, { signal: abort.signal });
  assertThrows(() => memory.close(), Error, "a condition is waited for with a lock in it");
  assertThrows(() => other.memory.close(), Error, "a condition in it is waited for");
  abort.abort();
  await assertRejects(() => waiting);
  guard.unlock();
  const { changed } = view;
  memory.close();
  assertThrows(() => changed.notifyOne(), ClosedError);
  assertThrows(() => changed.waitSync(guard), ClosedError);
  await assertRejects(() => changed.wait(guard), ClosedError);
});

const PAIRS: [forms: [string, string], rounds: number][] = [
  [["sync", "sync"], 100_000],
  [["async", "sync"], 5_000],
  [["async", "async"], 3_000],
  [["C", "sync"], 20_000],
];

for (const [forms, rounds] of PAIRS) {
  Deno.test(`Condition loses no wake in ${rounds} ping-pongs of ${forms.join(" and ")} processes`, async () => {
    const directory = await Deno.makeTempDir();
    await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
    const program = forms.includes("C") ? await compileC("condition_peer.c", directory) : "";
    using both = shared();
    const { memory, view, words } = both;
    await using peers = new AsyncDisposableStack();
    const started = forms.map((form, who) =>
      peers.use(
        form === "C"
          ? Peer.program(program, memory.name, Turns.layout, `${who}`, `${rounds}`)
          : Peer.deno("condition_ping_pong.ts", { args: [memory.name, `${who}`, `${rounds}`, form] }),
      )
    );
    for (const peer of started) assertEquals(await peer.says(), "ready");
    for (const peer of started) await peer.tell("go");
    for (const peer of started) assertEquals(await watchdog(2 * LIMIT_MS, peer.says()), "done");
    assertEquals([view.count, [...words.subarray(1)]], [BigInt(2 * rounds), [0, 0, 0]]);
  });
}

for (const form of ["sync", "async"]) {
  Deno.test(`Condition.notifyAll reaches the living ${form} waiter beside the killed ones`, async () => {
    using both = shared();
    const { memory, view, words } = both;
    for (let dead = 0; dead < 3; dead++) {
      await using peer = Peer.deno("condition_waiter.ts", { args: [memory.name, form] });
      assertEquals(await peer.says(), "waiting");
      await untilWaiting(view, words, dead + 1);
      if (form === "sync") await watchdog(LIMIT_MS, peer.sleepsOnFutex());
      peer.kill();
      await watchdog(LIMIT_MS, peer.status);
    }
    await using living = Peer.deno("condition_waiter.ts", { args: [memory.name, form] });
    assertEquals(await living.says(), "waiting");
    await untilWaiting(view, words, 4);
    {
      using guard = view.lock.lockSync();
      assertEquals(guard.previousOwnerDied, false);
      view.turn = 1;
    }
    view.changed.notifyOne();
    assertEquals(await watchdog(LIMIT_MS, living.says()), "went on");
  });
}

Deno.test("Condition.notifyOne that reaches a stopped waiter, who is then killed, is not lost on the other", async () => {
  using both = shared();
  const { memory, view, words } = both;
  const start = async (waiting: number) => {
    const peer = Peer.deno("condition_waiter.ts", { args: [memory.name] });
    assertEquals(await peer.says(), "waiting");
    await untilWaiting(view, words, waiting);
    await watchdog(LIMIT_MS, peer.sleepsOnFutex());
    return peer;
  };
  await using first = await start(1);
  await using second = await start(2);
  first.kill("SIGSTOP");
  view.turn = 1;
  view.changed.notifyOne();
  assertEquals(await watchdog(LIMIT_MS, second.says()), "went on");
  first.kill();
});

Deno.test("Condition.notifyOne reaches another at once when one waits on an event loop that is stopped", async () => {
  await promptly(async () => {
    using both = shared();
    const { memory, view, words } = both;
    await using stopped = Peer.deno("condition_waiter.ts", { args: [memory.name, "async"] });
    assertEquals(await stopped.says(), "waiting");
    await untilWaiting(view, words, 1);
    await using other = Peer.deno("condition_waiter.ts", { args: [memory.name] });
    assertEquals(await other.says(), "waiting");
    await untilWaiting(view, words, 2);
    await watchdog(LIMIT_MS, other.sleepsOnFutex());
    view.turn = 1;
    const from = performance.now();
    // At the same moment: who was stopped earlier sleeps no more.
    stopped.kill("SIGSTOP");
    view.changed.notifyOne();
    assertEquals(await watchdog(LIMIT_MS, other.says()), "went on");
    return performance.now() - from;
  });
});

Deno.test("Worker.terminate() of a waiter leaves lock and condition usable", async () => {
  using both = shared();
  const { memory, view, words } = both;
  const worker = new Worker(new URL("../fixtures/condition_worker.ts", import.meta.url), { type: "module" });
  worker.postMessage({ name: memory.name });
  await untilWaiting(view, words, 1);
  worker.terminate();
  await using living = Peer.deno("condition_waiter.ts", { args: [memory.name] });
  assertEquals(await living.says(), "waiting");
  await untilWaiting(view, words, 2);
  {
    using _guard = view.lock.lockSync();
    view.turn = 1;
    view.changed.notifyAll();
  }
  // The Worker's thread ends as soon as it wakes, which may be when it has the lock again.
  assertStringIncludes(await watchdog(LIMIT_MS, living.says()), "went on");
});

Deno.test("Condition makes nothing but a spurious wake-up, a timeout or a wait of words that a peer wrote", async () => {
  const { memory, view } = turns();
  using _memory = memory;
  const words = wordsOf(memory);
  using guard = view.lock.lockSync();
  for (const value of [1, -1, 0x7fff_ffff, -0x8000_0000]) {
    words.fill(value);
    view.changed.notifyOne();
    view.changed.notifyAll();
    const waited = () => view.changed.waitSync(guard, { timeoutMs: 1 });
    assertThrows(waited, DOMException, "timed out");
    await assertRejects(() => view.changed.wait(guard, { timeoutMs: 1 }), DOMException, "timed out");
  }
});

Deno.test("Condition.wait says ENOSYS where the kernel has no futex_waitv, with the lock held", async () => {
  using both = shared();
  const { memory, words } = both;
  const under = ["strace", "-f", "-o", "/dev/null", "-e", "trace=futex_waitv", "-e", "inject=futex_waitv:error=ENOSYS"];
  await using peer = Peer.deno("condition_waiter.ts", { args: [memory.name, "async"], under });
  assertEquals(await peer.says(), "waiting");
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "ENOSYS");
  assert((await watchdog(LIMIT_MS, peer.status)).success);
  assertEquals([...words.subarray(1)], [0, 0, 0]);
});

Deno.test("Condition makes no system call when nobody waits", async () => {
  const ROUNDS = 20_000;
  const idle = await systemCalls("condition_quiet.ts", "1");
  const busy = await systemCalls("condition_quiet.ts", `${ROUNDS}`);
  assertGreaterOrEqual(idle, 1);
  assertLess(busy - idle, ROUNDS / 10, `${idle} and ${busy} system calls`);
});

Deno.test("Condition leaves no descriptor, mapping or pending operation", async () => {
  await noLeaks(async () => {
    const { memory, view } = turns();
    using _memory = memory;
    const guard = await view.lock.lock();
    const waiting = view.changed.wait(guard, { until: () => view.turn === 1 });
    await assertRejects(async () => {
      using own = await view.lock.lock();
      await view.changed.wait(own, { timeoutMs: 1 });
    }, DOMException);
    view.turn = 1;
    view.changed.notifyAll();
    await watchdog(LIMIT_MS, waiting);
    guard.unlock();
  });
});

Deno.test("Condition goes on after 20 waiters and notifiers were killed at random instants", async () => {
  await killProducersAndConsumers(20);
});
