// Needs: strace
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { latest } from "../../lib/channel/latest.ts";
import { meetingPath } from "../../lib/channel/rendezvous_path.ts";
import { ChannelClosedError } from "../../lib/errors.ts";
import { ClosedError, f64, PosixError, ProtocolError, struct, u32, utf8 } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

let names = 0;

/** A name that no other test has. */
function name(): string {
  return `shm:latest-test-${Deno.pid}-${++names}`;
}

const Price = struct({ bid: f64, ask: f64, size: u32, venue: utf8(16) });

Deno.test("latest gives the newest of many values, and skips the others", async () => {
  const address = name();
  await using writer = await latest<{ n: number }>(address, { mode: "write" });
  await using reader = await latest<{ n: number }>(address);
  assertEquals(reader.get(), undefined);
  assertEquals(reader.tryNext(), undefined);
  assertEquals([reader.version, reader.writer, writer.version], [0, "alive", 0]);
  for (let n = 1; n <= 1000; n++) writer.set({ n });
  assertEquals(reader.get(), { n: 1000 });
  assertEquals([reader.version, writer.version], [1000, 1000]);
  assertEquals(reader.tryNext(), undefined);
  assertEquals(reader.get(), { n: 1000 });
});

Deno.test("latest: a reader that comes late finds the value", async () => {
  const address = name();
  await using writer = await latest<string>(address, { mode: "write", codec: "text" });
  writer.set("early");
  await using reader = await latest<string>(address, { codec: "text" });
  assertEquals(reader.get(), "early");
  assertEquals(reader.version, 1);
});

Deno.test("latest: structs are written and read in place", async () => {
  const address = name();
  await using writer = await latest(address, { mode: "write", codec: Price });
  await using reader = await latest(address, { codec: Price });
  writer.set({ bid: 1.5, ask: 2.5, size: 7, venue: "XETRA" });
  const seen = reader.get();
  assert(seen !== undefined);
  assertEquals([seen.bid, seen.ask, seen.size, seen.venue], [1.5, 2.5, 7, "XETRA"]);
  writer.update((price) => {
    price.size++;
    price.bid = 3;
  });
  for (let n = 0; n < 100; n++) writer.set({ size: 100 + n });
  // Held by this reader until its next call: nobody writes there.
  assertEquals([seen.bid, seen.size], [1.5, 7]);
  const next = reader.get();
  assertEquals([next?.bid, next?.ask, next?.size], [3, 2.5, 199]);
  // @ts-expect-error: readers cannot write.
  assertThrows(() => next.size = 1, TypeError);
  // @ts-expect-error: there is no such field.
  assertThrows(() => writer.set({ volume: 1 }), TypeError, "volume");
});

Deno.test("latest: an update that throws changes nothing", async () => {
  const address = name();
  await using writer = await latest(address, { mode: "write", codec: Price });
  await using reader = await latest(address, { codec: Price });
  writer.set({ size: 1 });
  assertThrows(() =>
    writer.update((price) => {
      price.size = 2;
      throw new RangeError("no");
    }), RangeError);
  assertEquals([reader.get()?.size, writer.version], [1, 1]);
});

Deno.test("latest.next waits for a value on the event loop, and blocking", async () => {
  const address = name();
  await using writer = await latest<number>(address, { mode: "write" });
  await using reader = await latest<number>(address);
  await using other = await latest<number>(address);
  const waits = [reader.next(), other.next()];
  setTimeout(() => writer.set(1), 5);
  assertEquals(await watchdog(20_000, Promise.all(waits)), [1, 1]);
  writer.set(2);
  assertEquals(reader.nextSync(), 2);
  const error = assertThrows(() => reader.nextSync({ timeoutMs: 1 }), DOMException);
  assertEquals(error.name, "TimeoutError");
  assertEquals((await assertRejects(() => reader.next({ timeoutMs: 1 }), DOMException)).name, "TimeoutError");
  const controller = new AbortController();
  const aborted = reader.next({ signal: controller.signal });
  controller.abort(new RangeError("enough"));
  await assertRejects(() => aborted, RangeError, "enough");
  writer.set(3);
  assertEquals(await reader.next(), 3);
});

Deno.test("latest: iteration skips, and ends when the writer closes", async () => {
  const address = name();
  const writer = await latest<number>(address, { mode: "write" });
  await using reader = await latest<number>(address);
  const seen: number[] = [];
  const reading = (async () => {
    for await (const value of reader) seen.push(value);
  })();
  for (let n = 1; n <= 50; n++) {
    writer.set(n);
    if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await writer[Symbol.asyncDispose]();
  await watchdog(20_000, reading);
  assertEquals(seen.at(-1), 50);
  assertEquals(seen, seen.toSorted((left, right) => left - right));
  assertEquals([reader.get(), reader.writer, reader.tryNext()], [50, "closed", null]);
});

Deno.test("latest: closing a reader ends its waits, and frees its place", async () => {
  const address = name();
  await using writer = await latest<number>(address, { mode: "write", maxReaders: 1 });
  const reader = await latest<number>(address);
  assertEquals(writer.readers, 1);
  const refused = await assertRejects(() => latest<number>(address), ProtocolError);
  assert(refused.message.includes("maxReaders"), refused.message);
  const wait = assertRejects(() => reader.next(), ClosedError);
  reader.close();
  reader.close();
  await wait;
  assertThrows(() => reader.get(), ClosedError);
  await using next = await latest<number>(address);
  writer.set(1);
  assertEquals(next.get(), 1);
});

Deno.test("latest: what does not agree is refused on both sides", async () => {
  const address = name();
  await using _writer = await latest<number>(address, { mode: "write" });
  for (
    const [options, word] of [
      [{ codec: "text" }, "codec"],
      [{ maxMessageBytes: 10 }, "bytes"],
      [{ type: "other" }, "types"],
    ] as const
  ) {
    const error = await assertRejects(() => latest(address, options), ProtocolError);
    assert(error.message.includes(word), error.message);
  }
  await assertRejects(() => latest(address, { codec: Price }), ProtocolError);
});

Deno.test("latest: wrong arguments and names in use", async () => {
  const address = name();
  await using writer = await latest<unknown>(address, { mode: "write", maxMessageBytes: 64 });
  const error = await assertRejects(() => latest(address, { mode: "write" }), PosixError, `${address} has a writer`);
  assertEquals(error.code, "EADDRINUSE");
  assertThrows(() => writer.set("x".repeat(63)), RangeError);
  assertThrows(() => writer.set(() => {}), TypeError);
  assertEquals(writer.version, 0);
  for (const wrong of ["unix:/x", "shm:", "shm:a/b", "shm:..", "shm:.x", `shm:${"x".repeat(65)}`, "x"]) {
    await assertRejects(() => latest(wrong), TypeError);
  }
  await assertRejects(() => latest(address, { mode: "write", maxReaders: 0 }), RangeError);
  await assertRejects(() => latest(address, { codec: Price, maxMessageBytes: 5 }), TypeError);
  const late = await assertRejects(() => latest(name(), { timeoutMs: 5 }), DOMException);
  assertEquals(late.name, "TimeoutError");
});

Deno.test("latest leaves nothing behind", async () => {
  await noLeaks(async () => {
    const address = name();
    await using writer = await latest<number>(address, { mode: "write" });
    await using one = await latest<number>(address);
    await using two = await latest<number>(address);
    const wait = one.next();
    writer.set(1);
    assertEquals([await wait, two.get()], [1, 1]);
    two.close();
    writer.set(2);
    assertEquals(await one.next(), 2);
    await assertRejects(() => latest(address, { codec: "text" }), ProtocolError);
  });
});

Deno.test("latest: a writer that is killed leaves its value, tells its death, and can be succeeded", async () => {
  const address = name();
  const child = start("latest_writer.ts", address);
  await child.ready;
  await using reader = await latest<{ n: number; check: number }>(address);
  await using sleeper = await latest<{ n: number; check: number }>(address);
  const first = await watchdog(20_000, reader.next());
  assert(first !== null);
  const died = (async () => {
    while (true) await sleeper.next();
  })();
  child.process.kill("SIGKILL");
  const error = await watchdog(20_000, assertRejects(() => died, ChannelClosedError));
  assertEquals([error.reason, sleeper.writer], ["died", "died"]);
  await child.process.status;
  const last = reader.get();
  assert(last !== undefined && last.n >= first.n);
  assertEquals(last.check, last.n * 7);
  await using successor = await latest<{ n: number; check: number }>(address, { mode: "write" });
  successor.set({ n: -1, check: -7 });
  await using again = await latest<{ n: number; check: number }>(address);
  assertEquals(again.get(), { n: -1, check: -7 });
  assertEquals(reader.get(), last);
});

Deno.test("latest follow: a reader goes on with the next writer, after a close and after a death, and keeps the last value until then", async () => {
  await noLeaks(async () => {
    const address = name();
    const first = await latest<number>(address, { mode: "write" });
    first.set(1);
    await using reader = await latest<number>(address, { follow: true });
    await using seen = await latest<number>(address, { follow: true });
    assertEquals([await reader.next(), seen.get()], [1, 1]);
    const waiting = reader.next();
    await first[Symbol.asyncDispose]();
    assertEquals([seen.writer, seen.get(), seen.tryNext()], ["closed", 1, undefined]);
    await using second = await latest<number>(address, { mode: "write" });
    // The successor has no value yet: the last one is still the newest.
    while (second.readers < 2 || seen.writer !== "alive") {
      seen.get();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals([seen.get(), seen.version], [1, 1]);
    second.set(2);
    assertEquals(await watchdog(20_000, waiting), 2);
    assertEquals([seen.get(), reader.version, seen.version], [2, 2, 2]);
    const iterated: number[] = [];
    const iterating = (async () => {
      for await (const value of reader) if (iterated.push(value) === 2) break;
    })();
    second.set(3);
    while (iterated.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    await second[Symbol.asyncDispose]();
    await using third = await latest<number>(address, { mode: "write" });
    third.set(4);
    await watchdog(20_000, iterating);
    assertEquals(iterated, [3, 4]);
  });
  const address = name();
  const child = start("latest_writer.ts", address);
  await child.ready;
  await using reader = await latest<{ n: number }>(address, { follow: true });
  assert(await watchdog(20_000, reader.next()) !== null);
  child.process.kill("SIGKILL");
  await child.process.status;
  await using _successor = await latest<{ n: number }>(address, { mode: "write" });
  _successor.set({ n: -1 });
  let value = await watchdog(20_000, reader.next());
  while (value?.n !== -1) value = await watchdog(20_000, reader.next());
});

Deno.test("latest follow: a wait for a successor ends in time, by abort and by close, and other terms are an error", async () => {
  await noLeaks(async () => {
    const address = name();
    const first = await latest<number>(address, { mode: "write" });
    await using reader = await latest<number>(address, { follow: true });
    first.close();
    await assertRejects(() => reader.next({ timeoutMs: 5 }), DOMException, "timed out");
    await assertRejects(() => reader.next({ signal: AbortSignal.abort("enough") }));
    assertEquals(reader.nextSync(), null);
    assertEquals([reader.get(), reader.tryNext()], [undefined, undefined]);
    const other = await latest<string>(address, { mode: "write", codec: "text" });
    await assertRejects(() => reader.next(), ProtocolError);
    await other[Symbol.asyncDispose]();
    const waiting = assertRejects(() => reader.next(), ClosedError);
    const ended = Array.fromAsync(reader);
    reader.close();
    await waiting;
    assertEquals(await ended, []);
    assertThrows(() => reader.get(), ClosedError);
  });
});

Deno.test("latest: readers that are killed never delay the writer, and their places come back", async () => {
  const address = name();
  await using writer = await latest<{ n: number; check: number }>(address, { mode: "write", maxReaders: 2 });
  writer.set({ n: 0, check: 0 });
  for (let round = 0; round < 3; round++) {
    const readers = [start("latest_reader.ts", address), start("latest_reader.ts", address)];
    await watchdog(60_000, Promise.all(readers.map(({ ready }) => ready)));
    for (let n = 0; n < 2000; n++) writer.set({ n, check: n * 7 });
    assertEquals(writer.readers, 2);
    for (const { process } of readers) process.kill("SIGKILL");
    await Promise.all(readers.map(({ process }) => process.status));
    assertEquals(writer.readers, 0);
  }
});

Deno.test("latest: a Worker that is terminated is a death, of a writer and of a reader", async () => {
  const address = name();
  const worker = new Worker(new URL("../fixtures/latest_worker.ts", import.meta.url), { type: "module" });
  const told = listen(worker);
  worker.postMessage({ write: address });
  await told.next();
  await using reader = await latest<number>(address);
  assertEquals(reader.get(), 1);
  const error = assertRejects(() => reader.next(), ChannelClosedError);
  worker.terminate();
  assertEquals((await watchdog(20_000, error)).reason, "died");
  // Nobody can: what a terminated Worker had open stays open until the process ends.
  Deno.removeSync(meetingPath(address.slice("shm:".length)));

  const other = name();
  await using writer = await latest<number>(other, { mode: "write" });
  const second = new Worker(new URL("../fixtures/latest_worker.ts", import.meta.url), { type: "module" });
  const heard = listen(second);
  second.postMessage({ read: other });
  await heard.next();
  writer.set(5);
  assertEquals(await heard.next(), 5);
  assertEquals(writer.readers, 1);
  second.terminate();
  while (writer.readers > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});

Deno.test("latest: setting and reading make no system call", async () => {
  const [program = "", ...args] = ["strace", "-f", "-e", "trace=all", ...denoRun("latest_quiet.ts", name())];
  const { code, stderr } = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" }).output();
  const trace = new TextDecoder().decode(stderr);
  assertEquals(code, 0, trace.slice(-2000));
  const calls = trace.slice(trace.indexOf("BEGIN HOT"), trace.indexOf("END HOT")).split("\n");
  assert(trace.includes("BEGIN HOT") && trace.includes("END HOT"));
  // Deno's own threads have locks of their own, which are PRIVATE. 20,000 values were set and read.
  assertEquals(calls.filter((line) => /FUTEX_(WAKE|WAIT)[,)]/.test(line)), []);
  assert(calls.length < 2000, `${calls.length} calls`);
});

function denoRun(fixture: string, ...args: string[]): string[] {
  return [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    new URL(`../fixtures/${fixture}`, import.meta.url).pathname,
    ...args,
  ];
}

/** Starts a fixture that prints a line when it is ready. */
function start(fixture: string, ...args: string[]): { process: Deno.ChildProcess; ready: Promise<void> } {
  const [program = "", ...rest] = denoRun(fixture, ...args);
  const process = new Deno.Command(program, { args: rest, stdout: "piped" }).spawn();
  const ready = (async () => {
    const reader = process.stdout.getReader();
    await reader.read();
    await reader.cancel();
  })();
  return { process, ready };
}

/** What a Worker says, one after the other. */
function listen(worker: Worker): { next(): Promise<unknown> } {
  const heard: unknown[] = [];
  let wake = () => {};
  worker.onmessage = ({ data }) => {
    heard.push(data);
    wake();
  };
  return {
    async next() {
      while (heard.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return heard.shift();
    },
  };
}
