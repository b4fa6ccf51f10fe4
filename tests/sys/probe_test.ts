import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "@std/assert";
import { monotonicNanoseconds, monotonicNow, realtimeOffset } from "../../lib/sys/clock.ts";
import { isProbed, type ProbeEvent, publish, publishWait, startedNs, subscribe } from "../../lib/sys/probe.ts";
import { pipe, socketPair } from "../../mod.ts";
import "../helpers/open_libc.ts";

Deno.test("publish makes no event, and startedNs reads no clock, while nobody listens", () => {
  let made = 0;
  const make = () => ({ kind: "test", number: ++made });
  publish(make);
  assertEquals([made, isProbed(), startedNs()], [0, false, undefined]);
  const heard: ProbeEvent[] = [];
  const stop = subscribe((event) => heard.push(event));
  publish(make);
  assertEquals([made, isProbed(), typeof startedNs()], [1, true, "number"]);
  stop();
  publish(make);
  assertEquals([made, isProbed(), startedNs()], [1, false, undefined]);
  assertEquals(heard, [{ kind: "test", number: 1 }]);
});

Deno.test("publishWait numbers waits, so that their ends can be told apart", () => {
  const heard: ProbeEvent[] = [];
  const stop = subscribe((event) => heard.push(event));
  const first = publishWait({ for: "read" });
  const second = publishWait({ for: "write" });
  second();
  first();
  stop();
  assertEquals(heard.map(({ kind }) => kind), ["wait", "wait", "wait.end", "wait.end"]);
  const [one, two, endOfTwo, endOfOne] = heard.map(({ wait }) => wait);
  assertNotEquals(one, two);
  assertEquals([endOfOne, endOfTwo], [one, two]);
});

Deno.test("monotonicNow is the clock of all processes, and realtimeOffset its distance from the time of day", () => {
  const before = monotonicNanoseconds();
  const now = monotonicNow();
  const after = monotonicNanoseconds();
  assert(Number(before) <= now && now <= Number(after));
  const { nanoseconds, errorNs } = realtimeOffset();
  assertGreaterOrEqual(errorNs, 0);
  const difference = Number((monotonicNanoseconds() + nanoseconds) / 1_000_000n) - Date.now();
  assert(Math.abs(difference) < 60_000, `${difference} ms`);
});

Deno.test("events call both ends of a pipe the same, the ends of a socket pair not", () => {
  const { reader, writer } = pipe();
  const [left, right] = socketPair("stream");
  const heard: ProbeEvent[] = [];
  const stop = subscribe((event) => heard.push(event));
  writer.writeSync(new Uint8Array(1));
  reader.readSync(new Uint8Array(1));
  left.writeSync(new Uint8Array(1));
  right.readSync(new Uint8Array(1));
  stop();
  for (const end of [reader, writer, left, right]) end.close();
  const [written, read, sent, received] = heard.map(({ object }) => String(object));
  assertEquals(written, read);
  assert(/^pipe:\[\d+\]$/.test(written ?? ""));
  assert(/^socket:\[\d+\]$/.test(sent ?? "") && /^socket:\[\d+\]$/.test(received ?? ""));
  assertNotEquals(sent, received);
});
