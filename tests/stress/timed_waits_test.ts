import { assertGreater } from "@std/assert";
import { lateness } from "../sync/timed_waits.ts";

const TIMES = 20;
const LATE_MS = 50;

Deno.test(`Every wait that gets nothing ends within ${LATE_MS} ms of its time`, async () => {
  for (const [what, late] of await lateness(100, TIMES)) {
    console.log(`${what}: ${Math.min(...late).toFixed(2)} to ${Math.max(...late).toFixed(2)} ms late`);
    // A machine that is busy elsewhere may delay some.
    assertGreater(late.filter((ms) => ms < LATE_MS).length, TIMES / 2, what);
  }
});
