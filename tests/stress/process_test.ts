import { assertEquals, assertLess } from "@std/assert";
import { command, pipeline } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const MINUTE = 60_000;

Deno.test("10,000 children one after the other, and 500 pipelines, leave nothing behind", async () => {
  await watchdog(10 * MINUTE, async () => {
    await noLeaks(async () => {
      for (let round = 0; round < 10_000; round++) {
        assertEquals(await command("/bin/true").status(), { kind: "exited", code: 0 });
      }
      for (let round = 0; round < 500; round++) {
        assertEquals(await pipeline(["yes"], ["head", "-n", "1"], ["cat"]).text(), "y");
      }
    }, async () => {
      await pipeline(["true"], ["true"]).text();
    });
  });
});

Deno.test("100,000 children, by either launcher, leave nothing behind and take no memory", async () => {
  const children = 50_000;
  await watchdog(30 * MINUTE, async () => {
    await noLeaks(async () => {
      for (const options of [{}, { argv0: "renamed" }]) {
        let started = 0;
        // V8's young generation has grown to its full size by then.
        let afterWarmUp = 0;
        const startSome = async () => {
          while (started++ < children) {
            if (started === children / 5) afterWarmUp = Deno.memoryUsage().rss;
            assertEquals(await command("/bin/true", [], options).status(), { kind: "exited", code: 0 });
          }
        };
        await Promise.all(Array.from({ length: 4 }, startSome));
        assertLess(Deno.memoryUsage().rss - afterWarmUp, 10 * 1024 ** 2);
      }
    }, async () => {
      for (const options of [{}, { argv0: "renamed" }]) await command("/bin/true", [], options).status();
    });
  });
});

Deno.test("200 children at once, each with 100 kB in and out, arrive whole", async () => {
  const text = "0123456789".repeat(10_000);
  await watchdog(10 * MINUTE, async () => {
    const outputs = await Promise.all(
      Array.from({ length: 200 }, () => command("cat", [], { stdin: { text } }).text()),
    );
    assertEquals(new Set(outputs), new Set([text]));
  });
});
