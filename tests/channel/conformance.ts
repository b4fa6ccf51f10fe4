/** What every road must do: the table of the channel's page, cell by cell. `conform(road)` registers the tests of one road. */
import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { array, ChannelClosedError, ClosedError, i32, ProtocolError, struct, u64, ValidationError } from "../../mod.ts";
import type { StandardSchema } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { openEnds, OpeningFailed, openWithPeer, type RoadUnderTest } from "./roads.ts";

const LIMIT_MS = 120_000;

/** Registers the tests of a road. */
export function conform(road: RoadUnderTest): void {
  const test = (criterion: string, work: () => Promise<void>) =>
    Deno.test(`channel over ${road.name} ${criterion}`, () => watchdog(LIMIT_MS, work));
  order(road, test);
  waiting(road, test);
  full(road, test);
  ends(road, test);
  refusals(road, test);
}

type Test = (criterion: string, work: () => Promise<void>) => void;

function order(road: RoadUnderTest, test: Test): void {
  test("delivers every message once, in order, whole", async () => {
    await using ends = await openEnds<{ number: number; fill: string }>(road);
    const COUNT = 3000;
    const sending = (async () => {
      for (let number = 0; number < COUNT; number++) {
        await ends.sender.send({ number, fill: "x".repeat(number * 7 % 5000) });
      }
      ends.sender.closeSending();
    })();
    let next = 0;
    for await (const { number, fill } of ends.receiver) {
      assertEquals(number, next);
      assertEquals(fill.length, next * 7 % 5000);
      next++;
    }
    assertEquals(next, COUNT);
    await sending;
  });

  test("loses nothing when the sync, async and try forms are mixed on one end", async () => {
    await using ends = await openEnds<number>(road);
    const { receiver, sender } = ends;
    const COUNT = 600;
    const sending = (async () => {
      for (let number = 0; number < COUNT;) {
        const sent = number % 3 === 1 ? sender.trySend(number) : number % 3 === 2 && sendWithoutWaiting(number);
        if (!sent) await sender.send(number);
        number++;
        if (number % 50 === 0) await new Promise((resolve) => setTimeout(resolve));
        else await null;
      }
    })();
    // Both ends are in one thread: a blocking send that has to wait would wait for ever.
    function sendWithoutWaiting(number: number): boolean {
      try {
        sender.sendSync(number, { timeoutMs: 0 });
        return true;
      } catch (error) {
        if (error instanceof DOMException) return false;
        throw error;
      }
    }
    const seen: (number | null)[] = [];
    while (seen.length < COUNT) {
      switch (seen.length % 4) {
        case 0:
          seen.push(await receiver.receive());
          break;
        case 1: {
          const message = receiver.tryReceive();
          if (message === undefined) seen.push(await receiver.receive());
          else seen.push(message);
          break;
        }
        case 2:
          // What a blocking receive waits for must be there, since nobody else can send it.
          await assertRejects(
            () => receiver.receive({ signal: AbortSignal.abort(new Error("enough")) }),
            Error,
            "enough",
          );
          seen.push(await receiver.receive());
          break;
        default:
          seen.push(...await receiver.receiveMany(COUNT - seen.length) ?? []);
      }
    }
    await sending;
    assertEquals(seen, Array.from({ length: COUNT }, (_, number) => number));
    sender.sendSync(1);
    sender.sendSync(2);
    assertEquals(await receiver.receive(), 1);
    assertEquals(receiver.receiveSync({ timeoutMs: LIMIT_MS }), 2);
  });

  test("sends and receives many at once", async () => {
    await using ends = await openEnds<number>(road);
    const values = Array.from({ length: 500 }, (_, index) => index);
    const sending = ends.sender.sendMany(values);
    const seen: number[] = [];
    while (seen.length < values.length) {
      const some = await ends.receiver.receiveMany(64);
      assert(some !== null && some.length >= 1 && some.length <= 64);
      seen.push(...some);
    }
    assertEquals(seen, values);
    assertEquals(await sending, values.length);
    await assertRejects(() => ends.receiver.receiveMany(0), RangeError, "max must be");
  });

  test("carries text, bytes and structs", async () => {
    {
      await using ends = await openEnds<string>(road, { codec: "text" });
      for (const text of ["", "één", "\uFEFFmark", "line\nline\0"]) {
        await ends.sender.send(text);
        assertEquals(await ends.receiver.receive(), text);
      }
    }
    {
      await using ends = await openEnds<Uint8Array>(road, { codec: "bytes" });
      await ends.sender.sendMany([new Uint8Array([1, 2]), new Uint8Array(0), new Uint8Array([3])]);
      const first = await ends.receiver.receive();
      assertEquals(await ends.receiver.receive(), new Uint8Array(0));
      assertEquals(await ends.receiver.receive(), new Uint8Array([3]));
      assertEquals(first, new Uint8Array([1, 2]));
    }
    {
      const Frame = struct({ id: u64, samples: array(i32, 3) });
      await using ends = await openEnds<{ id: bigint; samples: Int32Array }>(road, { codec: Frame });
      await ends.sender.send({ id: 7n, samples: new Int32Array([1, -2, 3]) });
      const view = await ends.receiver.receive();
      assertEquals(view?.id, 7n);
      assertEquals([...view?.samples ?? []], [1, -2, 3]);
    }
  });

  test("joins two processes", async () => {
    await using peer = await openWithPeer(road, "connect", "count");
    const COUNT = 2000;
    for (let number = 0; number < COUNT; number++) await peer.end.send(number);
    peer.end.closeSending();
    assertEquals(await peer.line(), "ready");
    assertEquals(await peer.line(), String(COUNT));
  });
}

function waiting(road: RoadUnderTest, test: Test): void {
  test("gives up a wait without losing anything", async () => {
    await using ends = await openEnds<string>(road);
    const { receiver, sender } = ends;
    assertEquals(receiver.tryReceive(), undefined);
    const what = `Receiving from ${receiver.address} timed out after`;
    for (const timeoutMs of [0, 1]) {
      const late = await assertRejects(() => receiver.receive({ timeoutMs }), DOMException, what);
      assertEquals(late.name, "TimeoutError");
      assertEquals(assertThrows(() => receiver.receiveSync({ timeoutMs }), DOMException, what).name, "TimeoutError");
    }
    const over = new DOMException("a time limit of the caller's own", "TimeoutError");
    const signal = AbortSignal.abort(over);
    assertEquals(await receiver.receive({ signal, timeoutMs: LIMIT_MS }).catch((error) => error), over);
    const later = new AbortController();
    const withdrawn = receiver.receive({ signal: later.signal, timeoutMs: LIMIT_MS }).catch((error) => error);
    later.abort(over);
    assertEquals(await withdrawn, over);
    const controller = new AbortController();
    const aborted = receiver.receive({ signal: controller.signal });
    assertThrows(() => receiver.receiveSync(), Deno.errors.Busy);
    assertEquals(receiver.tryReceive(), undefined);
    controller.abort(new Error("enough"));
    await assertRejects(() => aborted, Error, "enough");
    await sender.send("whole");
    assertEquals(await receiver.receive(), "whole");
    await sender.send("blocking");
    assertEquals(receiver.receiveSync({ timeoutMs: LIMIT_MS }), "blocking");
  });

  test("serves several waits in the order of their calls", async () => {
    await using ends = await openEnds<number>(road);
    const waits = [ends.receiver.receive(), ends.receiver.receive(), ends.receiver.receive()];
    for (const number of [1, 2, 3]) await ends.sender.send(number);
    assertEquals(await Promise.all(waits), [1, 2, 3]);
  });

  test("is a web stream", async () => {
    await using ends = await openEnds<number>(road);
    const sending = ReadableStream.from([1, 2, 3]).pipeTo(ends.sender.writable);
    assertEquals(await Array.fromAsync(ends.receiver.readable), [1, 2, 3]);
    await sending;
  });
}

function full(road: RoadUnderTest, test: Test): void {
  const large = (number: number) => String(number).padStart(6).padEnd(road.largeBytes, "x");
  const numberOf = (text: string | null) => Number(text?.slice(0, 6));

  test("blocks a sender while it is full, and a send that gives up has sent nothing", async () => {
    await using ends = await openEnds<string>(road, { codec: "text" });
    const { receiver, sender } = ends;
    let sent = 0;
    while (sender.trySend(large(sent))) sent++;
    assertGreater(sent, 0);
    const what = `Sending to ${sender.address} timed out after`;
    const late = await assertRejects(() => sender.send(large(999_999), { timeoutMs: 1 }), DOMException, what);
    assertEquals(late.name, "TimeoutError");
    assertEquals(
      assertThrows(() => sender.sendSync(large(999_998), { timeoutMs: 1 }), DOMException).name,
      "TimeoutError",
    );
    const waiting = sender.send(large(sent));
    assertThrows(() => sender.sendSync("overtaking"), Deno.errors.Busy);
    assertEquals(sender.trySend("overtaking"), false);
    for (let number = 0; number <= sent; number++) assertEquals(numberOf(await receiver.receive()), number);
    await waiting;
    assertEquals(sender.dropped, 0);
  });

  test("drops the newest, counted, when told to", async () => {
    await using ends = await openEnds<string>(road, { codec: "text", whenFull: "drop-newest", highWaterMark: 3 });
    const { receiver, sender } = ends;
    let sent = 0;
    for (; sender.dropped < 4; sent++) sender.sendSync(large(sent));
    const seen = await drain(sent - 4);
    assertEquals(seen, Array.from({ length: sent - 4 }, (_, number) => number));

    async function drain(count: number): Promise<number[]> {
      const seen: number[] = [];
      while (seen.length < count) seen.push(numberOf(await receiver.receive()));
      return seen;
    }
  });

  test("drops the oldest that wait, counted, when told to", async () => {
    await using ends = await openEnds<string>(road, { codec: "text", whenFull: "drop-oldest", highWaterMark: 3 });
    const { receiver, sender } = ends;
    let sent = 0;
    for (; sender.dropped < 4; sent++) await sender.send(large(sent));
    const seen: number[] = [];
    while (seen.length < sent - 4) seen.push(numberOf(await receiver.receive()));
    assertEquals(seen.slice(-3), [sent - 3, sent - 2, sent - 1]);
    assertEquals(seen, [...seen].sort((one, other) => one - other));
    assertEquals(receiver.tryReceive(), undefined);
  });

  test("throws when told to", async () => {
    await using ends = await openEnds<string>(road, { codec: "text", whenFull: "error", highWaterMark: 2 });
    const { receiver, sender } = ends;
    let sent = 0;
    const error = await assertRejects(async () => {
      for (;; sent++) await sender.send(large(sent));
    }, DOMException);
    assertEquals(error.name, "QuotaExceededError");
    assertEquals(sender.trySend(large(0)), false);
    for (let number = 0; number < sent; number++) assertEquals(numberOf(await receiver.receive()), number);
    assertEquals(sender.dropped, 0);
  });
}

function ends(road: RoadUnderTest, test: Test): void {
  test("tells a clean close, after everything that was sent", async () => {
    await using ends = await openEnds<number>(road);
    await ends.sender.sendMany([1, 2, 3]);
    ends.sender.close();
    ends.sender.close();
    assertEquals(await Array.fromAsync(ends.receiver), [1, 2, 3]);
    assertEquals(await ends.receiver.receive(), null);
    assertEquals(ends.receiver.receiveSync(), null);
    assertEquals(ends.receiver.tryReceive(), null);
    assertEquals(await ends.receiver.receiveMany(), null);
  });

  test("says goodbye when it is full", async () => {
    await using ends = await openEnds<string>(road, { codec: "text" });
    const { receiver, sender } = ends;
    let sent = 0;
    while (sender.trySend("x".repeat(road.largeBytes))) sent++;
    const seen = Array.fromAsync(receiver);
    await sender[Symbol.asyncDispose]();
    assertEquals((await seen).length, sent);
  });

  test("ends its waits when it is closed, and is of no use after", async () => {
    await using ends = await openEnds<number>(road);
    const { receiver, sender } = ends;
    const waiting = assertRejects(() => receiver.receive(), ClosedError);
    const iterating = Array.fromAsync(receiver);
    await null;
    receiver.close();
    await waiting;
    assertEquals(await iterating, []);
    assertEquals(receiver.closed, true);
    for (const use of [() => receiver.receiveSync(), () => receiver.tryReceive()]) assertThrows(use, ClosedError);
    await assertRejects(() => receiver.receive(), ClosedError);
    sender.close();
    for (const use of [() => sender.sendSync(1), () => sender.trySend(1), () => sender.closeSending()]) {
      assertThrows(use, ClosedError);
    }
    await assertRejects(() => sender.send(1), ClosedError);
  });

  test("tells a sender that its receiver has closed", async () => {
    await using ends = await openEnds<string>(road);
    ends.receiver.close();
    const error = await assertRejects(async () => {
      while (true) await ends.sender.send("x".repeat(1000));
    }, ChannelClosedError);
    assertEquals(error.reason, "closed");
    assertThrows(() => ends.sender.sendSync("x"), ChannelClosedError);
  });

  test("tells a death, after everything that was sent", async () => {
    await using peer = await openWithPeer(road, "listen", "send-and-die", 300);
    const seen: unknown[] = [];
    const error = await assertRejects(async () => {
      for await (const message of peer.end) seen.push(message);
    }, ChannelClosedError);
    assertEquals(error.reason, "died");
    assertEquals(seen, Array.from({ length: 300 }, (_, number) => number));
    assertEquals((await assertRejects(() => peer.end.receive(), ChannelClosedError)).reason, "died");
    assertEquals(assertThrows(() => peer.end.receiveSync(), ChannelClosedError).reason, "died");
  });

  test("tells a sender that its receiver has died", async () => {
    await using peer = await openWithPeer(road, "connect", "receive-and-die", 5);
    const error = await assertRejects(async () => {
      while (true) await peer.end.send("x".repeat(1000));
    }, ChannelClosedError);
    assertEquals(error.reason, "died");
  });

  test("leaves nothing behind", async () => {
    await noLeaks(async () => {
      await using ends = await openEnds<number>(road);
      await ends.sender.send(1);
      assertEquals(await ends.receiver.receive(), 1);
    });
  });

  if (road.twoWay) {
    test("tells a blocking sender of a clean close, though a receive waits", async () => {
      await using ends = await openEnds<string>(road);
      const waiting = ends.receiver.receive();
      await new Promise((resolve) => setTimeout(resolve));
      ends.sender.sendSync("last words");
      ends.sender.close();
      const error = assertThrows(() => {
        while (true) ends.receiver.sendSync("x", { timeoutMs: LIMIT_MS });
      }, ChannelClosedError);
      assertEquals(error.reason, "closed");
      assertEquals(await waiting, "last words");
      assertEquals(await ends.receiver.receive(), null);
    });
  }

  if (!road.twoWay) {
    test("goes one way", async () => {
      await using ends = await openEnds<number>(road);
      assertEquals([ends.sender.directions, ends.receiver.directions], ["send", "receive"]);
      await assertRejects(() => ends.receiver.send(1), TypeError);
      assertThrows(() => ends.receiver.trySend(1), TypeError);
      await assertRejects(() => ends.sender.receive(), TypeError);
      assertThrows(() => ends.sender.tryReceive(), TypeError);
    });
    return;
  }

  test("closes one direction alone", async () => {
    await using ends = await openEnds<number>(road);
    const { receiver, sender } = ends;
    await sender.send(1);
    sender.closeSending();
    sender.closeSending();
    assertThrows(() => sender.sendSync(2), ClosedError, "for sending");
    assertEquals(await Array.fromAsync(receiver), [1]);
    await receiver.sendMany([3, 4]);
    receiver.close();
    assertEquals(await Array.fromAsync(sender), [3, 4]);
  });

  test("answers in both directions at once", async () => {
    await using peer = await openWithPeer(road, "connect", "echo");
    const COUNT = 1000;
    const sending = (async () => {
      for (let number = 0; number < COUNT; number++) await peer.end.send({ number });
    })();
    for (let number = 0; number < COUNT; number++) assertEquals(await peer.end.receive(), { number });
    await sending;
    peer.end.closeSending();
    assertEquals(await peer.end.receive(), null);
  });

  test("has received everything of a peer that left while it was sending", async () => {
    await using peer = await openWithPeer(road, "listen", "send", 200);
    assertEquals((await Array.fromAsync(peer.end)).length, 200);
    const error = await assertRejects(async () => {
      while (true) await peer.end.send("x".repeat(1000));
    }, ChannelClosedError);
    assertEquals(error.reason, "closed");
  });
}

function refusals(road: RoadUnderTest, test: Test): void {
  test("refuses what JSON cannot carry before anything is sent", async () => {
    await using ends = await openEnds<unknown>(road);
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const polluted = JSON.parse('{"__proto__": {"admin": true}}');
    for (
      const value of [
        () => 1,
        undefined,
        1n,
        NaN,
        [Infinity],
        [undefined],
        { a: [1, undefined] },
        { a: () => 1 },
        { a: Symbol("a") },
        cycle,
        new Map(),
        polluted,
        new Array(1),
      ]
    ) {
      await assertRejects(() => ends.sender.send(value), TypeError);
      assertThrows(() => ends.sender.trySend(value), TypeError);
    }
    await ends.sender.send({ fine: [1, "two", null, true, { deep: [] }] });
    assertEquals(await ends.receiver.receive(), { fine: [1, "two", null, true, { deep: [] }] });
    // An optional field that is not there.
    await ends.sender.send({ here: 1, optional: undefined, inner: { optional: undefined } });
    assertEquals(await ends.receiver.receive(), { here: 1, inner: {} });
  });

  test("refuses a message that is too long before anything is sent", async () => {
    await using ends = await openEnds<string>(road, { codec: "text", maxMessageBytes: 2000 });
    await assertRejects(() => ends.sender.send("x".repeat(2001)), RangeError, "at most 2000");
    assertThrows(() => ends.sender.sendSync("x".repeat(2001)), RangeError);
    await ends.sender.send("x".repeat(2000));
    assertEquals((await ends.receiver.receive())?.length, 2000);
  });

  test("refuses hostile JSON and goes on", async () => {
    await using ends = await openEnds<unknown, Uint8Array>(road, {}, {
      codec: { name: "json", encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes },
    });
    const send = (text: string) => ends.sender.send(new TextEncoder().encode(text) as never);
    for (
      const [text, why] of [
        ['{"__proto__": {"admin": true}}', "__proto__"],
        ['[{"a": {"__pro\\u0074o__": 1}}]', "__proto__"],
        [`${"[".repeat(3000)}${"]".repeat(3000)}`, "deeper than 256"],
        [`{"a":"${"[".repeat(600)}", "b":${"[".repeat(3000)}${"]".repeat(3000)}}`, "deeper than 256"],
        ["{", "not JSON"],
        ["", "not JSON"],
      ] as const
    ) {
      await send(text);
      await assertRejects(() => ends.receiver.receive(), ProtocolError, why);
    }
    assertEquals(({} as { admin?: boolean }).admin, undefined);
    await send(`{"a":"${"[".repeat(600)}"}`);
    assertEquals(await ends.receiver.receive(), { a: "[".repeat(600) });
  });

  test("refuses another codec and another type, at both ends", async () => {
    for (
      const [ours, theirs, why] of [
        [{ codec: "json" }, { codec: "text" }, "codec"],
        [{ type: "job-1" }, { type: "job-2" }, "types"],
        [{ codec: struct({ a: i32 }) }, { codec: struct({ b: i32 }) }, "types"],
      ] as const
    ) {
      // The one-way sender cannot be told: it opens, and finds nobody there.
      const failed = road.refusalIsMutual
        ? await assertRejects(() => openEnds(road, ours, theirs), OpeningFailed)
        : await assertRejects(() => openEnds(road, ours, { ...theirs, timeoutMs: LIMIT_MS }), OpeningFailed);
      const [listener, connector] = failed.reasons;
      assert(listener instanceof ProtocolError, String(listener));
      assertStringIncludes(listener.message, road.name === "shm" ? "" : why);
      if (road.refusalIsMutual) assert(connector instanceof ProtocolError, String(connector));
    }
  });

  test("validates at either end", async () => {
    const schema: StandardSchema<unknown, { size: number }> = {
      "~standard": { version: 1, vendor: "test", validate: sized },
    };
    await using ends = await openEnds<unknown>(road, { schema }, {});
    const { receiver, sender } = ends;
    await sender.send({ jobs: [{ size: "large" }] });
    const error = await assertRejects(() => receiver.receive(), ValidationError, "jobs[0].size");
    assertEquals(error.path, "jobs[0].size");
    assertEquals(error.issues, [{ message: "Expected a number", path: "jobs[0].size" }]);
    await sender.send({ jobs: [{ size: 3 }] });
    assertEquals(receiver.receiveSync({ timeoutMs: LIMIT_MS }), { size: 3 });

    const slow: StandardSchema<unknown, { size: number }> = {
      "~standard": { version: 1, vendor: "test", validate: (value) => Promise.resolve(sized(value)) },
    };
    await using others = await openEnds<unknown>(road, { schema: slow }, { sendSchema: slow });
    await assertRejects(() => others.sender.send({ jobs: [{ size: "large" }] }), ValidationError);
    assertThrows(() => others.sender.sendSync({ jobs: [{ size: 1 }] }), TypeError, "asynchronous");
    // What is sent is what the validator made of it, and what is received too.
    const [raw] = [{ jobs: [{ size: 4 }], size: 9 }];
    const passing: StandardSchema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
    await using third = await openEnds<unknown>(road, { schema: slow }, { sendSchema: passing });
    await third.sender.send(raw);
    assertThrows(() => third.receiver.receiveSync({ timeoutMs: LIMIT_MS }), TypeError, "asynchronous");
    assertEquals(await third.receiver.receive(), { size: 4 });
  });
}

/** `{ jobs: [{ size: number }] }` → the first size. */
function sized(value: unknown) {
  const { jobs } = value as { jobs: [{ size: unknown }] };
  const { size } = jobs[0];
  if (typeof size === "number") return { value: { size } };
  return { issues: [{ message: "Expected a number", path: ["jobs", 0, { key: "size" }] }] };
}
