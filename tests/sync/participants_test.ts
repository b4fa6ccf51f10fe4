import { assert, assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  array,
  createAnonymousMemory,
  createSharedMemory,
  i32,
  openSharedMemory,
  padded,
  struct,
} from "../../lib/memory/mod.ts";
import { mappingOf } from "../../lib/memory/memory.ts";
import { PosixError } from "../../lib/sync/mod.ts";
import { futexWaitAny } from "../../lib/sync/futex_vector.ts";
import { futexWord } from "../../lib/sync/futex.ts";
import { sleepersSettled, sleepOn } from "../../lib/sync/futex_sleeper.ts";
import { passOn } from "../../lib/sync/participants.ts";
import { robustList } from "../../lib/sync/robust_list.ts";
import { member, Members } from "../fixtures/participants_struct.ts";
import { fromFileUrl } from "@std/path";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { eachOperation } from "./interleaving.ts";
import { Peer, uniqueName } from "./peer.ts";

const LIMIT_MS = 60_000;

function shared() {
  const memory = createSharedMemory(uniqueName(), { size: Members.byteLength });
  const table = Members.create(memory).member;
  return {
    memory,
    table,
    [Symbol.dispose]: () => {
      memory.unlink();
      memory.close();
    },
  };
}

async function joined(name: string): Promise<{ peer: Peer; index: number; generation: number }> {
  const peer = Peer.deno("participants_join.ts", { args: [name] });
  const [index = -1, generation = 0] = (await watchdog(LIMIT_MS, peer.says())).split(" ").map(Number);
  return { peer, index, generation };
}

Deno.test("struct puts one participant table behind the last field, and the layout says so", () => {
  assertEquals(Members.offsets, { before: 0, member: 4, after: 20, participants: 24 });
  assertEquals(Members.size, 24 + 4 * 40);
  assertEquals(Members.layout, "struct{before@0:i32,member@4:member,after@20:i32,participants@24:participants(4)}#184");
  const Two = struct({ one: member(), two: array(padded(member()), 2) });
  assertEquals(Two.offsets, { one: 0, two: 256, participants: 768 });
  assertEquals(Two.size, 768 + 64 * 40);
});

Deno.test("struct refuses participants that cannot be", () => {
  for (const participants of [0, 121, 1.5, NaN]) {
    assertThrows(() => struct({ one: member() }, { participants }), RangeError, "1..120");
  }
  assertThrows(() => struct({ one: i32 }, { participants: 4 }), TypeError, "participants");
  assertThrows(() => struct({ participants: i32, one: member() }), TypeError, "participants");
  struct({ participants: i32 });
});

Deno.test("Participants is one table for all fields of a struct, and another for a nested one", () => {
  const Inner = struct({ one: member(), two: array(padded(member()), 2) }, { participants: 3 });
  const Outer = struct({ inner: Inner, also: array(Inner, 2), mine: member() }, { participants: 5 });
  using memory = createAnonymousMemory({ size: Outer.byteLength });
  const view = Outer.create(memory);
  assertStrictEquals(view.inner.one, view.inner.two.get(1));
  assert(view.inner.one !== view.mine);
  assert(view.inner.one !== view.also.get(1).one);
  assertEquals([view.inner.one.slots, view.mine.slots], [3, 5]);
  for (const table of [view.mine, view.inner.one, view.also.get(0).two.get(0), view.also.get(1).one]) {
    assertEquals(table.own, undefined);
    assertEquals(table.join("join").index, 0);
    assertEquals(table.top, 1);
  }
});

Deno.test("Participants.join gives every thread a slot of its own, until the memory is closed", async () => {
  using held = shared();
  const { memory, table } = held;
  const own = table.join("join");
  assertEquals(table.join("join"), own);
  const other = await joined(memory.name);
  await using _other = other.peer;
  assertEquals([own.index, other.index, table.top], [0, 1, 2]);
  assert(table.isAlive(own.index, own.generation) && table.isAlive(other.index, other.generation));
  assert(!table.isAlive(other.index, other.generation + 1) && !table.isAlive(2, 0));
  // Nobody sleeps on a slot for who had it before.
  assertEquals(table.watch(other.index, other.generation - 1), undefined);

  using same = openSharedMemory(memory.name);
  const again = Members.open(same).member;
  const twin = again.join("join");
  assertEquals([twin.index, table.isTwin(2), table.isTwin(1), table.isTwin(0), again.isTwin(0)], [
    2,
    true,
    false,
    false,
    true,
  ]);
  same.close();
  assert(!table.isAlive(2, twin.generation));
});

Deno.test("Participants.join lets nobody believe for a moment that a dead one lives that had the slot between two of its steps", () => {
  for (let step = 0, over = false; !over; step++) {
    using held = shared();
    const { memory, table } = held;
    let dead: { index: number; generation: number } | undefined;
    const meanwhile = (operation: number) => {
      if (operation === step) dead = joinAndDie(memory.name);
      else if (dead !== undefined) assert(!table.isAlive(dead.index, dead.generation), `${step}, ${operation}`);
    };
    over = eachOperation(() => void table.join("join"), meanwhile) <= step;
    const own = table.own;
    assert(own !== undefined && table.isAlive(own.index, own.generation));
  }
});

/** Another process comes, takes a slot, and is killed. */
function joinAndDie(name: string): { index: number; generation: number } {
  const fixture = fromFileUrl(new URL("../fixtures/participants_join_and_die.ts", import.meta.url));
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["run", "-A", fixture, name] }).outputSync();
  const [index = -1, generation = 0] = new TextDecoder().decode(stdout).split(" ").map(Number);
  assert(index >= 0 && generation !== 0);
  return { index, generation };
}

Deno.test("Participants.join says ENOSPC when all slots are of the living, and takes those of the dead", async () => {
  using held = shared();
  const { memory, table } = held;
  await using peers = new AsyncDisposableStack();
  const taken = [];
  for (let slot = 0; slot < 4; slot++) {
    const one = await joined(memory.name);
    peers.use(one.peer);
    taken.push(one);
  }
  assertEquals(taken.map(({ index }) => index), [0, 1, 2, 3]);
  const error = assertThrows(() => table.join("read"), PosixError, "ENOSPC");
  assertEquals([error.syscall, /participants/.test(error.message)], ["read", true]);
  taken[2]?.peer.kill("SIGSTOP");
  assertThrows(() => table.join("read"), PosixError, "ENOSPC");
  taken[1]?.peer.kill();
  await watchdog(LIMIT_MS, taken[1]!.peer.status);
  const own = table.join("read");
  assertEquals(own.index, 1);
  assertNotEquals(own.generation, taken[1]?.generation);
  assert(!table.isAlive(1, taken[1]!.generation));
  assert(table.isAlive(2, taken[2]!.generation));
});

Deno.test("Participants.watch wakes who sleeps, in either way, when the thread of a slot dies, and not when it is stopped", async () => {
  using held = shared();
  const { memory, table } = held;
  const word = futexWord(mappingOf(memory), 64);
  const main = { ...word, expected: 0 };
  for (const way of ["sync", "async", "async, twice"]) {
    const { peer, index, generation } = await joined(memory.name);
    await using _peer = peer;
    peer.kill("SIGSTOP");
    const watched = table.watch(index, generation);
    assert(watched !== undefined);
    futexWaitAny([main, watched], 20);
    assertEquals(table.watch(index, generation), watched);
    if (way === "sync") {
      peer.kill();
      while (table.isAlive(index, generation)) futexWaitAny([main, watched], 10_000);
    } else {
      const sleeps = way === "async" ? 1 : 3;
      const slept = Array.from({ length: sleeps }, () => {
        const { promise, resolve: wake, reject: fail } = Promise.withResolvers<void>();
        sleepOn({ ...main, also: [watched], wake, fail });
        return promise;
      });
      peer.kill();
      await watchdog(LIMIT_MS, Promise.all(slept));
      await sleepersSettled();
    }
    passOn([watched]);
    assertEquals(table.watch(index, generation), undefined);
  }
});

Deno.test("Participants.join after somebody zeroed the table takes a slot anew", () => {
  using memory = createAnonymousMemory({ size: Members.byteLength });
  const first = Members.create(memory).member;
  first.join("join");
  memory.bytes.fill(0);
  const table = Members.create(memory).member;
  const own = table.join("join");
  assert(table.isAlive(own.index, own.generation));
});

Deno.test("Participants reads no farther than the table, whatever a peer wrote", () => {
  using memory = createAnonymousMemory({ size: Members.byteLength });
  const table = Members.create(memory).member;
  const words = new Int32Array(memory.bytes.buffer, 64 + 24, 40);
  for (const value of [-1, 5, 0x7fffffff, -0x80000000]) {
    words[2] = value;
    assertEquals(table.top, 4);
  }
  words.fill(-1);
  assertThrows(() => table.join("join"), PosixError, "ENOSPC");
  words.fill(0);
  words[1] = -2;
  assertNotEquals(table.join("join").generation, 0);
});

Deno.test("Participants of a thread whose id came back are not taken for the one before, nor for this thread", async () => {
  using held = shared();
  const { memory, table } = held;
  const { peer, index, generation } = await joined(memory.name);
  await using _peer = peer;
  peer.kill();
  await watchdog(LIMIT_MS, peer.status);
  // Another thread has got the same id since, and the same slot: J2 to J4.
  const slot = new Int32Array(memory.bytes.buffer, 64 + 24 + 40 * index, 10);
  slot[1]! += 2;
  slot[0] = peer.pid;
  assert(!table.isAlive(index, generation) && table.isAlive(index, generation + 2));
  assertEquals(table.watch(index, generation), undefined);
  // And one of another pid namespace has this thread's id.
  slot[0] = robustList().tid;
  assert(table.isAlive(index, generation + 2) && !table.isTwin(index));
  assertEquals(table.join("join").index, 1);
});

Deno.test("Participants whose Worker was terminated are dead", async () => {
  using held = shared();
  const { memory, table } = held;
  const worker = new Worker(new URL("../fixtures/participants_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve } = Promise.withResolvers<{ index: number; generation: number }>();
  worker.addEventListener("message", ({ data }) => resolve(data));
  worker.postMessage(memory.name);
  const { index, generation } = await watchdog(LIMIT_MS, promise);
  const watched = table.watch(index, generation);
  assert(watched !== undefined);
  const slept = Promise.withResolvers<void>();
  sleepOn({ ...watched, wake: slept.resolve, fail: slept.reject });
  worker.terminate();
  await watchdog(LIMIT_MS, slept.promise);
  assert(!table.isAlive(index, generation));
  await sleepersSettled();
});

Deno.test("Participants leave nothing behind", async () => {
  await noLeaks(async () => {
    using held = shared();
    held.table.join("join");
    const { peer } = await joined(held.memory.name);
    await peer[Symbol.asyncDispose]();
  });
});

Deno.test("sleepOn of several words that disagree about one of them wakes whoever is late", async () => {
  using memory = createAnonymousMemory({ size: 64 });
  const [one, two] = [futexWord(mappingOf(memory), 0), futexWord(mappingOf(memory), 8)];
  const late = Promise.withResolvers<void>();
  sleepOn({ ...two, expected: 0, also: [{ ...one, expected: 7 }], wake: late.resolve, fail: late.reject });
  let woken = false;
  const stop = sleepOn({ ...one, expected: 0, wake: () => woken = true, fail: late.reject });
  await watchdog(LIMIT_MS, late.promise);
  assertEquals(woken, false);
  stop();
  await watchdog(LIMIT_MS, sleepersSettled());
});
