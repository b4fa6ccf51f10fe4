import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ProtocolError } from "../../lib/errors.ts";
import { remote, serve, type ServeOptions } from "../../mod.ts";
import { messagePair } from "../helpers/message_pair.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 60_000;

/** What a caller may never send, with the api below. */
const NONSENSE: readonly unknown[] = [
  "text",
  7,
  [],
  {},
  { kind: "constructor" },
  { kind: "__proto__", id: 1 },
  { kind: "call" },
  { kind: "call", id: 0, method: "echo", args: [] },
  { kind: "call", id: 1.5, method: "echo", args: [] },
  { kind: "call", id: "1", method: "echo", args: [] },
  { kind: "call", id: 1, args: [] },
  { kind: "call", id: 1, method: 1, args: [] },
  { kind: "call", id: 1, method: "echo" },
  { kind: "call", id: 1, method: "echo", args: { length: 1 } },
  { kind: "call", id: 1, method: "echo", args: [], timeoutMs: -1 },
  { kind: "call", id: 1, method: "echo", args: [{ $: "unknown" }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "bytes", base64: "*" }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "bigint", value: "1e9" }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "bigint", value: "9".repeat(100_000) }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "number", value: "7" }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "map", entries: [[1]] }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "set", items: 7 }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "object", entries: [["__proto__", { polluted: true }]] }] },
  { kind: "call", id: 1, method: "echo", args: [{ $: "function", id: -1 }] },
  { kind: "call", id: 1, method: "echo", args: [nested(10_000)] },
  { kind: "return", id: 1, value: 1 },
  { kind: "throw", id: 99, error: 1 },
  { kind: "pull", stream: 1, count: -1 },
  { kind: "release", function: 1, count: "all" },
];

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

Deno.test("serve ends with ProtocolError for what is no call", async () => {
  for (const message of NONSENSE) {
    const [there, here] = messagePair();
    using server = serve(there, { echo: (value: unknown) => value });
    await here.send(message);
    const error = await watchdog(LIMIT_MS, assertRejects(() => server.finished, ProtocolError));
    assertInstanceOf(error, ProtocolError);
    assert(there.closed);
    assertEquals(await here.receive(), null);
  }
});

Deno.test("serve: __proto__ in a message pollutes nothing", async () => {
  const [there, here] = messagePair();
  using server = serve(there, { echo: (value: unknown) => value });
  const text = '{"kind":"call","id":1,"method":"echo","args":[{"__proto__":{"polluted":true}}]}';
  await here.send(JSON.parse(text));
  await watchdog(LIMIT_MS, assertRejects(() => server.finished, ProtocolError));
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("remote: an answer that makes no sense rejects what is open with ProtocolError", async () => {
  const answers = [
    { kind: "return", id: 2 },
    { kind: "return", id: 1, value: { $: "signal" } },
    { kind: "return", id: 1, value: { $: "nonsense" } },
    { kind: "throw", id: 1, error: { $: "error", name: "E", cause: { $: "x" } } },
    null,
    "text",
  ].filter((answer) => answer !== null);
  for (const answer of answers) {
    const [there, here] = messagePair();
    using api = remote<{ a(): Promise<void> }>(here);
    const calls = [api.a()];
    await there.send(answer);
    for (const call of calls) await watchdog(LIMIT_MS, assertRejects(() => call, ProtocolError));
  }
});

Deno.test("serve: more open calls than were agreed on, or one number twice, end the session", async () => {
  for (const ids of [Array.from({ length: 1001 }, (_, index) => index + 1), [1, 1]]) {
    const [there, here] = messagePair();
    using server = serve(there, { never: () => new Promise(() => {}) });
    for (const id of ids) await here.send({ kind: "call", id, method: "never", args: [] });
    await watchdog(LIMIT_MS, assertRejects(() => server.finished, ProtocolError));
  }
});

Deno.test("serve: more items than a reader may ask for end the session", async () => {
  const [there, here] = messagePair();
  using server = serve(there, {
    async *never() {
      await new Promise(() => {});
      yield 1;
    },
  });
  await here.send({ kind: "call", id: 1, method: "never", args: [] });
  assertEquals(await here.receive(), { kind: "return", id: 1, value: { $: "stream", id: 1 } });
  await here.send({ kind: "pull", stream: 1, count: 1024 });
  await here.send({ kind: "pull", stream: 1, count: 1 });
  await watchdog(LIMIT_MS, assertRejects(() => server.finished, ProtocolError));
});

Deno.test("remote: an item of a stream that nobody asked for ends the session", async () => {
  const [there, here] = messagePair();
  using api = remote<{ count(): AsyncIterable<number> }>(here, { bufferedItems: 1 });
  const reading = Array.fromAsync(api.count());
  const { id } = await there.receive() as { id: number };
  await there.send({ kind: "return", id, value: { $: "stream", id: 1 } });
  assertEquals(await there.receive(), { kind: "pull", stream: 1, count: 1 });
  for (let i = 0; i < 3; i++) there.trySend?.({ kind: "item", stream: 1, value: i });
  await watchdog(LIMIT_MS, assertRejects(() => reading, ProtocolError));
});

Deno.test("serve: messages about what is over are no error", async () => {
  const [there, here] = messagePair();
  using server = serve(there, { echo: (value: unknown) => value });
  await here.send({ kind: "call", id: 1, method: "echo", args: [1] });
  assertEquals(await here.receive(), { kind: "return", id: 1, value: 1 });
  for (
    const message of [
      { kind: "cancel", id: 1, reason: "late" },
      { kind: "pull", stream: 5, count: 1 },
      { kind: "stop", stream: 5 },
      { kind: "item", stream: 5, value: 1 },
      { kind: "end", stream: 5 },
      { kind: "fail", stream: 5, error: "late" },
      { kind: "release", function: 5, count: 1 },
    ]
  ) await here.send(message);
  await here.send({ kind: "call", id: 1, method: "echo", args: [2] });
  assertEquals(await here.receive(), { kind: "return", id: 1, value: 2 });
  server.close();
  await server.finished;
});

Deno.test("remote: calls with large arguments wait for each other, and none is refused", async () => {
  const [there, here] = messagePair();
  let open = 0;
  let most = 0;
  const api = {
    async length(text: string): Promise<number> {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve));
      open--;
      return text.length;
    },
  };
  using _server = serve(there, api);
  using caller = remote<typeof api>(here);
  const calls = Array.from({ length: 20 }, (_, index) => caller.length("x".repeat(1_000_000 + index)));
  const lengths = await watchdog(LIMIT_MS, Promise.all(calls));
  assertEquals(lengths, Array.from({ length: 20 }, (_, index) => 1_000_000 + index));
  assertEquals(most, 5);
});

Deno.test("serve: answers that nobody reads are replaced by an error, and every call is answered", async () => {
  await answerNobody({}, 4);
});

Deno.test("serve maxWaitingBytes: as many answers wait as were allowed, and one at least", async () => {
  await answerNobody({ maxWaitingBytes: 10_100_000 }, 10);
  await answerNobody({ maxWaitingBytes: 65_536 }, 1);
});

/** Twenty answers of a megabyte to a peer that does not read them: so many are kept for it. */
async function answerNobody(options: ServeOptions, kept: number): Promise<void> {
  const CALLS = 20;
  const sent: { kind: string; id: number; error?: { name: string } }[] = [];
  const gate = Promise.withResolvers<void>();
  const over = Promise.withResolvers<null>();
  const calls = Array.from(
    { length: CALLS },
    (_, index) => ({ kind: "call", id: index + 1, method: "text", args: [] }),
  );
  const answered = Promise.withResolvers<void>();
  let left = CALLS;
  using _server = serve({
    // A peer that reads nothing until the gate opens.
    send: async (message) => {
      await gate.promise;
      sent.push(message as typeof sent[number]);
      if (sent.length === CALLS) answered.resolve();
    },
    receive: () => Promise.resolve(calls.shift() ?? over.promise),
    close: () => over.resolve(null),
  }, {
    async text() {
      await new Promise((resolve) => setTimeout(resolve));
      if (--left === 0) setTimeout(gate.resolve);
      return "x".repeat(1_000_000);
    },
  }, options);
  await watchdog(LIMIT_MS, answered.promise);
  assertEquals(
    sent.map(({ id }) => id).sort((one, other) => one - other),
    Array.from({ length: CALLS }, (_, id) => id + 1),
  );
  const errors = sent.filter(({ kind }) => kind === "throw");
  assertEquals(errors.map(({ error }) => error?.name), Array(CALLS - kept).fill("QuotaExceededError"));
}

Deno.test("serve and remote maxWaitingBytes: arguments of open calls take as much as both allow", async () => {
  for (
    const [allowed, wanted, concurrent, refused] of [
      [undefined, 2_000_000, 2, 0],
      [30_000_000, 30_000_000, 20, 0],
      [2_000_000, 30_000_000, 2, 18],
    ] as const
  ) {
    const [here, there] = messagePair();
    const gate = Promise.withResolvers<void>();
    let open = 0;
    const api = {
      async length(text: string): Promise<number> {
        open++;
        await gate.promise;
        return text.length;
      },
    };
    using _server = serve(there, api, { maxWaitingBytes: allowed });
    using caller = remote<typeof api>(here, { maxWaitingBytes: wanted });
    const calls = Array.from({ length: 20 }, () => caller.length("x".repeat(1_000_000)));
    const settled = Promise.allSettled(calls);
    while (open < concurrent) await new Promise((resolve) => setTimeout(resolve));
    assertEquals(open, concurrent);
    gate.resolve();
    const results = await watchdog(LIMIT_MS, settled);
    const errors = results.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
    assertEquals(errors.map(({ name }) => name), Array(refused).fill("QuotaExceededError"));
  }
});

Deno.test("serve and remote: a maxWaitingBytes that cannot be is refused before anything else", () => {
  const [here, there] = messagePair();
  for (const maxWaitingBytes of [0, -1, 65_535, 2 ** 30 + 1, 1e5 + 0.5, NaN, Infinity]) {
    assertThrows(() => serve(there, { a: () => 1 }, { maxWaitingBytes }), RangeError, "maxWaitingBytes");
    assertThrows(() => remote(here, { maxWaitingBytes }), RangeError, "maxWaitingBytes");
  }
});
