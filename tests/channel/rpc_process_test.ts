import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { ChannelClosedError } from "../../lib/errors.ts";
import { channel, channelPair, command, type PairRoad, remote, remoteStack, socketPair } from "../../mod.ts";
import type { Api } from "../fixtures/rpc_serve.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "../sync/peer.ts";

const LIMIT_MS = 120_000;
const SERVE = fromFileUrl(new URL("../fixtures/rpc_serve.ts", import.meta.url));

/** Runs a test with an address of each road that has a name and goes both ways. */
async function onEachRoad(work: (address: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const address of [`unix:${directory}/api`, `shm:rpc-test-${crypto.randomUUID()}`]) {
      await watchdog(LIMIT_MS, work(address));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The epoll thread is opened once for good, and only when somebody first has to wait for long enough. */
async function openEpollThread(): Promise<void> {
  const [left, right] = socketPair("seqpacket");
  await assertRejects(() => left.receive({ timeoutMs: 1 }), DOMException);
  left.close();
  right.close();
}

Deno.test("remote: calls, streams, callbacks and errors cross processes, on every road", async () => {
  await openEpollThread();
  await onEachRoad(async (address) => {
    await noLeaks(async () => {
      await using peer = Peer.deno("rpc_serve.ts", { args: [address] });
      assertEquals(await peer.says(), "ready");
      {
        using api = remote<Api>(await channel(address));
        assertEquals(await api.add(1, 2), 3);
        assertEquals(
          await Promise.all(Array.from({ length: 500 }, (_, i) => api.add(i, i))),
          Array.from({ length: 500 }, (_, i) => 2 * i),
        );
        assertEquals(
          await api.echo(new Map([["bytes", new Uint8Array([1, 2])]])),
          new Map([["bytes", new Uint8Array([1, 2])]]),
        );
        assertEquals(await Array.fromAsync(api.count(100)), Array.from({ length: 100 }, (_, i) => i + 1));
        assertEquals(await peer.says(), "count is over");
        assertEquals(await api.twice((value) => Promise.resolve(value * 10)), 30);
        const error = await assertRejects(() => api.fail(), RangeError, "out of\nrange");
        assertEquals(error.cause, "the fixture");
        assert(remoteStack(error)?.includes("rpc_serve.ts"));
        for await (const item of api.count(1e9)) if (item === 50) break;
        assertEquals(await peer.says(), "count is over");
        const controller = new AbortController();
        const waiting = api.with({ signal: controller.signal }).wait();
        assertEquals(await peer.says(), "waiting");
        controller.abort("enough");
        assertEquals(await waiting.catch((reason: unknown) => reason), "enough");
        assertEquals(await peer.says(), "cancelled by enough");
      }
      assertEquals(await peer.says(), "closed");
      assertEquals((await peer.status).code, 0);
    });
  });
});

Deno.test("remote: a callee that is killed rejects every open call with reason died, on every road", async () => {
  await onEachRoad(async (address) => {
    await using peer = Peer.deno("rpc_serve.ts", { args: [address] });
    assertEquals(await peer.says(), "ready");
    using api = remote<Api>(await channel(address));
    const stream = await api.count(1e9);
    await stream.next();
    const open = [
      api.wait(),
      api.wait(),
      (async () => {
        for await (const _ of stream);
      })(),
      api.die(),
    ];
    for (const result of await Promise.allSettled(open)) {
      assert(result.status === "rejected");
      assertInstanceOf(result.reason, ChannelClosedError);
      assertEquals(result.reason.reason, "died");
    }
    await assertRejects(() => api.add(1, 2), ChannelClosedError);
  });
});

Deno.test("serve: a caller that is killed cancels its calls", async () => {
  await onEachRoad(async (address) => {
    await using peer = Peer.deno("rpc_serve.ts", { args: [address] });
    assertEquals(await peer.says(), "ready");
    await using caller = Peer.deno("rpc_call_and_wait.ts", { args: [address] });
    assertEquals(await peer.says(), "waiting");
    Deno.kill(caller.pid, "SIGKILL");
    const last = [await peer.says(), await peer.says()].sort();
    assertEquals(last, ["cancelled by ChannelClosedError", "ended by ChannelClosedError"]);
  });
});

Deno.test("remote: a program that waits for nothing more ends by itself", async () => {
  await onEachRoad(async (address) => {
    await using peer = Peer.deno("rpc_serve.ts", { args: [address] });
    assertEquals(await peer.says(), "ready");
    await using caller = Peer.deno("rpc_call_and_leave.ts", { args: [address] });
    assertEquals(await caller.says(), "3 [ 1, 2, 3 ]");
    assertEquals((await caller.status).code, 0);
  });
});

Deno.test("remote: a child serves its parent over a channelPair", async () => {
  for (const road of ["socket", "ring"] satisfies PairRoad[]) {
    const { parent, child } = channelPair<unknown, unknown>({ road });
    await using running = command(Deno.execPath(), ["run", "-A", "--no-check", SERVE, "parent"], {
      inherit: [child],
      stdout: "null",
    }).spawn();
    {
      using api = remote<Api>(parent);
      assertEquals(await watchdog(LIMIT_MS, api.add(1, 2)), 3);
      assertEquals(await Array.fromAsync(api.count(20)), Array.from({ length: 20 }, (_, i) => i + 1));
    }
    assertEquals(await watchdog(LIMIT_MS, running.status), { kind: "exited", code: 0 });
  }
});
