// Needs: gcc
import { killHoldersAndWaiters } from "../sync/semaphore_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 holders and waiters killed at random instants never cost a Semaphore a permit", async () => {
  await watchdog(20 * 60_000, killHoldersAndWaiters(1000));
});
