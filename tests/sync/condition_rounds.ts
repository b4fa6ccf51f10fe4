/** Kills producers and consumers at random instants: a slice in the gate, the whole in the stress run. */
import { assert, assertEquals } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { Buffer, consume, mend, produce } from "../fixtures/condition_buffer.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "./peer.ts";
import { mostlyPrompt, Random } from "./rounds.ts";

const LIMIT_MS = 60_000;

/** Every round a producer or consumer joins two that stay, and is killed; then the test itself makes and takes some. */
export async function killProducersAndConsumers(rounds: number): Promise<void> {
  const random = new Random();
  using memory = createSharedMemory(uniqueName(), { size: Buffer.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const view = Buffer.create(memory);
  const start = (role: string, form: string) => Peer.deno("condition_buffer.ts", { args: [memory.name, role, form] });
  await using producer = start("produce", "sync");
  await using consumer = start("consume", "async");
  for (const peer of [producer, consumer]) assertEquals(await peer.says(), "ready");
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await using victim = start(random.pick(["produce", "consume"]), random.pick(["sync", "async"]));
    assertEquals(await victim.says(), "ready");
    // An instant, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, random.next() * 4));
    victim.kill();
    const from = performance.now();
    await watchdog(LIMIT_MS, async () => {
      await consume(view, "async");
      await produce(view, "async");
    });
    times.push(performance.now() - from);
    using guard = await watchdog(LIMIT_MS, view.lock.lock());
    mend(view, guard);
    assert(view.count >= 0 && view.count <= 4, `${view.count} in the buffer`);
    assertEquals(BigInt(view.count), view.made - view.taken);
  }
  console.log(`${rounds} rounds, ${view.taken} taken, longest ${Math.max(...times).toFixed(1)} ms`);
  assert(mostlyPrompt(times), `${times.filter((ms) => ms > 500).join(", ")} ms`);
}
