import { assert, assertAlmostEquals, assertEquals, assertExists } from "@std/assert";
import { createLanes, joinLanesReceiver, lanesByteLength, openLanesSender } from "../../lib/channel/mod.ts";
import { type ChannelLevel, ratesBetween, readSample, type Sample } from "../../lib/inspect/mod.ts";
import { channelRate } from "../../lib/inspect/rates_channels.ts";
import {
  channel,
  createAnonymousMemory,
  createMessageQueue,
  createSysvQueue,
  latest,
  socketPair,
  topic,
  unlinkMessageQueue,
} from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";

const WATCHDOG_MS = 120_000;

const unique = () => crypto.randomUUID().slice(0, 8);

Deno.test("ratesBetween: what a topic has for each subscriber counts messages and drops", async () => {
  const name = `rates-topic-${unique()}`;
  await using publisher = await topic(`shm:${name}`, { mode: "publish", maxMessageBytes: 1500 });
  await using eager = await topic(`shm:${name}`, { mode: "subscribe", maxMessageBytes: 1500 });
  await using idle = await topic(`shm:${name}`, {
    mode: "subscribe",
    maxMessageBytes: 1500,
    whenFull: "drop-newest",
    bufferBytes: 4096,
  });
  const before = own();
  await publisher.publish("x".repeat(1000));
  for (let count = 1; count < 20; count++) {
    await eager.receive();
    await publisher.publish("x".repeat(1000));
  }
  const rates = ratesBetween(before, own());
  const rings = rates.channels.filter(({ channel }) => channel.kind === "ring" && channel.name.includes(name))
    .toSorted((left, right) => (left.drops ?? 0) - (right.drops ?? 0));
  const seconds = Math.max(rates.intervalMs, 1) / 1000;
  assertEquals(rings.length, 2);
  const counts = rings.map(({ messages, drops }) =>
    [messages?.perSecond ?? NaN, drops ?? NaN].map((rate) => Math.round(rate * seconds))
  );
  assertEquals(counts[0], [20, 0]);
  // What was not dropped was sent.
  assert((counts[1]?.[1] ?? 0) > 0);
  assertEquals((counts[1]?.[0] ?? 0) + (counts[1]?.[1] ?? 0), 20);
  assert(rings.every(({ messages }) => messages?.certainty === "exact"));
  assertExists(idle);
});

Deno.test("ratesBetween: a channel counts its messages in both directions", async () => {
  const name = `rates-channel-${unique()}`;
  const [one, other] = await watchdog(
    WATCHDOG_MS,
    Promise.all([channel(`shm:${name}`, { mode: "listen" }), channel(`shm:${name}`, { mode: "connect" })]),
  );
  await using listener = one;
  await using connector = other;
  await connector.send("hello");
  await listener.receive();
  const before = own();
  for (let count = 0; count < 3; count++) await connector.send({ count });
  await listener.send("answer");
  const rates = ratesBetween(before, own());
  const seconds = Math.max(rates.intervalMs, 1) / 1000;
  const found = rates.channels.filter(({ channel }) => channel.kind === "ring" && channel.name.includes(name));
  assertEquals(found.map(({ messages }) => Math.round((messages?.perSecond ?? NaN) * seconds)).toSorted(), [1, 3]);
});

Deno.test("ratesBetween: a latest value counts what was written, read or not", async () => {
  const name = `rates-latest-${unique()}`;
  await using writer = await latest<number>(`shm:${name}`, { mode: "write" });
  await using reader = await latest<number>(`shm:${name}`, { mode: "read" });
  writer.set(0);
  await reader.next();
  const before = own();
  for (let value = 1; value <= 50; value++) writer.set(value);
  const rates = ratesBetween(before, own());
  const seconds = Math.max(rates.intervalMs, 1) / 1000;
  const found = rates.channels.filter(({ channel }) => channel.kind === "latest" && channel.name.includes(name));
  assertEquals(found.length, 1);
  assertAlmostEquals((found[0]?.messages?.perSecond ?? 0) * seconds, 50, 1e-6);
  assertEquals(found[0]?.messages?.certainty, "exact");
});

Deno.test("readSample: lanes are rings, one behind the other", () => {
  const options = { direction: "one-to-many", lanes: 3, capacity: 1024 } as const;
  using memory = createAnonymousMemory({ size: lanesByteLength(options), name: "rates-lanes" });
  createLanes(memory, options);
  using hub = openLanesSender(memory);
  using subscriber = joinLanesReceiver(memory);
  hub.sendSync(new Uint8Array(8));
  assertExists(subscriber.tryReceive());
  const lanes = own().channels.filter(({ kind, name }) => kind === "ring" && name === "rates-lanes");
  assertEquals(lanes.map(({ sent }) => sent), [1, 0, 0]);
  assertEquals(lanes[0]?.ends, [{ pid: Deno.pid, role: "writes", descriptors: [] }, {
    pid: Deno.pid,
    role: "reads",
    descriptors: [],
  }]);
});

Deno.test("ratesBetween: bytes that went through a ring whose producer does not count are bytes of no known number of messages", () => {
  const ring = level({ kind: "ring", passed: 0, sent: 0, dropped: 0 });
  const rate = (passed: number, sent: number) => channelRate({ ...ring, passed, sent }, ring, new Map(), 2).messages;
  assertEquals(rate(64, 0), undefined);
  assertEquals(rate(0, 0), { perSecond: 0, certainty: "exact" });
  assertEquals(rate(64, 4), { perSecond: 2, certainty: "exact" });
});

Deno.test("ratesBetween: counters begin again after 2^32", () => {
  const then = level({ kind: "ring", passed: 2 ** 32 - 8, sent: 2 ** 32 - 1, dropped: 2 ** 32 - 2 });
  const now = { ...then, passed: 8, sent: 2, dropped: 0 };
  const { bytes, messages, drops } = channelRate(now, then, new Map(), 1);
  assertEquals([bytes?.perSecond, messages?.perSecond, drops], [16, 3, 2]);
});

Deno.test("ratesBetween: of queues and sockets, at least what waits in them has changed", async (test) => {
  const at = (queued: number, sentAt = 0, receivedAt = 0) => level({ queued, lastUse: { sentAt, receivedAt } });
  const table: [what: string, then: ChannelLevel, now: ChannelLevel, least: number | undefined][] = [
    ["nothing happened", at(3), at(3), undefined],
    ["3 were sent", at(0), at(3), 3],
    ["3 were received", at(5), at(2), 3],
    ["one was sent and one received", at(3, 1, 1), at(3, 2, 2), 1],
    ["2 are more, though one was received", at(1, 1, 1), at(3, 2, 2), 3],
    ["2 are fewer, though one was sent", at(3, 1, 1), at(1, 2, 2), 3],
    ["one was sent, so one was received", at(3, 1, 1), at(3, 2, 1), 1],
    ["nobody may look", level({ queued: undefined }), at(3), undefined],
  ];
  for (const [what, then, now, least] of table) {
    await test.step(what, () => {
      const { bytes, messages } = channelRate(now, then, new Map(), 2);
      const expected = least === undefined ? undefined : { perSecond: least / 2, certainty: "at least" as const };
      assertEquals([bytes, messages], [undefined, expected]);
    });
  }
});

Deno.test("ratesBetween: POSIX and System V queues and a socket, at least what came to wait in them", () => {
  const name = `/rates-${unique()}`;
  using queue = createMessageQueue(name, { maxMessages: 4, messageSize: 64 });
  const sysv = createSysvQueue("private");
  const [left, right] = socketPair("stream");
  try {
    // Whose the queue is, is known by who has sent last.
    sysv.trySend(new Uint8Array(10));
    const before = own();
    queue.trySend(new Uint8Array(10));
    sysv.trySend(new Uint8Array(10));
    sysv.trySend(new Uint8Array(10));
    left.writeSync(new Uint8Array(500));
    const rates = ratesBetween(before, own());
    const seconds = Math.max(rates.intervalMs, 1) / 1000;
    const least = (rate: { perSecond: number; certainty: string } | undefined) =>
      rate && [Math.round(rate.perSecond * seconds), rate.certainty];
    const find = (wanted: (channel: ChannelLevel) => boolean) => rates.channels.find((rate) => wanted(rate.channel));
    assertEquals(least(find((each) => each.name === name)?.messages), [1, "at least"]);
    assertEquals(least(find(({ id }) => id === `sysv-queue:${sysv.id}`)?.messages), [2, "at least"]);
    const socket = rates.channels.find(({ channel, bytes }) => channel.kind === "unix-socket" && bytes !== undefined);
    assertEquals(least(socket?.bytes), [500, "at least"]);
  } finally {
    left.close();
    right.close();
    sysv.remove();
    unlinkMessageQueue(name);
  }
});

Deno.test("readSample: of a datagram socket the kernel tells the first datagram alone, and no rate follows from it", () => {
  const [left, right] = socketPair("datagram");
  try {
    const before = own();
    left.sendSync(new Uint8Array(300));
    left.sendSync(new Uint8Array(40));
    const rates = ratesBetween(before, own());
    const socket = rates.channels.find(({ channel }) => channel.unit === "datagram" && channel.queued === 300);
    assertEquals([socket?.bytes, socket?.messages], [undefined, undefined]);
    assertExists(socket);
  } finally {
    left.close();
    right.close();
  }
});

function own(): Sample {
  return readSample({ pids: [Deno.pid], alone: true });
}

function level(facts: Partial<ChannelLevel>): ChannelLevel {
  return {
    id: "sysv-queue:1",
    kind: "sysv-queue",
    name: "1",
    ends: [],
    queued: 0,
    capacity: undefined,
    unit: facts.kind === "ring" ? "bytes" : "messages",
    passed: undefined,
    sent: undefined,
    dropped: undefined,
    lastUse: undefined,
    ...facts,
  };
}
