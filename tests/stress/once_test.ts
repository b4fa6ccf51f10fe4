import { killRunners } from "../sync/once_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 runners killed at random instants leave everything done once", async () => {
  await watchdog(20 * 60_000, killRunners(1000));
});
