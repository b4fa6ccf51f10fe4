// Needs: root, unshare
/** One side in a pid namespace of its own, where its thread ids mean something else. */
import { assertEquals, assertRejects } from "@std/assert";
import { PosixError } from "../../lib/sync/mod.ts";
import { Team } from "../fixtures/barrier_struct.ts";
import { Turns } from "../fixtures/condition_struct.ts";
import { Guarded } from "../fixtures/mutex_struct.ts";
import { Work } from "../fixtures/once_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "./peer.ts";
import { sharedStruct } from "./shared_struct.ts";

const LIMIT_MS = 60_000;

/** Killing it kills the first process of the namespace. */
const under = ["unshare", "--pid", "--fork", "--kill-child"];

Deno.test("Mutex of an owner in another pid namespace comes back when it is killed", async () => {
  using both = sharedStruct(Guarded);
  await using owner = Peer.deno("mutex_holder.ts", { args: [both.memory.name], under });
  assertEquals(await owner.says(), "held");
  const waiting = both.view.lock.lock();
  owner.kill();
  using guard = await watchdog(LIMIT_MS, waiting);
  assertEquals(guard.previousOwnerDied, true);
  guard.markConsistent();
});

Deno.test("Once of a runner in another pid namespace is run again when it is killed", async () => {
  using both = sharedStruct(Work);
  await using runner = Peer.deno("once_runner.ts", { args: [both.memory.name], under });
  assertEquals([await runner.says(), await runner.says()], ["asking", "running"]);
  const waiting = both.view.filled.run(({ previousRunnerDied }) => assertEquals(previousRunnerDied, true));
  runner.kill();
  assertEquals(await watchdog(LIMIT_MS, waiting), true);
});

Deno.test("Condition wakes who waits in another pid namespace", async () => {
  using both = sharedStruct(Turns);
  const { memory, view } = both;
  await using waiter = Peer.deno("condition_waiter.ts", { args: [memory.name], under });
  assertEquals(await waiter.says(), "waiting");
  {
    // It has the lock until it waits.
    using _guard = await watchdog(LIMIT_MS, view.lock.lock());
    view.turn = 1;
    view.changed.notifyOne();
  }
  assertEquals(await watchdog(LIMIT_MS, waiter.says()), "went on");
});

Deno.test("Barrier of members in two pid namespaces, whose ids are the same, lets them pass, and is broken when one is killed", async () => {
  using both = sharedStruct(Team);
  const { memory, view } = both;
  await using one = Peer.deno("barrier_member.ts", { args: [memory.name], under });
  await using other = Peer.deno("barrier_member.ts", { args: [memory.name], under });
  assertEquals([await one.says(), await other.says()], ["coming", "coming"]);
  const passes = await watchdog(LIMIT_MS, Promise.all([one.says(), other.says()]));
  assertEquals(new Set(passes), new Set(["led", "passed"]));
  await one.tell("once more");
  other.kill();
  assertEquals(await watchdog(LIMIT_MS, one.says()), "EOWNERDEAD");
  await assertRejects(() => view.pair.wait(), PosixError, "EOWNERDEAD");
});
