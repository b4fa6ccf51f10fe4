// Needs: gcc, strace
/** Several processes read and write under one lock at the same time. */
import { assertEquals } from "@std/assert";
import { Shared } from "../fixtures/rw_lock_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { assertFair, assertNoSystemCalls, turnsOf } from "./contention.ts";
import { compileC, Peer } from "./peer.ts";
import { sharedStruct, temporaryDirectory } from "./shared_struct.ts";

const LIMIT_MS = 120_000;

const shared = () => sharedStruct(Shared);

Deno.test("RwLock guards two counters of Deno processes, of tasks and of a C program: never torn, and the total is exact", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("rw_lock_peer.c", directory.path);
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

for (const [who, share] of CONTENDERS) {
  const names = who.map((words) => words.join(" ")).join(", ");
  Deno.test(`RwLock lets each of ${names} have at least ${share * 100} % of the turns`, async () => {
    await assertFair(share, () => contend(who));
  });
}

async function contend(who: readonly [kind: string, form: string][]): Promise<number[]> {
  using held = shared();
  const { memory, view } = held;
  const contenders = () => who.map((words) => Peer.deno("rw_lock_contender.ts", { args: [memory.name, ...words] }));
  return await turnsOf(contenders, async () => {
    // A length of time, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, 700));
    view.deaths = 1n;
  });
}

Deno.test("RwLock makes no system call when nobody else wants the lock", async () => {
  await assertNoSystemCalls("sync_uncontended.ts", "rwLock");
});
