// Needs: gcc, strace
import {
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { autoResetEvent, ClosedError, event } from "../../lib/sync/mod.ts";
import { Events } from "../fixtures/event_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { killWaitersAndSetters } from "./event_rounds.ts";
import { systemCalls } from "./other_process.ts";
import { compileC, Peer } from "./peer.ts";
import { anonymousStruct, sharedStruct } from "./shared_struct.ts";
import { promptly } from "./rounds.ts";

const LIMIT_MS = 60_000;
const WAITERS = 2;

type View = ReturnType<typeof Events.create>;

const events = () => anonymousStruct(Events);

function shared() {
  const held = sharedStruct(Events);
  return { ...held, words: wordsOf(held.memory) };
}

/** started, ping, pong. */
function wordsOf(memory: { bytes: Uint8Array<ArrayBuffer> }): Int32Array {
  return new Int32Array(memory.bytes.buffer, 64, 3);
}

async function untilAnnounced(words: Int32Array, index: number): Promise<void> {
  await watchdog(LIMIT_MS, async () => {
    while ((Atomics.load(words, index) & WAITERS) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
}

Deno.test("event and autoResetEvent take 4 bytes", () => {
  assertEquals([event.size, event.alignment, event.layout], [4, 4, "event"]);
  assertEquals([autoResetEvent.size, autoResetEvent.alignment, autoResetEvent.layout], [4, 4, "autoResetEvent"]);
});

Deno.test("event stays set until it is reset, and lets everybody go on", async () => {
  const { memory, view: { started } } = events();
  using _memory = memory;
  assertEquals([started.isSet, started.tryWait()], [false, false]);
  const waiting = [started.wait(), started.wait({ timeoutMs: LIMIT_MS })];
  started.set();
  started.set();
  await watchdog(LIMIT_MS, Promise.all(waiting));
  started.waitSync({ timeoutMs: 0 });
  assertEquals([started.isSet, started.tryWait()], [true, true]);
  started.reset();
  started.reset();
  assertEquals([started.isSet, started.tryWait()], [false, false]);
});

Deno.test("event lets go on who waited when it was set, though it was reset at once, and nobody who came later", async () => {
  const { memory, view: { started } } = events();
  using _memory = memory;
  const waiting = started.wait();
  started.set();
  started.reset();
  await watchdog(LIMIT_MS, waiting);
  assertThrows(() => started.waitSync({ timeoutMs: 0 }), DOMException, "timed out");
});

Deno.test("event counts its sets beyond every number of bits", async () => {
  const { memory, view: { started } } = events();
  using _memory = memory;
  wordsOf(memory)[0] = -4;
  const waiting = started.wait();
  started.set();
  assertEquals(started.isSet, true);
  started.reset();
  await watchdog(LIMIT_MS, waiting);
});

Deno.test("autoResetEvent lets one go on at a time", async () => {
  const { memory, view: { ping } } = events();
  using _memory = memory;
  let went = 0;
  const waiting = Array.from({ length: 5 }, async () => {
    await ping.wait();
    went++;
  });
  for (let count = 1; count <= 5; count++) {
    ping.set();
    await watchdog(LIMIT_MS, async () => {
      while (ping.isSet || went < count) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(went, count);
  }
  await Promise.all(waiting);
  ping.set();
  ping.set();
  assertEquals([ping.tryWait(), ping.tryWait()], [true, false]);
  ping.set();
  ping.waitSync();
  ping.set();
  ping.reset();
  assertEquals(ping.tryWait(), false);
});

for (const which of ["started", "ping"] as const) {
  Deno.test(`${which === "ping" ? "autoResetEvent" : "event"} times out and is aborted, taking nothing`, async () => {
    const { memory, view } = events();
    using _memory = memory;
    const happened = view[which];
    const controller = new AbortController();
    const reason = new Error("Enough");
    for (const timeoutMs of [0, 20]) {
      const from = performance.now();
      assertThrows(() => happened.waitSync({ timeoutMs }), DOMException, `timed out after ${timeoutMs} ms`);
      await assertRejects(() => happened.wait({ timeoutMs }), DOMException, `timed out after ${timeoutMs} ms`);
      assertGreaterOrEqual(performance.now() - from, 2 * timeoutMs);
    }
    for (const timeoutMs of [-1, NaN]) {
      assertThrows(() => happened.waitSync({ timeoutMs }), RangeError);
      await assertRejects(() => happened.wait({ timeoutMs }), RangeError);
    }
    const aborted = happened.wait({ signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => aborted), reason);
    assertStrictEquals(await assertRejects(() => happened.wait({ signal: controller.signal })), reason);
    happened.set();
    assertEquals(happened.tryWait(), true);
  });

  for (const form of ["sync", "async"]) {
    Deno.test(`${which === "ping" ? "autoResetEvent" : "event"} wakes the living ${form} waiter beside killed and stopped ones`, async () => {
      // All are woken: the living one needs no second look.
      await promptly(async () => {
        using both = shared();
        const { memory, view, words } = both;
        const index = which === "started" ? 0 : 1;
        await using others = new AsyncDisposableStack();
        const asleep = ["SIGKILL", "SIGSTOP"].map(() =>
          others.use(Peer.deno("event_waiter.ts", { args: [memory.name, which, form] }))
        );
        for (const other of asleep) {
          assertEquals(await other.says(), "waiting");
          await untilAnnounced(words, index);
          if (form === "sync") await watchdog(LIMIT_MS, other.sleepsOnFutex());
        }
        await using living = Peer.deno("event_waiter.ts", { args: [memory.name, which, form] });
        assertEquals(await living.says(), "waiting");
        if (form === "sync") await watchdog(LIMIT_MS, living.sleepsOnFutex());
        const from = performance.now();
        // At the same moment: who was stopped or killed earlier sleeps no more.
        asleep[0]?.kill("SIGKILL");
        asleep[1]?.kill("SIGSTOP");
        view[which].set();
        assertEquals(await watchdog(LIMIT_MS, living.says()), "went on");
        return performance.now() - from;
      });
    });
  }
}

// Whether the event is set for the next one when one died right after a step of lib/sync/event.ts. The waiter sleeps from before.
const STEPS: [step: string, set: boolean][] = [["E1", true], ["E2", true], ["E3", true], ["W1", false], ["W3", false]];

for (const [step, set] of STEPS) {
  for (const which of ["started", "ping"] as const) {
    if (step === "W3" && which === "started") continue;
    Deno.test(`${which} is ${set ? "" : "not "}there after a death right after ${step}`, async () => {
      using both = shared();
      const { memory, view, words } = both;
      await using waiter = Peer.deno("event_waiter.ts", { args: [memory.name, which] });
      assertEquals(await waiter.says(), "waiting");
      await untilAnnounced(words, which === "started" ? 0 : 1);
      await watchdog(LIMIT_MS, waiter.sleepsOnFutex());
      await using dying = Peer.deno("event_die_at_step.ts", { args: [memory.name, step, which] });
      assertEquals((await watchdog(LIMIT_MS, dying.status)).signal, "SIGKILL");
      if (!set) view[which].set();
      assertEquals(await watchdog(LIMIT_MS, waiter.says()), "went on");
    });
  }
}

Deno.test("event that a setter died with before it woke anybody is woken by the next setter", async () => {
  using both = shared();
  const { memory, view, words } = both;
  const waiting = view.started.wait();
  await untilAnnounced(words, 0);
  await using dying = Peer.deno("event_die_at_step.ts", { args: [memory.name, "E1", "started"] });
  await watchdog(LIMIT_MS, dying.status);
  view.started.set();
  await watchdog(LIMIT_MS, waiting);
  assertEquals(words[0]! & 3, 1);
});

const PAIRS: [forms: [string, string], rounds: number][] = [
  [["sync", "sync"], 50_000],
  [["async", "sync"], 5_000],
  [["C", "sync"], 20_000],
];

for (const [forms, rounds] of PAIRS) {
  Deno.test(`autoResetEvent loses none in ${rounds} ping-pongs of ${forms.join(" and ")} processes`, async () => {
    const directory = await Deno.makeTempDir();
    await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
    const program = forms.includes("C") ? await compileC("event_peer.c", directory) : "";
    using both = shared();
    const { memory, view } = both;
    await using peers = new AsyncDisposableStack();
    const started = forms.map((form, who) =>
      peers.use(
        form === "C"
          ? Peer.program(program, memory.name, Events.layout, `${who}`, `${rounds}`)
          : Peer.deno("event_ping_pong.ts", { args: [memory.name, `${who}`, `${rounds}`, form] }),
      )
    );
    for (const peer of started) assertEquals(await peer.says(), "ready");
    view.started.set();
    view.ping.set();
    for (const peer of started) assertEquals(await watchdog(LIMIT_MS, peer.says()), "done");
    assertEquals([view.count, view.ping.isSet, view.pong.isSet], [BigInt(2 * rounds), true, false]);
  });
}

Deno.test("Memory.close throws while an event in it is waited for, and events of closed memory throw", async () => {
  const { memory, view: { started, ping } } = events();
  const abort = new AbortController();
  const waiting = started.wait({ signal: abort.signal });
  assertThrows(() => memory.close(), Error, "an event in it is waited for");
  abort.abort();
  await assertRejects(() => waiting);
  memory.close();
  for (const each of [started, ping]) {
    const uses = [() => each.set(), () => each.reset(), () => each.isSet, () => each.tryWait(), () => each.waitSync()];
    for (const use of uses) assertThrows(use, ClosedError);
    await assertRejects(() => each.wait(), ClosedError);
  }
});

Deno.test("events make nothing but set or not set of words that a peer wrote", async () => {
  const { memory, view: { started, ping } } = events();
  using _memory = memory;
  const words = wordsOf(memory);
  for (const value of [2, 3, -1, -2, 0x7fff_ffff, -0x8000_0000, 0x5555_5554]) {
    words.fill(value);
    assertEquals([started.isSet, ping.isSet], [(value & 1) === 1, (value & 1) === 1]);
    assertEquals(ping.tryWait(), (value & 1) === 1);
    assertThrows(() => ping.waitSync({ timeoutMs: 1 }), DOMException, "timed out");
    await assertRejects(() => ping.wait({ timeoutMs: 1 }), DOMException, "timed out");
    started.set();
    started.waitSync({ timeoutMs: 1 });
    started.reset();
    assertEquals(started.isSet, false);
  }
});

Deno.test("events make no system call when nobody sleeps", async () => {
  const ROUNDS = 20_000;
  const idle = await systemCalls("event_quiet.ts", "1");
  const busy = await systemCalls("event_quiet.ts", `${ROUNDS}`);
  assertGreaterOrEqual(idle, 1);
  assertLess(busy - idle, ROUNDS / 10, `${idle} and ${busy} system calls`);
});

Deno.test("events leave no descriptor, mapping or pending operation", async () => {
  await noLeaks(async () => {
    const { memory, view: { started, ping } } = events();
    using _memory = memory;
    const waiting = [started.wait(), ping.wait()];
    await assertRejects(() => started.wait({ timeoutMs: 1 }), DOMException);
    started.set();
    ping.set();
    await watchdog(LIMIT_MS, Promise.all(waiting));
  });
});

Deno.test("events go on after 20 waiters and setters were killed at random instants", async () => {
  await killWaitersAndSetters(20);
});
