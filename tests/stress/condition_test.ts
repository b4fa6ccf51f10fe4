import { killProducersAndConsumers } from "../sync/condition_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 waiters and notifiers killed at random instants never stop the others at a Condition", async () => {
  await watchdog(20 * 60_000, killProducersAndConsumers(1000));
});
