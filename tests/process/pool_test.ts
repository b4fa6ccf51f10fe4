// Needs: taskset
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLessOrEqual,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ClosedError,
  command,
  ExitError,
  type Halt,
  type JobContext,
  type JobResult,
  pipeline,
  pool,
  PoolHaltedError,
  type PoolOptions,
  PosixError,
} from "../../mod.ts";
import { retryDelayMs, retryPolicy } from "../../lib/process/retry.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { withEnoughTime } from "../helpers/patience.ts";
import { isThere } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";

const WATCHDOG_MS = 60_000;

Deno.test("pool runs 1000 functions and never more than concurrency at a time", async () => {
  await using p = pool({ concurrency: 7 });
  let alive = 0;
  let most = 0;
  const slots = new Set<number>();
  const results = await Array.fromAsync(p.map(range(1000), async (n, { slot }) => {
    assert(!slots.has(slot), "a place was given out twice");
    slots.add(slot);
    most = Math.max(most, ++alive);
    await turns(n % 5);
    alive--;
    slots.delete(slot);
    return n * 2;
  }));
  assertEquals(most, 7);
  assertEquals(
    results.map((result) => result.kind === "done" ? result.value : undefined),
    range(1000).map((n) => n * 2),
  );
  assertEquals(p.statistics, { queued: 0, running: 0, waiting: 0, done: 1000, failed: 0, cancelled: 0, retries: 0 });
});

Deno.test("pool runs 1000 processes, never more than concurrency of them alive, and leaves none", async () => {
  const log = await Deno.makeTempFile();
  try {
    await noLeaks(async () => {
      await Deno.truncate(log);
      await using p = pool({ concurrency: 4 });
      // Each process says that it is there and that it goes, by appends that the kernel orders.
      const script = 'echo + >> "$0"; echo - >> "$0"';
      const results = p.map(range(1000), () => command("sh", ["-c", script, log]), { order: "finished" });
      const seen = new Set<number>();
      for await (const result of results) {
        assertEquals(result.kind, "done");
        seen.add(result.index);
      }
      assertEquals(seen.size, 1000);
      let alive = 0;
      let most = 0;
      const lines = (await Deno.readTextFile(log)).trim().split("\n");
      for (const line of lines) most = Math.max(most, alive += line === "+" ? 1 : -1);
      assertEquals(lines.length, 2000);
      assertLessOrEqual(most, 4);
    }, () => void 0);
  } finally {
    await Deno.remove(log);
  }
});

Deno.test("map() hands over results in the order of the input, or as jobs finish", async () => {
  for (const order of ["input", "finished"] as const) {
    await using p = pool({ concurrency: 3 });
    const gates = range(3).map(() => Promise.withResolvers<void>());
    gates[2]?.resolve();
    const order_: number[] = [];
    const job = async (n: number) => {
      await gates[n]?.promise;
      gates[n - 1]?.resolve();
      return n;
    };
    for await (const { item } of p.map(range(3), job, { order })) order_.push(item);
    assertEquals(order_, order === "input" ? [0, 1, 2] : [2, 1, 0]);
  }
});

Deno.test("map() takes no more items than results were delivered, plus concurrency, plus readAhead", async () => {
  for (const [concurrency, readAhead] of [[1, 0], [2, 3], [4, 1]] as const) {
    await using p = pool({ concurrency });
    let taken = 0;
    let closed = false;
    const endless = function* () {
      try {
        while (true) yield taken++;
      } finally {
        closed = true;
      }
    };
    let delivered = 0;
    for await (const result of p.map(endless(), (n) => n, { readAhead })) {
      assertEquals(result.index, delivered++);
      // A slow consumer: whatever can happen meanwhile, happens.
      await turns(20);
      assertLessOrEqual(taken, delivered + concurrency + readAhead);
      if (delivered === 20) {
        assertEquals(taken, 20 + concurrency + readAhead, "what may run ahead does");
        break;
      }
    }
    assert(closed);
  }
});

Deno.test("map() takes from an asynchronous input, and a slow first job holds the others back only by the window", async () => {
  await using p = pool({ concurrency: 2 });
  const first = Promise.withResolvers<void>();
  let taken = 0;
  async function* input() {
    for (let n = 0; n < 100; n++) {
      taken++;
      await turns(1);
      yield n;
    }
  }
  const results = p.map(input(), (n) => n === 0 ? first.promise : undefined, { readAhead: 6 });
  const next = results.next();
  await turns(200);
  assertEquals(taken, 8);
  first.resolve();
  assertEquals((await next).value?.index, 0);
  assertEquals((await Array.fromAsync(results)).length, 99);
});

Deno.test("run() starts jobs in their order, and gives what they return", async () => {
  await using p = pool({ concurrency: 1 });
  const started: number[] = [];
  const values = await Promise.all(
    range(50).map((n) =>
      p.run(({ index }) => {
        started.push(index);
        return `${n}`;
      })
    ),
  );
  assertEquals(started, range(50));
  assertEquals(values, range(50).map(String));
});

Deno.test("run() takes a command, a pipeline, and a function that returns one", async () => {
  await using p = pool({ concurrency: 3 });
  const jobs = [
    p.run(command("echo", ["a"])),
    p.run(pipeline(["echo", "a"], ["tr", "a", "b"])),
    p.run(() => Promise.resolve(command("echo", ["c"]))),
  ];
  assertEquals((await Promise.all(jobs)).map(({ stdout }) => stdout), ["a\n", "b\n", "c\n"]);
  const error = await assertRejects(() => p.run(command("sh", ["-c", "exit 3"])), ExitError);
  assertEquals(error.status, { kind: "exited", code: 3 });
  assertEquals((await assertRejects(() => p.run(command("no-such-program")), PosixError)).code, "ENOENT");
});

const HALTS: [halt: Halt, kinds: string][] = [
  ["never", "done failed done failed failed done done done"],
  ["soon", "done failed"],
  [{ when: "soon", count: 2 }, "done failed done failed"],
  [{ when: "soon", count: 3 }, "done failed done failed failed"],
  [{ when: "soon", on: "success", count: 3 }, "done failed done failed failed done"],
  [{ when: "soon", on: "end", count: 3 }, "done failed done"],
  [{ when: "soon", percent: 25 }, "done failed done failed"],
  [{ when: "soon", on: "success", percent: 50 }, "done failed done failed failed done done"],
  [{ when: "now", count: 2 }, "done failed done failed"],
  [{ when: "soon", percent: 50 }, "done failed done failed failed done done done"],
];

for (const [halt, expected] of HALTS) {
  Deno.test(`pool({ halt: ${Deno.inspect(halt)} }) stops where it should`, async () => {
    await using p = pool({ concurrency: 1, halt });
    const codes = [0, 1, 0, 1, 1, 0, 0, 0];
    const results = await Array.fromAsync(p.map(codes, (code) => command("sh", ["-c", `exit ${code}`])));
    assertEquals(results.map(({ kind }) => kind).join(" "), expected);
    assertEquals(p.halted !== undefined, expected.split(" ").length < 8);
  });
}

Deno.test("a percentage of an input of unknown length is judged from the tenth job on", async () => {
  await using p = pool({ concurrency: 1, halt: { when: "soon", percent: 50 } });
  function* endless() {
    while (true) yield 0;
  }
  const results = await Array.fromAsync(p.map(endless(), (_, { index }) => {
    if (index < 5 || index > 30) throw new Error("no");
  }));
  assertEquals(results.length, 10);
});

Deno.test('pool({ halt: "soon" }) lets running jobs end, "now" ends them', async () => {
  for (const when of ["soon", "now"] as const) {
    await using p = pool({ concurrency: 2, halt: when });
    const released = Promise.withResolvers<void>();
    const results = p.map([0, 1, 2, 3], async (n, { signal }) => {
      if (n === 1) throw new Error("failed");
      signal.addEventListener("abort", () => released.reject(signal.reason));
      if (when === "soon") setTimeout(released.resolve, 20);
      await released.promise;
    });
    const got = await Array.fromAsync(results);
    assertEquals(got.map(({ kind }) => kind), [when === "soon" ? "done" : "cancelled", "failed"]);
    assertInstanceOf(p.halted, PoolHaltedError);
    assertEquals([p.halted.when, (p.halted.cause as Error).message], [when, "failed"]);
    await assertRejects(() => p.run(() => 1), PoolHaltedError);
    assertEquals(await Array.fromAsync(p.map([1], (n) => n)), []);
  }
});

Deno.test('halt("now") ends a child that halt("soon") left running, and drops what waits', async () => {
  await using p = pool({ concurrency: 1 });
  const started = Promise.withResolvers<void>();
  const running = p.run(() => {
    started.resolve();
    return command("sleep", ["1000"]);
  });
  const waiting = p.run(command("true"));
  await started.promise;
  p.halt();
  await assertRejects(() => waiting, PoolHaltedError);
  assertEquals(p.statistics.running, 1);
  p.halt("now");
  await watchdog(WATCHDOG_MS, assertRejects(() => running, PoolHaltedError));
  await p.waitIdle();
});

Deno.test("pool({ retry }) tries again, counts, and gives up the place meanwhile", async () => {
  await using p = pool({ concurrency: 1, retry: { times: 2, delayMs: 1 } });
  const order: string[] = [];
  const job = (n: number, { attempt }: JobContext) => {
    order.push(`${n}.${attempt}`);
    if (n === 0 && attempt < 3) throw new Error(`${attempt}`);
    if (n === 1) throw new Error(`always ${attempt}`);
  };
  const results = await Array.fromAsync(p.map([0, 1], job));
  assertEquals(results.map(({ kind, attempts }) => [kind, attempts]), [["done", 3], ["failed", 3]]);
  const last = results[1];
  assert(last?.kind === "failed");
  assertEquals(String(last.error), "Error: always 3");
  assertEquals(p.statistics.retries, 4);
  assertEquals(order.slice(0, 2), ["0.1", "1.1"]);
});

Deno.test("retry counts the processes that were really started", async () => {
  const file = await Deno.makeTempFile();
  try {
    await using p = pool({ concurrency: 2, retry: { times: 3, delayMs: 1 } });
    const failing = command("sh", ["-c", 'echo try >> "$0"; exit 1', file]);
    await assertRejects(() => p.run(failing), ExitError);
    assertEquals(await Deno.readTextFile(file), "try\n".repeat(4));
    await assertRejects(() => p.run(failing, { retry: 0 }), ExitError);
    assertEquals(await Deno.readTextFile(file), "try\n".repeat(5));
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("retry.when decides, and what it throws is the failure", async () => {
  await using p = pool();
  const tries: number[] = [];
  const when = (error: unknown, attempt: number) => {
    tries.push(attempt);
    return String(error) === "Error: again";
  };
  const fail = ({ attempt }: JobContext) => Promise.reject(new Error(attempt < 3 ? "again" : "enough"));
  await assertRejects(() => p.run(fail, { retry: { times: 9, delayMs: 0, when } }), Error, "enough");
  assertEquals(tries, [1, 2, 3]);
  const broken = () => {
    throw new TypeError("broken judge");
  };
  await assertRejects(() => p.run(fail, { retry: { times: 1, when: broken } }), TypeError, "broken judge");
});

Deno.test("the delay before a retry doubles up to its limit, and chance takes off up to its share", () => {
  const policy = retryPolicy({ times: 9, delayMs: 100, maxDelayMs: 500, jitter: 0.5 });
  assertEquals([1, 2, 3, 4, 50].map((attempt) => retryDelayMs(policy, attempt, 0)), [100, 200, 400, 500, 500]);
  assertEquals([1, 2, 3, 4, 50].map((attempt) => retryDelayMs(policy, attempt, 1)), [50, 100, 200, 250, 250]);
  const delays = range(100).map(() => retryDelayMs(policy, 1));
  assert(delays.every((ms) => ms >= 50 && ms <= 100) && new Set(delays).size > 50);
});

Deno.test("a job that waits for its next try when the pool halts has failed", async () => {
  await using p = pool({ concurrency: 1, retry: { times: 1, delayMs: 1_000_000 } });
  const failed = p.run(() => Promise.reject(new Error("first try")));
  while (p.statistics.waiting === 0) await turns(1);
  p.halt();
  await watchdog(WATCHDOG_MS, assertRejects(() => failed, Error, "first try"));
});

Deno.test("timeoutMs ends a command as its own time limit would", async () => {
  const ended = async (script: string, p: ReturnType<typeof pool>) => {
    return await watchdog(WATCHDOG_MS, assertRejects(() => p.run(command("sh", ["-c", script])), ExitError));
  };
  await using p = pool({ timeoutMs: 50, graceMs: WATCHDOG_MS });
  const obeyed = await ended("exec sleep 1000", p);
  assertEquals([obeyed.timedOut, obeyed.forced], [true, false]);
  assertStringIncludes(obeyed.message, "after the time limit of 50 ms");
  // The time has to be enough for the shell to ignore the signal.
  await withEnoughTime(50, async (timeoutMs) => {
    await using strict = pool({ timeoutMs, graceMs: 50 });
    const ignored = await ended("trap '' TERM; while :; do sleep 0.01; done", strict);
    assertEquals([ignored.timedOut, ignored.forced], [true, true]);
    assertStringIncludes(ignored.message, `after the time limit of ${timeoutMs} ms`);
  });
  assertEquals((await p.run(command("sleep", ["0.2"]), { timeoutMs: WATCHDOG_MS })).status, {
    kind: "exited",
    code: 0,
  });
});

Deno.test("timeoutMs is heard by a function, whose place is taken until it has settled", async () => {
  await using p = pool({ concurrency: 1, timeoutMs: 10 });
  const error = await assertRejects(() => p.run(({ signal }) => aborted(signal)), DOMException);
  assertEquals(error.name, "TimeoutError");
  let settled = false;
  const stubborn = p.run(async ({ signal }) => {
    await aborted(signal).catch(() => {});
    await turns(20);
    settled = true;
    return "made it";
  });
  assertEquals(await p.run(() => settled), true);
  assertEquals(await stubborn, "made it");
});

Deno.test("an aborted pool ends its children, starts no more, and rejects with the reason", async () => {
  const controller = new AbortController();
  await using p = pool({ concurrency: 2, signal: controller.signal });
  const reason = new Error("enough");
  const pids: number[] = [];
  const results = p.map(range(10), async (_, { signal }) => {
    await using child = command("sleep", ["1000"], { signal }).spawn();
    pids.push(child.pid);
    if (pids.length === 2) controller.abort(reason);
    await child.status;
    signal.throwIfAborted();
  });
  const error = await watchdog(WATCHDOG_MS, assertRejects(() => Array.fromAsync(results), Error));
  assertEquals(error, reason);
  assertEquals(pids.length, 2);
  assertEquals(pids.filter(isThere), []);
  assertEquals(await assertRejects(() => p.run(command("true")), Error), reason);
  const before = await assertRejects(() => pool({ signal: AbortSignal.abort(reason) }).run(() => 1), Error);
  assertEquals(before, reason);
});

Deno.test("a job's own signal ends it alone, running or waiting", async () => {
  await using p = pool({ concurrency: 1 });
  const [first, second] = [new AbortController(), new AbortController()];
  const running = p.run(command("sleep", ["1000"]), { signal: first.signal });
  const waiting = p.run(() => "never", { signal: second.signal });
  const after = p.run(() => "after");
  second.abort(new Error("second"));
  await assertRejects(() => waiting, Error, "second");
  first.abort(new Error("first"));
  await assertRejects(() => running, Error, "first");
  assertEquals(await after, "after");
  await assertRejects(() => p.run(() => 1, { signal: AbortSignal.abort(new Error("third")) }), Error, "third");
});

Deno.test("disposing ends every child, one that ignores SIGTERM too, and leaves nothing", async () => {
  await noLeaks(async () => {
    const ignoring = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
    const pids: number[] = [];
    const jobs: Promise<unknown>[] = [];
    {
      await using p = pool({ concurrency: 3, graceMs: 20 });
      const ready = Promise.withResolvers<void>();
      for (const script of ["exec sleep 1000", ignoring, ignoring]) {
        jobs.push(p.run(async ({ signal }) => {
          await using child = command("sh", ["-c", `echo; ${script}`], { stdout: "piped", signal, graceMs: 20 })
            .spawn();
          pids.push(child.pid);
          const reader = child.stdout.getReader();
          await reader.read();
          if (pids.length === 3) ready.resolve();
          reader.releaseLock();
          await child.status;
          signal.throwIfAborted();
        }));
      }
      jobs.push(p.run(command("true")));
      const outcomes = Promise.allSettled(jobs);
      await ready.promise;
      await p.close();
      for (const outcome of await outcomes) {
        assert(outcome.status === "rejected");
        assertInstanceOf(outcome.reason, ClosedError);
      }
      await p.close();
      await assertRejects(() => p.run(() => 1), ClosedError);
      await assertRejects(() => p.map([1], () => 1).next(), ClosedError);
    }
    assertEquals(pids.length, 3);
    assertEquals(pids.filter(isThere), []);
  });
});

Deno.test("leaving map() early ends its jobs, waits for them, and closes the input", async () => {
  await noLeaks(async () => {
    await using p = pool({ concurrency: 3 });
    let closed = false;
    async function* input() {
      try {
        yield "1000";
        await turns(1);
        yield "0";
        while (true) yield "1000";
      } finally {
        closed = true;
      }
    }
    const results = p.map(input(), (seconds) => command("sleep", [seconds]), { order: "finished" });
    for await (const { item } of results) {
      assertEquals(item, "0");
      while (p.statistics.queued === 0) await turns(1);
      break;
    }
    assertEquals([closed, p.statistics.running], [true, 0]);
    assertEquals(await p.run(() => "goes on"), "goes on");
  });
});

Deno.test("an input that throws ends the iteration after the results before it", async () => {
  await using p = pool({ concurrency: 2 });
  function* input() {
    yield 1;
    yield 2;
    throw new Error("input broke");
  }
  const got: unknown[] = [];
  await assertRejects(
    async () => {
      for await (const result of p.map(input(), (n) => n)) got.push(result.item);
    },
    Error,
    "input broke",
  );
  assertEquals(got, [1, 2]);
});

Deno.test("an input that never gives its next item holds up neither halt nor close", async () => {
  for (const end of ["halt", "close", "leave"] as const) {
    const p = pool({ concurrency: 2 });
    const results = p.map(stuckAfterOne(), () => "done");
    assertEquals((await results.next()).value?.kind, "done");
    const next = results.next();
    if (end === "halt") {
      p.halt();
      assertEquals((await watchdog(WATCHDOG_MS, next)).done, true);
    } else if (end === "close") {
      const rejected = assertRejects(() => next, ClosedError);
      await watchdog(WATCHDOG_MS, p.close());
      await watchdog(WATCHDOG_MS, rejected);
    }
    await watchdog(WATCHDOG_MS, p.close());
    if (end === "leave") await watchdog(WATCHDOG_MS, assertRejects(() => next, ClosedError));
  }
});

Deno.test("waitIdle() waits for what runs and what waits", async () => {
  await using p = pool({ concurrency: 1 });
  await p.waitIdle();
  const gate = Promise.withResolvers<void>();
  const first = p.run(() => gate.promise);
  const second = p.run(() => "second");
  assertEquals([p.statistics.running, p.statistics.queued], [1, 1]);
  assertEquals((await assertRejects(() => p.waitIdle({ timeoutMs: 1 }), DOMException)).name, "TimeoutError");
  const idle = p.waitIdle();
  gate.resolve();
  await watchdog(WATCHDOG_MS, idle);
  assertEquals(p.statistics.done, 2);
  await Promise.all([first, second]);
});

Deno.test("delayMs is the least time between two starts", async () => {
  await using p = pool({ concurrency: 10, delayMs: 20 });
  const starts = await Promise.all(range(5).map(() => p.run(() => performance.now())));
  for (const [index, at] of starts.entries()) {
    // A timer may be early by what a millisecond is rounded to.
    if (index > 0) assertGreaterOrEqual(at - (starts[index - 1] ?? 0), 19);
  }
});

Deno.test("concurrency is by default what the affinity allows", async () => {
  const script = `import { pool } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    console.log(pool().concurrency);`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    const [cpu = ""] = /(?<=^Cpus_allowed_list:\s*)\d+/m.exec(await Deno.readTextFile("/proc/self/status")) ?? [];
    const ofOneCpu = command("taskset", ["-c", cpu, Deno.execPath(), "run", "--quiet", "--no-lock", file]);
    assertEquals(await ofOneCpu.text(), "1");
    assertEquals(pool().concurrency, navigator.hardwareConcurrency);
  } finally {
    await Deno.remove(file);
  }
});

const WRONG: [what: string, options: PoolOptions, error: typeof RangeError | typeof TypeError][] = [
  ["concurrency 0", { concurrency: 0 }, RangeError],
  ["concurrency 1.5", { concurrency: 1.5 }, RangeError],
  ["a negative timeoutMs", { timeoutMs: -1 }, RangeError],
  ["a negative delayMs", { delayMs: -1 }, RangeError],
  ["NaN graceMs", { graceMs: NaN }, RangeError],
  ["negative retries", { retry: -1 }, RangeError],
  ["half a retry", { retry: { times: 0.5 } }, RangeError],
  ["a factor below 1", { retry: { times: 1, factor: 0.5 } }, RangeError],
  ["jitter above 1", { retry: { times: 1, jitter: 2 } }, RangeError],
  ["a halt count of 0", { halt: { when: "now", count: 0 } }, RangeError],
  ["a halt of 0 percent", { halt: { when: "now", percent: 0 } }, RangeError],
  ["count and percent", { halt: { when: "now", count: 1, percent: 1 } }, TypeError],
];

for (const [what, options, error] of WRONG) {
  Deno.test(`pool() refuses ${what}`, () => {
    assertThrows(() => pool(options), error);
  });
}

Deno.test("map() and run() refuse wrong options before anything is started", async () => {
  await using p = pool();
  assertThrows(() => p.map([1], (n) => n, { readAhead: -1 }), RangeError);
  await assertRejects(() => p.run(() => 1, { timeoutMs: -1 }), RangeError);
  await assertRejects(() => p.run(() => 1, { retry: -1 }), RangeError);
  assertEquals(p.statistics.queued, 0);
});

Deno.test("results have the types of what jobs return", async () => {
  await using p = pool();
  const text: string = await p.run(() => "text");
  const code: number = (await p.run(command("true"))).durationMs;
  const results: JobResult<number, string>[] = await Array.fromAsync(p.map(["a"], (item) => item.length));
  assertEquals([text, typeof code, results.length], ["text", "number", 1]);
});

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

/** Lets the event loop turn so many times. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Rejects with the reason when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

async function* stuckAfterOne(): AsyncGenerator<number, void, void> {
  yield 1;
  await new Promise(() => {});
}
