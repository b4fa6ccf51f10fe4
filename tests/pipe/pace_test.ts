import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Pace } from "../../lib/pipe/pace.ts";
import { Deadline } from "../../lib/sys/clock.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;

/** Lets the time pass over which a rate is measured. */
function window(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

Deno.test("Pace never makes a slow stream late", async () => {
  using pace = new Pace(1_048_576);
  for (let i = 0; i < 5; i++) {
    await window();
    assertEquals(pace.moved(4096), 0);
  }
});

Deno.test("Pace lets a fast stream gather for a millisecond at most, and not where little can gather", async () => {
  using large = new Pace(1e12);
  using small = new Pace(4096);
  await window();
  assertEquals(large.moved(1e9), 1);
  assertEquals(small.moved(1e9), 0);
  // Until the stream has become slow.
  await window();
  assertEquals(large.moved(1), 0);
});

Deno.test("Pace.pause() waits on the event loop, again and again, and can be given up", async () => {
  await noLeaks(async () => {
    using pace = new Pace(1_048_576);
    const forever = new Deadline("Pausing");
    for (let i = 0; i < 3; i++) {
      const start = performance.now();
      await watchdog(10 * SECOND, pace.pause(0.5, {}, forever));
      assert(performance.now() - start >= 0.5);
    }
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason));
    const given = assertRejects(() => pace.pause(999, { signal: controller.signal }, forever), Error);
    assertStrictEquals(await watchdog(10 * SECOND, given), reason);
    const start = performance.now();
    pace.pauseSync(0.5, forever);
    assert(performance.now() - start >= 0.5);
  });
});
