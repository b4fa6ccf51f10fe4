// Needs: gcc
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { SENT } from "../../lib/channel/ring_layout.ts";
import { ChannelClosedError } from "../../lib/errors.ts";
import { createSharedMemory, type SharedMemory } from "../../lib/memory/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer, uniqueName } from "../sync/peer.ts";
import { checkCounted, countedBytes } from "./ring_rounds.ts";

const LIMIT_MS = 120_000;
const CAPACITY = 2048;
const COUNT = 20_000;

async function withRing(work: (memory: SharedMemory, program: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const program = await compileC("ring_peer.c", directory);
    using memory = createSharedMemory(uniqueName(), { size: ringByteLength(CAPACITY) });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    createRing(memory, { capacity: CAPACITY, firstCursor: 2 ** 32 - 10 * CAPACITY });
    await watchdog(LIMIT_MS, work(memory, program));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const messageOf = (index: number) => new Uint8Array(new Uint32Array(countedBytes(index) / 4).fill(index).buffer);

Deno.test("a C program sends: everything arrives in order, and its close is a close", async () => {
  await withRing(async (memory, program) => {
    using receiver = openRingReceiver(memory);
    await using peer = Peer.program(program, memory.name, "send", String(COUNT));
    assertEquals(await peer.says(), "ready");
    let next = 0;
    for (let message; (message = next < COUNT / 2 ? receiver.receiveSync() : await receiver.receive()) !== null;) {
      next = checkCounted(message, next);
    }
    assertEquals(next, COUNT);
    // For `top`: it counts as a producer here does.
    assertEquals(new DataView(memory.bytes.buffer, memory.bytes.byteOffset).getUint32(4 * SENT, true), COUNT);
    assertEquals(await peer.says(), "done");
  });
});

Deno.test("a C program receives: everything arrives in order, and our close is a close", async () => {
  await withRing(async (memory, program) => {
    const sender = openRingSender(memory);
    await using peer = Peer.program(program, memory.name, "receive");
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

Deno.test("a C program that is killed with a loan: what it sent is received, and it died", async () => {
  await withRing(async (memory, program) => {
    using receiver = openRingReceiver(memory);
    await using peer = Peer.program(program, memory.name, "die", "3");
    assertEquals(await peer.says(), "ready");
    assertEquals(await peer.says(), "loaned");
    for (let index = 0; index < 3; index++) checkCounted(await receiver.receive() ?? new Uint8Array(), index);
    assertStrictEquals(receiver.tryReceive(), undefined);
    const waiting = receiver.receive().then(() => undefined, (error: unknown) => error);
    peer.kill();
    const error = await waiting;
    assert(error instanceof ChannelClosedError);
    assertEquals(error.reason, "died");
  });
});

Deno.test("a C program that finds an end closed leaves it so", async () => {
  await withRing(async (memory, program) => {
    using receiver = openRingReceiver(memory);
    openRingSender(memory).close();
    await using peer = Peer.program(program, memory.name, "send", "1");
    assertEquals(await peer.says(), "no ring");
    await peer.status;
    assertEquals(receiver.peer, "closed");
    assertEquals(await receiver.receive(), null);
  });
});
