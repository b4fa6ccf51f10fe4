import { assertGreaterOrEqual } from "@std/assert";
import { lateness } from "./timed_waits.ts";

Deno.test("Every wait that gets nothing ends with a TimeoutError, and not before its time", async () => {
  // How late they are is looked at in tests/stress/timed_waits_test.ts.
  for (const [what, late] of await lateness(5, 3)) assertGreaterOrEqual(Math.min(...late), 0, what);
});
