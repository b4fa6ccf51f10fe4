/** Rings and lanes, step by step: what another process does between two steps of a call. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createLanes, joinLanesReceiver, lanesByteLength, openLanesSender } from "../../lib/channel/lanes.ts";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { type AnonymousMemory, createAnonymousMemory } from "../../lib/memory/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 60_000;
const ONE_TO_MANY = { direction: "one-to-many", lanes: 1, capacity: 128 } as const;

function lane(): AnonymousMemory {
  const memory = createAnonymousMemory({ size: lanesByteLength(ONE_TO_MANY) });
  createLanes(memory, ONE_TO_MANY);
  return memory;
}

/** The first lane's tail and head, by index in words: docs/layouts.md. */
const TAIL = (128 + 64) / 4;
const HEAD = (128 + 128) / 4;

/** Does something once, before or after the first such operation on a word of the memory. */
function step<Name extends "load" | "compareExchange">(
  name: Name,
  memory: AnonymousMemory,
  word: number,
  when: "before" | "after",
  then: () => void,
): Disposable {
  const original = Atomics[name];
  let done = false;
  const stepped = (words: Int32Array<ArrayBuffer>, index: number, ...values: [number, number]) => {
    const here = !done && words.buffer === memory.bytes.buffer && words.byteOffset + 4 * index === 4 * word;
    done ||= here;
    if (here && when === "before") then();
    const result: number = Reflect.apply(original, Atomics, [words, index, ...values]);
    if (here && when === "after") then();
    return result;
  };
  Reflect.set(Atomics, name, stepped);
  return { [Symbol.dispose]: () => void Reflect.set(Atomics, name, original) };
}

Deno.test("a second wait that is Busy leaves the first one's need as it is", async () => {
  using memory = createAnonymousMemory({ size: ringByteLength(128) });
  createRing(memory, { capacity: 128 });
  using sender = openRingSender(memory);
  using receiver = openRingReceiver(memory);
  while (sender.trySend(new Uint8Array(24)));
  const waiting = sender.send(new Uint8Array(24));
  await assertRejects(() => sender.send(new Uint8Array(56)), Deno.errors.Busy);
  // Room for the small one, and not for the large one.
  assert(receiver.tryReceive());
  receiver.release();
  await watchdog(LIMIT_MS, waiting);
});

Deno.test("one to many: a trySend during a wait leaves the wait's need as it is", async () => {
  using memory = lane();
  using hub = openLanesSender(memory);
  using subscriber = joinLanesReceiver(memory, { whenFull: "block" });
  while (hub.trySend(new Uint8Array(24)));
  const waiting = hub.send(new Uint8Array(24));
  // It sleeps from the next turn of the event loop on.
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(hub.trySend(new Uint8Array(56)), false);
  assert(subscriber.tryReceive());
  await watchdog(LIMIT_MS, waiting);
});

Deno.test("one to many: a lane whose oldest is received while it is being dropped has room for the newest", () => {
  using memory = lane();
  using hub = openLanesSender(memory);
  using subscriber = joinLanesReceiver(memory, { whenFull: "drop-oldest" });
  // One message, behind padding: at 0, and the place before it is what the last lap has left.
  hub.sendSync(new Uint8Array(56));
  hub.sendSync(new Uint8Array(24));
  assert(subscriber.tryReceive() && subscriber.tryReceive());
  hub.sendSync(new Uint8Array(56));
  {
    // The publisher has dropped the padding; before it looks again, the message is received.
    using _step = step("compareExchange", memory, HEAD, "after", () => assert(subscriber.tryReceive()));
    hub.sendSync(new Uint8Array(56).fill(7));
  }
  assertEquals(subscriber.tryReceive()?.[0], 7);
  assertEquals(subscriber.dropped, 0);
});

Deno.test("one to many: a subscriber that joins while the publisher drops does not move the head back", () => {
  using memory = lane();
  using hub = openLanesSender(memory);
  // Its policy stays in the lane when it is gone.
  joinLanesReceiver(memory, { whenFull: "drop-oldest" }).close();
  {
    // It has looked at the tail, and is stopped for as long as the publisher takes for several messages.
    const publish = () => {
      for (let value = 1; value <= 20; value++) hub.sendSync(new Uint8Array(24).fill(value));
    };
    using _step = step("load", memory, TAIL, "after", publish);
    using subscriber = joinLanesReceiver(memory, { whenFull: "drop-oldest" });
    hub.sendSync(new Uint8Array(24).fill(21));
    assertEquals(hub.subscribers, 1);
    const received: (number | undefined)[] = [];
    for (let next; (next = subscriber.tryReceive());) received.push(next[0]);
    assertEquals(received.at(-1), 21);
  }
});
