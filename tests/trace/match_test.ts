import { assertEquals } from "@std/assert";
import { collect } from "../../lib/trace/collect.ts";
import type { TraceEvent } from "../../lib/trace/event.ts";
import { eventsOf } from "../../lib/trace/trace_directory.ts";

/** `[kind, pid, atNs, facts]`, and `startedNs` among the facts. */
type Told = readonly [kind: string, pid: number, atNs: number, facts?: Record<string, unknown>];

function event([kind, pid, atNs, { startedNs, ...facts } = {}]: Told): TraceEvent {
  const started = typeof startedNs === "number" ? { startedNs } : {};
  return { kind, pid, tid: pid, atNs, ...started, source: "probe", facts };
}

function messagesOf(...told: Told[]): unknown[] {
  const { messages, events } = collect("test", told.map(event), []);
  return messages.map(({ mechanism, sent, received, bytes }) => [
    mechanism,
    `${events[sent]?.pid}@${events[sent]?.atNs}`,
    `${events[received]?.pid}@${events[received]?.atNs}`,
    ...(bytes === undefined ? [] : [bytes]),
  ]);
}

const PIPE = "pipe:[1]";

Deno.test("messages: bytes of two writers are told apart by the order of their writes", () => {
  assertEquals(
    messagesOf(
      ["write", 2, 20, { object: PIPE, bytes: 4 }],
      ["write", 1, 10, { object: PIPE, bytes: 3 }],
      ["read", 9, 30, { object: PIPE, bytes: 5 }],
      ["read", 9, 40, { object: PIPE, bytes: 2 }],
      ["read", 9, 50, { object: PIPE, bytes: null }],
    ),
    [["pipe", "1@10", "9@30", 3], ["pipe", "2@20", "9@30", 2], ["pipe", "2@20", "9@40", 2]],
  );
});

Deno.test("messages: a write that returns after its read is sent when it began", () => {
  assertEquals(
    messagesOf(
      ["write", 1, 50, { object: PIPE, bytes: 3, startedNs: 10 }],
      ["read", 2, 30, { object: PIPE, bytes: 3 }],
    ),
    [["pipe", "1@50", "2@30", 3]],
  );
});

Deno.test("messages: sockets are joined by pair, or by the order of connecting and accepting", () => {
  assertEquals(
    messagesOf(
      ["connect", 1, 1, { path: "/s", object: "socket:[1]" }],
      ["connect", 2, 2, { path: "/s", object: "socket:[2]" }],
      ["accept", 9, 3, { path: "/s", object: "socket:[91]" }],
      ["accept", 9, 4, { path: "/s", object: "socket:[92]" }],
      ["write", 2, 10, { object: "socket:[2]", bytes: 3 }],
      ["write", 1, 11, { object: "socket:[1]", bytes: 4 }],
      ["read", 9, 20, { object: "socket:[91]", bytes: 4 }],
      ["read", 9, 21, { object: "socket:[92]", bytes: 3 }],
    ),
    [["socket", "2@10", "9@21", 3], ["socket", "1@11", "9@20", 4]],
  );
});

Deno.test("messages: of a queue the highest priority that came first", () => {
  assertEquals(
    messagesOf(
      ["queue.send", 1, 10, { name: "/q", bytes: 1, priority: 1 }],
      ["queue.send", 1, 20, { name: "/q", bytes: 2, priority: 9 }],
      ["queue.send", 1, 30, { name: "/q", bytes: 3, priority: 9 }],
      ["queue.receive", 2, 40, { name: "/q", bytes: 2, priority: 9 }],
      ["queue.receive", 2, 50, { name: "/q", bytes: 3, priority: 9 }],
      ["queue.receive", 2, 60, { name: "/q", bytes: 1, priority: 1 }],
    ),
    [["queue", "1@10", "2@60", 1], ["queue", "1@20", "2@40", 2], ["queue", "1@30", "2@50", 3]],
  );
});

Deno.test("messages: standard signals that were pending together are one, real-time signals are told apart by value", () => {
  const told = [
    ["signal.send", 1, 10, { to: 2, signal: "SIGUSR1" }],
    ["signal.send", 1, 20, { to: 2, signal: "SIGUSR1" }],
    ["signal.receive", 2, 90, { signal: "SIGUSR1", pid: 1, handledNs: 30 }],
    ["signal.send", 1, 40, { to: 2, signal: "SIGRTMIN+1", value: 7 }],
    ["signal.send", 1, 50, { to: 2, signal: "SIGRTMIN+1", value: 8 }],
    ["signal.receive", 2, 91, { signal: "SIGRTMIN+1", pid: 1, value: 7, handledNs: 60 }],
    ["signal.receive", 2, 92, { signal: "SIGRTMIN+1", pid: 1, value: 8, handledNs: 61 }],
  ] satisfies Told[];
  assertEquals(messagesOf(...told), [
    ["signal", "1@10", "2@90"],
    ["signal", "1@40", "2@91"],
    ["signal", "1@50", "2@92"],
  ]);
  assertEquals(collect("test", told.map(event), []).notes.length, 1);
});

Deno.test("messages: a lock is handed over to another process, not to oneself", () => {
  const place = { memory: "memory:[1]", offset: 64 };
  assertEquals(
    messagesOf(["lock", 1, 1, place], ["unlock", 1, 2, place], ["lock", 1, 3, place], ["unlock", 1, 4, place], [
      "lock",
      2,
      5,
      place,
    ]),
    [["lock", "1@4", "2@5"]],
  );
});

const PLACE = { memory: "memory:[1]", offset: 64 };

Deno.test("messages: a lock that a writer gives back is a message to every reader, and the last reader's to the next writer", () => {
  const [read, write] = [{ ...PLACE, mode: "read" }, { ...PLACE, mode: "write" }];
  assertEquals(
    messagesOf(
      ["lock", 1, 1, write],
      ["unlock", 1, 2, write],
      ["lock", 2, 3, read],
      ["lock", 3, 4, read],
      ["unlock", 2, 5, read],
      ["unlock", 3, 6, read],
      ["lock", 1, 7, write],
    ),
    [["lock", "1@2", "2@3"], ["lock", "1@2", "3@4"], ["lock", "3@6", "1@7"]],
  );
});

Deno.test("messages: of permits the one that was given first is taken first, not by who gave it", () => {
  assertEquals(
    messagesOf(
      ["semaphore.take", 1, 1, { ...PLACE, owned: true }],
      ["semaphore.give", 1, 3, { ...PLACE, owned: false, count: 2, startedNs: 2 }],
      ["semaphore.take", 2, 4, { ...PLACE, owned: false }],
      ["semaphore.take", 1, 5, { ...PLACE, owned: false }],
      ["semaphore.give", 3, 6, { ...PLACE, owned: true, count: 1 }],
      ["semaphore.take", 2, 7, { ...PLACE, offset: 128 }],
      ["semaphore.take", 2, 8, PLACE],
    ),
    [["semaphore", "1@3", "2@4"], ["semaphore", "3@6", "2@8"]],
  );
});

Deno.test("messages: a notification reaches who waits for the condition, and the last to come lets all others at a barrier go", () => {
  assertEquals(
    messagesOf(
      ["condition.notify", 1, 1, { ...PLACE, waiting: 0 }],
      ["condition.notify", 1, 2, { ...PLACE, waiting: 1 }],
      ["condition.wake", 2, 3, PLACE],
      ["barrier.arrive", 1, 4, { ...PLACE, offset: 0, missing: 1, size: 2 }],
      ["barrier.arrive", 2, 5, { ...PLACE, offset: 0, missing: 0, size: 2 }],
      ["barrier.pass", 1, 6, { ...PLACE, offset: 0, leader: false, ended: 0 }],
      ["barrier.pass", 2, 7, { ...PLACE, offset: 0, leader: true }],
      ["barrier.pass", 1, 8, { ...PLACE, offset: 0, leader: false, ended: 1 }],
    ),
    [["condition", "1@2", "2@3"], ["barrier", "2@5", "1@6"]],
  );
});

Deno.test("messages: the ends of a channel pair have two addresses and one road; a ring copies nothing", () => {
  const [parent, child] = [{ address: "child", bytes: 5 }, { address: "parent", bytes: 5 }];
  const told = (road: string): Told[] => [
    ["channel.send", 1, 10, { ...parent, road }],
    ["channel.send", 1, 11, { ...parent, road: "socket:[9]" }],
    ["channel.receive", 2, 12, { ...child, road }],
    ["channel.send", 2, 13, { ...child, road }],
    ["channel.receive", 1, 14, { ...parent, road }],
  ];
  for (const road of ["socket:[1]", "ring:[1]"]) {
    assertEquals(messagesOf(...told(road)), [["channel", "1@10", "2@12", 5], ["channel", "2@13", "1@14", 5]]);
    const { messages } = collect("test", told(road).map(event), []);
    assertEquals(messages.map(({ copies }) => copies), road.startsWith("ring") ? [0, 0] : [2, 2]);
  }
});

Deno.test("messages: between two threads of one process", () => {
  const events = [
    { ...event(["unlock", 1, 1, PLACE]), tid: 1 },
    { ...event(["lock", 1, 2, PLACE]), tid: 7 },
    { ...event(["channel.send", 1, 3, { address: "child", bytes: 1 }]), tid: 1 },
    { ...event(["channel.receive", 1, 4, { address: "child", bytes: 1 }]), tid: 7 },
  ];
  const { messages } = collect("test", events, []);
  assertEquals(messages.map(({ mechanism }) => mechanism), ["lock", "channel"]);
});

Deno.test("processes: their Workers, in the order in which they came", () => {
  const { processes, notes } = collect("test", [
    event(["process", 1, 1, { words: ["deno"], name: "main" }]),
    { ...event(["worker", 1, 9, { name: "second" }]), tid: 8 },
    { ...event(["worker", 1, 5, { name: "first" }]), tid: 7 },
    event(["worker.silent", 1, 6, { name: "third", reason: "it may not read this library" }]),
  ], []);
  assertEquals(processes[0]?.workers, [{ tid: 7, name: "first" }, { tid: 8, name: "second" }]);
  assertEquals(notes, ["the Worker third told nothing: it may not read this library"]);
});

Deno.test("messages: of a channel in order, each way, also when the sending was told late", () => {
  const at = { address: "shm:x", bytes: 5 };
  assertEquals(
    messagesOf(
      ["channel.receive", 2, 10, at],
      ["channel.send", 1, 11, at],
      ["channel.send", 2, 12, at],
      ["channel.send", 1, 13, at],
      ["channel.receive", 1, 14, at],
      ["channel.receive", 2, 15, at],
    ),
    [["channel", "1@11", "2@10", 5], ["channel", "2@12", "1@14", 5], ["channel", "1@13", "2@15", 5]],
  );
});

Deno.test("processes: a parent comes before its child, whoever spoke first", () => {
  const { processes } = collect("test", [
    event(["process", 20, 5, { words: ["deno", "run", "-A", "/x/child.ts"], parent: 10 }]),
    event(["note", 20, 6]),
    event(["process", 10, 7, { words: ["deno"], parent: 1, name: "starter" }]),
    event(["process.spawn", 10, 8, { pid: 30, words: ["/bin/cat", "-n"] }]),
  ], []);
  assertEquals(processes, [
    { pid: 10, name: "starter", words: ["deno"], parent: 1, traced: true },
    { pid: 20, name: "child.ts", words: ["deno", "run", "-A", "/x/child.ts"], parent: 10, traced: true },
    { pid: 30, name: "cat", words: ["/bin/cat", "-n"], parent: 10, traced: false },
  ]);
});

Deno.test("eventsOf leaves out lines that are cut off, or none of ours", () => {
  const whole = JSON.stringify(event(["note", 1, 2, { text: "x" }]));
  assertEquals(eventsOf(`${whole}\n{"kind":"note"}\n[]\n${whole.slice(0, 20)}`), [
    event(["note", 1, 2, { text: "x" }]),
  ]);
});
