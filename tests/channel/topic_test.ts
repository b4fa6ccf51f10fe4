import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { topic } from "../../lib/channel/topic.ts";
import { meetingPath } from "../../lib/channel/rendezvous_path.ts";
import { ChannelClosedError } from "../../lib/errors.ts";
import { ClosedError, f64, PosixError, ProtocolError, struct, u32 } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { setImmediate } from "node:timers";

let names = 0;

/** A name that no other test has. */
function name(): string {
  return `shm:topic-test-${Deno.pid}-${++names}`;
}

/** Small, so that a few messages fill a lane: 8 KiB, of which one takes a quarter. */
const SMALL = { codec: "text", maxMessageBytes: 2000, bufferBytes: 8192 } as const;
const long = (n: number) => String(n).padEnd(2000);

Deno.test("topic: every subscriber gets every message, in order", async () => {
  const address = name();
  await using publisher = await topic<{ n: number }>(address, { mode: "publish" });
  assertEquals(await publisher.publish({ n: 0 }), 0);
  const subscribers = await Promise.all([1, 2, 3].map(() => topic<{ n: number }>(address)));
  const received = subscribers.map((subscriber) => Array.fromAsync(subscriber));
  for (let n = 1; n <= 5000; n++) assertEquals(await publisher.publish({ n }), 3);
  publisher.close();
  const expected = Array.from({ length: 5000 }, (_, index) => ({ n: index + 1 }));
  for (const messages of await watchdog(60_000, Promise.all(received))) assertEquals(messages, expected);
  for (const subscriber of subscribers) subscriber.close();
});

Deno.test("topic: structs, and the three ways to wait", async () => {
  const Price = struct({ bid: f64, size: u32 });
  const address = name();
  await using publisher = await topic(address, { mode: "publish", codec: Price });
  await using subscriber = await topic(address, { codec: Price });
  assertEquals(subscriber.tryReceive(), undefined);
  const waiting = subscriber.receive();
  assertEquals(publisher.publishSync({ bid: 1.5, size: 2 }), 1);
  assertEquals((await waiting)?.bid, 1.5);
  assertEquals(publisher.tryPublish({ bid: 2.5, size: 3 }), 1);
  assertEquals(subscriber.receiveSync()?.size, 3);
  const error = assertThrows(() => subscriber.receiveSync({ timeoutMs: 1 }), DOMException);
  assertEquals(error.name, "TimeoutError");
  const controller = new AbortController();
  const aborted = assertRejects(() => subscriber.receive({ signal: controller.signal }), RangeError, "enough");
  controller.abort(new RangeError("enough"));
  await aborted;
});

Deno.test("topic: late subscribers get the history that they ask for", async () => {
  const address = name();
  await using publisher = await topic<number>(address, { mode: "publish", history: 5 });
  for (let n = 1; n <= 20; n++) await publisher.publish(n);
  const wanted = [0, 1, 5, 100];
  const subscribers = await Promise.all(wanted.map((history) => topic<number>(address, { history })));
  await publisher.publish(21);
  publisher.close();
  const received = await Promise.all(subscribers.map((subscriber) => Array.fromAsync(subscriber)));
  assertEquals(received, [[21], [20, 21], [16, 17, 18, 19, 20, 21], [16, 17, 18, 19, 20, 21]]);
  assertEquals(subscribers.map(({ dropped }) => dropped), [0, 0, 0, 0]);
  for (const subscriber of subscribers) subscriber.close();
});

Deno.test("topic: a history that a subscriber has no room for counts as dropped", async () => {
  const address = name();
  await using publisher = await topic<string>(address, { ...SMALL, mode: "publish", history: 100 });
  for (let n = 0; n < 100; n++) await publisher.publish(long(n));
  await using subscriber = await topic<string>(address, { ...SMALL, history: 100 });
  const first = Number(await subscriber.receive());
  assertEquals([first, subscriber.dropped], [100 - (100 - first), first]);
  assert(first > 90);
  for (let n = first + 1; n < 100; n++) assertEquals(Number(await subscriber.receive()), n);
});

Deno.test("topic: a publisher that closes as soon as it sees a subscriber does not cut it off", async () => {
  for (let round = 0; round < 20; round++) {
    const address = name();
    await using publisher = await topic<number>(address, { mode: "publish", history: 3 });
    for (let n = 1; n <= 3; n++) await publisher.publish(n);
    const coming = topic<number>(address, { history: 3 });
    while (publisher.subscribers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    publisher.close();
    await using subscriber = await watchdog(120_000, coming);
    assertEquals(await Array.fromAsync(subscriber), [1, 2, 3]);
  }
});

Deno.test("topic: each subscriber is slow in its own way", async () => {
  const address = name();
  await using publisher = await topic<string>(address, { ...SMALL, mode: "publish" });
  await using newest = await topic<string>(address, { ...SMALL, whenFull: "drop-newest" });
  await using oldest = await topic<string>(address, { ...SMALL, whenFull: "drop-oldest" });
  await using error = await topic<string>(address, { ...SMALL, whenFull: "error" });
  for (let n = 0; n < 100; n++) await publisher.publish(long(n));
  assertEquals(publisher.subscribers.map(({ whenFull }) => whenFull), ["drop-newest", "drop-oldest"]);
  publisher.close();

  const first = (await Array.fromAsync(newest)).map(Number);
  assertEquals(first, Array.from({ length: first.length }, (_, index) => index));
  assertEquals(newest.dropped, 100 - first.length);

  const last = (await Array.fromAsync(oldest)).map(Number);
  assertEquals(last, Array.from({ length: last.length }, (_, index) => 100 - last.length + index));
  assertEquals(oldest.dropped, 100 - last.length);

  const before: number[] = [];
  const thrown = await assertRejects(async () => {
    for await (const message of error) before.push(Number(message));
  }, DOMException);
  assertEquals(thrown.name, "QuotaExceededError");
  assertEquals(before, first);
});

Deno.test("topic: a subscriber that blocks makes the publisher wait, and nobody gets the message before all can", async () => {
  const address = name();
  await using publisher = await topic<string>(address, { ...SMALL, mode: "publish" });
  await using slow = await topic<string>(address, { ...SMALL });
  await using quick = await topic<string>(address, { ...SMALL, bufferBytes: 65_536 });
  let sent = 0;
  while (publisher.tryPublish(long(sent)) !== undefined) sent++;
  const controller = new AbortController();
  const aborted = assertRejects(() => publisher.publish(long(-1), { signal: controller.signal }), RangeError);
  const late = publisher.publish(long(sent));
  const later = publisher.publish(long(sent + 1));
  assertThrows(() => publisher.publishSync(long(-1)), Deno.errors.Busy);
  assertEquals(publisher.tryPublish(long(-1)), undefined);
  controller.abort(new RangeError("enough"));
  await aborted;
  await assertRejects(() => publisher.publish(long(-1), { timeoutMs: 1 }), DOMException);
  for (let n = 0; n < sent; n++) assertEquals(Number(await quick.receive()), n);
  assertEquals(quick.tryReceive(), undefined);
  for (let n = 0; n < sent + 2; n++) assertEquals(Number(await watchdog(20_000, slow.receive())), n);
  assertEquals(await Promise.all([late, later]), [2, 2]);
  for (let n = 0; n < 2; n++) assertEquals(Number(await quick.receive()), sent + n);
});

Deno.test("topic: subscribers come and go", async () => {
  const address = name();
  await using publisher = await topic<number>(address, { mode: "publish", maxSubscribers: 2 });
  const one = await topic<number>(address);
  await using two = await topic<number>(address);
  const error = await assertRejects(() => topic(address), ProtocolError);
  assert(error.message.includes("maxSubscribers"));
  await assertRejects(() => topic(address, { bufferBytes: 2 ** 30 }), ProtocolError);
  const waiting = assertRejects(() => one.receive(), ClosedError);
  one.close();
  one.close();
  await waiting;
  assertThrows(() => one.tryReceive(), ClosedError);
  await using three = await topic<number>(address);
  assertEquals(await publisher.publish(1), 2);
  assertEquals([await two.receive(), await three.receive()], [1, 1]);
  assertEquals(publisher.subscribers.length, 2);
});

Deno.test("topic: wrong arguments, names in use, and other terms", async () => {
  const address = name();
  await using publisher = await topic<unknown>(address, { mode: "publish", maxMessageBytes: 100 });
  const error = await assertRejects(
    () => topic(address, { mode: "publish" }),
    PosixError,
    `${address} has a publisher`,
  );
  assertEquals(error.code, "EADDRINUSE");
  await assertRejects(() => publisher.publish("x".repeat(100)), RangeError);
  await assertRejects(() => publisher.publish(() => {}), TypeError);
  await assertRejects(() => topic("unix:/x"), TypeError);
  await assertRejects(() => topic(address, { whenFull: "never" as "block" }), TypeError);
  await assertRejects(() => topic(address, { history: -1 }), RangeError);
  await assertRejects(() => topic(address), ProtocolError, "bytes");
  await assertRejects(() => topic(address, { codec: "text", maxMessageBytes: 100 }), ProtocolError, "codec");
  publisher.close();
  await assertRejects(() => publisher.publish(1), ClosedError);
});

Deno.test("topic leaves nothing behind", async () => {
  await noLeaks(async () => {
    const address = name();
    await using publisher = await topic<number>(address, { mode: "publish", history: 3 });
    await using one = await topic<number>(address);
    const two = await topic<number>(address, { whenFull: "drop-oldest" });
    const waiting = one.receive();
    await publisher.publish(1);
    assertEquals([await waiting, await two.receive()], [1, 1]);
    two.close();
    await publisher.publish(2);
    assertEquals(await one.receive(), 2);
    await assertRejects(() => topic(address, { codec: "text" }), ProtocolError);
    const blocked = assertRejects(() => one.receive(), ClosedError);
    one.close();
    await blocked;
  });
});

Deno.test("topic: a subscriber that is killed holds nobody up, whatever it had chosen", async () => {
  const address = name();
  await using publisher = await topic<string>(address, { ...SMALL, mode: "publish" });
  await using living = await topic<string>(address, { ...SMALL });
  const children = ["block", "drop-oldest"].map((whenFull) => start("topic_subscriber.ts", address, whenFull));
  await watchdog(60_000, Promise.all(children.map(({ ready }) => ready)));
  assertEquals(publisher.subscribers.length, 3);
  const received = (async () => {
    for (let n = 0; n < 300; n++) assertEquals(Number(await living.receive()), n);
  })();
  for (let n = 0; n < 300; n++) {
    const sent = publisher.publish(long(n));
    // The one that blocks receives 95, and has room for a few more.
    if (n === 96) { for (const { process } of children) process.kill("SIGKILL"); }
    await watchdog(20_000, sent);
  }
  await received;
  await Promise.all(children.map(({ process }) => process.status));
  assertEquals(publisher.subscribers.length, 1);
});

Deno.test("topic: a publisher that is killed is a death, after all that it had published, and can be succeeded", async () => {
  const address = name();
  const child = start("topic_publisher.ts", address);
  await child.ready;
  await using subscriber = await topic<number>(address);
  let last = await subscriber.receive();
  const error = await watchdog(
    30_000,
    assertRejects(async () => {
      for (let count = 0;; count++) {
        const next = await subscriber.receive();
        assertEquals(next, last! + 1);
        last = next;
        if (count === 1000) child.process.kill("SIGKILL");
      }
    }, ChannelClosedError),
  );
  assertEquals(error.reason, "died");
  await child.process.status;
  await using successor = await topic<number>(address, { mode: "publish" });
  await using again = await topic<number>(address);
  await successor.publish(-1);
  assertEquals(await again.receive(), -1);
});

Deno.test("topic: between Workers, and a Worker that is terminated is a death", async () => {
  const address = name();
  const worker = new Worker(new URL("../fixtures/topic_worker.ts", import.meta.url), { type: "module" });
  const told = Promise.withResolvers<void>();
  worker.onmessage = () => told.resolve();
  worker.postMessage(address);
  await told.promise;
  await using subscriber = await topic<number>(address, { history: 1 });
  assertEquals(await subscriber.receive(), 1);
  const died = assertRejects(() => subscriber.receive(), ChannelClosedError);
  worker.terminate();
  assertEquals((await watchdog(30_000, died)).reason, "died");
  // Nobody can: what a terminated Worker had open stays open until the process ends.
  Deno.removeSync(meetingPath(address.slice("shm:".length)));
});

/** Starts a fixture that prints a line when it is ready. */
function start(fixture: string, ...args: string[]): { process: Deno.ChildProcess; ready: Promise<void> } {
  const script = new URL(`../fixtures/${fixture}`, import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...args],
    stdout: "piped",
  }).spawn();
  const ready = (async () => {
    const reader = process.stdout.getReader();
    await reader.read();
    await reader.cancel();
  })();
  return { process, ready };
}
