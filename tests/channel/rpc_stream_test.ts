import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { ChannelClosedError } from "../../lib/errors.ts";
import { currentCall, type Remote, remote, serve } from "../../mod.ts";
import { messagePair } from "../helpers/message_pair.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 60_000;

async function calling<Api extends object>(
  api: Api,
  work: (api: Remote<Api>) => Promise<void>,
  bufferedItems = 16,
): Promise<void> {
  const [there, here] = messagePair();
  using _server = serve(there, api);
  using proxy = remote<Api>(here, { bufferedItems });
  await watchdog(LIMIT_MS, work(proxy));
}

Deno.test("remote stream: items arrive in order, and the end and the error do", async () => {
  const api = {
    async *count(to: number): AsyncGenerator<number> {
      for (let i = 1; i <= to; i++) yield i;
    },
    async *broken(): AsyncGenerator<Date> {
      yield new Date(1);
      throw new RangeError("half way", { cause: "why" });
    },
    later: () => Promise.resolve(new Blob(["abc"]).stream()),
    async *odd(): AsyncGenerator<unknown> {
      yield undefined;
      yield () => Promise.resolve("called");
      yield Symbol("no form");
    },
  };
  for (const window of [1, 2, 16, 1024]) {
    await calling(api, async (api) => {
      assertEquals(await Array.fromAsync(api.count(0)), []);
      assertEquals(await Array.fromAsync(api.count(100)), Array.from({ length: 100 }, (_, i) => i + 1));
      const stream = await api.count(2);
      assertEquals(await stream.next(), { done: false, value: 1 });
      assertEquals(await stream.next(), { done: false, value: 2 });
      assertEquals(await stream.next(), { done: true, value: undefined });
      assertEquals(await stream.next(), { done: true, value: undefined });
      const seen: Date[] = [];
      const error = await assertRejects(
        async () => {
          for await (const date of api.broken()) seen.push(date);
        },
        RangeError,
        "half way",
      );
      assertEquals([seen, error.cause], [[new Date(1)], "why"]);
      assertEquals(new TextDecoder().decode(await new Response(await blobOf(api)).bytes()), "abc");
      const odd = await api.odd();
      assertEquals(await odd.next(), { done: false, value: undefined });
      const { value: call } = await odd.next();
      assertEquals(await (call as () => Promise<string>)(), "called");
      await assertRejects(() => odd.next(), TypeError);
    }, window);
  }
});

async function blobOf(api: { later(): AsyncIterable<Uint8Array> }): Promise<Uint8Array<ArrayBuffer>> {
  const chunks = await Array.fromAsync(api.later());
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
}

Deno.test("remote stream: the writer is never further ahead than the reader has asked for", async () => {
  let made = 0;
  const api = {
    async *count(): AsyncGenerator<number> {
      for (;;) yield ++made;
    },
  };
  await calling(api, async (api) => {
    let read = 0;
    for await (const item of api.count()) {
      assertEquals(item, ++read);
      assert(made <= read + 8, `${made} were made when ${read} were read`);
      if (read === 100) break;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }, 8);
});

Deno.test("remote stream: nothing is made before the first item is asked for", async () => {
  let started = false;
  const api = {
    async *count(): AsyncGenerator<number> {
      started = true;
      yield 1;
    },
    ping: () => "pong",
  };
  await calling(api, async (api) => {
    const stream = await api.count();
    await api.ping();
    assert(!started);
    await stream.return?.();
    await api.ping();
    assert(!started);
  });
});

Deno.test("remote stream: leaving early ends the generator, also one that waits", async () => {
  const cleaned: string[] = [];
  const over = Promise.withResolvers<void>();
  const api = {
    async *quick(): AsyncGenerator<number> {
      try {
        for (let i = 0;; i++) yield i;
      } finally {
        cleaned.push("quick");
      }
    },
    async *waiting(): AsyncGenerator<number> {
      const signal = currentCall()?.signal;
      try {
        yield 1;
        await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      } finally {
        cleaned.push("waiting");
        over.resolve();
      }
    },
  };
  await calling(api, async (api) => {
    for await (const item of api.quick()) if (item === 5) break;
    for await (const _ of api.waiting()) break;
    await over.promise;
    assertEquals(cleaned, ["quick", "waiting"]);
  });
});

Deno.test("remote stream: a signal and a time limit hold until the stream has ended", async () => {
  const reasons: unknown[] = [];
  let over = Promise.withResolvers<void>();
  const api = {
    async *count(): AsyncGenerator<number> {
      const signal = currentCall()?.signal;
      yield 1;
      await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      reasons.push(signal?.reason);
      over.resolve();
    },
  };
  await calling(api, async (api) => {
    const controller = new AbortController();
    const seen: number[] = [];
    const error = await assertRejects(async () => {
      for await (const item of api.with({ signal: controller.signal }).count()) {
        seen.push(item);
        setTimeout(() => controller.abort(new SyntaxError("now")));
      }
    });
    assertInstanceOf(error, SyntaxError);
    await over.promise;
    over = Promise.withResolvers();
    const late = await assertRejects(() => Array.fromAsync(api.with({ timeoutMs: 20 }).count()), DOMException);
    assertEquals(late.name, "TimeoutError");
    await over.promise;
    assertEquals([seen, reasons.length], [[1], 2]);
  });
});

Deno.test("remote stream: an iterable among the arguments is read by the method", async () => {
  let returned = false;
  const api = {
    async sum(items: AsyncIterable<number>): Promise<number> {
      let sum = 0;
      for await (const item of items) {
        sum += item;
        if (sum > 1000) break;
      }
      return sum;
    },
  };
  async function* count(): AsyncGenerator<number> {
    try {
      for (let i = 1;; i++) yield i;
    } finally {
      returned = true;
    }
  }
  await calling(api, async (api) => {
    assertEquals(await api.sum(new Blob([]).stream() as unknown as AsyncIterable<number>), 0);
    assertEquals(await api.sum(count()), 1035);
  });
  assert(returned);
});

Deno.test("remote stream: what is no stream cannot be iterated", async () => {
  await calling({ number: () => 1 }, async (api) => {
    const call = api.number() as unknown as AsyncIterable<number>;
    await assertRejects(() => Array.fromAsync(call), TypeError, "no stream");
  });
});

Deno.test("remote stream: one that is first read after the peer has gone fails", async () => {
  const [there, here] = messagePair();
  const server = serve(there, {
    async *count() {
      yield 1;
    },
  });
  using api = remote<{ count(): AsyncIterable<number>; never(): Promise<void> }>(here);
  const stream = await api.count();
  server.close();
  await assertRejects(() => api.never(), ChannelClosedError);
  await watchdog(LIMIT_MS, assertRejects(() => stream.next(), ChannelClosedError));
  assertEquals(await stream.next(), { done: true, value: undefined });
});
