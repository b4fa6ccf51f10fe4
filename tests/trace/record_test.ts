import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertMatch, assertObjectMatch } from "@std/assert";
import { assertRejects, assertThrows } from "@std/assert";
import { barrier, condition, event, i32, mutex, rwLock, semaphore, struct } from "../../mod.ts";
import { channelPair, command, createAnonymousMemory, kill, pipe, queueSignal, realtime } from "../../mod.ts";
import { signals, socketPair } from "../../mod.ts";
import { momentOf, type TraceEvent } from "../../lib/trace/event.ts";
import { drawText, record, tellCurtain, tellLoad, tellNote, tellStore, type Trace } from "../../lib/trace/mod.ts";
import { isProbed } from "../../lib/sys/probe.ts";
import { fixture } from "../cli/causeway.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LONG_MS = 60_000;
const HELLO = new TextEncoder().encode("hello");

Deno.test("record shows a pipe's write before its read, with both copies", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const trace = await record(async () => {
      const reading = reader.read(new Uint8Array(100));
      await writer.write(HELLO);
      await reading;
    }, { title: "hello", name: "me" });
    reader.close();
    writer.close();
    assertEquals(kinds(trace), ["wait", "write", "wait.end", "read"]);
    const [message, ...more] = trace.messages;
    assert(message !== undefined);
    assertEquals(more, []);
    assertEquals([message.mechanism, message.bytes, message.copies], ["pipe", 5, 2]);
    const [sent, received] = [trace.events[message.sent], trace.events[message.received]];
    assertEquals([sent?.kind, received?.kind], ["write", "read"]);
    assert(sent?.startedNs !== undefined && received !== undefined);
    assertGreaterOrEqual(sent.atNs, sent.startedNs);
    assertGreaterOrEqual(received.atNs, sent.startedNs);
    assertEquals(message.latencyNs, received.atNs - sent.startedNs);
    assertEquals(trace.processes.map(({ name, pid, traced }) => [name, pid, traced]), [["me", Deno.pid, true]]);
    assertEquals(trace.title, "hello");
  });
});

Deno.test("record puts bytes together that were split and joined on the way", async () => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  const trace = await record(() => {
    for (const size of [3, 4]) writer.writeSync(new Uint8Array(size));
    for (const size of [5, 2]) reader.readSync(new Uint8Array(size));
  });
  assertEquals(trace.messages.map(({ bytes }) => bytes), [3, 2, 2]);
});

Deno.test("record knows the other end of a socket pair, stream and messages", async () => {
  for (const type of ["stream", "seqpacket"] as const) {
    const trace = await record(async () => {
      if (type === "stream") {
        const [left, right] = socketPair("stream");
        using _left = left;
        using _right = right;
        await left.write(HELLO);
        await right.read(new Uint8Array(100));
      } else {
        const [left, right] = socketPair("seqpacket");
        using _left = left;
        using _right = right;
        await left.send(HELLO);
        await right.receive();
      }
    });
    assertEquals(trace.messages.map(({ mechanism, bytes, copies }) => [mechanism, bytes, copies]), [["socket", 5, 2]]);
  }
});

Deno.test("record shows no copy in shared memory, and no system call for a lock that is free", async () => {
  const Shared = struct({ lock: mutex, posted: event });
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const { lock, posted } = Shared.create(memory);
  const trace = await record(() => {
    lock.lockSync().unlock();
    tellStore({ memory: "letter", offset: 0, bytes: 20 });
    posted.set();
    posted.waitSync();
    tellLoad({ memory: "letter", offset: 0, bytes: 20 });
  });
  assertEquals(kinds(trace), ["lock", "unlock", "memory.store", "event.set", "event.wait", "memory.load"]);
  assertEquals(trace.messages.map(({ mechanism, copies }) => [mechanism, copies]), [["memory", 0], ["event", 0]]);
});

Deno.test("record has what rwLock, semaphore, condition and barrier tell: who has, who waits, who is let go", async () => {
  const Shared = struct({
    book: rwLock,
    desk: semaphore(1),
    lock: mutex,
    changed: condition,
    together: barrier(2),
    count: i32,
  });
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const shared = Shared.create(memory);
  const { book, desk, lock, changed, together } = shared;
  const rows: [name: string, work: () => Promise<void>, expected: (string | [string, Record<string, unknown>])[]][] = [
    ["rwLock that is free", () => {
      book.readSync().unlock();
      book.writeSync().downgrade().unlock();
      return Promise.resolve();
    }, [
      ["lock", { mode: "read" }],
      ["unlock", { mode: "read" }],
      ["lock", { mode: "write", previousOwnerDied: false }],
      ["lock", { mode: "read" }],
      ["unlock", { mode: "write" }],
      ["unlock", { mode: "read" }],
    ]],
    ["rwLock that is waited for", async () => {
      const reader = book.readSync();
      const writing = book.write();
      reader.unlock();
      (await writing).unlock();
    }, [
      ["lock", { mode: "read" }],
      ["wait", { for: "lock", mode: "write" }],
      ["unlock", { mode: "read" }],
      ["lock", { mode: "write", previousOwnerDied: false }],
      "wait.end",
      ["unlock", { mode: "write" }],
    ]],
    ["semaphore", async () => {
      const permit = desk.acquireSync();
      const waiting = desk.wait();
      permit.release();
      await waiting;
      desk.post();
    }, [
      ["semaphore.take", { owned: true, left: 0 }],
      ["wait", { for: "semaphore" }],
      ["semaphore.give", { owned: true, count: 1 }],
      ["semaphore.take", { owned: false, left: 0 }],
      "wait.end",
      ["semaphore.give", { owned: false, count: 1 }],
    ]],
    ["condition", async () => {
      changed.notifyOne();
      const waiting = lock.lock().then(async (guard) => {
        await changed.wait(guard, { until: () => shared.count > 0 });
        guard.unlock();
      });
      await Promise.resolve();
      const guard = await lock.lock();
      shared.count = 1;
      changed.notifyAll();
      guard.unlock();
      await waiting;
    }, [
      ["condition.notify", { all: false, waiting: 0 }],
      "lock",
      ["wait", { for: "condition" }],
      "unlock",
      "lock",
      ["condition.notify", { all: true, waiting: 1 }],
      "unlock",
      "condition.wake",
      "wait.end",
      "lock",
      "unlock",
    ]],
    ["barrier", async () => {
      const first = together.wait();
      // By then it has come, and waits.
      await new Promise((resolve) => setTimeout(resolve));
      await together.wait();
      await first;
    }, [
      ["barrier.arrive", { missing: 1, size: 2 }],
      ["wait", { for: "barrier" }],
      ["barrier.arrive", { missing: 0, size: 2 }],
      ["barrier.pass", { leader: true }],
      ["barrier.pass", { leader: false, ended: 0 }],
      "wait.end",
    ]],
  ];
  for (const [name, work, expected] of rows) {
    const { events } = await watchdog(LONG_MS, record(work));
    // Whether anybody slept for it in the kernel is chance, and so is whether the mutex had to be waited for.
    const told = events.filter(({ kind, facts }) =>
      kind !== "futex.wake" && facts.for !== "futex" && (name !== "condition" || facts.for !== "lock")
    );
    assertEquals(told.map(({ kind }) => kind), expected.map((row) => typeof row === "string" ? row : row[0]), name);
    for (const [index, row] of expected.entries()) {
      const facts = told[index]?.facts ?? {};
      assertEquals([typeof facts.memory, typeof facts.offset], ["string", "number"]);
      if (typeof row !== "string") assertObjectMatch(facts, row[1], `${name} ${row[0]}`);
    }
  }
});

Deno.test("record shows when a signal interrupted, between its sending and its hearing", async () => {
  using listener = signals(["SIGUSR1", realtime(2)]);
  const trace = await record(async () => {
    kill(Deno.pid, "SIGUSR1");
    await listener.receive();
    queueSignal(Deno.pid, realtime(2), 42);
    await listener.receive();
  });
  assertEquals(trace.messages.map(({ object }) => object), ["SIGUSR1", "SIGRTMIN+2"]);
  for (const { sent, received } of trace.messages) {
    const [sending, hearing] = [trace.events[sent], trace.events[received]];
    assert(sending?.startedNs !== undefined && hearing !== undefined);
    const handledNs = Number(hearing.facts.handledNs);
    assertGreaterOrEqual(handledNs, sending.startedNs);
    assertGreaterOrEqual(hearing.atNs, handledNs);
  }
  assertEquals(trace.events.findLast(({ kind }) => kind === "signal.receive")?.facts.value, 42);
});

Deno.test("record stops after mostEvents and says so", async () => {
  const trace = await record(() => {
    for (let number = 0; number < 10; number++) tellNote(`note ${number}`);
  }, { mostEvents: 4 });
  assertEquals(kinds(trace), ["note", "note", "note", "trace.limit"]);
  assertEquals(trace.notes, [`process ${Deno.pid} told 4 events and then no more`]);
});

Deno.test("record leaves out what came before a curtain", async () => {
  const trace = await record(() => {
    tellNote("rehearsal");
    tellCurtain();
    tellNote("play");
  });
  assertEquals(trace.events.map(({ facts }) => facts.text), ["play"]);
});

Deno.test("record gives everything up when its work throws", async () => {
  let directory = "";
  await assertRejects(
    () =>
      record((recording) => {
        directory = recording.directory;
        throw new RangeError("broken");
      }),
    RangeError,
    "broken",
  );
  assertThrows(() => Deno.statSync(directory), Deno.errors.NotFound);
  await assertRejects(() => record(() => {}, { mostEvents: 0 }), RangeError, "mostEvents");
  assertEquals(isProbed(), false);
});

Deno.test("record has what a child and a grandchild did, and joins what went between them", async () => {
  await watchdog(LONG_MS, async () => {
    const trace = await record(async ({ env }) => {
      const flags = ["run", "--quiet", "--allow-ffi", "--allow-run", "--allow-read"];
      await command(Deno.execPath(), [...flags, fixture("trace_generations.ts"), "2"], { env }).output();
    }, { self: false });
    assertEquals(trace.processes.length, 3);
    assertEquals(
      trace.processes.map(({ traced, name }) => [traced, name]),
      Array(3).fill([true, "trace_generations.ts"]),
    );
    const [first, second, third] = trace.processes;
    assertEquals([second?.parent, third?.parent], [first?.pid, second?.pid]);
    assertEquals(trace.messages.map(({ bytes }) => bytes), [12, 11, 10]);
  });
});

Deno.test("record has the two ends of a channel pair on one road, over a socket and over a ring", async () => {
  for (const [road, copies] of [["socket", 2], ["ring", 0]] as const) {
    const trace = await watchdog(
      LONG_MS,
      record(async ({ env }) => {
        const flags = ["run", "--quiet", "--no-lock", "--allow-ffi", "--allow-run", "--allow-read", "--allow-env"];
        await command(Deno.execPath(), [...flags, fixture("trace_pair.ts"), road], { env }).output();
      }, { self: false }),
    );
    const [parent, child] = trace.processes;
    assertEquals(trace.processes.map(({ traced }) => traced), [true, true]);
    const messages = trace.messages.filter(({ mechanism }) => mechanism === "channel");
    assertEquals(
      messages.map(({ sent, received, copies, bytes }) => {
        const pids = [trace.events[sent]?.pid, trace.events[received]?.pid];
        return [...pids, copies, bytes];
      }),
      [[parent?.pid, child?.pid, copies, 2], [child?.pid, parent?.pid, copies, 2]],
    );
    assertEquals(new Set(messages.map(({ object }) => object)).size, 1);
    assertEquals(messages[0]?.object.split(":")[0], road);
    for (const { latencyNs } of messages) assertGreater(latencyNs, 0);
  }
});

Deno.test("record has a Worker's own thread, and joins what went between it and its process", async () => {
  const { Worker } = globalThis;
  const trace = await watchdog(
    LONG_MS,
    record(async () => {
      const { parent, child } = channelPair<number, number>({ road: "ring" });
      const worker = new globalThis.Worker(import.meta.resolve("../fixtures/trace_worker.ts"), {
        type: "module",
        name: "helper",
      });
      const done = new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
      worker.postMessage(child.handOver());
      await parent.send(21);
      assertEquals(await parent.receive(), 42);
      await done;
      worker.terminate();
      parent.close();
    }),
  );
  assertEquals(globalThis.Worker, Worker);
  const [process] = trace.processes;
  assertEquals([process?.pid, process?.workers?.map(({ name }) => name)], [Deno.pid, ["helper"]]);
  const tid = process?.workers?.[0]?.tid;
  // The thread of a test is not the first of its process.
  const own = trace.events.find(({ kind, tid: each }) => kind === "channel.open" && each !== tid)?.tid;
  assert(tid !== undefined && own !== undefined);
  const messages = trace.messages.filter(({ mechanism }) => mechanism === "channel");
  assertEquals(messages.map(({ sent, received }) => [trace.events[sent]?.tid, trace.events[received]?.tid]), [
    [own, tid],
    [tid, own],
  ]);
  assertMatch(drawText(trace), new RegExp(`helper ${tid}`));
});

Deno.test("record leaves Workers as they are where it would change them, and says so", async () => {
  const trace = await watchdog(
    LONG_MS,
    record(async () => {
      const modules = {
        main: import.meta.resolve("../fixtures/trace_worker_of_main.ts"),
        data: "data:text/javascript,postMessage('main')",
      };
      for (const [name, module] of Object.entries(modules)) {
        const worker = new Worker(module, { type: "module", name });
        const { data } = await new Promise<MessageEvent>((resolve) => {
          worker.addEventListener("message", resolve, { once: true });
        });
        assertEquals(data, "main");
        worker.terminate();
      }
    }),
  );
  assertEquals(trace.notes, [
    "the Worker main told nothing: its module looks at import.meta.main",
    "the Worker data told nothing: its module is no file",
  ]);
});

Deno.test("record has what a process told before SIGKILL, its unfinished wait included", async () => {
  await watchdog(LONG_MS, async () => {
    const trace = await record(async ({ env }) => {
      const flags = ["run", "--quiet", "--allow-ffi", "--allow-run"];
      const status = await command(Deno.execPath(), [...flags, fixture("trace_killed.ts")], { env }).status();
      assertEquals(status.kind === "signaled" && status.signal, "SIGKILL");
    }, { self: false });
    assertEquals(kinds(trace).filter((kind) => kind !== "pipe"), ["write", "read", "wait"]);
  });
});

Deno.test("a program that is recorded without --allow-ffi runs as ever, and tells nothing", async () => {
  const trace = await record(async ({ env }) => {
    const args = ["eval", "console.log(1)"];
    assertEquals(
      await command(Deno.execPath(), ["run", "--quiet", "data:text/javascript,console.log(1)"], { env }).text(),
      "1",
    );
    assertEquals(await command(Deno.execPath(), args, { env }).text(), "1");
  }, { self: false });
  assertEquals(trace.events.filter(({ kind }) => kind !== "signal-pipe"), []);
});

function kinds({ events }: Trace): string[] {
  for (const [index, each] of events.entries()) {
    const before: TraceEvent | undefined = events[index - 1];
    if (before !== undefined) assertGreaterOrEqual(momentOf(each), momentOf(before));
  }
  return events.map(({ kind }) => kind);
}
