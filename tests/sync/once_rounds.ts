/** Kills runners at random instants: a slice in the gate, the whole in the stress run. */
import { assert, assertEquals } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { COUNT, Many } from "../fixtures/once_many.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "./peer.ts";
import { mostlyPrompt, Random } from "./rounds.ts";

const LIMIT_MS = 60_000;

/** Every round two do many things once, and one of them is killed; the other does the rest, and hears at most once of a death. */
export async function killRunners(rounds: number): Promise<void> {
  const random = new Random();
  const times: number[] = [];
  let deaths = 0;
  for (let round = 0; round < rounds; round++) {
    using memory = createSharedMemory(uniqueName(), { size: Many.byteLength });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    const view = Many.create(memory);
    const start = (form: string) => Peer.deno("once_many.ts", { args: [memory.name, form] });
    await using victim = start(random.pick(["sync", "async"]));
    await using other = start(random.pick(["sync", "async"]));
    for (const peer of [victim, other]) assertEquals(await peer.says(), "ready");
    for (const peer of [victim, other]) await peer.tell("go");
    // An instant, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, random.next() * 8));
    victim.kill();
    const from = performance.now();
    assertEquals(await watchdog(LIMIT_MS, other.says()), "done");
    times.push(performance.now() - from);
    for (let index = 0; index < COUNT; index++) {
      assertEquals(view.tasks.get(index).done, true);
      assertEquals(view.finished[index], view.begun[index]);
    }
    const told = view.told.reduce((sum, times) => sum + times, 0);
    const again = view.begun.reduce((sum, times) => sum + times, 0) - COUNT;
    // The victim may have died after it heard that it must run, and before it began.
    assert(told <= 1 && again <= told, `${told} runners heard of a death, ${again} ran again`);
    deaths += told;
  }
  console.log(`${rounds} rounds, ${deaths} deaths at it, longest rest ${Math.max(...times).toFixed(1)} ms`);
  assert(mostlyPrompt(times), `${times.filter((ms) => ms > 500).join(", ")} ms`);
}
