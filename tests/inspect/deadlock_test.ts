// Needs: gcc, python3
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import { createSharedMemory } from "../../mod.ts";
import { type Deadlock, findDeadlocks, readSnapshot, readWaits, type Wait } from "../../lib/inspect/mod.ts";
import { compiled } from "../fixtures/graph_build.ts";
import { Locks } from "../fixtures/graph_deadlock_mutex.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const WATCHDOG_MS = 120_000;
const FIXTURES = fromFileUrl(new URL("../fixtures/", import.meta.url));

for (const kind of ["flock", "ofd"] as const) {
  Deno.test(`findDeadlocks names two processes that hold ${kind} locks crosswise`, async () => {
    await using made = await make("python3", [`${FIXTURES}graph_deadlock.py`, kind, scratchDirectory()]);
    const { circle, victims, certainty } = await until(made.pids);
    assertEquals(certainty, "certain");
    assertEquals(pidsOf(circle), made.pids.toSorted(ascending));
    assertEquals(victims, []);
    assertEquals(circle.map((wait) => wait.kind), ["lock", "lock"]);
    assertEquals(circle.map(({ what }) => what.slice(-2)).sort(), ["/a", "/b"]);
    assertEquals(circle.map(({ wakers }) => wakers.map(({ pid }) => pid)), [[circle[1]?.pid], [circle[0]?.pid]]);
    assertEquals(circle.map(({ program }) => program), ["python3", "python3"]);
  });
}

Deno.test("the kernel itself refuses to let POSIX locks deadlock", async () => {
  // EDEADLK ends one of the two: what findDeadlocks has to find are the others.
  await using made = await make("python3", [`${FIXTURES}graph_deadlock.py`, "posix", scratchDirectory()]);
  await watchdog(WATCHDOG_MS, async () => {
    while (made.pids.every((pid) => !"Z".includes(readSnapshot({ pids: [pid] }).processes.get(pid)?.state ?? "Z"))) {
      await turn();
    }
  });
  assertEquals(findDeadlocks(readSnapshot()).filter(({ circle }) => concerns(circle, made.pids)), []);
});

Deno.test("findDeadlocks names two processes that read from each other first", async () => {
  await using made = await make("python3", [`${FIXTURES}graph_deadlock.py`, "pipes", "-"]);
  const { circle } = await until(made.pids);
  assertEquals(pidsOf(circle), made.pids.toSorted(ascending));
  for (const { kind, what } of circle) {
    assertEquals(kind, "read");
    assertMatch(what, /^pipe \d+$/);
  }
});

Deno.test("findDeadlocks names the reader that has forgotten to close the writing end", async () => {
  await using made = await make("python3", [`${FIXTURES}graph_deadlock.py`, "forgotten", "-"]);
  const { circle } = await until(made.pids);
  assertEquals(pidsOf(circle), made.pids);
  assertEquals(circle[0]?.wakers.map(({ pid }) => pid), made.pids);
});

Deno.test("findDeadlocks names who waits for a child that waits for room in its pipe", async () => {
  await using made = await make("python3", [`${FIXTURES}graph_deadlock.py`, "child", "-"]);
  const { circle } = await until(made.pids);
  assertEquals(circle.map(({ kind }) => kind).sort(), ["child", "write"]);
  assert(pidsOf(circle).includes(made.pids[0]!));
});

Deno.test("findDeadlocks names no one whom somebody may still wake", async () => {
  await using made = await make("python3", [`${FIXTURES}graph_deadlock.py`, "innocent", "-"]);
  await watchdog(WATCHDOG_MS, async () => {
    for (;;) {
      const snapshot = readSnapshot();
      const waits = readWaits(snapshot);
      const reader = waits.waits.find(({ pid }) => pid === made.pids[0]);
      assertEquals(findDeadlocks(snapshot, waits).filter(({ circle }) => concerns(circle, made.pids)), []);
      if (reader?.wakers.some(({ pid }) => pid === made.pids[1])) return;
      await turn();
    }
  });
});

for (const how of ["sync", "async"] as const) {
  Deno.test(`findDeadlocks names two processes that hold our mutexes crosswise, ${how}`, async () => {
    const name = `/graph-${crypto.randomUUID()}`;
    using memory = createSharedMemory(name, { size: Locks.byteLength });
    Locks.create(memory);
    const start = (own: string) => {
      const args = ["run", "-A", `${FIXTURES}graph_deadlock_mutex.ts`, name, own, how];
      return new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" }).spawn();
    };
    const children = [start("first"), start("second")];
    try {
      for (const child of children) await firstLine(child.stdout);
      for (const child of children) {
        const writer = child.stdin.getWriter();
        await writer.write(new Uint8Array(1));
        await writer.close();
      }
      const pids = children.map(({ pid }) => pid);
      const { circle, certainty } = await until(pids);
      assertEquals(certainty, how === "sync" ? "certain" : "likely");
      assertEquals(pidsOf(circle), pids.toSorted(ascending));
      for (const { kind, what, asynchronous } of circle) {
        assertEquals([kind, asynchronous], ["mutex", how === "async"]);
        assert(what.startsWith(`/dev/shm${name} at byte `), what);
      }
    } finally {
      for (const child of children) child.kill("SIGKILL");
      for (const child of children) await child.status;
      memory.unlink();
    }
  });
}

for (const robust of [[], ["robust"]]) {
  Deno.test(`findDeadlocks names two processes that hold pthread mutexes crosswise ${robust}`, async () => {
    const directory = await Deno.makeTempDir();
    const program = await compiled("graph_deadlock_pthread.c", directory, "-pthread");
    {
      await using made = await make(program, robust);
      const { circle } = await until(made.pids);
      assertEquals(pidsOf(circle), made.pids.toSorted(ascending));
      assertEquals(circle.map(({ kind }) => kind), ["mutex", "mutex"]);
    }
    await Deno.remove(directory, { recursive: true });
  });
}

Deno.test("findDeadlocks: of several holders of a shared lock, one that is stuck is enough", () => {
  const found = deadlocks([wait(1, [2, 3], "all"), wait(2, [1], "all")]);
  assertEquals(found.map(({ circle }) => pidsOf(circle)), [[1, 2]]);
});

Deno.test("findDeadlocks: of several writers of a pipe, one that is not stuck is enough", () => {
  assertEquals(deadlocks([wait(1, [2, 3], "any"), wait(2, [1], "any")]), []);
  const found = deadlocks([wait(1, [2, 3], "any"), wait(2, [1], "any"), wait(3, [1], "any")]);
  assertEquals(found.flatMap(({ circle, victims }) => [...circle, ...victims]).map(({ pid }) => pid).includes(3), true);
});

Deno.test("findDeadlocks: a circle of three is told once, with who waits behind it", () => {
  const found = deadlocks([wait(3, [1], "all"), wait(1, [2], "all"), wait(2, [3], "all"), wait(9, [2], "all")]);
  assertEquals(found.map(({ circle }) => circle.map(({ pid }) => pid)), [[1, 2, 3]]);
  assertEquals(found.map(({ victims }) => pidsOf(victims)), [[9]]);
});

Deno.test("findDeadlocks: another thread that runs can help, and nobody at all may be unknown", () => {
  const waits = [wait(1, [2], "any"), wait(2, [1], "any")];
  assertEquals(deadlocks(waits, new Map([[2, [22]]])), []);
  assertEquals(deadlocks([wait(1, [], "any")]), []);
  assertEquals(deadlocks(waits).map(({ certainty }) => certainty), ["certain"]);
  assertEquals(deadlocks(waits, new Map(), new Map([[2, [22]]])).map(({ certainty }) => certainty), ["likely"]);
  const mutexes = waits.map((each) => ({ ...each, kind: "mutex" as const }));
  assertEquals(deadlocks(mutexes, new Map(), new Map([[2, [22]]])).map(({ certainty }) => certainty), ["certain"]);
});

Deno.test("readWaits leaves nothing behind", async () => {
  await noLeaks(() => void readWaits(readSnapshot()));
});

/** What a fixture has made: it ends when this is disposed of. */
interface Made extends AsyncDisposable {
  pids: number[];
}

async function make(program: string, args: string[]): Promise<Made> {
  const directories = args.filter((word) => word.startsWith("/tmp/graph-deadlock"));
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  const pids = JSON.parse(await firstLine(child.stdout));
  return {
    pids,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      for (const directory of directories) await Deno.remove(directory, { recursive: true });
    },
  };
}

function scratchDirectory(): string {
  return Deno.makeTempDirSync({ dir: "/tmp", prefix: "graph-deadlock" });
}

async function firstLine(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const lines = stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  const { value } = await watchdog(WATCHDOG_MS, lines.read());
  await lines.cancel();
  return value ?? "";
}

/** Looks until a deadlock is found that concerns some of these. */
async function until(pids: readonly number[]): Promise<Deadlock> {
  return await watchdog(WATCHDOG_MS, async () => {
    for (;;) {
      const found = findDeadlocks(readSnapshot()).find(({ circle }) => concerns(circle, pids));
      if (found !== undefined) return found;
      await turn();
    }
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

function concerns(waits: readonly Wait[], pids: readonly number[]): boolean {
  return waits.some(({ pid }) => pids.includes(pid));
}

function pidsOf(waits: readonly Wait[]): number[] {
  return waits.map(({ pid }) => pid).sort(ascending);
}

function ascending(left: number, right: number): number {
  return left - right;
}

function wait(pid: number, wakers: readonly number[], needs: "any" | "all"): Wait {
  const thread = (each: number) => ({ pid: each, tid: each, program: "x" });
  const what = `x ${pid}`;
  return { ...thread(pid), kind: "lock", what, object: what, wakers: wakers.map(thread), needs, asynchronous: false };
}

type Threads = ReadonlyMap<number, readonly number[]>;

function deadlocks(waits: readonly Wait[], awake: Threads = new Map(), listening: Threads = new Map()): Deadlock[] {
  return findDeadlocks(readSnapshot({ pids: [] }), { waits, awake, listening, hidden: [] });
}
