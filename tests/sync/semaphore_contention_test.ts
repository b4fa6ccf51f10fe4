// Needs: gcc, python3, strace
/** Several processes use one semaphore at the same time. */
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual, fail } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { PERMITS, Shared } from "../fixtures/semaphore_shared_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer, uniqueName } from "./peer.ts";
import { fixture } from "./other_process.ts";

const LIMIT_MS = 120_000;

function shared() {
  const memory = createSharedMemory(uniqueName(), { size: Shared.byteLength });
  const dispose = () => {
    memory.unlink();
    memory.close();
  };
  return { memory, view: Shared.create(memory), [Symbol.dispose]: dispose };
}

async function folder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("Semaphore lets in as many as it has permits: Deno processes, tasks and C programs", async () => {
  await using directory = await folder();
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
  await using directory = await folder();
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
  await using directory = await folder();
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
  [["sync", "async"], 0.03],
];

/** A machine that is busy elsewhere can take the processor from one contender for a whole run; a semaphore that starves does so in every run. */
const TRIES = 3;

for (const [forms, share] of CONTENDERS) {
  Deno.test(`Semaphore lets two ${forms.join(" and ")} contenders each have at least ${share * 100} % of the turns`, async () => {
    const seen: number[][] = [];
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const turns = await contend(forms);
      seen.push(turns);
      if (Math.min(...turns) >= turns.reduce((sum, own) => sum + own, 0) * share) return;
    }
    fail(`turns in ${TRIES} runs: ${seen.map((turns) => turns.join(" and ")).join("; ")}`);
  });
}

/** Lets two processes take the one permit that is left as often as they can, and returns how often each did. */
async function contend(forms: readonly string[]): Promise<number[]> {
  using held = shared();
  const { memory, view } = held;
  using _other = view.permits.acquireSync();
  await using peers = new AsyncDisposableStack();
  const started = forms.map((form) =>
    peers.use(Peer.deno("semaphore_shared_contender.ts", { args: [memory.name, form] }))
  );
  for (const peer of started) assertEquals(await peer.says(), "ready");
  for (const peer of started) await peer.tell("go");
  // A length of time, not a synchronization.
  await new Promise((resolve) => setTimeout(resolve, 700));
  view.taken.store(1);
  const turns: number[] = [];
  for (const peer of started) turns.push(Number(await watchdog(LIMIT_MS, peer.says())));
  return turns;
}

Deno.test("Semaphore makes no system call while permits are there and nobody sleeps", async () => {
  const calls = async (rounds: number): Promise<number> => {
    const log = await Deno.makeTempFile();
    // Without -f only the main thread is traced, which runs the JavaScript.
    await using peer = Peer.deno("sync_uncontended.ts", {
      args: ["semaphore", `${rounds}`],
      under: ["strace", "-c", "-S", "calls", "-o", log],
    });
    assert((await watchdog(LIMIT_MS, peer.status)).success);
    const text = await Deno.readTextFile(log);
    await Deno.remove(log);
    return Number(/^\s*100\.00\s+\S+\s+\S+\s+(\d+)/m.exec(text)?.[1]);
  };
  const ROUNDS = 20_000;
  const idle = await calls(1);
  const busy = await calls(ROUNDS);
  assertGreaterOrEqual(idle, 1);
  // Each round takes six times; what is left is the garbage collector's.
  assertLess(busy - idle, ROUNDS / 10, `${idle} and ${busy} system calls`);
});
