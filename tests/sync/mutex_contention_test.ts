// Needs: gcc, strace
/** Several processes want one lock at the same time. */
import { assertEquals } from "@std/assert";
import { Guarded } from "../fixtures/mutex_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { assertFair, assertNoSystemCalls, turnsOf } from "./contention.ts";
import { compileC, Peer } from "./peer.ts";
import { sharedStruct, temporaryDirectory } from "./shared_struct.ts";

const LIMIT_MS = 120_000;

const guarded = () => sharedStruct(Guarded);

Deno.test("Mutex guards a plain counter of Deno processes, of tasks and of a C program: the total is exact", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("mutex_peer.c", directory.path);
  using shared = guarded();
  const { memory, view } = shared;
  const deno = (rounds: number, form: string) =>
    Peer.deno("mutex_incrementer.ts", { args: [memory.name, `${rounds}`, form] });
  await using peers = new AsyncDisposableStack();
  const started = [
    Peer.program(program, memory.name, Guarded.layout, "increment", "300000"),
    deno(100_000, "sync"),
    deno(100_000, "sync"),
    deno(10_000, "async"),
  ].map((peer) => peers.use(peer));
  for (const peer of started) assertEquals(await peer.says(), "ready");
  for (const peer of started) await peer.tell("go");
  const tasks = Array.from({ length: 10 }, async () => {
    for (let round = 0; round < 100; round++) {
      using _guard = await view.lock.lock();
      const seen = view.first;
      await Promise.resolve();
      view.first = seen + 1n;
    }
  });
  await watchdog(LIMIT_MS, Promise.all(tasks));
  for (const peer of started) assertEquals(await watchdog(LIMIT_MS, peer.says()), "done");
  assertEquals(view.first, 511_000n);
});

const CONTENDERS: [forms: string[], total: number][] = [
  [["sync", "sync"], 2_000_000],
  [["async", "async"], 600_000],
  [["sync", "async"], 600_000],
];

for (const [forms, total] of CONTENDERS) {
  const [first, second] = forms;
  // Of two equal contenders each gets at least a fifth; a sync one takes a lock several times while an async one takes it once.
  const share = first === second ? 0.2 : 0.01;
  Deno.test(`Mutex lets two ${forms.join(" and ")} contenders each have at least ${share * 100} % of the turns`, async () => {
    await assertFair(share, () => contend(forms, total));
  });
}

/** Lets two processes take the lock as often as they can, and returns how often each did. */
async function contend(forms: readonly string[], total: number): Promise<number[]> {
  using shared = guarded();
  const { memory, view } = shared;
  const turns = await turnsOf(() =>
    forms.map((form) => Peer.deno("mutex_contender.ts", { args: [memory.name, `${total}`, form] }))
  );
  assertEquals(view.first, BigInt(total));
  return turns;
}

Deno.test("Mutex makes no system call when the lock is free", async () => {
  await assertNoSystemCalls("mutex_uncontended.ts");
});
