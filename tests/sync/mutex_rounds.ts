/** Kills owners at random instants: a slice in the gate, the whole in the stress run. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { Guarded } from "../fixtures/mutex_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "./peer.ts";
import { mostlyPrompt, Random } from "./rounds.ts";

const LIMIT_MS = 60_000;

/** Every round one joins another that stays and contends, so that owners die with sleepers too, and is killed; its data can be mended. */
export async function killOwners(rounds: number): Promise<void> {
  const random = new Random();
  using memory = createSharedMemory(uniqueName(), { size: Guarded.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const view = Guarded.create(memory);
  await using rival = Peer.deno("mutex_two_counters.ts", { args: [memory.name] });
  await rival.says();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await using peer = Peer.deno("mutex_two_counters.ts", { args: [memory.name] });
    await peer.says();
    // An instant, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, random.next() * 12));
    peer.kill();
    const from = performance.now();
    using guard = await watchdog(LIMIT_MS, view.lock.lock());
    times.push(performance.now() - from);
    if (guard.previousOwnerDied) {
      view.deaths += 1n;
      assert(view.first === view.second || view.first === view.second + 1n, `${view.first} and ${view.second}`);
      view.second = view.first;
      guard.markConsistent();
    }
    assertEquals(view.first, view.second);
  }
  rival.kill();
  using guard = await watchdog(LIMIT_MS, view.lock.lock());
  guard.markConsistent();
  console.log(`${rounds} rounds, ${view.deaths} deaths seen, longest wait ${Math.max(...times).toFixed(1)} ms`);
  assertGreater(view.deaths, 0n);
  assert(mostlyPrompt(times), `${times.filter((ms) => ms > 500).join(", ")} ms`);
}
