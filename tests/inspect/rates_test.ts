// Needs: python3
import { assert, assertAlmostEquals, assertEquals, assertExists } from "@std/assert";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { type ChannelLevel, type Rates, ratesBetween, readSample, type Sample } from "../../lib/inspect/mod.ts";
import { createAnonymousMemory, createMessageQueue, createSysvQueue, pipe, unlinkMessageQueue } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const WATCHDOG_MS = 120_000;

Deno.test("readSample: how full a pipe and a message queue are, without taking part", async () => {
  const name = `/rates-${crypto.randomUUID().slice(0, 8)}`;
  await noLeaks(() => {
    const { reader, writer } = pipe();
    const queue = createMessageQueue(name, { maxMessages: 4, messageSize: 64 });
    try {
      writer.writeSync(new Uint8Array(1000));
      queue.trySend(new Uint8Array(10));
      queue.trySend(new Uint8Array(10));
      const { channels } = own();
      const full = channels.find(({ kind, queued }) => kind === "pipe" && queued === 1000);
      assertEquals([full?.capacity, full?.unit, full?.ends[0]?.role], [65_536, "bytes", "both"]);
      const found = channels.find((each) => each.name === name);
      assertEquals([found?.queued, found?.capacity, found?.unit], [2, 4, "messages"]);
    } finally {
      unlinkMessageQueue(name);
      queue.close();
      reader.close();
      writer.close();
    }
  });
});

Deno.test("readSample: a System V queue, by whom it was used last", () => {
  const queue = createSysvQueue("private");
  try {
    queue.trySend(new Uint8Array(10));
    const found = own().channels.find(({ id }) => id === `sysv-queue:${queue.id}`);
    assertEquals([found?.queued, found?.unit, found?.ends], [1, "messages", [{
      pid: Deno.pid,
      role: "sent-last",
      descriptors: [],
    }]]);
  } finally {
    queue.remove();
  }
});

Deno.test("readSample and ratesBetween: a ring counts its bytes, messages and drops itself", () => {
  using memory = createAnonymousMemory({ size: 2 * ringByteLength(1024), name: "rates-ring" });
  for (const offset of [0, ringByteLength(1024)]) {
    createRing(memory, { offset, capacity: 1024, firstCursor: 2 ** 32 - 16 });
  }
  const sender = openRingSender(memory, { offset: ringByteLength(1024) });
  const receiver = openRingReceiver(memory, { offset: ringByteLength(1024) });
  const before = own();
  // 16 bytes of padding up to the end of the data, and twice a header of 8 bytes and a message of 16: past the end of the cursors.
  assert(sender.trySend(new Uint8Array(16)));
  assert(sender.trySend(new Uint8Array(16)));
  assertExists(receiver.tryReceive());
  assertExists(receiver.tryReceive());
  sender.countDrop();
  const after = own();
  const rates = ratesBetween(before, after);
  const rings = rates.channels.filter(({ channel }) => channel.kind === "ring" && channel.name === "rates-ring");
  assertEquals(rings.length, 2);
  const [idle, used] = rings;
  const seconds = Math.max(rates.intervalMs, 1) / 1000;
  assertEquals([idle?.bytes?.perSecond, idle?.messages?.perSecond, idle?.drops], [0, 0, 0]);
  assertAlmostEquals(used?.bytes?.perSecond ?? 0, 64 / seconds, 1e-6);
  assertAlmostEquals(used?.messages?.perSecond ?? 0, 2 / seconds, 1e-6);
  assertAlmostEquals(used?.drops ?? 0, 1 / seconds, 1e-6);
  assertEquals([used?.bytes?.certainty, used?.messages?.certainty, used?.channel.capacity], ["exact", "exact", 1024]);
  assertEquals(used?.channel.ends.map(({ role }) => role), ["writes", "reads"]);
  receiver.close();
  sender.close();
});

Deno.test("ratesBetween: a pipeline that computes has bytes, calls and CPU time", async () => {
  const script = "import os\nwhile True: os.write(1, bytes(4096))";
  const producer = new Deno.Command("python3", { args: ["-c", script], stdin: "null", stdout: "piped" }).spawn();
  const taken = producer.stdout.pipeTo(new WritableStream());
  try {
    await watchdog(WATCHDOG_MS, async () => {
      for (const before = sampleOf(producer.pid);;) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        const after = sampleOf(producer.pid);
        const rates = ratesBetween(before, after);
        const { process, bytes, messages } = found(rates, producer.pid);
        if ((process?.cpuPercent ?? 0) === 0 || (bytes?.perSecond ?? 0) === 0) continue;
        assertEquals(bytes?.certainty, "at most");
        assert((bytes?.perSecond ?? Infinity) <= (process?.io?.writtenBytes ?? 0));
        assert((messages?.perSecond ?? Infinity) <= (process?.io?.writeCalls ?? 0));
        return;
      }
    });
  } finally {
    producer.kill("SIGKILL");
    await producer.status;
    await taken;
  }

  function found(rates: Rates, pid: number) {
    const channel = rates.channels.find(({ channel }) =>
      channel.ends.some((end) => end.pid === pid && end.role === "writes") &&
      channel.ends.some((end) => end.pid === Deno.pid && end.role === "reads")
    );
    const process = rates.processes.find((each) => each.process.pid === pid);
    return { process, bytes: channel?.bytes, messages: channel?.messages };
  }
});

const LEVEL: ChannelLevel = {
  id: "pipe:1",
  kind: "pipe",
  name: "1",
  ends: [{ pid: 1, role: "writes", descriptors: [] }, { pid: 2, role: "writes", descriptors: [] }, {
    pid: 3,
    role: "reads",
    descriptors: [],
  }],
  queued: 0,
  capacity: 65_536,
  unit: "bytes",
  passed: undefined,
  sent: undefined,
  dropped: undefined,
  lastUse: undefined,
};

Deno.test("ratesBetween: a pipe moved at most what its writers wrote, and what its readers read", () => {
  const table: [written: [number, number], read: number | undefined, expected: number][] = [
    [[100, 50], 1000, 75],
    [[100, 900], 200, 100],
    [[100, 50], undefined, 75],
    [[0, 0], 500, 0],
  ];
  for (const [[first, second], read, expected] of table) {
    const counters = new Map<number, Counted | undefined>([[1, { written: first }], [2, { written: second }], [
      3,
      read === undefined ? undefined : { read },
    ]]);
    const [rate] = ratesBetween(
      sample(0, new Map<number, Counted | undefined>([[1, {}], [2, {}], [3, read === undefined ? undefined : {}]])),
      sample(2000, counters),
    ).channels;
    assertEquals(rate?.bytes, { perSecond: expected, certainty: "at most" });
  }
});

Deno.test("ratesBetween: another process under the same pid begins at zero, and a ring that is new has no rate", () => {
  const before = sample(0, new Map([[1, { written: 5000 }]]));
  const after = sample(1000, new Map([[1, { written: 10, startTime: "2" }]]));
  assertEquals(ratesBetween(before, after).processes[0]?.io, undefined);
  const ring = { ...LEVEL, kind: "ring" as const, passed: 7, dropped: 0 };
  const [rate] = ratesBetween({ ...before, channels: [] }, { ...after, channels: [ring] }).channels;
  assertEquals([rate?.bytes, rate?.drops], [undefined, undefined]);
});

Deno.test("ratesBetween tells of a deadlock that both looks have seen", () => {
  const thread = { pid: 1, tid: 1, program: "x" };
  const wait = {
    ...thread,
    kind: "lock",
    what: "x",
    object: "x",
    wakers: [thread],
    needs: "any",
    asynchronous: false,
  } as const;
  const seen = { ...sample(0, new Map()), deadlocks: [{ circle: [wait], victims: [], certainty: "certain" as const }] };
  const without = sample(1000, new Map());
  assertEquals(ratesBetween(without, seen).deadlocks, []);
  assertEquals(ratesBetween(seen, { ...seen, atMs: 1000 }).deadlocks.length, 1);
});

function own(): Sample {
  return readSample({ pids: [Deno.pid], alone: true });
}

function sampleOf(pid: number): Sample {
  return readSample({ pids: [pid] });
}

interface Counted {
  written?: number;
  read?: number;
  startTime?: string;
}

function sample(atMs: number, counters: ReadonlyMap<number, Counted | undefined>): Sample {
  return {
    atMs,
    processes: [...counters.keys()].map((pid) => ({ pid, parent: 0, program: "x", command: [], outside: false })),
    counters: new Map(Array.from(counters, ([pid, counted]) => {
      const { written = 0, read = 0, startTime = "1" } = counted ?? {};
      const io = { writtenBytes: written, readBytes: read, readCalls: 0, writeCalls: 0 };
      return [pid, { pid, startTime, cpuSeconds: 0, io: counted === undefined ? undefined : io }];
    })),
    channels: [LEVEL],
    waits: [],
    deadlocks: [],
    hidden: [],
  };
}
