// Needs: gcc, strace, root
/** Readers and writers die here: killed at random instants, killed after each atomic operation, stopped, as Workers, in another pid namespace. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PosixError } from "../../lib/sync/mod.ts";
import { Shared } from "../fixtures/rw_lock_struct.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer } from "./peer.ts";
import { sharedStruct, temporaryDirectory, until } from "./shared_struct.ts";
import { promptly, sleepsOnSeveralWords } from "./rounds.ts";
import { killReadersAndWriters } from "./rw_lock_rounds.ts";

const LIMIT_MS = 60_000;

function shared() {
  const held = sharedStruct(Shared);
  return { ...held, words: new Int32Array(held.memory.bytes.buffer, 64, 10) };
}

type Held = ReturnType<typeof shared>;

async function actor({ memory }: Held, under: string[] = []): Promise<Peer> {
  const peer = Peer.deno("rw_lock_actor.ts", { args: [memory.name], under });
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "ready");
  return peer;
}

async function does(peer: Peer, line: string): Promise<string> {
  await peer.tell(line);
  return await watchdog(LIMIT_MS, peer.says());
}

const WAITERS = -0x8000_0000;

/** Somebody sleeps for the word; a writer that has the word sleeps until the readers have left. */
const sleepsForWord = ({ words }: Held) => until(() => (Atomics.load(words, 0) & WAITERS) !== 0);
async function sleepsForReaders({ words }: Held, writer?: Peer): Promise<void> {
  await until(() => Atomics.load(words, 4) !== 0);
  if (writer !== undefined) await watchdog(LIMIT_MS, sleepsOnSeveralWords(writer.pid));
}

for (const form of ["write", "writeSync"] as const) {
  Deno.test(`RwLock.${form} gets the lock of a killed writer, once, and knows it; readers wait for it to mend`, async () => {
    await promptly(async () => {
      using held = shared();
      const { view } = held;
      await using peer = await actor(held);
      assertEquals(await does(peer, "writeSync"), "held");
      assertEquals(view.lock.tryWrite(), undefined);
      const waiting = form === "write" ? view.lock.write() : undefined;
      peer.kill();
      const from = performance.now();
      const guard = await watchdog(LIMIT_MS, async () => await waiting ?? view.lock.writeSync());
      const took = performance.now() - from;
      assertEquals(guard.previousOwnerDied, true);
      guard.markConsistent();
      guard.unlock();
      view.lock.readSync().unlock();
      using again = view.lock.writeSync();
      assertEquals(again.previousOwnerDied, false);
      return took;
    });
  });
}

Deno.test("RwLock.read says EOWNERDEAD after a writer died, in all three forms, until a writer has mended", async () => {
  using held = shared();
  const { view } = held;
  await using peer = await actor(held);
  assertEquals(await does(peer, "writeSync"), "held");
  const waiting = view.lock.read();
  peer.kill();
  await assertRejects(() => watchdog(LIMIT_MS, waiting), PosixError, "EOWNERDEAD");
  assertThrows(() => view.lock.readSync(), PosixError, "EOWNERDEAD");
  assertThrows(() => view.lock.tryRead(), PosixError, "EOWNERDEAD");
  using guard = view.lock.writeSync();
  assertThrows(() => guard.downgrade(), PosixError, "EINVAL");
  guard.markConsistent();
  using _reading = guard.downgrade();
});

Deno.test("RwLock that is not marked consistent after a death is of no use to anybody, waiting or not", async () => {
  using held = shared();
  const { view } = held;
  await using owner = await actor(held);
  await using reader = await actor(held);
  assertEquals(await does(owner, "writeSync"), "held");
  owner.kill();
  const guard = await watchdog(LIMIT_MS, view.lock.write());
  assertEquals(guard.previousOwnerDied, true);
  const own = [view.lock.write(), view.lock.read()];
  await reader.tell("readSync");
  await sleepsForWord(held);
  guard.unlock();
  for (const waiting of own) await assertRejects(() => watchdog(LIMIT_MS, waiting), PosixError, "ENOTRECOVERABLE");
  assertEquals(await watchdog(LIMIT_MS, reader.says()), "ENOTRECOVERABLE");
  for (
    const use of [
      () => view.lock.readSync(),
      () => view.lock.writeSync(),
      () => view.lock.tryRead(),
      () => view.lock.tryWrite(),
    ]
  ) {
    assertThrows(use, PosixError, "ENOTRECOVERABLE");
  }
});

for (const form of ["write", "writeSync"]) {
  Deno.test(`RwLock.${form} waits for the living readers, and not for those that were killed`, async () => {
    await promptly(async () => {
      using held = shared();
      await using writer = await actor(held);
      await using peers = new AsyncDisposableStack();
      const readers = [peers.use(await actor(held)), peers.use(await actor(held)), peers.use(await actor(held))];
      for (const reader of readers) assertEquals(await does(reader, "read"), "held");
      await writer.tell(form);
      await sleepsForReaders(held, writer);
      const from = performance.now();
      readers[0]?.kill();
      readers[2]?.kill();
      assertEquals(await does(readers[1]!, "unlock"), "unlocked");
      assertEquals(await watchdog(LIMIT_MS, writer.says()), "held");
      return performance.now() - from;
    });
  });
}

for (const form of ["write", "writeSync"]) {
  Deno.test(`RwLock.${form} is woken by the last reader that leaves`, async () => {
    await promptly(async () => {
      using held = shared();
      await using writer = await actor(held);
      await using reader = await actor(held);
      assertEquals(await does(reader, "read"), "held");
      assertEquals(await does(reader, "readSync"), "held");
      await writer.tell(form);
      await sleepsForReaders(held, writer);
      assertEquals(await does(reader, "unlock"), "unlocked");
      const from = performance.now();
      assertEquals(await does(reader, "unlock"), "unlocked");
      assertEquals(await watchdog(LIMIT_MS, writer.says()), "held");
      return performance.now() - from;
    });
  });
}

Deno.test("RwLock wakes the writers of all locks that one dead reader had", async () => {
  await promptly(async () => {
    using held = shared();
    const { view } = held;
    await using reader = await actor(held);
    await using one = await actor(held);
    await using two = await actor(held);
    assertEquals(await does(reader, "readSync"), "held");
    assertEquals(await does(reader, "readSync other"), "held");
    await one.tell("writeSync");
    await two.tell("writeSync other");
    await sleepsForReaders(held, one);
    const other = new Int32Array(held.memory.bytes.buffer, 64 + Shared.offsets["other"]!, 10);
    await sleepsForReaders({ ...held, words: other }, two);
    const from = performance.now();
    reader.kill();
    for (const writer of [one, two]) assertEquals(await watchdog(LIMIT_MS, writer.says()), "held");
    assertEquals([view.lock.tryRead(), view.other.tryRead()], [undefined, undefined]);
    return performance.now() - from;
  });
});

Deno.test("RwLock wakes all who wait for one dead reader, whatever they wait with", async () => {
  await promptly(async () => {
    using held = shared();
    const { view } = held;
    await using reader = await actor(held);
    await using writer = await actor(held);
    assertEquals(await does(reader, "readSync"), "held");
    await writer.tell("writeSync");
    await sleepsForReaders(held, writer);
    // Behind the writer, for the word.
    const waiting = [view.lock.read(), view.lock.write()];
    const from = performance.now();
    reader.kill();
    assertEquals(await watchdog(LIMIT_MS, writer.says()), "held");
    assertEquals(await does(writer, "unlock"), "unlocked");
    for (const guard of waiting) (await watchdog(LIMIT_MS, guard)).unlock();
    return performance.now() - from;
  });
});

for (const form of ["write", "writeSync"]) {
  Deno.test(`RwLock after a writer was killed that waited for readers with ${form} is unharmed, and lets all in who waited`, async () => {
    await promptly(async () => {
      using held = shared();
      const { view } = held;
      await using writer = await actor(held);
      await using one = await actor(held);
      await using two = await actor(held);
      const reading = view.lock.readSync();
      await writer.tell(form);
      await sleepsForReaders(held, writer);
      for (const reader of [one, two]) await reader.tell("readSync");
      for (const reader of [one, two]) await watchdog(LIMIT_MS, reader.sleepsOnFutex());
      const from = performance.now();
      writer.kill();
      for (const reader of [one, two]) assertEquals(await watchdog(LIMIT_MS, reader.says()), "held");
      const took = performance.now() - from;
      reading.unlock();
      for (const reader of [one, two]) assertEquals(await does(reader, "unlock"), "unlocked");
      using guard = view.lock.writeSync();
      assertEquals(guard.previousOwnerDied, false);
      return took;
    });
  });
}

for (const [kind, call] of [["reader", "readSync"], ["writer", "writeSync"]] as const) {
  Deno.test(`RwLock of a stopped ${kind} stays its own`, async () => {
    using held = shared();
    const { view } = held;
    await using peer = await actor(held);
    assertEquals(await does(peer, call), "held");
    peer.kill("SIGSTOP");
    // Longer than a sleeper sleeps without looking.
    await assertRejects(() => view.lock.write({ timeoutMs: 1500 }), DOMException, "timed out");
    assertThrows(() => view.lock.writeSync({ timeoutMs: 1500 }), DOMException, "timed out");
    if (kind === "writer") assertThrows(() => view.lock.readSync({ timeoutMs: 1500 }), DOMException, "timed out");
    else view.lock.readSync().unlock();
    peer.kill("SIGCONT");
    assertEquals(await does(peer, "unlock"), "unlocked");
    using guard = await watchdog(LIMIT_MS, view.lock.write());
    assertEquals(guard.previousOwnerDied, false);
  });
}

Deno.test("RwLock.writeSync and readSync time out, and leave the lock to others", async () => {
  using held = shared();
  const { view } = held;
  await using peer = await actor(held);
  assertEquals(await does(peer, "readSync"), "held");
  for (const timeoutMs of [0, 30]) {
    const from = performance.now();
    assertThrows(() => view.lock.writeSync({ timeoutMs }), DOMException, `timed out after ${timeoutMs} ms`);
    const took = performance.now() - from;
    assert(took >= timeoutMs, `${took} ms`);
  }
  assertEquals(await does(peer, "readSync"), "held");
  for (let guard = 0; guard < 2; guard++) assertEquals(await does(peer, "unlock"), "unlocked");
  assertEquals(await does(peer, "writeSync"), "held");
  assertThrows(() => view.lock.readSync({ timeoutMs: 30 }), DOMException, "timed out after 30 ms");
  assertEquals(await does(peer, "unlock"), "unlocked");
  view.lock.readSync().unlock();
});

for (const call of ["read", "write"] as const) {
  Deno.test(`Worker.terminate() of a thread that has the lock to ${call} is a death`, async () => {
    using held = shared();
    const { memory, view } = held;
    const worker = new Worker(new URL("../fixtures/rw_lock_worker.ts", import.meta.url), { type: "module" });
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.addEventListener("message", () => resolve());
    worker.postMessage({ name: memory.name, call });
    await watchdog(LIMIT_MS, promise);
    assertEquals(view.lock.tryWrite(), undefined);
    const waiting = view.lock.write();
    worker.terminate();
    using guard = await watchdog(LIMIT_MS, waiting);
    assertEquals(guard.previousOwnerDied, call === "write");
    guard.markConsistent();
  });
}

Deno.test("RwLock of a reader in another pid namespace is its own until it dies", async () => {
  using held = shared();
  const { view } = held;
  await using peer = await actor(held, ["unshare", "--pid", "--fork", "--kill-child"]);
  assertEquals(await does(peer, "readSync"), "held");
  assertThrows(() => view.lock.writeSync({ timeoutMs: 30 }), DOMException, "timed out");
  const waiting = view.lock.write();
  await sleepsForReaders(held);
  peer.kill();
  (await watchdog(LIMIT_MS, waiting)).unlock();
});

Deno.test("RwLock.write says ENOSYS where the kernel has no futex_waitv, and writeSync works", async () => {
  using held = shared();
  const { view } = held;
  const reading = view.lock.readSync();
  const under = ["strace", "-f", "-o", "/dev/null", "-e", "trace=futex_waitv", "-e", "inject=futex_waitv:error=ENOSYS"];
  await using peer = await actor(held, under);
  assertEquals(await does(peer, "write"), "ENOSYS");
  view.lock.readSync().unlock();
  await peer.tell("writeSync");
  await sleepsForReaders(held);
  reading.unlock();
  assertEquals(await watchdog(LIMIT_MS, peer.says()), "held");
});

/** The things that die halfway, and with what somebody else waits meanwhile. */
const ACTS: [what: string, waits: ("read" | "write")[]][] = [
  ["read", []],
  ["write", []],
  ["downgrade", ["read", "write"]],
  ["read on", ["write"]],
  ["write on", ["read", "write"]],
];

for (const [what, waits] of ACTS) {
  Deno.test(`RwLock comes back after a death right after each atomic operation of "${what}"`, async () => {
    let died = 0;
    for (let operations = 1;; operations++) {
      let survived = false;
      await promptly(async () => {
        using held = shared();
        const { memory, view } = held;
        await using peer = Peer.deno("rw_lock_die_at_step.ts", { args: [memory.name, what, `${operations}`] });
        const waiting: Promise<unknown>[] = [];
        if (what.endsWith(" on")) {
          assertEquals(await watchdog(LIMIT_MS, peer.says()), "held");
          for (const call of waits) waiting.push(use(view, call));
          await peer.tell("go on");
        } else {
          for (const call of waits) waiting.push(use(view, call));
        }
        const { signal } = await watchdog(LIMIT_MS, peer.status);
        survived = signal === null;
        const from = performance.now();
        await watchdog(LIMIT_MS, Promise.all(waiting));
        const guard = await watchdog(LIMIT_MS, view.lock.write());
        if (!guard.previousOwnerDied) assertEquals(view.first, view.second);
        guard.markConsistent();
        guard.unlock();
        view.lock.readSync().unlock();
        return performance.now() - from;
      });
      if (survived) break;
      died++;
    }
    assert(died > 1, `${died} steps`);
  });
}

/** What a waiter does: takes, mends if need be, gives back. */
async function use(view: Held["view"], call: "read" | "write"): Promise<void> {
  try {
    if (call === "write") {
      using guard = await view.lock.write();
      view.second = view.first;
      guard.markConsistent();
    } else {
      using _guard = await view.lock.read();
      assertEquals(view.first, view.second);
    }
  } catch (error) {
    if (!(error instanceof PosixError) || error.code !== "EOWNERDEAD") throw error;
  }
}

Deno.test("RwLock whose readers and writers are killed at random instants comes back every time", async () => {
  await killReadersAndWriters(30);
});

Deno.test("RwLock is joined by a C program, which reads, writes, dies with it and hears of deaths", async () => {
  await using directory = await temporaryDirectory();
  const program = await compileC("rw_lock_peer.c", directory.path);
  using held = shared();
  const { memory, view } = held;
  const start = async (what: string) => {
    const peer = Peer.program(program, memory.name, Shared.layout, what);
    assertEquals(await watchdog(LIMIT_MS, peer.says()), "ready");
    return peer;
  };
  {
    await using reader = await start("read");
    assertEquals(await does(reader, "go"), "held");
    view.lock.readSync().unlock();
    assertEquals(view.lock.tryWrite(), undefined);
    const waiting = view.lock.write();
    assertEquals(await does(reader, "unlock"), "unlocked");
    (await watchdog(LIMIT_MS, waiting)).unlock();
  }
  {
    await using dying = await start("die");
    assertEquals(await does(dying, "go"), "held");
    const guard = await watchdog(LIMIT_MS, view.lock.write());
    assertEquals([guard.previousOwnerDied, view.first, view.second], [true, 1n, 0n]);
    // Not mended yet: a reader in C waits, and hears of it when this one dies in its turn.
    guard.markConsistent();
    guard.unlock();
  }
  await using owner = await actor(held);
  await using next = await start("write");
  assertEquals(await does(owner, "writeSync"), "held");
  await next.tell("go");
  await sleepsForWord(held);
  owner.kill();
  assertEquals(await watchdog(LIMIT_MS, next.says()), "after death");
  const waiting = view.lock.read();
  assertEquals(await does(next, "unlock"), "unlocked");
  (await watchdog(LIMIT_MS, waiting)).unlock();
  // A C program that reads, and is killed.
  await using reader = await start("read");
  assertEquals(await does(reader, "go"), "held");
  const last = view.lock.write();
  reader.kill();
  (await watchdog(LIMIT_MS, last)).unlock();
});

Deno.test("RwLock after deaths leaves nothing behind", async () => {
  await noLeaks(async () => {
    using held = shared();
    const peer = await actor(held);
    await does(peer, "readSync");
    const waiting = held.view.lock.write();
    await peer[Symbol.asyncDispose]();
    (await watchdog(LIMIT_MS, waiting)).unlock();
  });
});
