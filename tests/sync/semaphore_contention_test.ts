// Needs: gcc, python3, strace
/** Several processes use one semaphore at the same time. */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import { PERMITS, Shared } from "../fixtures/semaphore_shared_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { assertFair, assertNoSystemCalls, turnsOf } from "./contention.ts";
import { compileC, Peer } from "./peer.ts";
import { sharedStruct, temporaryDirectory } from "./shared_struct.ts";
import { fixture } from "./other_process.ts";

const LIMIT_MS = 120_000;

const shared = () => sharedStruct(Shared);

Deno.test("Semaphore lets in as many as it has permits: Deno processes, tasks and C programs", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("semaphore_shared_peer.c", directory.path);
  using held = shared();
  const { memory, view } = held;
  const deno = (rounds: string, form: string) =>
    Peer.deno("semaphore_shared_work.ts", { args: [memory.name, "acquire", rounds, form] });
  const c = (rounds: string) => Peer.program(program, memory.name, Shared.layout, "acquire", rounds);
  await using peers = new AsyncDisposableStack();
  const started = [c("30000"), c("30000"), deno("30000", "sync"), deno("5000", "async")].map((peer) => peers.use(peer));
  for (const peer of started) assertEquals(await peer.says(), "ready");
  for (const peer of started) await peer.tell("go");
  const tasks = Array.from({ length: 10 }, async () => {
    for (let round = 0; round < 100; round++) {
      using _permit = await view.permits.acquire();
      assertLessOrEqual(view.inside.add(1) + 1, PERMITS);
      await Promise.resolve();
      view.inside.sub(1);
    }
  });
  await watchdog(LIMIT_MS, Promise.all(tasks));
  for (const peer of started) assertEquals(await watchdog(LIMIT_MS, peer.says()), "done");
  assertEquals([view.taken.load(), view.inside.load(), view.permits.value], [95_000, 0, PERMITS]);
  assertLessOrEqual(view.most.load(), PERMITS);
});

Deno.test("Semaphore: as many posts, as many wakes, between Deno and C, in all forms", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("semaphore_shared_peer.c", directory.path);
  using held = shared();
  const { memory, view } = held;
  const deno = (what: string, rounds: string, form: string) =>
    Peer.deno("semaphore_shared_work.ts", { args: [memory.name, what, rounds, form] });
  const c = (what: string, rounds: string) => Peer.program(program, memory.name, Shared.layout, what, rounds);
  await using peers = new AsyncDisposableStack();
  const started = [
    c("post", "20000"),
    deno("post", "20000", "sync"),
    c("wait", "15000"),
    deno("wait", "15000", "sync"),
    deno("wait", "5000", "async"),
  ].map((peer) => peers.use(peer));
  for (const peer of started) assertEquals(await peer.says(), "ready");
  for (const peer of started) await peer.tell("go");
  const tasks = Array.from({ length: 5 }, async () => {
    for (let round = 0; round < 1000; round++) await view.items.wait();
  });
  for (const peer of started) assertEquals(await watchdog(LIMIT_MS, peer.says()), "done");
  await watchdog(LIMIT_MS, Promise.all(tasks));
  assertEquals(view.items.value, 0);
});

Deno.test("Semaphore is used from Python, by a library of the documented C code", async () => {
  await using directory = await temporaryDirectory();
  const library = await compileC("semaphore_shared_library.c", directory.path, ["-shared", "-fPIC"]);
  using held = shared();
  const { memory, view } = held;
  await using peer = Peer.program(
    "python3",
    fixture("semaphore_shared_peer.py"),
    library,
    memory.name,
    Shared.layout,
    "1000",
  );
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "ready");
  await peer.tell("go");
  for (let round = 0; round < 1000; round++) {
    view.items.post();
    await watchdog(LIMIT_MS, view.items.wait());
  }
  view.items.post();
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "held");
  assertEquals([view.items.value, view.permits.value], [1, PERMITS - 1]);
  const other = view.permits.acquireSync();
  const waiting = view.permits.acquire();
  await peer.tell("release");
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "done");
  (await watchdog(LIMIT_MS, waiting)).release();
  other.release();
  assertEquals(view.permits.value, PERMITS);
});

const CONTENDERS: [forms: string[], share: number][] = [
  [["sync", "sync"], 0.2],
  [["async", "async"], 0.2],
  [["sync", "async"], 0.01],
];

for (const [forms, share] of CONTENDERS) {
  Deno.test(`Semaphore lets two ${forms.join(" and ")} contenders each have at least ${share * 100} % of the turns`, async () => {
    await assertFair(share, () => contend(forms));
  });
}

/** Lets two processes take the one permit that is left as often as they can, and returns how often each did. */
async function contend(forms: readonly string[]): Promise<number[]> {
  using held = shared();
  const { memory, view } = held;
  using _other = view.permits.acquireSync();
  const contenders = () =>
    forms.map((form) => Peer.deno("semaphore_shared_contender.ts", { args: [memory.name, form] }));
  return await turnsOf(contenders, async () => {
    // A length of time, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, 700));
    view.taken.store(1);
  });
}

Deno.test("Semaphore makes no system call while permits are there and nobody sleeps", async () => {
  await assertNoSystemCalls("sync_uncontended.ts", "semaphore");
});
