/**
 * Who wakes somebody for a lock that it has had for a while does not snatch it back before that one is on its feet. The shares of two who contend would
 * not show it: as long as both run, chance is fair enough. So one is asleep here, each time.
 */
import { assertEquals, fail } from "@std/assert";
import { Life } from "../fixtures/sync_life_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "./peer.ts";
import { sleepsOnWord } from "./rounds.ts";
import { sharedStruct } from "./shared_struct.ts";

const LIMIT_MS = 60_000;

const ROUNDS = 40;
/** Without courtesy it is the sleeper's turn every other time, or less. On a busy machine it may be late for some. */
const ENOUGH = 30;
const TRIES = 10;

type View = ReturnType<typeof Life.create>;

const LOCKS: readonly (readonly [what: string, take: (view: View) => Disposable])[] = [
  ["Mutex", (view) => view.lock.lockSync()],
  ["RwLock", (view) => view.page.writeSync()],
  ["Semaphore", (view) => view.permits.acquireSync()],
];

for (const [what, take] of LOCKS) {
  Deno.test(`${what}: who has had it for a while and comes back at once lets a sleeper go first`, async () => {
    const seen: number[] = [];
    while (seen.length < TRIES) {
      const turns = await watchdog(LIMIT_MS, turnsOfSleeper(what, take));
      if (turns >= ENOUGH) return;
      seen.push(turns);
    }
    fail(`turns of the sleeper, of ${ROUNDS}: ${seen.join(", ")}`);
  });
}

/** How often a sleeper had its turn between a release and the next taking. */
async function turnsOfSleeper(what: string, take: (view: View) => Disposable): Promise<number> {
  using shared = sharedStruct(Life);
  const { memory, view } = shared;
  let held = take(view);
  await using peer = Peer.deno("handover.ts", { args: [memory.name, what] });
  assertEquals(await peer.says(), "ready");
  await peer.tell("go");
  let turns = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Some milliseconds: who has had it only for a moment may take it again.
    do await new Promise((resolve) => setTimeout(resolve, 2)); while (!sleepsOnWord(peer.pid));
    held[Symbol.dispose]();
    held = take(view);
    if (view.step.exchange(Deno.pid) !== Deno.pid) turns++;
  }
  view.told.store(1);
  held[Symbol.dispose]();
  await peer.status;
  return turns;
}
