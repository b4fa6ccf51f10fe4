// Needs: gcc, strace
/** Several processes read and write under one lock at the same time. */
import { assert, assertEquals, assertGreaterOrEqual, assertLess, fail } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { Shared } from "../fixtures/rw_lock_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer, uniqueName } from "./peer.ts";

const LIMIT_MS = 120_000;

function shared() {
  const memory = createSharedMemory(uniqueName(), { size: Shared.byteLength });
  const dispose = () => {
    memory.unlink();
    memory.close();
  };
  return { memory, view: Shared.create(memory), [Symbol.dispose]: dispose };
}

Deno.test("RwLock guards two counters of Deno processes, of tasks and of a C program: never torn, and the total is exact", async () => {
  const directory = await Deno.makeTempDir();
  await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
  const program = await compileC("rw_lock_peer.c", directory);
  using held = shared();
  const { memory, view } = held;
  const deno = (rounds: number, form: string) =>
    Peer.deno("rw_lock_work.ts", { args: [memory.name, `${rounds}`, form] });
  await using peers = new AsyncDisposableStack();
  const started = [
    Peer.program(program, memory.name, Shared.layout, "work", "40000"),
    deno(40_000, "sync"),
    deno(40_000, "sync"),
    deno(4_000, "async"),
  ].map((peer) => peers.use(peer));
  for (const peer of started) assertEquals(await peer.says(), "ready");
  for (const peer of started) await peer.tell("go");
  const tasks = Array.from({ length: 10 }, async (_, task) => {
    for (let round = 0; round < 100; round++) {
      if ((round + task) % 4 === 0) {
        using _guard = await view.lock.write();
        const seen = view.first;
        await Promise.resolve();
        view.first = view.second = seen + 1n;
      } else {
        using _guard = await view.lock.read();
        assertEquals(view.first, view.second);
        await Promise.resolve();
        assertEquals(view.first, view.second);
      }
    }
  });
  await watchdog(LIMIT_MS, Promise.all(tasks));
  for (const peer of started) assertEquals(await watchdog(LIMIT_MS, peer.says()), "done");
  assertEquals([view.first, view.second], [31_250n, 31_250n]);
});

/** Who contends, and the least share of all turns that each must get. */
const CONTENDERS: [who: [kind: string, form: string][], share: number][] = [
  [[["write", "sync"], ["write", "sync"]], 0.2],
  [[["write", "async"], ["write", "async"]], 0.2],
  [[["write", "sync"], ["read", "sync"]], 0.2],
  // A turn of an event loop takes a dozen times as long as one of a thread that does nothing else.
  [[["write", "sync"], ["read", "async"]], 0.01],
  [[["write", "sync"], ["read", "sync"], ["read", "sync"]], 0.05],
  [[["write", "async"], ["read", "async"], ["read", "async"]], 0.05],
];

/** A machine that is busy elsewhere can take the processor from one contender for a whole run; a lock that starves does so in every run. */
const TRIES = 3;

for (const [who, share] of CONTENDERS) {
  const names = who.map((words) => words.join(" ")).join(", ");
  Deno.test(`RwLock lets each of ${names} have at least ${share * 100} % of the turns`, async () => {
    const seen: number[][] = [];
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const turns = await contend(who);
      seen.push(turns);
      const total = turns.reduce((sum, own) => sum + own, 0);
      if (Math.min(...turns) >= total * share) return;
    }
    fail(`turns in ${TRIES} runs: ${seen.map((turns) => turns.join(" and ")).join("; ")}`);
  });
}

async function contend(who: readonly [kind: string, form: string][]): Promise<number[]> {
  using held = shared();
  const { memory, view } = held;
  await using peers = new AsyncDisposableStack();
  const started = who.map((words) => peers.use(Peer.deno("rw_lock_contender.ts", { args: [memory.name, ...words] })));
  for (const peer of started) assertEquals(await peer.says(), "ready");
  for (const peer of started) await peer.tell("go");
  // A length of time, not a synchronization.
  await new Promise((resolve) => setTimeout(resolve, 700));
  view.deaths = 1n;
  const turns: number[] = [];
  for (const peer of started) turns.push(Number(await watchdog(LIMIT_MS, peer.says())));
  return turns;
}

Deno.test("RwLock makes no system call when nobody else wants the lock", async () => {
  const calls = async (rounds: number): Promise<number> => {
    const log = await Deno.makeTempFile();
    // Without -f only the main thread is traced, which runs the JavaScript.
    await using peer = Peer.deno("sync_uncontended.ts", {
      args: ["rwLock", `${rounds}`],
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
  // Each round locks seven times; what is left is the garbage collector's.
  assertLess(busy - idle, ROUNDS / 10, `${idle} and ${busy} system calls`);
});
