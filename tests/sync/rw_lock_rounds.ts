/** Kills readers and writers at random instants: a slice in the gate, the whole in the stress run. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { Shared } from "../fixtures/rw_lock_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer, uniqueName } from "./peer.ts";
import { mostlyPrompt, Random } from "./rounds.ts";

const LIMIT_MS = 60_000;

/** Every round a reader and writer joins two that stay, and is killed; then the lock must come back, and the counters be as the guard says. */
export async function killReadersAndWriters(rounds: number): Promise<void> {
  const random = new Random();
  const directory = await Deno.makeTempDir();
  await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
  const program = await compileC("rw_lock_peer.c", directory);
  using memory = createSharedMemory(uniqueName(), { size: Shared.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const view = Shared.create(memory);
  const deno = (form: string) =>
    Peer.deno("rw_lock_two_counters.ts", { args: [memory.name, form, `${60_000 + 2_000 * rounds}`] });
  await using rival = deno("sync");
  await using other = deno("async");
  for (const peer of [rival, other]) assertEquals(await peer.says(), "ready");
  const times: number[] = [];
  let [before, deaths] = [view.first, 0];
  for (let round = 0; round < rounds; round++) {
    const kind = random.pick(["sync", "async", "C"]);
    await using victim = kind === "C"
      ? Peer.program(program, memory.name, Shared.layout, "work", "1000000000")
      : deno(kind);
    assertEquals(await victim.says(), "ready");
    if (kind === "C") await victim.tell("go");
    // An instant, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, random.next() * 4));
    victim.kill();
    const from = performance.now();
    using guard = await watchdog(LIMIT_MS, view.lock.write());
    times.push(performance.now() - from);
    if (guard.previousOwnerDied) {
      deaths++;
      assert(view.first === view.second || view.first === view.second + 1n, `${view.first} and ${view.second}`);
      view.second = view.first;
      guard.markConsistent();
    }
    assertEquals(view.first, view.second);
    // Those who stay go on.
    if (round % 10 === 9) {
      assertGreater(view.first, before);
      before = view.first;
    }
  }
  rival.kill();
  other.kill();
  using guard = await watchdog(LIMIT_MS, view.lock.write());
  guard.markConsistent();
  console.log(
    `${rounds} rounds, ${view.deaths + BigInt(deaths)} deaths seen, longest wait ${Math.max(...times).toFixed(1)} ms`,
  );
  assert(mostlyPrompt(times), `waits of ${times.filter((ms) => ms > 500).join(", ")} ms`);
}
