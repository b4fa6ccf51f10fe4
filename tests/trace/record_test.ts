import { assert, assertEquals, assertGreaterOrEqual, assertRejects, assertThrows } from "@std/assert";
import { createAnonymousMemory, event, kill, mutex, pipe, signals, socketPair, struct } from "../../mod.ts";
import { command, queueSignal, realtime } from "../../mod.ts";
import { momentOf, type TraceEvent } from "../../lib/trace/event.ts";
import { record, tellCurtain, tellLoad, tellNote, tellStore, type Trace } from "../../lib/trace/mod.ts";
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
