import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  createLanes,
  joinLanesReceiver,
  joinLanesSender,
  lanesByteLength,
  type LanesOptions,
  type LanesReceiver,
  openLanesReceiver,
  openLanesSender,
} from "../../lib/channel/lanes.ts";
import { ChannelClosedError, ClosedError, PosixError, ProtocolError } from "../../lib/errors.ts";
import {
  type AnonymousMemory,
  createAnonymousMemory,
  createSharedMemory,
  type SharedMemory,
} from "../../lib/memory/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "../sync/peer.ts";

const LIMIT_MS = 60_000;
const OPTIONS = { lanes: 3, capacity: 256 } as const;

function lanes(options: LanesOptions = {}): AnonymousMemory {
  const memory = createAnonymousMemory({ size: lanesByteLength({ ...OPTIONS, ...options }) });
  createLanes(memory, { ...OPTIONS, ...options });
  return memory;
}

function namedLanes(options: LanesOptions = {}): SharedMemory {
  const memory = createSharedMemory(uniqueName(), { size: lanesByteLength({ ...OPTIONS, ...options }) });
  createLanes(memory, { ...OPTIONS, ...options });
  return memory;
}

Deno.test("many to one: every lane has its turn, and each keeps its order", () => {
  using memory = lanes();
  using hub = openLanesReceiver(memory);
  const senders = [0, 1, 2].map(() => joinLanesSender(memory));
  assertEquals(hub.producers, 3);
  senders.forEach((sender, id) => {
    for (let number = 0; number < 5; number++) sender.sendSync(Uint8Array.of(id, number));
  });
  const next = [0, 0, 0];
  for (let turn = 0; turn < 5; turn++) {
    const seen = new Set<number>();
    for (let lane = 0; lane < 3; lane++) {
      const [id = -1, number] = hub.tryReceive() ?? [];
      assertEquals(number, next[id]!++);
      assertEquals(hub.lane, id);
      seen.add(id);
    }
    assertEquals(seen.size, 3, "one message of each lane a turn");
  }
  assertStrictEquals(hub.tryReceive(), undefined);
});

Deno.test("many to one: a loan that was kept beyond close() does not reach the messages of who has the lane next", () => {
  using memory = lanes({ lanes: 1 });
  using hub = openLanesReceiver(memory);
  const first = joinLanesSender(memory);
  const kept = first.tryLoan(8)!;
  first.close();
  const second = joinLanesSender(memory);
  second.sendSync(new Uint8Array(8).fill(2));
  for (let at = 0; at < 8; at++) kept[at] = 1;
  assertThrows(() => kept.fill(1), TypeError);
  assertEquals(hub.tryReceive(), new Uint8Array(8).fill(2));
});

Deno.test("many to one: ENOSPC when every lane is taken, and a closed lane is for the next", () => {
  using memory = lanes();
  using hub = openLanesReceiver(memory);
  const senders = [0, 1, 2].map(() => joinLanesSender(memory));
  const error = assertThrows(() => joinLanesSender(memory), PosixError);
  assertEquals(error.code, "ENOSPC");
  senders[1]!.sendSync(Uint8Array.of(1));
  senders[1]!.close();
  const next = joinLanesSender(memory);
  next.sendSync(Uint8Array.of(2));
  assertEquals([hub.tryReceive()?.[0], hub.tryReceive()?.[0]], [1, 2]);
  assertEquals(hub.deaths, 0);
});

Deno.test("many to one: the hub waits in both ways, and close, timeout and abort end the wait", async () => {
  await noLeaks(async () => {
    using memory = lanes();
    const hub = openLanesReceiver(memory);
    const sender = joinLanesSender(memory);
    const waiting = hub.receive();
    sender.sendSync(Uint8Array.of(7));
    assertEquals((await watchdog(LIMIT_MS, waiting))[0], 7);
    assertThrows(() => hub.receiveSync({ timeoutMs: 5 }), DOMException, "timed out");
    await assertRejects(() => hub.receive({ timeoutMs: 5 }), DOMException, "timed out");
    await assertRejects(() => hub.receive({ signal: AbortSignal.abort(new Error("enough")) }), Error, "enough");
    const closing = assertRejects(() => hub.receive(), ClosedError);
    hub.close();
    await closing;
    assertThrows(() => sender.trySend(Uint8Array.of(1)), ChannelClosedError);
    assertThrows(() => joinLanesSender(memory), ChannelClosedError);
  });
});

/** Receives until so many messages of each producer are there, in order. */
async function receiveAll(hub: LanesReceiver, counts: Map<number, number>, until: Map<number, number>): Promise<void> {
  while ([...until].some(([id, count]) => (counts.get(id) ?? 0) < count)) {
    const message = await watchdog(LIMIT_MS, hub.receive());
    const view = new DataView(message.buffer, message.byteOffset);
    const [id, number] = [view.getUint32(0, true), view.getUint32(4, true)];
    assertEquals(number, counts.get(id) ?? 0, `of producer ${id}`);
    counts.set(id, number + 1);
  }
}

Deno.test("many to one: a killed producer's lane is drained and taken by the next, and nothing is lost", async () => {
  using memory = namedLanes();
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  using hub = openLanesReceiver(memory);
  const start = (id: number) => Peer.deno("ring_lanes_peer.ts", { args: [memory.name, "send", String(id)] });
  await using stack = new AsyncDisposableStack();
  const peers = [1, 2, 3].map((id) => stack.use(start(id)));
  for (const peer of peers) assertEquals(await peer.says(), "ready");
  const counts = new Map<number, number>();
  for (const peer of peers) await peer.tell("200");
  await receiveAll(hub, counts, new Map([[1, 200], [2, 200], [3, 200]]));
  for (const peer of peers) assertEquals(await peer.says(), "done");
  // What it has published fits into its lane, and stays there when it is gone.
  await peers[0]!.tell("5");
  assertEquals(await peers[0]!.says(), "done");
  peers[0]!.kill();
  await peers[0]!.status;
  await using next = start(4);
  assertEquals(await next.says(), "ready");
  await next.tell("50");
  await receiveAll(hub, counts, new Map([[1, 205], [4, 50]]));
  assertEquals(hub.producers, 3);
});

Deno.test("many to one: a death is counted, also by a hub that sleeps", async () => {
  using memory = namedLanes();
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  using hub = openLanesReceiver(memory);
  await using peer = Peer.deno("ring_lanes_peer.ts", { args: [memory.name, "send", "1"] });
  assertEquals(await peer.says(), "ready");
  assertStrictEquals(hub.tryReceive(), undefined);
  const stop = new AbortController();
  const waiting = hub.receive({ signal: stop.signal }).catch(() => "stopped");
  peer.kill();
  await watchdog(LIMIT_MS, async () => {
    while (hub.deaths === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  stop.abort();
  assertEquals(await waiting, "stopped");
  assertEquals([hub.deaths, hub.producers], [1, 0]);
});

Deno.test("many to one: a producer that writes what cannot be spoils its own lane", () => {
  using memory = lanes();
  using hub = openLanesReceiver(memory);
  const [bad, good] = [joinLanesSender(memory), joinLanesSender(memory)];
  bad.sendSync(Uint8Array.of(1));
  good.sendSync(Uint8Array.of(2));
  // The first lane's first record.
  new Int32Array(memory.bytes.buffer)[(128 + 384) / 4] = 1_000_000;
  assertThrows(() => hub.tryReceive(), ProtocolError);
  assertEquals(hub.tryReceive()?.[0], 2);
  assertThrows(() => bad.trySend(Uint8Array.of(1)), ChannelClosedError);
  assert(joinLanesSender(memory).trySend(Uint8Array.of(3)));
  assertEquals(hub.tryReceive()?.[0], 3);
});

Deno.test("a second hub is EBUSY, and lanes have a direction", () => {
  using memory = lanes();
  using _hub = openLanesReceiver(memory);
  assertEquals(assertThrows(() => openLanesReceiver(memory), PosixError).code, "EBUSY");
  assertThrows(() => openLanesSender(memory), ProtocolError, "many-to-one");
  assertThrows(() => joinLanesReceiver(memory), ProtocolError, "many-to-one");
  using empty = createAnonymousMemory({ size: 4096 });
  assertThrows(() => joinLanesSender(empty), ProtocolError, "no lanes");
  for (const lanes of [0, 121, 1.5]) assertThrows(() => lanesByteLength({ lanes }), RangeError);
  assertThrows(() => createLanes(empty, { lanes: 100 }), RangeError);
});

Deno.test("one to many: every subscriber gets every message from its joining on", () => {
  using memory = lanes({ direction: "one-to-many" });
  using hub = openLanesSender(memory);
  assert(hub.trySend(Uint8Array.of(0)), "nobody is there");
  const early = joinLanesReceiver(memory);
  hub.sendSync(Uint8Array.of(1));
  const late = joinLanesReceiver(memory);
  hub.sendSync(Uint8Array.of(2));
  assertEquals(hub.subscribers, 2);
  assertEquals([early.tryReceive()?.[0], early.tryReceive()?.[0], early.tryReceive()], [1, 2, undefined]);
  assertEquals([late.tryReceive()?.[0], late.tryReceive()], [2, undefined]);
  hub.close();
  assertEquals([early.tryReceive(), late.tryReceive()], [null, null]);
});

Deno.test("one to many: each subscriber's policy when its lane is full, drops counted", () => {
  using memory = lanes({ direction: "one-to-many" });
  using hub = openLanesSender(memory);
  const message = (number: number) => new Uint8Array(40).fill(number);
  const numbers = (receiver: ReturnType<typeof joinLanesReceiver>) => {
    const got: number[] = [];
    for (let next; (next = receiver.tryReceive());) got.push(next[0]!);
    return got;
  };
  const oldest = joinLanesReceiver(memory, { whenFull: "drop-oldest" });
  const newest = joinLanesReceiver(memory, { whenFull: "drop-newest" });
  for (let number = 0; number < 10; number++) assert(hub.trySend(message(number)));
  assertEquals(numbers(oldest), [5, 6, 7, 8, 9]);
  assertEquals(numbers(newest), [0, 1, 2, 3, 4]);
  assertEquals([oldest.dropped, newest.dropped, hub.dropped], [5, 5, 10]);

  const blocks = joinLanesReceiver(memory, { whenFull: "block" });
  let sent = 0;
  while (hub.trySend(message(sent))) sent++;
  assertEquals(sent, 5);
  assertEquals(numbers(blocks), [0, 1, 2, 3, 4]);
  assertEquals(blocks.dropped, 0);
  blocks.close();

  const fails = joinLanesReceiver(memory, { whenFull: "error" });
  for (let number = 0; number < 5; number++) hub.sendSync(message(number));
  const error = assertThrows(() => hub.trySend(message(5)), DOMException);
  assertEquals(error.name, "QuotaExceededError");
  assertEquals(numbers(fails), [0, 1, 2, 3, 4]);
  assert(hub.trySend(message(6)));
  assertEquals(numbers(fails), [6]);
  assertThrows(() => hub.trySend(new Uint8Array(1000)), RangeError);
  assertThrows(() => joinLanesReceiver(memory, { whenFull: "panic" as "block" }), TypeError);
});

Deno.test("one to many: a subscriber that blocks and is killed does not block any more; its lane is for the next", async () => {
  using memory = namedLanes({ direction: "one-to-many", lanes: 1 });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  using hub = openLanesSender(memory);
  await using peer = Peer.deno("ring_lanes_peer.ts", { args: [memory.name, "receive", "block"] });
  assertEquals(await peer.says(), "ready");
  while (hub.trySend(new Uint8Array(40)));
  const waiting = hub.send(new Uint8Array(40));
  peer.kill();
  await watchdog(LIMIT_MS, waiting);
  assertEquals(hub.subscribers, 0);
  await using next = Peer.deno("ring_lanes_peer.ts", { args: [memory.name, "receive", "block"] });
  assertEquals(await next.says(), "ready");
  await next.tell("2000");
  for (let number = 0; number < 2000; number++) {
    const message = new Uint8Array(new Uint32Array([number]).buffer);
    if (number % 2 === 0) hub.sendSync(message);
    else await hub.send(message);
  }
  assertEquals(await next.says(), "0..1999");
});

Deno.test("one to many: a fast publisher over a slow reader that drops the oldest gives whole messages, in order", async () => {
  using memory = namedLanes({ direction: "one-to-many", lanes: 1 });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  using hub = openLanesSender(memory);
  await using peer = Peer.deno("ring_lanes_watch.ts", { args: [memory.name] });
  assertEquals(await peer.says(), "ready");
  for (let number = 0; number < 200_000; number++) {
    hub.sendSync(new Uint8Array(new Uint32Array(10).fill(number).buffer));
  }
  hub.close();
  const [received, last] = (await peer.says()).split(" ").map(Number);
  assertEquals(last, 199_999);
  assertEquals(received! + droppedOf(memory), 200_000);
});

/** The drop counter of the first lane: docs/layouts.md. */
function droppedOf(memory: SharedMemory): number {
  return new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset)[(128 + 68) / 4]!;
}

Deno.test("one to many: a subscriber that writes what cannot be spoils its own lane", () => {
  using memory = lanes({ direction: "one-to-many" });
  using hub = openLanesSender(memory);
  const bad = joinLanesReceiver(memory);
  const good = joinLanesReceiver(memory);
  hub.sendSync(Uint8Array.of(1));
  // The first lane's head.
  new Int32Array(memory.bytes.buffer)[(128 + 128) / 4] = 4096;
  while (hub.subscribers === 2) hub.trySend(new Uint8Array(100)), good.tryReceive();
  hub.sendSync(Uint8Array.of(9));
  let last: number | undefined;
  for (let next; (next = good.tryReceive());) last = next[0];
  assertEquals(last, 9);
  assertThrows(() => bad.tryReceive(), ProtocolError);
});
