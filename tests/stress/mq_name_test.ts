// Needs: strace, root
import { assertGreater } from "@std/assert";
import { stopWhileListening } from "../channel/mq_life.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 30 * 60_000;

for (const stale of [true, false]) {
  Deno.test(`Of two listeners over mq, one of them stopped after every system call, one has the name (${stale ? "a stale queue" : "none"})`, async () => {
    let stops = 0;
    const won = await watchdog(
      LIMIT_MS,
      stopWhileListening(stale, (calls) => {
        stops = calls.length;
        return calls;
      }),
    );
    console.log(`stopped after each of ${stops} calls: the other had the name ${won} times`);
    // After the first calls the other is first, after the last ones it is not.
    assertGreater(won, 0);
    assertGreater(stops, won);
  });
}
