import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { socketDoorbell } from "../../lib/channel/ring_doorbell.ts";
import { ChannelClosedError, ClosedError } from "../../lib/errors.ts";
import { createAnonymousMemory, type Memory } from "../../lib/memory/mod.ts";
import { socketPair } from "../../lib/socket/mod.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 60_000;

function pair() {
  const memory = createAnonymousMemory({ size: ringByteLength(256) });
  createRing(memory, { capacity: 256 });
  const [mine, theirs] = socketPair("stream");
  const near = socketDoorbell(mine[moveDescriptor]());
  const far = socketDoorbell(theirs[moveDescriptor]());
  return {
    memory,
    near,
    far,
    [Symbol.dispose]: () => {
      memory.close();
      near.close();
      far.close();
    },
  };
}

/** How the consumer sleeps: docs/layouts.md. */
function sleepWord(memory: Memory): number {
  return Atomics.load(new Int32Array(memory.bytes.buffer), (256 + 40) / 4);
}

Deno.test("with doorbells: hundreds of messages, each end asleep on the event loop again and again", async () => {
  await noLeaks(async () => {
    using open = pair();
    const sender = openRingSender(open.memory, { doorbell: open.near });
    const receiver = openRingReceiver(open.memory, { doorbell: open.far });
    const sending = (async () => {
      for (let index = 0; index < 500; index++) await sender.send(Uint8Array.of(index));
      sender.close();
    })();
    let count = 0;
    for (let message; (message = await watchdog(LIMIT_MS, receiver.receive())) !== null; count++) {
      assertEquals(message[0], count % 256);
    }
    assertEquals(count, 500);
    await sending;
  });
});

Deno.test("a doorbell at one end only: the other is woken all the same", async () => {
  using open = pair();
  const sender = openRingSender(open.memory);
  const receiver = openRingReceiver(open.memory, { doorbell: open.far });
  const waiting = receiver.receive();
  await watchdog(LIMIT_MS, async () => {
    while (sleepWord(open.memory) !== 2) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  sender.sendSync(Uint8Array.of(1));
  // The ringer has no bell: the sleeper looks again within a second.
  assertEquals((await watchdog(LIMIT_MS, waiting))?.[0], 1);
});

Deno.test("a peer that never opened its end, and hangs up, has died", async () => {
  using open = pair();
  const receiver = openRingReceiver(open.memory, { doorbell: open.near });
  assertEquals(receiver.peer, "absent");
  const waiting = receiver.receive().then(() => undefined, (error: unknown) => error);
  open.far.close();
  const error = await watchdog(LIMIT_MS, waiting);
  assertInstanceOf(error, ChannelClosedError);
  assertEquals([error.reason, open.near.hungUp], ["died", true]);
});

Deno.test("closing an end, an abort or a timeout ends a wait on a doorbell", async () => {
  await noLeaks(async () => {
    using open = pair();
    const receiver = openRingReceiver(open.memory, { doorbell: open.near });
    const sender = openRingSender(open.memory, { doorbell: open.far });
    assertEquals((await assertRejects(() => receiver.receive({ timeoutMs: 5 }), DOMException)).name, "TimeoutError");
    const reason = new Error("enough");
    const waiting = receiver.receive({ signal: AbortSignal.abort(reason) }).catch((error: unknown) => error);
    assertStrictEquals(await waiting, reason);
    sender.sendSync(Uint8Array.of(1));
    assertEquals((await receiver.receive())?.[0], 1);
    const closing = assertRejects(() => receiver.receive(), ClosedError);
    receiver.close();
    await watchdog(LIMIT_MS, closing);
  });
});
