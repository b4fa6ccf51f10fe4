// Needs: python3
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { ChannelClosedError } from "../../lib/errors.ts";
import { createSharedMemory, type SharedMemory } from "../../lib/memory/mod.ts";
import { command } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "../sync/peer.ts";
import { checkCounted, countedBytes } from "./ring_rounds.ts";

const LIMIT_MS = 120_000;
const CAPACITY = 2048;
const COUNT = 10_000;
const RING_BYTES = ringByteLength(CAPACITY);
const SCRIPT = fromFileUrl(new URL("../fixtures/ring_peer.py", import.meta.url));

/** Two rings, the first shortly before its cursors wrap around. */
async function withRings(work: (memory: SharedMemory) => Promise<void>): Promise<void> {
  using memory = createSharedMemory(uniqueName(), { size: 2 * RING_BYTES });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  createRing(memory, { capacity: CAPACITY, firstCursor: 2 ** 32 - 10 * CAPACITY });
  createRing(memory, { capacity: CAPACITY, offset: RING_BYTES });
  await watchdog(LIMIT_MS, work(memory));
}

const python = ({ name }: SharedMemory, ...args: string[]) => Peer.program("python3", SCRIPT, name, ...args);
const messageOf = (index: number) => new Uint8Array(new Uint32Array(countedBytes(index) / 4).fill(index).buffer);

Deno.test("a Python program sends: everything arrives in order, and its close is a close", async () => {
  await withRings(async (memory) => {
    using receiver = openRingReceiver(memory);
    await using peer = python(memory, "send", String(COUNT));
    assertEquals(await peer.says(), "ready");
    let next = 0;
    for (let message; (message = next < COUNT / 2 ? receiver.receiveSync() : await receiver.receive()) !== null;) {
      next = checkCounted(message, next);
    }
    assertEquals(next, COUNT);
    assertEquals(await peer.says(), "done");
  });
});

Deno.test("a Python program receives: everything arrives in order, and our close is a close", async () => {
  await withRings(async (memory) => {
    const sender = openRingSender(memory);
    await using peer = python(memory, "receive");
    assertEquals(await peer.says(), "ready");
    for (let index = 0; index < COUNT; index++) {
      if (index < COUNT / 2) sender.sendSync(messageOf(index));
      else await sender.send(messageOf(index));
    }
    sender.close();
    assertEquals(await peer.says(), `${COUNT}, closed`);
    assertEquals(await peer.says(), "done");
  });
});

Deno.test("a Python program asleep in the kernel is woken by a message, and not by looking again", async () => {
  await withRings(async (memory) => {
    const sender = openRingSender(memory);
    using receiver = openRingReceiver(memory, { offset: RING_BYTES });
    await using peer = python(memory, "answer", String(RING_BYTES));
    assertEquals(await peer.says(), "ready");
    for (let index = 0; index < 50; index++) {
      await peer.sleepsOnFutex();
      sender.sendSync(messageOf(index));
      checkCounted(receiver.receiveSync()!, index);
    }
    await peer.sleepsOnFutex();
    sender.close();
    assertEquals(await receiver.receive(), null);
    assertEquals(await peer.says(), "done");
  });
});

Deno.test("a Python program wakes who sleeps, on the event loop and in the kernel", async () => {
  // A sleeper looks again after a second: so many rounds that have to wait for that exceed the limit.
  await withRings(async (memory) => {
    const sender = openRingSender(memory);
    using receiver = openRingReceiver(memory, { offset: RING_BYTES, spins: 0 });
    await using peer = python(memory, "rouse", String(RING_BYTES));
    assertEquals(await peer.says(), "ready");
    for (let index = 0; index < 200; index++) {
      sender.sendSync(messageOf(index));
      checkCounted((index % 2 === 0 ? await receiver.receive() : receiver.receiveSync())!, index);
    }
    sender.close();
    assertEquals(await receiver.receive(), null);
  });
});

for (const [role, how] of [["die", "is killed with a half-written message"], ["leave", "ends without closing"]]) {
  Deno.test(`a Python program that ${how}: what it sent is received, and it died`, async () => {
    await withRings(async (memory) => {
      using receiver = openRingReceiver(memory);
      await using peer = python(memory, role!, "3");
      assertEquals(await peer.says(), "ready");
      if (role === "die") assertEquals(await peer.says(), "reserved");
      for (let index = 0; index < 3; index++) checkCounted(await receiver.receive() ?? new Uint8Array(), index);
      if (role === "die") assertStrictEquals(receiver.tryReceive(), undefined);
      const died = assertRejects(() => receiver.receive(), ChannelClosedError);
      if (role === "die") peer.kill();
      assertEquals((await died).reason, "died");
    });
  });
}

Deno.test("a Python program that finds an end closed leaves it so", async () => {
  await withRings(async (memory) => {
    using receiver = openRingReceiver(memory);
    openRingSender(memory).close();
    await using peer = python(memory, "send", "1");
    assertEquals(await peer.says(), "no ring");
    await peer.status;
    assertEquals(receiver.peer, "closed");
    assertEquals(await receiver.receive(), null);
  });
});

Deno.test("channelPair ring: a child in Python tells the death of its parent from a clean close", async () => {
  const parent = fromFileUrl(new URL("../fixtures/pair_parent.ts", import.meta.url));
  for (const [role, told] of [["die", "died"], ["close", "closed"]] as const) {
    const output = await command(Deno.execPath(), ["run", "-A", "--no-check", parent, "ring", role, SCRIPT])
      .unchecked().with({ drainGraceMs: 30_000 }).text();
    assertEquals(output, `heard last words\n${told}`);
  }
});
