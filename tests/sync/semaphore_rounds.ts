/** Kills holders and waiters of permits at random instants: a slice in the gate, the whole in the stress run. */
import { assert, assertEquals } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { PERMITS, Shared } from "../fixtures/semaphore_shared_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { compileC, Peer, uniqueName } from "./peer.ts";
import { mostlyPrompt, Random } from "./rounds.ts";

const LIMIT_MS = 60_000;

/** Every round somebody joins two that stay, and is killed; then all permits must be there to be had, one after the other. */
export async function killHoldersAndWaiters(rounds: number): Promise<void> {
  const random = new Random();
  const directory = await Deno.makeTempDir();
  await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
  const program = await compileC("semaphore_shared_peer.c", directory);
  using memory = createSharedMemory(uniqueName(), { size: Shared.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const view = Shared.create(memory);
  const deno = (form: string) =>
    Peer.deno("semaphore_shared_user.ts", { args: [memory.name, form, `${60_000 + 2_000 * rounds}`] });
  await using rival = deno("sync");
  await using other = deno("async");
  for (const peer of [rival, other]) assertEquals(await peer.says(), "ready");
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const kind = random.pick(["sync", "async", "C", "C waits"]);
    const program_ = (what: string) => Peer.program(program, memory.name, Shared.layout, what, "1000000000");
    await using victim = kind === "C" ? program_("acquire") : kind === "C waits" ? program_("wait") : deno(kind);
    assertEquals(await victim.says(), "ready");
    if (kind.startsWith("C")) await victim.tell("go");
    // An instant, not a synchronization.
    await new Promise((resolve) => setTimeout(resolve, random.next() * 4));
    victim.kill();
    const from = performance.now();
    const permits = await watchdog(
      LIMIT_MS,
      Promise.all(Array.from({ length: PERMITS }, () => view.permits.acquire())),
    );
    times.push(performance.now() - from);
    // All of them are here, so nobody else has one.
    assertEquals(view.permits.value, 0);
    for (const permit of permits) permit.release();
  }
  for (const peer of [rival, other]) {
    peer.kill();
    await watchdog(LIMIT_MS, peer.status);
  }
  assertEquals(view.permits.value, PERMITS);
  const before = view.items.value;
  view.items.post(3);
  assertEquals(view.items.value, before + 3);
  console.log(`${rounds} rounds, longest wait ${Math.max(...times).toFixed(1)} ms`);
  assert(mostlyPrompt(times), `waits of ${times.filter((ms) => ms > 500).join(", ")} ms`);
}
