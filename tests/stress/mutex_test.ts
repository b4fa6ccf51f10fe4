import { assertEquals } from "@std/assert";
import { createSharedMemory } from "../../mod.ts";
import { Guarded } from "../fixtures/mutex_struct.ts";
import { killOwners } from "../sync/mutex_rounds.ts";
import { Peer, uniqueName } from "../sync/peer.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 owners killed at random instants never keep a Mutex from the others", async () => {
  await watchdog(20 * 60_000, killOwners(1000));
});

Deno.test("An owner that is idle for 30 s, and one that is stopped for as long, is never taken for dead", async () => {
  for (const signal of [undefined, "SIGSTOP"] as const) {
    using memory = createSharedMemory(uniqueName(), { size: Guarded.byteLength });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    const { lock } = Guarded.create(memory);
    await using peer = Peer.deno("mutex_holder.ts", { args: [memory.name] });
    assertEquals(await peer.says(), "held");
    if (signal !== undefined) Deno.kill(peer.pid, signal);
    for (let second = 0; second < 30; second++) {
      const timedOut = await lock.lock({ timeoutMs: 1000 }).then(() => "locked", (error) => error.name);
      assertEquals([timedOut, lock.tryLock()], ["TimeoutError", undefined]);
    }
    peer.kill();
    using guard = await watchdog(60_000, lock.lock());
    assertEquals(guard.previousOwnerDied, true);
  }
});
