import { killOwners } from "../sync/mutex_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 owners killed at random instants never keep a Mutex from the others", async () => {
  await watchdog(20 * 60_000, killOwners(1000));
});
