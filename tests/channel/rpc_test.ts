import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { ClosedError, currentCall, methodsOf, PosixError, type Remote, remote, remoteStack, serve } from "../../mod.ts";
import { ChannelClosedError } from "../../lib/errors.ts";
import { type MessageEnd, messagePair } from "../helpers/message_pair.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 60_000;

/** Serves an api to a remote of it for as long as a test takes. */
async function calling<Api extends object>(
  api: Api,
  work: (api: Remote<Api>, ends: { here: MessageEnd; there: MessageEnd }) => Promise<void>,
): Promise<void> {
  const [there, here] = messagePair();
  using server = serve(there, api);
  {
    using proxy = remote<Api>(here);
    await watchdog(LIMIT_MS, work(proxy, { here, there }));
  }
  await watchdog(LIMIT_MS, server.finished);
  assert(here.closed && there.closed);
}

/** The error that a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<Error> {
  return await assertRejects(() => promise, Error);
}

Deno.test("remote: calls resolve with what the method returned, in whatever order they are answered", async () => {
  const slow = Promise.withResolvers<string>();
  const api = { add: (a: number, b: number) => a + b, slow: () => slow.promise, nothing() {} };
  await calling(api, async (api) => {
    const first = api.slow();
    assertEquals(await api.add(1, 2), 3);
    assertEquals(await api.nothing(), undefined);
    slow.resolve("late");
    assertEquals(await first, "late");
  });
});

Deno.test("remote: values arrive as they were sent", async () => {
  const values: unknown[] = [
    null,
    undefined,
    true,
    "text \u0000 ü",
    0,
    -0,
    NaN,
    Infinity,
    -Infinity,
    12345678901234567890n,
    -1n,
    new Uint8Array([0, 255, 7]),
    new Date(1e12),
    new Date(NaN),
    new Map<unknown, unknown>([["a", 1n], [{ key: true }, undefined]]),
    new Set([1, "two", new Date(0)]),
    [],
    {},
    { deep: [{ deeper: new Uint8Array(3), list: [undefined, NaN] }] },
    { $: "not ours", list: [new Map()] },
    { $: "undefined" },
  ];
  await calling({ echo: (value: unknown) => value }, async (api) => {
    for (const value of values) assertEquals(await api.echo(value), value);
    assert(Object.is(await api.echo(-0), -0));
    assertEquals(await api.echo(new URL("http://example.org/")), "http://example.org/");
    assertEquals(await api.echo({ here: 1, missing: undefined }), { here: 1 });
  });
});

Deno.test("remote: what no message can carry rejects the call and nothing else", async () => {
  class Own {
    field = 1;
  }
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const api = { echo: (value: unknown) => value, own: () => new Own(), circle: () => circle };
  await calling(api, async (api, { here }) => {
    const before = here.sent.length;
    for (const value of [Symbol("s"), new Own(), circle, new WeakMap(), { ["__proto__"]: 1 }]) {
      assertInstanceOf(await errorOf(api.echo(value)), TypeError);
    }
    assertEquals(here.sent.length, before);
    assertInstanceOf(await errorOf(api.own()), TypeError);
    assertInstanceOf(await errorOf(api.circle()), TypeError);
    assertEquals(await api.echo(1), 1);
  });
});

Deno.test("remote: only the methods of the api and of its classes can be called", async () => {
  class Base {
    inherited() {
      return "inherited";
    }
  }
  class Api extends Base {
    own = () => "own";
    value = 1;
    #secret() {
      return "secret";
    }
    method() {
      return this.#secret();
    }
    get got() {
      throw new Error("A getter was run");
    }
  }
  await calling(new Api() as Api & Record<string, never>, async (api) => {
    assertEquals(await api.own(), "own");
    assertEquals(await api.method(), "secret");
    assertEquals(await api.inherited(), "inherited");
    const other = api as unknown as Record<string, () => Promise<unknown>>;
    const names = [
      "constructor",
      "__proto__",
      "toString",
      "hasOwnProperty",
      "valueOf",
      "value",
      "got",
      "#secret",
      "",
      "x",
    ];
    for (const name of [...names, "__defineGetter__", "prototype", "isPrototypeOf"]) {
      const error = await errorOf(other[name]?.() ?? Promise.reject());
      assertInstanceOf(error, TypeError);
      assert(error.message.startsWith("There is no method"), error.message);
    }
    assertEquals((await methodsOf(api)).map(({ name }) => name).sort(), ["inherited", "method", "own"]);
  });
});

Deno.test("serve and remote refuse what is no channel, and say what a promise lacks", () => {
  // As a program without types calls it.
  const untyped: { serve(...args: unknown[]): unknown; remote(...args: unknown[]): unknown } = { serve, remote };
  for (const given of [undefined, null, 5, {}]) {
    assertThrows(() => untyped.serve(given, { f() {} }), TypeError, "serve(channel, api) takes a channel, got");
    assertThrows(() => untyped.remote(given), TypeError, "remote(channel) takes a channel, got");
  }
  assertThrows(() => untyped.remote(Promise.resolve()), TypeError, "got a promise: await it");
});

Deno.test("serve refuses what is no api", () => {
  for (const api of [{}, { value: 1 }, { then() {} }, { with() {} }, new (class Empty {})(), [], new Map()]) {
    const [here] = messagePair();
    assertThrows(() => serve(here, api), TypeError);
  }
  const [here] = messagePair();
  using _server = serve(here, { a() {} });
  assertThrows(() => serve(here, { b() {} }), TypeError, "serves an api already");
});

Deno.test("remote: errors keep name, message, cause and facts, and well-known classes", async () => {
  class OwnError extends Error {
    override name = "OwnError";
    exitCode = 7;
  }
  const thrown: unknown[] = [
    new Error("plain", { cause: new RangeError("below", { cause: "deepest" }) }),
    new TypeError("type"),
    new AggregateError([new Error("one"), 2], "several"),
    new PosixError({ code: "ENOENT", syscall: "open", target: "/x", hint: "create it" }),
    new ClosedError("Thing"),
    new DOMException("no", "AbortError"),
    new OwnError("own"),
    "text",
    undefined,
    { code: 1 },
  ];
  const api = {
    fail(index: number) {
      throw thrown[index];
    },
    async failLater(index: number) {
      await Promise.resolve();
      throw thrown[index];
    },
  };
  await calling(api, async (api) => {
    for (const method of ["fail", "failLater"] as const) {
      for (const [index, expected] of thrown.entries()) {
        const actual: unknown = await api[method](index).then(() => "resolved", (error: unknown) => error);
        if (!(expected instanceof Error)) {
          assertEquals(actual, expected);
          continue;
        }
        assertInstanceOf(actual, expected instanceof OwnError ? Error : expected.constructor as typeof Error);
        assertEquals(actual.name, expected.name);
        assertEquals(actual.message, expected.message);
        assert(remoteStack(actual)?.includes("rpc_test.ts"));
        assert(!actual.stack?.includes("failLater"));
      }
    }
    const plain = await errorOf(api.fail(0));
    assertInstanceOf(plain.cause, RangeError);
    assertEquals(plain.cause.cause, "deepest");
    const posix = await errorOf(api.fail(3));
    assertInstanceOf(posix, PosixError);
    assertEquals([posix.code, posix.errno, posix.syscall, posix.target], ["ENOENT", 2, "open", "/x"]);
    assertEquals((await errorOf(api.fail(6)) as OwnError).exitCode, 7);
  });
});

Deno.test("remote: an error whose cause has no form in a message still arrives", async () => {
  const api = {
    fail() {
      throw new RangeError("seen", { cause: Symbol("unseen") });
    },
  };
  await calling(api, async (api) => {
    const error = await errorOf(api.fail());
    assertInstanceOf(error, RangeError);
    assertEquals(error.message, "seen");
  });
});

Deno.test("remote: an abort rejects with the reason at once and aborts the method's signal with it", async () => {
  const seen = Promise.withResolvers<unknown>(), started = Promise.withResolvers<void>();
  const api = {
    wait(): Promise<never> {
      const call = currentCall();
      started.resolve();
      return new Promise((_, reject) =>
        call?.signal.addEventListener("abort", () => {
          seen.resolve(call.signal.reason);
          reject(call.signal.reason);
        })
      );
    },
    ping: () => "pong",
  };
  await calling(api, async (api) => {
    const controller = new AbortController();
    const waiting = api.with({ signal: controller.signal }).wait();
    await started.promise;
    const reason = new RangeError("enough");
    controller.abort(reason);
    assertStrictEquals(await errorOf(waiting), reason);
    const there = await seen.promise;
    assertInstanceOf(there, RangeError);
    assertEquals(there.message, "enough");
    assertEquals(await api.ping(), "pong");
  });
});

Deno.test("remote: a signal among the arguments is the call's", async () => {
  const seen = Promise.withResolvers<unknown>(), started = Promise.withResolvers<void>();
  const api = {
    async wait(options: { signal?: AbortSignal }): Promise<void> {
      assertStrictEquals(options.signal, currentCall()?.signal);
      started.resolve();
      await new Promise<void>((resolve) => options.signal?.addEventListener("abort", () => resolve()));
      seen.resolve(options.signal?.reason);
    },
  };
  await calling(api, async (api) => {
    const controller = new AbortController();
    const waiting = api.wait({ signal: controller.signal });
    await started.promise;
    controller.abort("stop");
    assertEquals(await waiting.catch((reason: unknown) => reason), "stop");
    assertEquals(await seen.promise, "stop");
  });
});

Deno.test("remote: nothing is sent for a call whose signal has aborted", async () => {
  await calling({ ping: () => "pong" }, async (api, { here }) => {
    const signal = AbortSignal.abort("before");
    assertEquals(await api.with({ signal }).ping().catch((reason: unknown) => reason), "before");
    const withArgument = api.ping as (signal: AbortSignal) => Promise<string>;
    assertEquals(await withArgument(signal).catch((reason: unknown) => reason), "before");
    assertEquals(here.sent, []);
  });
});

Deno.test("remote: a time limit rejects with TimeoutError, and the method knows how much is left", async () => {
  const seen = Promise.withResolvers<unknown>();
  const api = {
    left: () => currentCall()?.remainingMs ?? NaN,
    wait: () => {
      const signal = currentCall()?.signal;
      return new Promise<void>(() => signal?.addEventListener("abort", () => seen.resolve(signal.reason)));
    },
  };
  await calling(api, async (api) => {
    assertEquals(await api.left(), Infinity);
    const left = await api.with({ timeoutMs: 1e9 }).left();
    assert(left > 0 && left <= 1e9, String(left));
    const error = await errorOf(api.with({ timeoutMs: 5 }).wait());
    assertEquals([error.name, error.message], ["TimeoutError", "Calling wait() timed out after 5 ms"]);
    const reason = await seen.promise;
    assertInstanceOf(reason, DOMException);
    assertEquals(reason.name, "TimeoutError");
    assertThrows(() => api.with({ timeoutMs: -1 }).left(), RangeError);
  });
});

Deno.test("remote: a caller that hears nothing any more still has its time limit kept by the callee", async () => {
  const seen = Promise.withResolvers<unknown>();
  const [there, here] = messagePair();
  using _server = serve(there, {
    wait: () => {
      const signal = currentCall()?.signal;
      return new Promise<void>(() => signal?.addEventListener("abort", () => seen.resolve(signal.reason)));
    },
  });
  // A caller that was stopped by SIGSTOP sends no cancellation.
  await here.send({ kind: "call", id: 1, method: "wait", args: [], timeoutMs: 5 });
  const reason = await watchdog(LIMIT_MS, seen.promise);
  assertInstanceOf(reason, DOMException);
  assertEquals(reason.name, "TimeoutError");
});

Deno.test("remote: functions are called back, both ways, and are the same function when they come again", async () => {
  const seen: unknown[] = [];
  const api = {
    async each(items: number[], visit: (item: number) => Promise<string>): Promise<string[]> {
      seen.push(visit);
      return await Promise.all(items.map((item) => visit(item)));
    },
    multiplier: (factor: number) => (value: number) => Promise.resolve(factor * value),
  };
  await calling(api, async (api) => {
    const visit = (item: number) => Promise.resolve(`<${item}>`);
    assertEquals(await api.each([1, 2, 3], visit), ["<1>", "<2>", "<3>"]);
    await api.each([], visit);
    assertStrictEquals(seen[0], seen[1]);
    const twice = await api.multiplier(2);
    assertEquals(await twice(21), 42);
    const failing = () => Promise.reject(new SyntaxError("from the callback"));
    assertInstanceOf(await errorOf(api.each([1], failing)), SyntaxError);
  });
});

Deno.test("remote: a channel serves and calls in both directions", async () => {
  const [left, right] = messagePair();
  using _ours = serve(left, { name: () => "left" });
  using _theirs = serve(right, { name: () => "right", ask: () => fromRight.name() });
  using fromLeft = remote<{ name(): string; ask(): Promise<string> }>(left);
  const fromRight = remote<{ name(): string }>(right);
  assertEquals(await fromLeft.name(), "right");
  assertEquals(await fromRight.name(), "left");
  assertEquals(await fromLeft.ask(), "left");
});

Deno.test("remote: ten thousand calls at once are all answered, with at most 1000 open", async () => {
  let open = 0, most = 0;
  const api = {
    async echo(value: number): Promise<number> {
      most = Math.max(most, ++open);
      await Promise.resolve();
      await new Promise((resolve) => setTimeout(resolve));
      open--;
      return value;
    },
  };
  await calling(api, async (api) => {
    const values = Array.from({ length: 10_000 }, (_, index) => index);
    assertEquals(await Promise.all(values.map((value) => api.echo(value))), values);
  });
  assert(most > 1 && most <= 1000, String(most));
});

Deno.test("remote: open calls reject when the callee dies, and so do later ones", async () => {
  const [there, here] = messagePair();
  const api = remote<{ never(): Promise<void>; count(): AsyncIterable<number> }>(here);
  const calls = [api.never(), api.never()];
  const died = new ChannelClosedError("the test", "died");
  there.die(died);
  for (const call of calls) assertStrictEquals(await errorOf(call), died);
  assertStrictEquals(await errorOf(api.never()), died);
  assertStrictEquals(await errorOf(Array.fromAsync(api.count())), died);
  assert(here.closed);
});

Deno.test("remote: open calls reject when the callee closes, or the remote is disposed of", async () => {
  const [there, here] = messagePair();
  const api = remote<{ never(): Promise<void> }>(here);
  const call = api.never();
  there.close();
  const error = await errorOf(call);
  assertInstanceOf(error, ChannelClosedError);
  assertEquals(error.reason, "closed");

  const [, other] = messagePair();
  const second = remote<{ never(): Promise<void> }>(other);
  const pending = second.never();
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  assertInstanceOf(await errorOf(pending), ClosedError);
  assertInstanceOf(await errorOf(second.never()), ClosedError);
});

Deno.test("serve: a caller that dies cancels its calls and streams", async () => {
  const [there, here] = messagePair();
  const cancelled = Promise.withResolvers<unknown>(), cleaned = Promise.withResolvers<void>();
  using server = serve(there, {
    wait() {
      const signal = currentCall()?.signal;
      signal?.addEventListener("abort", () => cancelled.resolve(signal.reason));
      return new Promise(() => {});
    },
    async *count() {
      try {
        for (let i = 0;; i++) yield i;
      } finally {
        cleaned.resolve();
      }
    },
  });
  const api = remote<{ wait(): Promise<void>; count(): AsyncIterable<number> }>(here);
  const waiting = api.wait();
  for await (const item of api.count()) {
    if (item === 3) break;
  }
  await cleaned.promise;
  const died = new ChannelClosedError("the test", "died");
  here.die(died);
  assertStrictEquals(await watchdog(LIMIT_MS, cancelled.promise), died);
  assertStrictEquals(await errorOf(server.finished), died);
  const closed = assertRejects(() => waiting, ChannelClosedError);
  await watchdog(LIMIT_MS, closed);
});

Deno.test("remote: nothing that was read keeps a program alive, and a served channel is closed with its server", async () => {
  const [there, here] = messagePair();
  const server = serve(there, { ping: () => "pong" });
  const api = remote<{ ping(): string }>(here);
  assertEquals(await api.ping(), "pong");
  assertEquals(await api.ping(), "pong");
  server.close();
  await server.finished;
  assert(there.closed);
  assertInstanceOf(await errorOf(api.ping()), ChannelClosedError);
});

Deno.test("remote: options out of range are refused", () => {
  const [here] = messagePair();
  for (const bufferedItems of [0, -1, 1.5, 1025, NaN]) assertThrows(() => remote(here, { bufferedItems }), RangeError);
});
