// Needs: python3
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { channelPair, type ChannelPairOptions, parentChannel } from "../../lib/channel/pair.ts";
import { ChannelClosedError, command, i32, PosixError, ProtocolError, struct } from "../../mod.ts";
import type { ChildEnd } from "../../lib/channel/pair_end.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const ROADS = ["socket", "ring"] as const;
type Options = ChannelPairOptions<unknown, unknown>;

/** What a child would find, for an end of this thread. */
function take({ env, descriptors }: ChildEnd): string {
  const [text = ""] = Object.values(env);
  return text.replace(/\{(\d)\}/g, (_, index) => {
    const fd = descriptors[Number(index)]!;
    const number = fd.raw;
    fd.closeWith(() => {});
    fd.close();
    return String(number);
  });
}

function child(role: string, ...args: string[]) {
  const script = new URL("../fixtures/pair_child.ts", import.meta.url).pathname;
  return command(Deno.execPath(), ["run", "-A", "--no-check", script, role, ...args]);
}

for (const road of ROADS) {
  Deno.test(`channelPair ${road}: messages both ways with a child, and the variable is gone in it`, async () => {
    await noLeaks(async () => {
      const pair = channelPair<unknown, unknown>({ road });
      using parent = pair.parent;
      // Before the child is there.
      await parent.send({ n: 1 });
      await using running = await child("echo").with({ inherit: [pair.child] }).spawn();
      for (let n = 2; n <= 100; n++) await parent.send({ n });
      for (let n = 1; n <= 100; n++) assertEquals(await watchdog(30_000, parent.receive()), { n });
      await parent.send("environment");
      assertEquals(await parent.receive(), { variable: null, grandchild: "" });
      parent.closeSending();
      assertEquals(await parent.receive(), null);
      assertEquals((await running.status).kind, "exited");
    });
  });

  Deno.test(`channelPair ${road}: the death of a child is told apart from a clean close`, async () => {
    for (const [role, reason] of [["die", "died"], ["close", "closed"], ["exit", "died"]] as const) {
      const pair = channelPair<string, string>({ road });
      using parent = pair.parent;
      await using _running = await child(role).unchecked().with({ inherit: [pair.child] }).spawn();
      assertEquals(await watchdog(30_000, parent.receive()), "last words");
      if (reason === "closed") assertEquals(await watchdog(30_000, parent.receive()), null);
      else {
        const error = await watchdog(30_000, assertRejects(() => parent.receive(), ChannelClosedError));
        assertEquals(error.reason, "died");
      }
    }
  });

  Deno.test(`channelPair ${road}: a child that never opens its end is a death`, async () => {
    const pair = channelPair<string, string>({ road });
    using parent = pair.parent;
    await command("true").with({ inherit: [pair.child] }).status();
    const error = await watchdog(30_000, assertRejects(() => parent.receive(), ChannelClosedError));
    assertEquals(error.reason, "died");
    const other = channelPair<string, string>({ road });
    using blocked = other.parent;
    await command("true").with({ inherit: [other.child] }).status();
    assertEquals(assertThrows(() => blocked.receiveSync({ timeoutMs: 30_000 }), ChannelClosedError).reason, "died");
  });

  Deno.test(`channelPair ${road}: the death of the parent is told apart from a clean close`, async () => {
    for (const [role, told] of [["die", "died"], ["close", "closed"]] as const) {
      const script = new URL("../fixtures/pair_parent.ts", import.meta.url).pathname;
      const output = await command(Deno.execPath(), ["run", "-A", "--no-check", script, road, role])
        .unchecked().with({ drainGraceMs: 30_000 }).text();
      assertEquals(output, `heard last words\n${told}`);
    }
  });

  Deno.test(`channelPair ${road}: a parent that has closed before the child opens is received from, to the end`, async () => {
    await noLeaks(async () => {
      const { parent, child } = channelPair<number>({ road });
      for (let n = 0; n < 50; n++) await parent.send(n);
      parent.close();
      using opened = await watchdog(30_000, parentChannel<number>({ end: take(child) }));
      for (let n = 0; n < 50; n++) assertEquals(await watchdog(30_000, opened.receive()), n);
      assertEquals(await watchdog(30_000, opened.receive()), null);
      const late = await assertRejects(() => opened.send(1), ChannelClosedError);
      assertEquals(late.reason, "closed");
    });
  });

  Deno.test(`channelPair ${road}: a parent that has died before the child opens is received from, and died`, async () => {
    const script = new URL("../fixtures/pair_parent_dies_first.ts", import.meta.url).pathname;
    const output = await command(Deno.execPath(), ["run", "-A", "--no-check", script, road])
      .unchecked().with({ drainGraceMs: 30_000 }).text();
    assertEquals(output, "heard 1\nheard 2\ndied");
  });

  Deno.test(`channelPair ${road}: ends that do not agree throw ProtocolError on both sides`, async () => {
    const pair = channelPair<string, string>({ road, type: "a" });
    using parent = pair.parent;
    const other = parentChannel<string>({ end: take(pair.child), type: "b" });
    const inChild = assertRejects(async () => {
      using end = await other;
      await end.receive();
    }, ProtocolError);
    await watchdog(30_000, assertRejects(() => parent.receive(), ProtocolError));
    await inChild;
  });

  Deno.test(`channelPair ${road}: structs and bytes, between two ends of one thread`, async () => {
    await noLeaks(async () => {
      const Point = struct({ x: i32, y: i32 });
      const points = channelPair({ road, codec: Point });
      using near = points.parent;
      using far = await parentChannel({ end: take(points.child), codec: Point });
      await near.send({ x: 1, y: -1 });
      const point = await far.receive();
      assertEquals([point?.x, point?.y], [1, -1]);
      if (road === "ring") {
        using loan = near.inPlace?.tryLoan();
        loan!.value.x = 5;
        loan!.send();
        using seen = far.inPlace?.tryBorrow();
        assertEquals(seen?.value.x, 5);
      } else assertEquals(near.inPlace, undefined);
      const pair = channelPair({ road, codec: "bytes" });
      using parent = pair.parent;
      using other = await parentChannel({ end: take(pair.child), codec: "bytes" });
      const large = crypto.getRandomValues(new Uint8Array(65_536));
      const sending = parent.send(large);
      assertEquals(await other.receive(), large);
      await sending;
      other.close();
      assertEquals(await parent.receive(), null);
    });
  });
}

Deno.test("channelPair ring: a child that never opens its end is a death for who blocks, too", async () => {
  const { parent, child } = channelPair<string>({ road: "ring" });
  using _parent = parent;
  await command("true").with({ inherit: [child] }).status();
  assertEquals(assertThrows(() => parent.receiveSync(), ChannelClosedError).reason, "died");
  assertEquals(assertThrows(() => parent.sendSync("too late"), ChannelClosedError).reason, "died");
});

Deno.test("channelPair: a Worker answers, and worker.terminate() is a death", async () => {
  const pair = channelPair<number, number>({ road: "ring" });
  using parent = pair.parent;
  const worker = new Worker(new URL("../fixtures/pair_worker.ts", import.meta.url), { type: "module" });
  worker.postMessage(pair.child.handOver());
  for (let n = 0; n < 100; n++) {
    await parent.send(n);
    assertEquals(await watchdog(30_000, parent.receive()), n + 1);
  }
  const died = assertRejects(() => parent.receive(), ChannelClosedError);
  worker.terminate();
  assertEquals((await watchdog(30_000, died)).reason, "died");
  using sockets = channelPair();
  assertThrows(() => sockets.child.handOver(), TypeError, "ring");
});

Deno.test("channelPair: a child in Python speaks frames over the socket", async () => {
  const pair = channelPair<{ n: number }, { doubled: number }>();
  using parent = pair.parent;
  const script = new URL("../fixtures/pair_child.py", import.meta.url).pathname;
  await using running = await command("python3", [script]).with({ inherit: [pair.child] }).spawn();
  for (let n = 0; n < 10; n++) {
    await parent.send({ n });
    assertEquals(await watchdog(30_000, parent.receive()), { doubled: 2 * n });
  }
  parent.closeSending();
  assertEquals(await watchdog(30_000, parent.receive()), null);
  assertEquals((await running.status).kind, "exited");
});

Deno.test("channelPair: several channels of one child have names", async () => {
  const jobs = channelPair<string, string>({ name: "JOBS" });
  const logs = channelPair<string, string>({ name: "LOGS", road: "ring" });
  using parent = jobs.parent;
  using log = logs.parent;
  await using _running = await child("names").with({ inherit: [jobs.child, logs.child] }).spawn();
  await parent.send("a job");
  assertEquals(await watchdog(30_000, parent.receive()), "done: a job");
  assertEquals(await watchdog(30_000, log.receive()), "did a job");
});

Deno.test("channelPair and parentChannel: wrong arguments, and ends that are not there", async () => {
  assertThrows(() => channelPair({ road: "pigeon" } as unknown as Options), TypeError);
  assertThrows(() => channelPair({ name: "lower" }), TypeError);
  const error = await assertRejects(() => parentChannel(), PosixError);
  assertEquals([error.code, error.target], ["ENOENT", "CAUSEWAY_CHANNEL"]);
  await assertRejects(() => parentChannel({ end: "fd:3" }), TypeError);
  await assertRejects(() => parentChannel({ end: "socket:999999" }), PosixError);
  Deno.env.set("CAUSEWAY_CHANNEL", "socket:999999");
  await assertRejects(() => parentChannel(), PosixError);
  assertEquals(Deno.env.get("CAUSEWAY_CHANNEL"), undefined);
  await noLeaks(() => {
    for (const road of ROADS) {
      const pair = channelPair({ road });
      assert(!pair.parent.closed);
      pair[Symbol.dispose]();
      pair[Symbol.dispose]();
    }
  });
});
