/** Kills who wait for and set events at random instants: a slice in the gate, the whole in the stress run. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { Events } from "../fixtures/event_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "./peer.ts";
import { mostlyPrompt, Random } from "./rounds.ts";

const LIMIT_MS = 60_000;

/** Every round one joins two that pass an event on, and is killed, perhaps with it; then the test sets it, and waits until somebody has had it. */
export async function killWaitersAndSetters(rounds: number): Promise<void> {
  const random = new Random();
  using memory = createSharedMemory(uniqueName(), { size: Events.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const view = Events.create(memory);
  const start = (form: string) => Peer.deno("event_relay.ts", { args: [memory.name, form] });
  await using one = start("sync");
  await using other = start("async");
  for (const peer of [one, other]) assertEquals(await peer.says(), "ready");
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    view.ping.set();
    await using victim = start(random.pick(["sync", "async"]));
    assertEquals(await victim.says(), "ready");
    // An instant, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, random.next() * 4));
    victim.kill();
    await watchdog(LIMIT_MS, victim.status);
    const before = view.count;
    view.started.reset();
    const from = performance.now();
    view.ping.set();
    await watchdog(LIMIT_MS, view.started.wait());
    times.push(performance.now() - from);
    await watchdog(LIMIT_MS, async () => {
      while (view.count === before) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    assertGreater(view.count, before);
  }
  console.log(`${rounds} rounds, passed on ${view.count} times, longest wait ${Math.max(...times).toFixed(1)} ms`);
  assert(mostlyPrompt(times), `${times.filter((ms) => ms > 500).join(", ")} ms`);
}
