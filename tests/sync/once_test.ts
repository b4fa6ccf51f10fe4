// Needs: gcc, strace
import {
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ClosedError, once, type OnceRun, PosixError, ProtocolError } from "../../lib/sync/mod.ts";
import { Work } from "../fixtures/once_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { killRunners } from "./once_rounds.ts";
import { systemCalls } from "./other_process.ts";
import { compileC, Peer } from "./peer.ts";
import { anonymousStruct, sharedStruct, temporaryDirectory } from "./shared_struct.ts";

const LIMIT_MS = 60_000;

type View = ReturnType<typeof Work.create>;

const work = () => anonymousStruct(Work);

const shared = () => sharedStruct(Work);

Deno.test("once takes 48 bytes, aligned to 8", () => {
  assertEquals([once.size, once.alignment, once.layout], [48, 8, "once"]);
});

Deno.test("Once.run, runSync and tryRun run it once among them", async () => {
  for (const first of ["run", "runSync", "tryRun"] as const) {
    const { memory, view } = work();
    using _memory = memory;
    const told: OnceRun[] = [];
    const action = (run: OnceRun) => void told.push(run);
    assertEquals([view.filled.done, await view.filled[first](action)], [false, true]);
    for (const again of ["run", "runSync", "tryRun"] as const) assertEquals(await view.filled[again](action), false);
    assertEquals([view.filled.done, told], [true, [{ previousRunnerDied: false }]]);
  }
});

Deno.test("Once.run runs one of many tasks, and the others wait until it is done", async () => {
  const { memory, view } = work();
  using _memory = memory;
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const tasks = Array.from({ length: 5 }, () =>
    view.filled.run(async () => {
      await gate;
      view.runs += 1n;
    }).then((ran) => [ran, view.runs] as const));
  assertEquals(view.filled.tryRun(() => {}), undefined);
  assertThrows(() => view.filled.runSync(() => {}), PosixError, "EDEADLK");
  await assertRejects(() => view.filled.run(() => {}, { timeoutMs: 1 }), DOMException, "timed out after 1 ms");
  const reason = new Error("Enough");
  const controller = new AbortController();
  const aborted = view.filled.run(() => {}, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => aborted), reason);
  assertThrows(() => memory.close(), Error, "held");
  open();
  const outcomes = await watchdog(LIMIT_MS, Promise.all(tasks));
  assertEquals(outcomes, [[true, 1n], [false, 1n], [false, 1n], [false, 1n], [false, 1n]]);
});

Deno.test("Once whose function throws is not done, and the next one runs it", async () => {
  const { memory, view } = work();
  using _memory = memory;
  const reason = new Error("Not today");
  const fail = () => {
    throw reason;
  };
  assertStrictEquals(assertThrows(() => view.filled.runSync(fail)), reason);
  assertStrictEquals(assertThrows(() => view.filled.tryRun(fail)), reason);
  assertStrictEquals(await assertRejects(() => view.filled.run(() => Promise.reject(reason))), reason);
  assertEquals(view.filled.done, false);
  assertEquals(view.filled.runSync(({ previousRunnerDied }) => assertEquals(previousRunnerDied, false)), true);
});

for (const form of ["sync", "async"]) {
  Deno.test(`Once whose runner was killed is run by the next ${form} one, who is told`, async () => {
    using both = shared();
    const { memory, view } = both;
    await using first = Peer.deno("once_runner.ts", { args: [memory.name] });
    assertEquals([await first.says(), await first.says()], ["asking", "running"]);
    await using second = Peer.deno("once_runner.ts", { args: [memory.name, form] });
    assertEquals(await second.says(), "asking");
    await using third = Peer.deno("once_runner.ts", { args: [memory.name, form] });
    assertEquals(await third.says(), "asking");
    first.kill("SIGSTOP");
    // Longer than a sleeper sleeps without looking.
    await assertRejects(() => view.filled.run(() => {}, { timeoutMs: 1500 }), DOMException);
    assertEquals(view.filled.tryRun(() => {}), undefined);
    first.kill();
    const [next, last] = await watchdog(LIMIT_MS, async () => {
      const one = second.says().then((line) => ({ line, peer: second, other: third }));
      const two = third.says().then((line) => ({ line, peer: third, other: second }));
      const { line, peer, other } = await Promise.race([one, two]);
      assertEquals(line, "running after death");
      await peer.tell("go on");
      const lines = await Promise.all([peer.says(), peer === second ? two : one]);
      return [lines[0], lines[1].line, other];
    });
    assertEquals([next, last], ["ran", "was done"]);
    assertEquals([view.filled.done, view.first, view.second], [true, 2n, 1n]);
  });
}

// What the next one finds when the runner died right after a step of lib/sync/once.ts.
const STEPS: [step: string, finds: "open" | "died" | "done"][] = [
  ["O1", "open"],
  ["O2", "died"],
  ["O3", "died"],
  ["O4", "done"],
  ["O4 failed", "open"],
  ["O5", "done"],
];

for (const [step, finds] of STEPS) {
  Deno.test(`Once is ${finds} after a death right after ${step}`, async () => {
    using both = shared();
    const { memory, view } = both;
    await using peer = Peer.deno("once_die_at_step.ts", { args: [memory.name, step] });
    assertEquals(await peer.says(), "held");
    const told: boolean[] = [];
    const waiting = view.filled.run(({ previousRunnerDied }) => void told.push(previousRunnerDied));
    await peer.tell("go on");
    assertEquals((await watchdog(LIMIT_MS, peer.status)).signal, "SIGKILL");
    assertEquals(await watchdog(LIMIT_MS, waiting), finds !== "done");
    assertEquals(told, finds === "done" ? [] : [finds === "died"]);
    assertEquals(view.filled.done, true);
  });
}

Deno.test("Once is run again after a chain of deaths", async () => {
  using both = shared();
  const { memory, view } = both;
  for (const step of ["O2", "O1", "O3", "O1"]) {
    await using peer = Peer.deno("once_die_at_step.ts", { args: [memory.name, step] });
    assertEquals(await peer.says(), "held");
    await peer.tell("go on");
    await watchdog(LIMIT_MS, peer.status);
  }
  assertEquals(view.filled.runSync(({ previousRunnerDied }) => assertEquals(previousRunnerDied, true)), true);
});

Deno.test("Worker.terminate() of a runner is a death", async () => {
  using both = shared();
  const { memory, view } = both;
  const worker = new Worker(new URL("../fixtures/once_worker.ts", import.meta.url), { type: "module" });
  const { promise: running, resolve } = Promise.withResolvers<void>();
  worker.addEventListener("message", () => resolve());
  worker.postMessage({ name: memory.name });
  await watchdog(LIMIT_MS, running);
  assertEquals(view.filled.tryRun(() => {}), undefined);
  worker.terminate();
  const ran = view.filled.run(({ previousRunnerDied }) => assertEquals(previousRunnerDied, true));
  assertEquals(await watchdog(LIMIT_MS, ran), true);
});

Deno.test("Once is shared with a C program, which hears of deaths and dies", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("once_peer.c", directory.path);
  using both = shared();
  const { memory, view } = both;
  {
    await using first = Peer.program(program, memory.name, Work.layout);
    assertEquals([await first.says(), await first.says()], ["asking", "running"]);
    const waiting = view.filled.run(async ({ previousRunnerDied }) => {
      assertEquals(previousRunnerDied, true);
      await Promise.reject(new Error("Not today"));
    });
    first.kill();
    await assertRejects(() => watchdog(LIMIT_MS, waiting), Error, "Not today");
  }
  await using second = Peer.program(program, memory.name, Work.layout);
  assertEquals([await second.says(), await second.says()], ["asking", "running"]);
  const waiting = view.filled.run(() => {});
  await second.tell("go on");
  assertEquals([await second.says(), await watchdog(LIMIT_MS, waiting)], ["ran", false]);
  await using third = Peer.program(program, memory.name, Work.layout);
  assertEquals([await third.says(), await third.says()], ["asking", "was done"]);
});

Deno.test("Once refuses a state that no runner writes", async () => {
  const { memory, view } = work();
  using _memory = memory;
  const state = new Int32Array(memory.bytes.buffer, 64 + 40, 1);
  for (const value of [3, -1, 0x7fff_ffff]) {
    state[0] = value;
    assertThrows(() => view.filled.runSync(() => {}), ProtocolError, "overwrote");
    assertThrows(() => view.filled.tryRun(() => {}), ProtocolError);
    await assertRejects(() => view.filled.run(() => {}), ProtocolError);
  }
  state[0] = 0;
  assertEquals(view.filled.runSync(() => {}), true);
});

Deno.test("Once of closed memory throws", async () => {
  const { memory, view: { filled } } = work();
  memory.close();
  assertThrows(() => filled.done, ClosedError);
  assertThrows(() => filled.runSync(() => {}), ClosedError);
  assertThrows(() => filled.tryRun(() => {}), ClosedError);
  await assertRejects(() => filled.run(() => {}), ClosedError);
});

Deno.test("Once that is done makes no system call", async () => {
  const ROUNDS = 20_000;
  const idle = await systemCalls("once_quiet.ts", "1");
  const busy = await systemCalls("once_quiet.ts", `${ROUNDS}`);
  assertGreaterOrEqual(idle, 1);
  assertLess(busy - idle, ROUNDS / 10, `${idle} and ${busy} system calls`);
});

Deno.test("Once leaves no descriptor, mapping or pending operation", async () => {
  await noLeaks(async () => {
    const { memory, view } = work();
    using _memory = memory;
    const runs = [view.filled.run(() => Promise.resolve()), view.filled.run(() => {})];
    assertEquals(await watchdog(LIMIT_MS, Promise.all(runs)), [true, false]);
  });
});

Deno.test("Once is done once though 20 runners were killed at random instants", async () => {
  await killRunners(20);
});
