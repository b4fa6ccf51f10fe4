// Needs: gcc, strace
/** Several processes want one lock at the same time. */
import { assert, assertEquals, assertGreaterOrEqual, assertLess, fail } from "@std/assert";
import { createSharedMemory, type SharedMemory } from "../../lib/memory/mod.ts";
import { Guarded } from "../fixtures/mutex_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer, uniqueName } from "./peer.ts";

const LIMIT_MS = 120_000;

function guarded(): { memory: SharedMemory; view: ReturnType<typeof Guarded.create> } & Disposable {
  const memory = createSharedMemory(uniqueName(), { size: Guarded.byteLength });
  const view = Guarded.create(memory);
  const dispose = () => {
    memory.unlink();
    memory.close();
  };
  return { memory, view, [Symbol.dispose]: dispose };
}

Deno.test("Mutex guards a plain counter of Deno processes, of tasks and of a C program: the total is exact", async () => {
  const directory = await Deno.makeTempDir();
  await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
  const program = await compileC("mutex_peer.c", directory);
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

/** A machine that is busy elsewhere can take the processor from one contender for a whole run; a lock that starves does so in every run. */
const TRIES = 3;

for (const [forms, total] of CONTENDERS) {
  const [first, second] = forms;
  // Of two equal contenders each gets at least a fifth; a sync one takes a lock several times while an async one takes it once.
  const share = first === second ? 0.2 : 0.03;
  Deno.test(`Mutex lets two ${forms.join(" and ")} contenders each have at least ${share * 100} % of the turns`, async () => {
    const seen: number[][] = [];
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const turns = await contend(forms, total);
      seen.push(turns);
      if (Math.min(...turns) >= total * share) return;
    }
    fail(`turns in ${TRIES} runs: ${seen.map((turns) => turns.join(" and ")).join("; ")}`);
  });
}

/** Lets two processes take the lock as often as they can, and returns how often each did. */
async function contend(forms: readonly string[], total: number): Promise<number[]> {
  using shared = guarded();
  const { memory, view } = shared;
  await using peers = new AsyncDisposableStack();
  const started = forms.map((form) =>
    peers.use(Peer.deno("mutex_contender.ts", { args: [memory.name, `${total}`, form] }))
  );
  for (const peer of started) assertEquals(await peer.says(), "ready");
  for (const peer of started) await peer.tell("go");
  const turns: number[] = [];
  for (const peer of started) turns.push(Number(await watchdog(LIMIT_MS, peer.says())));
  assertEquals(view.first, BigInt(total));
  return turns;
}

Deno.test("Mutex makes no system call when the lock is free", async () => {
  const calls = async (rounds: number): Promise<number> => {
    const log = await Deno.makeTempFile();
    // Without -f only the main thread is traced, which runs the JavaScript.
    await using peer = Peer.deno("mutex_uncontended.ts", {
      args: [`${rounds}`],
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
  // Each round locks three times; what is left is the garbage collector's.
  assertLess(busy - idle, ROUNDS / 10, `${idle} and ${busy} system calls`);
});
