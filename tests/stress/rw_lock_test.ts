// Needs: gcc
import { killReadersAndWriters } from "../sync/rw_lock_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 readers and writers killed at random instants never keep a RwLock from the others", async () => {
  await watchdog(20 * 60_000, killReadersAndWriters(1000));
});
