/** Kills members at random instants: a slice in the gate, the whole in the stress run. */
import { assert, assertEquals } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { March } from "../fixtures/barrier_march.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "./peer.ts";
import { mostlyPrompt, Random } from "./rounds.ts";

const LIMIT_MS = 60_000;

/** Every round one joins two that stay, all three pass, and it is killed: the two must hear of it. The test makes the barrier like new. */
export async function killMembers(rounds: number): Promise<void> {
  const random = new Random();
  using memory = createSharedMemory(uniqueName(), { size: March.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const { step } = March.create(memory);
  const start = async (form: string) => {
    const peer = Peer.deno("barrier_march.ts", { args: [memory.name, form] });
    assertEquals(await watchdog(LIMIT_MS, peer.says()), "joined");
    return peer;
  };
  await using one = await start("sync");
  await using other = await start("async");
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await using victim = await start(random.pick(["sync", "async"]));
    for (const peer of [one, other, victim]) assertEquals(await watchdog(LIMIT_MS, peer.says()), "passed");
    // An instant, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, random.next() * 4));
    victim.kill();
    const from = performance.now();
    for (const peer of [one, other]) assertEquals(await watchdog(LIMIT_MS, peer.says()), "EOWNERDEAD");
    times.push(performance.now() - from);
    assertEquals(step.broken, true);
    step.reset();
    for (const peer of [one, other]) await peer.tell("go on");
  }
  console.log(`${rounds} rounds, longest until both knew ${Math.max(...times).toFixed(1)} ms`);
  assert(mostlyPrompt(times), `${times.filter((ms) => ms > 500).join(", ")} ms`);
}
