import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ClosedError } from "../../lib/errors.ts";
import { kill, queueSignal, realtime, type Signal, type SignalListener, signals } from "../../lib/signal/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const A = realtime(11);
const B = realtime(12);

function send(signal: Signal, ...values: number[]): void {
  for (const value of values) queueSignal(Deno.pid, signal, value);
}

async function take(listener: SignalListener, count: number): Promise<number[]> {
  const values: number[] = [];
  while (values.length < count) values.push(valueOf(await watchdog(30_000, listener.receive())));
  return values;
}

function valueOf(event: { cause: string; value?: number } | undefined): number {
  if (event?.cause !== "queue" || event.value === undefined) throw new Error(`Not queued: ${JSON.stringify(event)}`);
  return event.value;
}

Deno.test("a listener listens from the call on, and keeps what comes between two reads", async () => {
  using listener = signals([A]);
  send(A, 1, 2);
  await new Promise((resolve) => setTimeout(resolve, 0));
  send(A, 3);
  assertEquals(await take(listener, 3), [1, 2, 3]);
});

Deno.test("a listener does not hear what came before it", () => {
  using first = signals([A]);
  send(A, 1);
  using second = signals([A]);
  send(A, 2);
  assertEquals([first.tryReceive(), first.tryReceive(), second.tryReceive()].map(valueOf), [1, 2, 2]);
  assertEquals(second.tryReceive(), undefined);
});

Deno.test("several listeners all hear a signal, and the others when one is closed", async () => {
  using first = signals([A, B]);
  const second = signals([A]);
  using third = signals([B]);
  send(A, 1);
  send(B, 2);
  assertEquals(await Promise.all([take(first, 2), take(second, 1), take(third, 1)]), [[1, 2], [1], [2]]);
  second.close();
  send(A, 3);
  assertEquals(await take(first, 1), [3]);
});

Deno.test("two readers of one listener share its events, in order", async () => {
  using listener = signals([A]);
  const both = [listener.receive(), listener.next()] as const;
  send(A, 1, 2);
  assertEquals(valueOf(await both[0]), 1);
  const { value } = await both[1];
  assertEquals(valueOf(value), 2);
});

Deno.test("a listener asked for a signal twice gives it once", () => {
  using listener = signals([A, A]);
  send(A, 1);
  assertEquals(valueOf(listener.tryReceive()), 1);
  assertEquals(listener.tryReceive(), undefined);
});

Deno.test("tryReceive never waits", () => {
  using listener = signals([A]);
  assertEquals(listener.tryReceive(), undefined);
  send(A, 7);
  assertEquals(valueOf(listener.tryReceive()), 7);
});

Deno.test("receiveSync blocks for an event, up to its timeout, whatever other signals come", async () => {
  using listener = signals([A]);
  using other = signals([B]);
  const start = performance.now();
  // A stranger's signal every few milliseconds interrupts the blocking call.
  const disturber = new Deno.Command("sh", {
    args: [
      "-c",
      `for i in 1 2 3 4 5 6; do /usr/bin/kill -s ${46} ${Deno.pid}; done; read line; /usr/bin/kill -s 45 -q 5 ${Deno.pid}`,
    ],
    stdin: "piped",
  }).spawn();
  const error = assertThrows(() => listener.receiveSync({ timeoutMs: 60 }), DOMException);
  assertEquals(error.name, "TimeoutError");
  assert(performance.now() - start >= 60);
  await disturber.stdin.close();
  assertEquals(valueOf(listener.receiveSync()), 5);
  await disturber.status;
  assertEquals(other.tryReceive()?.signal, B);
});

Deno.test("receiveSync and tryReceive work while something else awaits a signal, and both hear", async () => {
  using listener = signals([A]);
  using other = signals([A, B]);
  const waiting = other.receive();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(listener.tryReceive(), undefined);
  send(A, 1, 2);
  assertEquals(valueOf(listener.receiveSync()), 1);
  assertEquals(valueOf(listener.tryReceive()), 2);
  assertEquals(valueOf(await waiting), 1);
  assertEquals(await take(other, 1), [2]);
  const again = other.receive();
  send(B, 3);
  assertThrows(() => listener.receiveSync({ timeoutMs: 0 }), DOMException, "timed out");
  assertEquals(valueOf(await again), 3);
});

Deno.test("receive ends at its timeout and at an abort, and loses nothing", async () => {
  using listener = signals([A]);
  for (let round = 0; round < 50; round++) {
    const controller = new AbortController();
    const timed = assertRejects(() => listener.receive({ timeoutMs: 0 }), DOMException, "timed out");
    const aborted = assertRejects(() => listener.receive({ signal: controller.signal }), Error, "enough");
    controller.abort(new Error("enough"));
    await Promise.all([timed, aborted]);
    send(A, round);
    assertEquals(valueOf(round % 2 === 0 ? listener.receiveSync() : await listener.receive()), round);
  }
  const reason = new Error("before");
  await assertRejects(() => listener.receive({ signal: AbortSignal.abort(reason) }), Error, "before");
  await assertRejects(() => listener.receive({ timeoutMs: NaN }), RangeError);
});

Deno.test("close ends the iteration and rejects receive with ClosedError", async () => {
  const listener = signals([A]);
  const received = assertRejects(() => listener.receive(), ClosedError, A);
  const next = listener.next();
  listener.close();
  await received;
  assertEquals(await next, { done: true, value: undefined });
  listener.close();
  assert(listener.closed);
  assertEquals(await listener.next(), { done: true, value: undefined });
  await assertRejects(() => listener.receive(), ClosedError);
  assertThrows(() => listener.tryReceive(), ClosedError);
  assertThrows(() => listener.receiveSync(), ClosedError);
});

Deno.test("an abort closes the listener, and the iteration throws its reason", async () => {
  const controller = new AbortController();
  const listener = signals([A], { signal: controller.signal });
  send(A, 1);
  const seen: number[] = [];
  const error = await assertRejects(async () => {
    for await (const event of listener) {
      seen.push(valueOf(event));
      controller.abort(new Error("enough"));
    }
  }, Error);
  assertEquals([seen, error.message, listener.closed], [[1], "enough", true]);
  assertThrows(() => signals([A], { signal: controller.signal }), Error, "enough");
});

Deno.test("what waits beyond maxBuffered is dropped and counted, but the last of a standard signal is not", async () => {
  using listener = signals([A, "SIGUSR2"], { maxBuffered: 3 });
  using reader = signals([A, "SIGUSR2"]);
  send(A, 1, 2, 3, 4, 5);
  assertEquals(await take(reader, 5), [1, 2, 3, 4, 5]);
  for (let time = 0; time < 2; time++) {
    kill(Deno.pid, "SIGUSR2");
    await reader.receive();
  }
  assertEquals([listener.dropped, reader.dropped], [3, 0]);
  assertEquals(await take(listener, 3), [1, 2, 3]);
  assertEquals(listener.tryReceive()?.signal, "SIGUSR2");
  assertEquals(listener.tryReceive(), undefined);
});

Deno.test("what was dropped before is not counted for a new listener", () => {
  using first = signals([A], { maxBuffered: 1 });
  const more = first.capacity + 5;
  for (let value = 0; value < more; value++) send(A, value);
  assertEquals(first.dropped, 5);
  using second = signals([A]);
  assertEquals(second.dropped, 0);
  assertEquals(second.tryReceive(), undefined);
});

Deno.test("the type of an event is narrowed by its cause and by the names asked for", async () => {
  using listener = signals(["SIGUSR2", "SIGCONT"]);
  kill(Deno.pid, "SIGUSR2");
  const event = await listener.receive();
  const signal: "SIGUSR2" | "SIGCONT" = event.signal;
  assertEquals(signal, "SIGUSR2");
  // @ts-expect-error An event of unknown cause has no pid.
  event.pid;
  if (event.cause === "user") {
    const pid: number = event.pid;
    assertEquals(pid, Deno.pid);
    // @ts-expect-error kill(2) sends no value.
    event.value;
  }
  const wide: SignalListener = listener;
  assertEquals(wide, listener);
});

Deno.test("listening leaves nothing behind", async () => {
  await noLeaks(async () => {
    for (let round = 0; round < 20; round++) {
      await using listener = signals([A, "SIGTERM", "SIGUSR1", "SIGUSR2"]);
      send(A, round);
      assertEquals(valueOf(await listener.receive()), round);
      const pending = listener.receive().catch((error) => error);
      listener.close();
      assert(await pending instanceof ClosedError);
    }
  });
});
