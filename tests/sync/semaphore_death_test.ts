// Needs: gcc, strace, root
/** Holders, waiters and givers die here: killed at random instants, killed after each atomic operation, stopped, as Workers, in another pid namespace. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PERMITS, Shared } from "../fixtures/semaphore_shared_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer } from "./peer.ts";
import { sharedStruct, temporaryDirectory } from "./shared_struct.ts";
import { promptly, sleepsOnSeveralWords } from "./rounds.ts";
import { killHoldersAndWaiters } from "./semaphore_rounds.ts";

const LIMIT_MS = 60_000;

function shared() {
  const held = sharedStruct(Shared);
  const words = (field: "permits" | "items") =>
    new Int32Array(held.memory.bytes.buffer, 64 + Shared.offsets[field]!, 10);
  return { ...held, permits: words("permits"), items: words("items") };
}

type Held = ReturnType<typeof shared>;

async function actor({ memory }: Held, under: string[] = []): Promise<Peer> {
  const peer = Peer.deno("semaphore_shared_actor.ts", { args: [memory.name], under });
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "ready");
  return peer;
}

async function does(peer: Peer, line: string): Promise<string> {
  await peer.tell(line);
  return await watchdog(LIMIT_MS, peer.says());
}

/** Somebody sleeps, or is just about to. */
async function sleeps(words: Int32Array, peer?: Peer): Promise<void> {
  await watchdog(LIMIT_MS, async () => {
    while (Atomics.load(words, 2) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    if (peer !== undefined) await sleepsOnSeveralWords(peer.pid);
  });
}

Deno.test("Semaphore.wait that is aborted at a giver's death passes on the wake-up that the kernel has given it", async () => {
  await promptly(async () => {
    using held = shared();
    const { memory, view, items } = held;
    const controller = new AbortController();
    const aborted = assertRejects(() => view.items.wait({ signal: controller.signal }), DOMException);
    // The kernel wakes who has slept longest.
    await sleeps(items);
    await watchdog(LIMIT_MS, sleepsOnSeveralWords(Deno.pid));
    await using other = await actor(held);
    await other.tell("waitSync");
    await watchdog(LIMIT_MS, sleepsOnSeveralWords(other.pid));
    // It has posted, and wakes nobody.
    await using giver = Peer.deno("semaphore_shared_die_at_step.ts", { args: [memory.name, "post", "3"] });
    assertEquals(await watchdog(LIMIT_MS, giver.says()), "held");
    await giver.tell("go on");
    const from = performance.now();
    while (!/\) Z /.test(Deno.readTextFileSync(`/proc/${giver.pid}/stat`))) Atomics.pause();
    controller.abort();
    assertEquals([await watchdog(LIMIT_MS, other.says()), view.items.value], ["waited", 1]);
    const took = performance.now() - from;
    await aborted;
    return took;
  });
});

for (const form of ["acquire", "acquireSync"]) {
  Deno.test(`Semaphore.${form} gets the permits of a killed holder, all of them, and tryAcquire sees them too`, async () => {
    await promptly(async () => {
      using held = shared();
      const { view } = held;
      await using holder = await actor(held);
      await using waiter = await actor(held);
      for (let taken = 0; taken < PERMITS; taken++) assertEquals(await does(holder, "acquireSync"), "held");
      assertEquals([view.permits.value, view.permits.tryAcquire()], [0, undefined]);
      await waiter.tell(form);
      await sleeps(held.permits, waiter);
      const waiting = view.permits.acquire();
      const from = performance.now();
      holder.kill();
      assertEquals(await watchdog(LIMIT_MS, waiter.says()), "held");
      const permit = await watchdog(LIMIT_MS, waiting);
      const took = performance.now() - from;
      assertEquals(await does(waiter, "release"), "released");
      assertEquals(view.permits.value, PERMITS - 1);
      permit.release();
      await using again = await actor(held);
      for (let taken = 0; taken < PERMITS; taken++) assertEquals(await does(again, "tryAcquire"), "held");
      again.kill();
      await watchdog(LIMIT_MS, again.status);
      using one = view.permits.tryAcquire();
      assert(one !== undefined && view.permits.tryWait());
      view.permits.post();
      return took;
    });
  });
}

Deno.test("Semaphore: what was waited for or posted without an owner does not come back", async () => {
  using held = shared();
  const { view } = held;
  await using peer = await actor(held);
  assertEquals(await does(peer, "post 5"), "posted");
  assertEquals(await does(peer, "wait 2"), "waited");
  assertEquals(await does(peer, "acquireSync"), "held");
  peer.kill();
  await watchdog(LIMIT_MS, peer.status);
  assertEquals([view.items.value, view.permits.value], [3, PERMITS]);
});

Deno.test("Semaphore: N posts wake N who sleep, also when one of them is killed or stopped", async () => {
  await promptly(async () => {
    using held = shared();
    const { view } = held;
    await using peers = new AsyncDisposableStack();
    const waiters: Peer[] = [];
    for (let count = 0; count < 5; count++) waiters.push(peers.use(await actor(held)));
    for (const [index, form] of ["wait", "waitSync", "waitSync", "wait", "waitSync"].entries()) {
      Atomics.store(held.items, 2, 0);
      await waiters[index]?.tell(form);
      await sleeps(held.items, waiters[index]);
    }
    waiters[0]?.kill("SIGSTOP");
    waiters[1]?.kill();
    const from = performance.now();
    view.items.post(3);
    for (const index of [2, 3, 4]) assertEquals(await watchdog(LIMIT_MS, waiters[index]!.says()), "waited");
    const took = performance.now() - from;
    assertEquals(view.items.value, 0);
    view.items.post();
    waiters[0]?.kill("SIGCONT");
    assertEquals(await watchdog(LIMIT_MS, waiters[0]!.says()), "waited");
    return took;
  });
});

Deno.test("Semaphore permits of a stopped holder stay its own", async () => {
  using held = shared();
  const { view } = held;
  await using peer = await actor(held);
  for (let taken = 0; taken < PERMITS; taken++) assertEquals(await does(peer, "acquire"), "held");
  peer.kill("SIGSTOP");
  // Longer than a sleeper sleeps without looking.
  await assertRejects(() => view.permits.acquire({ timeoutMs: 1500 }), DOMException, "timed out");
  assertThrows(() => view.permits.waitSync({ timeoutMs: 1500 }), DOMException, "timed out");
  assertEquals(view.permits.value, 0);
  peer.kill("SIGCONT");
  assertEquals(await does(peer, "release"), "released");
  (await watchdog(LIMIT_MS, view.permits.acquire())).release();
});

Deno.test("Worker.terminate() of a thread that holds permits gives them back", async () => {
  using held = shared();
  const { memory, view } = held;
  const worker = new Worker(new URL("../fixtures/semaphore_shared_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.addEventListener("message", () => resolve());
  worker.postMessage(memory.name);
  await watchdog(LIMIT_MS, promise);
  assertEquals(view.permits.value, 0);
  const waiting = [view.permits.acquire(), view.permits.acquire()];
  worker.terminate();
  for (const permit of waiting) (await watchdog(LIMIT_MS, permit)).release();
});

Deno.test("Semaphore permits of a holder in another pid namespace are its own until it dies", async () => {
  using held = shared();
  const { view } = held;
  await using peer = await actor(held, ["unshare", "--pid", "--fork", "--kill-child"]);
  for (let taken = 0; taken < PERMITS; taken++) assertEquals(await does(peer, "acquireSync"), "held");
  assertThrows(() => view.permits.acquireSync({ timeoutMs: 30 }), DOMException, "timed out");
  const waiting = view.permits.acquire();
  await sleeps(held.permits);
  peer.kill();
  (await watchdog(LIMIT_MS, waiting)).release();
});

Deno.test("Semaphore.acquire says ENOSYS where the kernel has no futex_waitv, and acquireSync works", async () => {
  using held = shared();
  const { view } = held;
  const permits = [view.permits.acquireSync(), view.permits.acquireSync()];
  const under = ["strace", "-f", "-o", "/dev/null", "-e", "trace=futex_waitv", "-e", "inject=futex_waitv:error=ENOSYS"];
  await using peer = await actor(held, under);
  assertEquals(await does(peer, "acquire"), "ENOSYS");
  Atomics.store(held.permits, 2, 0);
  await peer.tell("acquireSync");
  await sleeps(held.permits);
  for (const permit of permits) permit.release();
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "held");
});

Deno.test("Semaphore with a gate that somebody keeps blocks neither the event loop nor who gives", async () => {
  using held = shared();
  const { view } = held;
  const permit = view.permits.acquireSync();
  // As if another thread had stopped there.
  Atomics.store(held.permits, 0, 1);
  assertEquals([view.permits.tryAcquire(), view.permits.tryWait(), view.permits.value], [undefined, false, 1]);
  await assertRejects(() => view.permits.acquire({ timeoutMs: 20 }), DOMException, "timed out");
  await assertRejects(() => view.permits.wait({ timeoutMs: 20 }), DOMException, "timed out");
  assertThrows(() => view.permits.acquireSync({ timeoutMs: 20 }), DOMException, "timed out");
  permit.release();
  view.permits.post();
  const waiting = view.permits.acquire();
  assertEquals(view.permits.value, 3);
  Atomics.store(held.permits, 0, 0);
  // Whoever released it would have woken us; here it is the second look.
  (await watchdog(LIMIT_MS, waiting)).release();
});

/** The things that die halfway, and what the others must be able to do then. */
const ACTS = ["acquire", "wait", "post", "release on", "acquire on"];

for (const what of ACTS) {
  Deno.test(`Semaphore loses nothing by a death right after each atomic operation of "${what}"`, async () => {
    let died = 0;
    for (let operations = 1;; operations++) {
      let survived = false;
      await promptly(async () => {
        using held = shared();
        const { memory, view } = held;
        const own = view.permits.acquireSync();
        if (what === "wait") view.items.post(2);
        if (what === "acquire on") view.permits.waitSync();
        const args = [memory.name, what, `${operations}`];
        await using peer = Peer.deno("semaphore_shared_die_at_step.ts", { args });
        const waiting: Promise<void>[] = [];
        if (what === "post" || what.endsWith(" on")) {
          assertEquals(await watchdog(LIMIT_MS, peer.says()), "held");
          if (what === "post") waiting.push(view.items.wait());
          if (what === "release on") waiting.push(view.permits.acquire().then((permit) => permit.release()));
          await peer.tell("go on");
        }
        const { signal } = await watchdog(LIMIT_MS, peer.status);
        survived = signal === null;
        const from = performance.now();
        if (what === "post") {
          // Two were posted, and the one that waits got one; or none was.
          const posted = view.items.value > 0;
          if (!posted) view.items.post(2);
          await watchdog(LIMIT_MS, Promise.all(waiting));
          assertEquals(view.items.value, 1);
        }
        await watchdog(LIMIT_MS, Promise.all(waiting));
        if (what === "acquire on") view.permits.post();
        // All permits but our own are there again.
        view.permits.acquireSync().release();
        own.release();
        assertEquals(view.permits.value, PERMITS);
        if (what === "wait") assert(view.items.value === 1 || view.items.value === 2);
        return performance.now() - from;
      });
      if (survived) break;
      died++;
    }
    assert(died > 2, `${died} steps`);
  });
}

Deno.test("Semaphore whose holders and waiters are killed at random instants has all its permits every time", async () => {
  await killHoldersAndWaiters(30);
});

Deno.test("Semaphore permits of a killed C program come back, and C gets those of a killed Deno program", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("semaphore_shared_peer.c", directory.path);
  using held = shared();
  const { memory, view } = held;
  const hold = async () => {
    const peer = Peer.program(program, memory.name, Shared.layout, "hold");
    assertEquals(await watchdog(LIMIT_MS, peer.says()), "ready");
    return peer;
  };
  await using one = await hold();
  assertEquals(await does(one, "go"), "held");
  await using two = await actor(held);
  assertEquals(await does(two, "acquire"), "held");
  assertEquals(view.permits.value, 0);
  const waiting = view.permits.acquire();
  one.kill();
  const permit = await watchdog(LIMIT_MS, waiting);
  await using three = await hold();
  Atomics.store(held.permits, 2, 0);
  await three.tell("go");
  await sleeps(held.permits);
  two.kill();
  assertEquals(await watchdog(LIMIT_MS, three.says()), "held");
  assertEquals(await does(three, "release"), "done");
  permit.release();
  assertEquals(view.permits.value, PERMITS);
});

Deno.test("Semaphore after deaths leaves nothing behind", async () => {
  await noLeaks(async () => {
    using held = shared();
    const peer = await actor(held);
    for (let taken = 0; taken < PERMITS; taken++) await does(peer, "acquire");
    const waiting = held.view.permits.acquire();
    await peer[Symbol.asyncDispose]();
    (await watchdog(LIMIT_MS, waiting)).release();
  });
});
