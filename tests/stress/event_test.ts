import { killWaitersAndSetters } from "../sync/event_rounds.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 waiters and setters killed at random instants never stop the others at an event", async () => {
  await watchdog(20 * 60_000, killWaitersAndSetters(1000));
});
