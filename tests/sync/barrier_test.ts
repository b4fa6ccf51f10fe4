import { assertEquals, assertGreaterOrEqual, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type AnonymousMemory, createAnonymousMemory, openSharedMemory, struct } from "../../lib/memory/mod.ts";
import { barrier, ClosedError, PosixError } from "../../lib/sync/mod.ts";
import { SIZE, Team } from "../fixtures/barrier_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { killMembers } from "./barrier_rounds.ts";
import { Peer } from "./peer.ts";
import { sharedStruct } from "./shared_struct.ts";

const LIMIT_MS = 60_000;

type View = ReturnType<typeof Team.create>;

function team(): { memory: AnonymousMemory; view: View } {
  const memory = createAnonymousMemory({ size: Team.byteLength });
  return { memory, view: Team.create(memory) };
}

function shared() {
  const held = sharedStruct(Team);
  return { ...held, words: pairOf(held.memory) };
}

/** gate, phase, joins, broken, six words, and records of four. */
function pairOf(memory: { bytes: Uint8Array<ArrayBuffer> }): Int32Array {
  return new Int32Array(memory.bytes.buffer, 64 + Team.offsets["pair"]!, 10 + 4 * 8);
}

function arrived(words: Int32Array): number {
  let count = 0;
  for (let at = 10; at < words.length; at += 4) {
    if (Atomics.load(words, at) !== 0 && Atomics.load(words, at + 1) === words[1]) count += Atomics.load(words, at + 2);
  }
  return count;
}

async function untilArrived(words: Int32Array, count: number): Promise<void> {
  await watchdog(LIMIT_MS, async () => {
    while (arrived(words) !== count) await new Promise((resolve) => setTimeout(resolve, 1));
  });
}

Deno.test("barrier takes 40 bytes and a record for each participant, and says its size", () => {
  assertEquals([barrier(4).size, barrier(4).alignment, barrier(4).layout], [40 + 64 * 16, 8, "barrier(4)"]);
  const Small = struct({ step: barrier(2) }, { participants: 3 });
  assertEquals(Small.layout, "struct{step@0:barrier(2),participants@88:participants(3)}#208");
  for (const size of [0, -1, 1.5, NaN, 2 ** 30]) assertThrows(() => barrier(size), RangeError);
});

Deno.test("Barrier.wait of tasks lets them go on together, again and again, with one leader each time", async () => {
  const { memory, view } = team();
  using _memory = memory;
  const rounds: number[] = [0, 0, 0, 0];
  let leaders = 0;
  await watchdog(
    LIMIT_MS,
    Promise.all(rounds.map(async (_, task) => {
      for (let round = 1; round <= 200; round++) {
        rounds[task] = round;
        if ((await view.step.wait()).leader) leaders++;
        for (const other of rounds) assertEquals(other === round || other === round + 1, true);
      }
    })),
  );
  assertEquals(leaders, 200);
});

Deno.test("Barrier.tryWait goes on only if all others are there", async () => {
  const { memory, view } = team();
  using _memory = memory;
  assertEquals(view.pair.tryWait(), undefined);
  const waiting = view.pair.wait();
  assertEquals(view.pair.tryWait(), { leader: true });
  assertEquals(await watchdog(LIMIT_MS, waiting), { leader: false });
  assertEquals(view.pair.tryWait(), undefined);
});

Deno.test("Barrier.tryWait that does not go on makes nobody a member", () => {
  const { memory, view } = team();
  using _memory = memory;
  assertEquals(view.pair.tryWait(), undefined);
  using second = memory.duplicate();
  using third = memory.duplicate();
  Team.open(second).pair.join();
  Team.open(third).pair.join();
  assertThrows(() => view.pair.join(), PosixError, "ENOSPC");
});

for (const form of ["sync", "async"]) {
  Deno.test(`Barrier lets four ${form} processes through 10,000 phases together, with one leader each`, async () => {
    const rounds = form === "sync" ? 10_000 : 1_000;
    using both = shared();
    const { memory, view } = both;
    await using peers = new AsyncDisposableStack();
    const started = Array.from(
      { length: SIZE },
      (_, who) => peers.use(Peer.deno("barrier_phases.ts", { args: [memory.name, `${who}`, `${rounds}`, form] })),
    );
    for (const peer of started) assertEquals(await peer.says(), "ready");
    for (const peer of started) await peer.tell("go");
    // The first that ends breaks nothing: all have gone through the last phase.
    for (const peer of started) assertEquals(await watchdog(2 * LIMIT_MS, peer.says()), "done");
    assertEquals([view.leaders.load(), view.late.load(), [...view.round]], [rounds, 0, Array(SIZE).fill(rounds)]);
  });
}

Deno.test("Barrier.wait that times out or is aborted has not come, and the others go on waiting", async () => {
  const { memory, view } = team();
  using _memory = memory;
  const words = pairOf(memory);
  const reason = new Error("Enough");
  const controller = new AbortController();
  for (const timeoutMs of [0, 20]) {
    const from = performance.now();
    assertThrows(() => view.pair.waitSync({ timeoutMs }), DOMException, `timed out after ${timeoutMs} ms`);
    await assertRejects(() => view.pair.wait({ timeoutMs }), DOMException, `timed out after ${timeoutMs} ms`);
    assertGreaterOrEqual(performance.now() - from, 2 * timeoutMs);
    assertEquals(arrived(words), 0);
  }
  for (const timeoutMs of [-1, NaN]) {
    assertThrows(() => view.pair.waitSync({ timeoutMs }), RangeError);
    await assertRejects(() => view.pair.wait({ timeoutMs }), RangeError);
  }
  const aborted = view.pair.wait({ signal: controller.signal });
  await untilArrived(words, 1);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => watchdog(LIMIT_MS, aborted)), reason);
  assertStrictEquals(await assertRejects(() => view.pair.wait({ signal: controller.signal })), reason);
  assertEquals([arrived(words), view.pair.broken], [0, false]);
  assertEquals((await watchdog(LIMIT_MS, Promise.all([view.pair.wait(), view.pair.wait()]))).length, 2);
});

for (const form of ["sync", "async", "join"]) {
  for (const when of ["before it came", "while it waits"]) {
    if ((when === "before it came") !== (form === "join")) continue;
    Deno.test(`Barrier is broken when a ${form} member is killed ${when}, until it is reset`, async () => {
      using both = shared();
      const { memory, view, words } = both;
      await using member = Peer.deno("barrier_member.ts", { args: [memory.name, form] });
      await member.says();
      if (form !== "join") await untilArrived(words, 1);
      const waiting = form === "join"
        ? assertRejects(() => watchdog(LIMIT_MS, view.pair.wait()), PosixError, "EOWNERDEAD")
        : undefined;
      if (waiting !== undefined) await untilArrived(words, 1);
      member.kill();
      await watchdog(LIMIT_MS, member.status);
      await waiting;
      for (let again = 0; again < 2; again++) {
        assertThrows(() => view.pair.waitSync(), PosixError, "EOWNERDEAD");
        assertThrows(() => view.pair.tryWait(), PosixError, "EOWNERDEAD");
        assertThrows(() => view.pair.join(), PosixError, "EOWNERDEAD");
        await assertRejects(() => view.pair.wait(), PosixError, "EOWNERDEAD");
      }
      assertEquals(view.pair.broken, true);
      view.pair.reset();
      assertEquals(view.pair.broken, false);
      await using other = Peer.deno("barrier_member.ts", { args: [memory.name] });
      assertEquals(await other.says(), "coming");
      await watchdog(LIMIT_MS, view.pair.wait());
      await watchdog(LIMIT_MS, other.says());
    });
  }
}

// What becomes of one who waits when another died right after a step of lib/sync/barrier_steps.ts. undefined: it waits on, for somebody else.
const STEPS: [step: string, comes: string | undefined][] = [
  ["B1", undefined],
  ["B2", undefined],
  ["M1", undefined],
  ["M2", undefined],
  ["M3", undefined],
  ["M4", "EOWNERDEAD"],
  ["B4", "EOWNERDEAD"],
  ["B5", "EOWNERDEAD"],
  ["X1", "EOWNERDEAD"],
  ["X2", "EOWNERDEAD"],
  ["X3", "EOWNERDEAD"],
  ["L1", "EOWNERDEAD"],
  ["L2", "passed"],
  ["L3", "passed"],
  ["L4", "passed"],
  ["Y4", "ECANCELED"],
];

for (const [step, comes] of STEPS) {
  for (const form of ["sync", "async"]) {
    const then = comes ?? "goes on waiting";
    Deno.test(`Barrier: a ${form} member that waits ${then} after another's death right after ${step}`, async () => {
      using both = shared();
      const { memory, view, words } = both;
      await using dying = Peer.deno("barrier_die_at_step.ts", { args: [memory.name, step] });
      assertEquals(await dying.says(), "ready");
      await using waiter = Peer.deno("barrier_member.ts", { args: [memory.name, form] });
      assertEquals(await waiter.says(), "coming");
      await untilArrived(words, 1);
      await dying.tell("go");
      assertEquals((await watchdog(LIMIT_MS, dying.status)).signal, "SIGKILL");
      if (comes !== undefined) {
        assertEquals(await watchdog(LIMIT_MS, waiter.says()), comes);
        if (comes !== "passed") return;
        await assertRejects(() => view.pair.wait(), PosixError, "EOWNERDEAD");
        return;
      }
      await watchdog(LIMIT_MS, view.pair.wait());
      assertEquals(await watchdog(LIMIT_MS, waiter.says()), "passed");
    });
  }
}

Deno.test("Barrier of a stopped member waits for it, however long, and is not broken", async () => {
  using both = shared();
  const { memory, view } = both;
  await using member = Peer.deno("barrier_member.ts", { args: [memory.name, "join"] });
  assertEquals(await member.says(), "joined");
  member.kill("SIGSTOP");
  // Longer than a sleeper sleeps without looking.
  await assertRejects(() => view.pair.wait({ timeoutMs: 1500 }), DOMException, "timed out");
  assertEquals(view.pair.broken, false);
  member.kill("SIGCONT");
  await member.tell("come");
  const { leader } = await watchdog(LIMIT_MS, view.pair.wait());
  assertEquals(await watchdog(LIMIT_MS, member.says()), leader ? "passed" : "led");
});

Deno.test("Worker.terminate() of a member breaks the barrier", async () => {
  using both = shared();
  const { memory, view, words } = both;
  const worker = new Worker(new URL("../fixtures/barrier_worker.ts", import.meta.url), { type: "module" });
  const { promise: joined, resolve } = Promise.withResolvers<void>();
  worker.addEventListener("message", () => resolve());
  worker.postMessage({ name: memory.name });
  await watchdog(LIMIT_MS, joined);
  const waiting = view.pair.wait();
  await untilArrived(words, 1);
  worker.terminate();
  await assertRejects(() => watchdog(LIMIT_MS, waiting), PosixError, "EOWNERDEAD");
});

Deno.test("Barrier sees a member that joins after the others have come, and dies", async () => {
  using both = shared();
  const { memory, view, words } = both;
  const waiting = view.pair.wait();
  await untilArrived(words, 1);
  await using member = Peer.deno("barrier_member.ts", { args: [memory.name, "join"] });
  assertEquals(await member.says(), "joined");
  member.kill();
  await assertRejects(() => watchdog(LIMIT_MS, waiting), PosixError, "EOWNERDEAD");
});

Deno.test("Barrier.leave, and closing the memory, end a membership without breaking anything", async () => {
  using both = shared();
  const { memory, view } = both;
  const again = () => openSharedMemory(memory.name);
  {
    using same = again();
    Team.open(same).pair.join();
  }
  view.pair.join();
  view.pair.join();
  await using member = Peer.deno("barrier_member.ts", { args: [memory.name, "join"] });
  assertEquals(await member.says(), "joined");
  {
    using same = again();
    assertThrows(() => Team.open(same).pair.join(), PosixError, "ENOSPC");
  }
  const waiting = view.pair.wait({ timeoutMs: 20 });
  assertThrows(() => view.pair.leave(), PosixError, "EBUSY");
  assertThrows(() => memory.close(), Error, "a barrier in it is waited at");
  await assertRejects(() => waiting, DOMException);
  view.pair.leave();
  view.pair.leave();
  await using other = Peer.deno("barrier_member.ts", { args: [memory.name] });
  assertEquals(await other.says(), "coming");
  await member.tell("come");
  assertEquals(new Set([await member.says(), await other.says()]), new Set(["led", "passed"]));
  assertEquals(view.pair.broken, false);
});

Deno.test("Barrier.reset lets nobody go on who waits, and keeps the living", async () => {
  const { memory, view } = team();
  using _memory = memory;
  const waiting = [view.step.wait(), view.step.wait(), view.step.wait()];
  const outcomes = Promise.allSettled(waiting);
  view.step.reset();
  for (const outcome of await watchdog(LIMIT_MS, outcomes)) {
    assertEquals(outcome.status, "rejected");
    if (outcome.status === "rejected") assertEquals(outcome.reason.code, "ECANCELED");
  }
  const passes = await watchdog(LIMIT_MS, Promise.all([1, 2, 3, 4].map(() => view.step.wait())));
  assertEquals(passes.filter(({ leader }) => leader).length, 1);
});

Deno.test("Barrier counts its phases beyond every number of bits", async () => {
  const { memory, view } = team();
  using _memory = memory;
  for (const phase of [0x7fff_ffff, -1]) {
    pairOf(memory)[1] = phase;
    for (let round = 0; round < 3; round++) {
      const passes = await watchdog(LIMIT_MS, Promise.all([view.pair.wait(), view.pair.wait()]));
      assertEquals(passes.filter(({ leader }) => leader).length, 1);
    }
  }
});

Deno.test("Memory.close throws while a wait for a barrier in it has not even got to the gate", async () => {
  const { memory, view } = team();
  const words = pairOf(memory);
  // As if another thread had stopped there.
  Atomics.store(words, 0, 1);
  const waiting = assertRejects(() => view.pair.wait({ timeoutMs: 50 }), DOMException, "timed out");
  assertThrows(() => memory.close(), Error, "a barrier in it is waited at");
  await watchdog(LIMIT_MS, waiting);
  memory.close();
});

Deno.test("Barrier of closed memory throws", async () => {
  const { memory, view: { pair } } = team();
  memory.close();
  const uses = [() => pair.join(), () => pair.leave(), () => pair.reset(), () => pair.broken, () => pair.tryWait()];
  for (const use of [...uses, () => pair.waitSync()]) assertThrows(use, ClosedError);
  await assertRejects(() => pair.wait(), ClosedError);
});

Deno.test("Barrier makes nothing but an error or a timeout of words that a peer wrote", async () => {
  for (const value of [1, -1, 2, 0x7fff_ffff, -0x8000_0000]) {
    const { memory, view } = team();
    using _memory = memory;
    view.pair.join();
    // The gate stays free: who holds it for ever makes all others wait, as any owner can.
    pairOf(memory).fill(value, 1);
    const wait = () => view.pair.waitSync({ timeoutMs: 5 });
    assertThrows(wait, Error);
    await assertRejects(() => view.pair.wait({ timeoutMs: 5 }), Error);
    view.pair.reset();
    view.pair.leave();
    pairOf(memory).fill(0, 1);
    assertThrows(wait, DOMException, "timed out");
  }
});

Deno.test("Barrier whose record a peer overwrote while it is waited at throws, and does not hang", async () => {
  const { memory, view } = team();
  using _memory = memory;
  const words = pairOf(memory);
  const waiting = view.pair.wait();
  await untilArrived(words, 1);
  words.fill(0x55, 10);
  Atomics.add(words, 1, 1);
  await assertRejects(() => watchdog(LIMIT_MS, waiting), Error, "overwrote");
});

Deno.test("Barrier leaves no descriptor, mapping or pending operation", async () => {
  await noLeaks(async () => {
    const { memory, view } = team();
    using _memory = memory;
    const waiting = [view.pair.wait(), view.pair.wait()];
    await watchdog(LIMIT_MS, Promise.all(waiting));
    await assertRejects(() => view.pair.wait({ timeoutMs: 1 }), DOMException);
  });
});

Deno.test("Barrier is broken by each of 20 members that were killed at random instants", async () => {
  await killMembers(20);
});
