/** What the tests of calls do a little and their stress run does at length: callers and callees that are killed at random instants. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { channel, ChannelClosedError, currentCall, remote, serve } from "../../mod.ts";
import type { Api } from "../fixtures/rpc_serve.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "../sync/peer.ts";
import { Random } from "../sync/rounds.ts";

const LIMIT_MS = 120_000;

/** What is served to callers that are killed. */
export interface Endless {
  add(a: number, b: number): number;
  count(to: number): AsyncGenerator<number>;
  twice(visit: (value: number) => Promise<number>): Promise<number>;
  wait(): Promise<void>;
}

/** Runs some rounds at an address of each road that has a name and goes both ways. The name is the same each time. */
async function onEachRoad(rounds: number, work: (address: string, random: Random) => Promise<void>): Promise<void> {
  const random = new Random();
  const directory = await Deno.makeTempDir();
  for (const address of [`unix:${directory}/api`, `shm:rpc-rounds-${crypto.randomUUID()}`]) {
    for (let round = 0; round < rounds; round++) await watchdog(LIMIT_MS, work(address, random));
  }
  await Deno.remove(directory, { recursive: true });
}

/**
 * Callees that are killed at random instants, with calls of every kind open: each is settled, by its result or by the death.
 *
 * @returns How many calls were answered before.
 */
export async function killCallees(roundsOnEachRoad: number): Promise<number> {
  let answered = 0;
  await onEachRoad(roundsOnEachRoad, async (address, random) => {
    await using callee = Peer.deno("rpc_serve.ts", { args: [address] });
    assertEquals(await callee.says(), "ready");
    using api = remote<Api>(await channel(address));
    const open: Promise<unknown>[] = [api.wait(), Array.fromAsync(api.count(1e9))];
    await api.add(1, 2);
    // An instant, not a synchronization.
    const kill = setTimeout(() => callee.kill(), random.next() * 10);
    for (let number = 0, alive = true; alive; number++) {
      const calls = Array.from({ length: 50 }, (_, index) => api.add(number, index));
      const last = api.twice((value) => Promise.resolve(value + number));
      open.push(...calls, last);
      alive = await last.then((sum) => {
        assertEquals(sum, 3 + 2 * number);
        return true;
      }, () => false);
    }
    clearTimeout(kill);
    for (const result of await Promise.allSettled(open)) {
      if (result.status === "fulfilled") answered++;
      else {
        assertInstanceOf(result.reason, ChannelClosedError);
        assertEquals(result.reason.reason, "died");
      }
    }
  });
  return answered;
}

/**
 * Callers that are killed at random instants: what they had called is cancelled, their functions fail, and the server has finished.
 *
 * @returns How many calls were served before.
 */
export async function killCallers(roundsOnEachRoad: number): Promise<number> {
  let served = 0;
  await onEachRoad(roundsOnEachRoad, async (address, random) => {
    const opening = channel(address, { mode: "listen" });
    await using caller = Peer.deno("rpc_call_endlessly.ts", { args: [address] });
    const open = new Set<Promise<unknown>>();
    const waiting = Promise.withResolvers<void>();
    const api: Endless = {
      add: (a, b) => a + b,
      async *count(to) {
        const { promise, resolve } = Promise.withResolvers<void>();
        open.add(promise);
        try {
          for (let item = 1; item <= to; item++) yield item;
        } finally {
          resolve();
        }
      },
      async twice(visit) {
        const both = Promise.all([visit(1), visit(2)]);
        const settled = both.then(() => served++, (error) => assertInstanceOf(error, ChannelClosedError));
        open.add(settled);
        await settled;
        open.delete(settled);
        return 0;
      },
      wait() {
        const signal = currentCall()?.signal;
        assert(signal);
        const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        open.add(aborted);
        waiting.resolve();
        return aborted;
      },
    };
    using server = serve(await opening, api);
    const finished = server.finished.then(() => undefined, (error: unknown) => error);
    await waiting.promise;
    const kill = setTimeout(() => caller.kill(), random.next() * 10);
    const error = await finished;
    clearTimeout(kill);
    assertInstanceOf(error, ChannelClosedError);
    assertEquals(error.reason, "died");
    await Promise.all(open);
  });
  return served;
}
