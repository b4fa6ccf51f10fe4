import { killMembers } from "../sync/barrier_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 members killed at random instants break a Barrier for all others, every time", async () => {
  await watchdog(20 * 60_000, killMembers(1000));
});
