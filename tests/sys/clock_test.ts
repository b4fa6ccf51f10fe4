// Needs: python3
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { cancellable, Deadline, monotonicNanoseconds, nextTurn, turnIsDue } from "../../lib/sys/clock.ts";
import { pipe } from "../../lib/pipe/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import "../helpers/open_libc.ts";

const SECOND = 1000;

/** An AbortSignal that counts its listeners. */
class CountingController extends AbortController {
  listeners = 0;

  constructor() {
    super();
    const { signal } = this;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (this.listeners++, add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (this.listeners--, remove(...args));
  }
}

Deno.test("Deadline counts down to 0, and never without a timeout", async () => {
  const forever = new Deadline("Waiting");
  assertEquals(forever.remainingMs, Infinity);
  const late = new Deadline("Waiting", 1e6);
  assert(late.remainingMs > 0 && late.remainingMs <= 1e6);
  const soon = new Deadline("Waiting", 5);
  assert(soon.remainingMs <= 5);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals(soon.remainingMs, 0);
  const error = soon.timeoutError();
  assertEquals([error.name, error.message], ["TimeoutError", "Waiting timed out after 5 ms"]);
  for (const wrong of [-1, NaN, "5" as unknown as number, null as unknown as number]) {
    assertThrows(() => new Deadline("Waiting", wrong), RangeError, "timeoutMs must be a number of at least 0");
  }
});

Deno.test("cancellable() leaves no listener and no timer, however it ends", async (t) => {
  const ends: [how: string, run: (controller: CountingController) => Promise<unknown>][] = [
    ["resolved", ({ signal }) => cancellable("W", { signal, timeoutMs: 1e6 }, (resolve) => (resolve(1), () => {}))],
    ["rejected", ({ signal }) => cancellable("W", { signal, timeoutMs: 1e6 }, (_, reject) => (reject(1), () => {}))],
    ["not begun", ({ signal }) =>
      cancellable("W", { signal, timeoutMs: 1e6 }, () => {
        throw new Error("cannot begin");
      })],
    ["timed out", ({ signal }) => cancellable("W", { signal, timeoutMs: 1 }, () => () => {})],
    ["aborted", (controller) => {
      const waiting = cancellable("W", { signal: controller.signal, timeoutMs: 1e6 }, () => () => {});
      controller.abort();
      return waiting;
    }],
  ];
  for (const [how, run] of ends) {
    await t.step(how, async () => {
      const controller = new CountingController();
      await run(controller).catch(() => {});
      assertEquals(controller.listeners, 0);
    });
  }
});

Deno.test("cancellable() withdraws once, and only what was given up", async () => {
  let withdrawn = 0;
  const withdraw = () => void withdrawn++;
  await cancellable<number>("W", { timeoutMs: 5 }, (resolve) => (resolve(1), withdraw));
  assertEquals(withdrawn, 0);
  const controller = new AbortController();
  const reason = Symbol("reason");
  const waiting = cancellable<void>("W", { signal: controller.signal, timeoutMs: 1 }, () => withdraw);
  controller.abort(reason);
  controller.abort("again");
  assertStrictEquals(await waiting.catch((caught: unknown) => caught), reason);
  assertEquals(withdrawn, 1);
  const begun = cancellable<void>("W", { signal: controller.signal }, () => {
    throw new Error("Begun after the abort");
  });
  assertStrictEquals(await begun.catch((caught: unknown) => caught), reason);
});

Deno.test("cancellable() waits longer than a timer can", async () => {
  const resolved = cancellable<string>("W", { timeoutMs: 2 ** 40 }, (resolve) => {
    setTimeout(() => resolve("done"), 5);
    return () => {};
  });
  assertEquals(await watchdog(10 * SECOND, resolved), "done");
});

Deno.test("monotonicNanoseconds() is one clock for all processes, and never goes back", async () => {
  const before = monotonicNanoseconds();
  const there = BigInt(await command("python3", ["-c", "import time; print(time.monotonic_ns())"]).text());
  const after = monotonicNanoseconds();
  assert(before < there && there < after, `${before} < ${there} < ${after}`);
});

Deno.test("nextTurn() lets timers run, and a turn is due when none was for a while", async () => {
  let fired = false;
  setTimeout(() => fired = true);
  for (let turn = 0; turn < 100_000 && !fired; turn++) await nextTurn();
  assert(fired);
  // This thread may have to wait for the processor in between, but hardly each time.
  let due = true;
  for (let tries = 0; tries < 100 && due; tries++) {
    await nextTurn();
    due = turnIsDue();
  }
  assertEquals(due, false);
  for (const start = performance.now(); performance.now() - start < 6;);
  assertEquals(turnIsDue(), true);
});

Deno.test("A reader that always finds data, and a writer that always finds room, let timers run", async () => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  let fired = false;
  const timer = setTimeout(() => fired = true, 20);
  const byte = new Uint8Array(1);
  for (let round = 0; round < 5_000_000 && !fired; round++) {
    await writer.write(byte);
    await reader.read(byte);
  }
  clearTimeout(timer);
  assert(fired);
  await assertRejects(() => reader.read(byte, { timeoutMs: 0 }), DOMException, "timed out");
});
