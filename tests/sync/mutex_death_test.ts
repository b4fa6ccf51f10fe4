// Needs: gcc, strace
/** Owners die here: killed at random instants, killed at each step of the protocol, as Workers, as C programs. */
import { assertEquals, assertGreaterOrEqual, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl, toFileUrl } from "@std/path";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { PosixError } from "../../lib/sync/mod.ts";
import { OWNER_DIED, WAITERS } from "../../lib/sync/robust_word.ts";
import { Locks } from "../fixtures/mutex_nested.ts";
import { Guarded } from "../fixtures/mutex_struct.ts";
import { Life } from "../fixtures/sync_life_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { killOwners } from "./mutex_rounds.ts";
import { sleepsIn, SYS } from "./other_process.ts";
import { compileC, Peer, uniqueName } from "./peer.ts";
import { sharedStruct, temporaryDirectory } from "./shared_struct.ts";
import { promptly, sleepsOnSeveralWords } from "./rounds.ts";

const LIMIT_MS = 60_000;

const guarded = () => sharedStruct(Guarded);

for (const form of ["lock", "lockSync"] as const) {
  Deno.test(`Mutex.${form} gets the lock of a killed owner, once, and knows it`, async () => {
    using shared = guarded();
    const { memory, view } = shared;
    await using peer = Peer.deno("mutex_holder.ts", { args: [memory.name] });
    assertEquals(await peer.says(), "held");
    assertEquals(view.lock.tryLock(), undefined);
    const waiting = form === "lock" ? view.lock.lock() : undefined;
    peer.kill();
    {
      using guard = await watchdog(LIMIT_MS, async () => await waiting ?? view.lock.lockSync());
      assertEquals(guard.previousOwnerDied, true);
      guard.markConsistent();
    }
    using guard = view.lock.lockSync();
    assertEquals(guard.previousOwnerDied, false);
  });
}

Deno.test("Mutex whose owner was killed at a random instant comes back every time, and its data can be mended", async () => {
  await killOwners(40);
});

// What the next owner finds when one died right after a step of lib/sync/robust_word.ts.
const STEPS: [step: string, previousOwnerDied: boolean][] = [
  ["T1", false],
  ["T2", true],
  ["T3", true],
  ["T4", true],
  ["T5", true],
  ["R1", true],
  ["R2", true],
  ["R3", false],
  ["R4", false],
];

for (const [step, previousOwnerDied] of STEPS) {
  Deno.test(`Mutex is free after a death right after ${step}, ${previousOwnerDied ? "and says so" : "unharmed"}`, async () => {
    using shared = guarded();
    const { memory, view } = shared;
    await using peer = Peer.deno("mutex_die_at_step.ts", { args: [memory.name, step] });
    let waiting: ReturnType<typeof view.lock.lock> | undefined;
    if (step.startsWith("R")) {
      assertEquals(await peer.says(), "held");
      waiting = view.lock.lock();
      await peer.tell("go on");
    }
    assertEquals((await watchdog(LIMIT_MS, peer.status)).signal, "SIGKILL");
    using guard = await watchdog(LIMIT_MS, waiting ?? view.lock.lock());
    assertEquals(guard.previousOwnerDied, previousOwnerDied);
    guard.markConsistent();
  });
}

// What a thread did, and which of its locks come back from the dead. A single lock is not in the kernel's list, but pending: see robust_word.ts.
const HISTORIES: [steps: string, dead: number[]][] = [
  ["+0", [0]],
  ["+0 +1", [0, 1]],
  ["+0 +1 +2", [0, 1, 2]],
  ["+0 +1 -0", [1]],
  ["+0 +1 -1", [0]],
  ["+0 +1 -1 -0", []],
  ["+0 +1 -0 +2", [1, 2]],
  ["+0 +1 -0 +2 -1 +0 -2", [0]],
  ["+0 -0 +1 -1 +0", [0]],
  ["+0 =3", [0]],
  ["+0 +1 =3", [0, 1]],
  ["+0 +1 -0 =3", [1]],
];

for (const [steps, dead] of HISTORIES) {
  Deno.test(`Mutex: ${steps} and a death leave ${dead.join(" and ") || "nothing"}`, async () => {
    using memory = createSharedMemory(uniqueName(), { size: Locks.byteLength });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    const { locks } = Locks.create(memory);
    const fourth = locks.get(3).lockSync();
    await using peer = Peer.deno("mutex_nested.ts", { args: [memory.name, ...steps.split(" ")] });
    assertEquals(await peer.says(), steps.includes("=") ? "waiting" : "holding");
    if (steps.includes("=")) await watchdog(LIMIT_MS, peer.sleepsOnFutex());
    for (const index of dead) assertEquals(locks.get(index).tryLock(), undefined);
    peer.kill();
    await watchdog(LIMIT_MS, peer.status);
    fourth.unlock();
    for (let index = 0; index < 4; index++) {
      using guard = await watchdog(LIMIT_MS, locks.get(index).lock());
      assertEquals(guard.previousOwnerDied, dead.includes(index), `lock ${index}`);
      guard.markConsistent();
    }
  });
}

Deno.test("Mutex locks of two copies of this library on one thread all come back", async () => {
  await using directory = await temporaryDirectory();
  const copy = `${directory.path}/lib`;
  await Deno.symlink(fromFileUrl(new URL("../../lib", import.meta.url)), copy);
  using memory = createSharedMemory(uniqueName(), { size: Locks.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const { locks } = Locks.create(memory);
  await using peer = Peer.deno("mutex_two_copies.ts", { args: [memory.name, toFileUrl(copy).href] });
  assertEquals(await peer.says(), "held");
  peer.kill();
  for (const index of [0, 1, 2]) {
    using guard = await watchdog(LIMIT_MS, locks.get(index).lock());
    assertEquals(guard.previousOwnerDied, true, `lock ${index}`);
    guard.markConsistent();
  }
});

Deno.test("Locks of a program that --watch starts again, on the same thread, come back to it", async () => {
  await using directory = await temporaryDirectory();
  const program = `${directory.path}/program.ts`;
  await Deno.writeTextFile(program, `import "${new URL("../fixtures/watched.ts", import.meta.url)}";\n`);
  using shared = sharedStruct(Life);
  const { memory, view } = shared;
  const flags = ["run", "-A", "--no-check", "--quiet", "--watch"];
  await using peer = Peer.program(Deno.execPath(), ...flags, program, memory.name);
  assertEquals(await peer.says(), "previousOwnerDied: false");
  for (let again = 0; again < 2; again++) {
    const line = peer.says();
    // The watcher may not be there yet when the program already is.
    const touching = setInterval(() => Deno.writeTextFileSync(program, "\n", { append: true }), 500);
    assertEquals(await watchdog(LIMIT_MS, line).finally(() => clearInterval(touching)), "previousOwnerDied: true");
  }
  peer.kill();
  using guard = await watchdog(LIMIT_MS, view.lock.lock());
  assertEquals(guard.previousOwnerDied, true);
  (await watchdog(LIMIT_MS, view.permits.acquire())).release();
  (await watchdog(LIMIT_MS, view.page.write())).unlock();
});

Deno.test("Mutex that is not marked consistent after a death is of no use to anybody, waiting or not", async () => {
  using shared = guarded();
  const { memory, view } = shared;
  await using owner = Peer.deno("mutex_holder.ts", { args: [memory.name] });
  assertEquals(await owner.says(), "held");
  await using careless = Peer.deno("mutex_waiter.ts", { args: [memory.name, "careless"] });
  assertEquals(await careless.says(), "waiting");
  // Asleep in the kernel: WAITERS is in the word.
  const word = new Int32Array(memory.bytes.buffer, 64, 1);
  await watchdog(LIMIT_MS, async () => {
    while (Atomics.load(word, 0) >= 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  owner.kill();
  assertEquals(await careless.says(), "held after death");
  await watchdog(LIMIT_MS, careless.status);
  for (let again = 0; again < 2; again++) {
    await assertRejects(() => view.lock.lock(), PosixError, "ENOTRECOVERABLE");
    assertThrows(() => view.lock.lockSync(), PosixError, "ENOTRECOVERABLE");
    assertThrows(() => view.lock.tryLock(), PosixError, "ENOTRECOVERABLE");
  }
});

Deno.test("Mutex.lock of many who wait all fail when the lock becomes unusable", async () => {
  using shared = guarded();
  const { memory, view } = shared;
  await using owner = Peer.deno("mutex_holder.ts", { args: [memory.name] });
  assertEquals(await owner.says(), "held");
  owner.kill();
  const guard = await watchdog(LIMIT_MS, view.lock.lock());
  assertEquals(guard.previousOwnerDied, true);
  await using first = Peer.deno("mutex_waiter.ts", { args: [memory.name, "sync"] });
  await using second = Peer.deno("mutex_waiter.ts", { args: [memory.name, "async"] });
  assertEquals([await first.says(), await second.says()], ["waiting", "waiting"]);
  const own = [view.lock.lock(), view.lock.lock()];
  guard.unlock();
  for (const waiting of own) await assertRejects(() => watchdog(LIMIT_MS, waiting), PosixError, "ENOTRECOVERABLE");
  assertEquals([await first.says(), await second.says()], ["ENOTRECOVERABLE", "ENOTRECOVERABLE"]);
});

for (const alsoWaits of [false, true]) {
  const circumstance = alsoWaits ? " while it waits for another" : "";
  Deno.test(`Worker.terminate() of an owner${circumstance} is a death`, async () => {
    using shared = guarded();
    using other = guarded();
    const { memory, view } = shared;
    await using rival = Peer.deno("mutex_holder.ts", { args: [other.memory.name] });
    assertEquals(await rival.says(), "held");
    const worker = new Worker(new URL("../fixtures/mutex_worker.ts", import.meta.url), { type: "module" });
    const { promise: held, resolve } = Promise.withResolvers<void>();
    worker.addEventListener("message", () => resolve());
    worker.postMessage({ name: memory.name, alsoWaitFor: alsoWaits ? other.memory.name : undefined });
    await watchdog(LIMIT_MS, held);
    assertEquals(view.lock.tryLock(), undefined);
    worker.terminate();
    using guard = await watchdog(LIMIT_MS, view.lock.lock());
    assertEquals(guard.previousOwnerDied, true);
    guard.markConsistent();
  });
}

Deno.test("Mutex of an owner that ends with the lock held comes back", async () => {
  using shared = guarded();
  const { memory, view } = shared;
  await using peer = Peer.deno("mutex_holder.ts", { args: [memory.name] });
  assertEquals(await peer.says(), "held");
  const waiting = view.lock.lock();
  peer.kill("SIGTERM");
  using guard = await watchdog(LIMIT_MS, waiting);
  assertEquals(guard.previousOwnerDied, true);
  guard.markConsistent();
});

Deno.test("Mutex of a stopped owner stays its own", async () => {
  using shared = guarded();
  const { memory, view } = shared;
  await using peer = Peer.deno("mutex_holder.ts", { args: [memory.name] });
  assertEquals(await peer.says(), "held");
  peer.kill("SIGSTOP");
  // Longer than a sleeper sleeps without looking.
  await assertRejects(() => view.lock.lock({ timeoutMs: 1500 }), DOMException, "timed out");
  peer.kill("SIGCONT");
  await peer.tell("unlock");
  using guard = await watchdog(LIMIT_MS, view.lock.lock());
  assertEquals(guard.previousOwnerDied, false);
});

Deno.test("Mutex of a namesake in another pid namespace stays its own when who waits for it is killed", async () => {
  using shared = guarded();
  const { memory } = shared;
  const word = new Int32Array(memory.bytes.buffer, 64, 1);
  await using waiter = Peer.deno("mutex_waiter.ts", { args: [memory.name, "sync", "when told"] });
  assertEquals(await waiter.says(), "ready");
  // As if an owner had the same thread id as the waiter.
  Atomics.store(word, 0, waiter.pid);
  await waiter.tell("go");
  assertEquals(await waiter.says(), "waiting");
  await watchdog(LIMIT_MS, waiter.sleepsOnFutex());
  waiter.kill();
  await watchdog(LIMIT_MS, waiter.status);
  assertEquals(Atomics.load(word, 0), waiter.pid | WAITERS);
});

Deno.test("Mutex.lockSync times out, and goes on after a stop", async () => {
  using shared = guarded();
  const { memory, view } = shared;
  await using owner = Peer.deno("mutex_holder.ts", { args: [memory.name] });
  assertEquals(await owner.says(), "held");
  const from = performance.now();
  assertThrows(() => view.lock.lockSync({ timeoutMs: 30 }), DOMException, "timed out after 30 ms");
  assertThrows(() => view.lock.lockSync({ timeoutMs: 0 }), DOMException, "timed out");
  assertGreaterOrEqual(performance.now() - from, 30);
  await using waiter = Peer.deno("mutex_waiter.ts", { args: [memory.name] });
  assertEquals(await waiter.says(), "waiting");
  await watchdog(LIMIT_MS, waiter.sleepsOnFutex());
  waiter.kill("SIGSTOP");
  waiter.kill("SIGCONT");
  await owner.tell("unlock");
  assertEquals(await watchdog(LIMIT_MS, waiter.says()), "held");
});

Deno.test("Mutex.lock says ENOSYS where the kernel has no futex_waitv, and lockSync works", async () => {
  using shared = guarded();
  const { memory, view } = shared;
  const guard = view.lock.lockSync();
  const under = ["strace", "-f", "-o", "/dev/null", "-e", "trace=futex_waitv", "-e", "inject=futex_waitv:error=ENOSYS"];
  await using waiter = Peer.deno("mutex_waiter.ts", { args: [memory.name, "async"], under });
  assertEquals(await waiter.says(), "waiting");
  assertEquals(await watchdog(LIMIT_MS, waiter.says()), "ENOSYS");
  await using other = Peer.deno("mutex_waiter.ts", { args: [memory.name, "sync"], under });
  assertEquals(await other.says(), "waiting");
  guard.unlock();
  assertEquals(await watchdog(LIMIT_MS, other.says()), "held");
});

Deno.test("Mutex goes to another waiter when one that waits is stopped or killed", async () => {
  for (const signal of ["SIGSTOP", "SIGKILL"] as const) {
    for (const form of ["sync", "async"]) {
      using shared = guarded();
      const { memory, view } = shared;
      const guard = view.lock.lockSync();
      await using waiter = Peer.deno("mutex_waiter.ts", { args: [memory.name, form] });
      assertEquals(await waiter.says(), "waiting");
      const word = new Int32Array(memory.bytes.buffer, 64, 1);
      await watchdog(LIMIT_MS, async () => {
        while (Atomics.load(word, 0) >= 0) await new Promise((resolve) => setTimeout(resolve, 1));
      });
      await using other = Peer.deno("mutex_waiter.ts", { args: [memory.name, form] });
      assertEquals(await other.says(), "waiting");
      waiter.kill(signal);
      guard.unlock();
      assertEquals(await watchdog(LIMIT_MS, other.says()), "held");
    }
  }
});

Deno.test("Mutex.lock that is aborted at the owner's death passes on the wake-up that the kernel has given it", async () => {
  await promptly(async () => {
    using shared = guarded();
    const { memory, view } = shared;
    await using owner = Peer.deno("mutex_holder.ts", { args: [memory.name] });
    assertEquals(await owner.says(), "held");
    const { abort, aborted } = abortable((signal) => view.lock.lock({ signal }));
    // The kernel wakes who has slept longest.
    await watchdog(LIMIT_MS, sleepsOnSeveralWords(Deno.pid));
    await using other = Peer.deno("mutex_waiter.ts", { args: [memory.name, "sync"] });
    assertEquals(await other.says(), "waiting");
    await watchdog(LIMIT_MS, sleepsIn(other.pid, SYS.futex));
    const word = new Int32Array(memory.bytes.buffer, 64, 1);
    const from = performance.now();
    owner.kill();
    while ((Atomics.load(word, 0) & OWNER_DIED) === 0) Atomics.pause();
    abort();
    assertEquals(await watchdog(LIMIT_MS, other.says()), "held after death");
    const took = performance.now() - from;
    await aborted;
    return took;
  });
});

/** A wait, and how to abort it. */
function abortable(wait: (signal: AbortSignal) => Promise<unknown>): { abort: () => void; aborted: Promise<unknown> } {
  const controller = new AbortController();
  const aborted = assertRejects(() => wait(controller.signal), DOMException);
  return { abort: () => controller.abort(), aborted };
}

Deno.test("Mutex is joined by a C program, which dies with it and hears of deaths", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("mutex_peer.c", directory.path);
  using shared = guarded();
  const { memory, view } = shared;
  {
    await using dying = Peer.program(program, memory.name, Guarded.layout, "die");
    assertEquals(await dying.says(), "held");
    using guard = await watchdog(LIMIT_MS, view.lock.lock());
    assertEquals([guard.previousOwnerDied, view.first], [true, 1n]);
    guard.markConsistent();
  }
  await using owner = Peer.deno("mutex_holder.ts", { args: [memory.name] });
  assertEquals(await owner.says(), "held");
  await using next = Peer.program(program, memory.name, Guarded.layout, "hold");
  owner.kill();
  assertEquals(await watchdog(LIMIT_MS, next.says()), "held after death");
  assertEquals(view.lock.tryLock(), undefined);
  const waiting = view.lock.lock();
  await next.tell("unlock");
  using guard = await watchdog(LIMIT_MS, waiting);
  assertEquals(guard.previousOwnerDied, false);
});

Deno.test("Mutex after a death leaves nothing behind", async () => {
  await noLeaks(async () => {
    using shared = guarded();
    await using peer = Peer.deno("mutex_holder.ts", { args: [shared.memory.name] });
    await peer.says();
    const waiting = shared.view.lock.lock();
    peer.kill();
    (await watchdog(LIMIT_MS, waiting)).unlock();
  });
});
