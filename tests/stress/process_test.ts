import { assertEquals } from "@std/assert";
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

Deno.test("200 children at once, each with 100 kB in and out, arrive whole", async () => {
  const text = "0123456789".repeat(10_000);
  await watchdog(10 * MINUTE, async () => {
    const outputs = await Promise.all(
      Array.from({ length: 200 }, () => command("cat", [], { stdin: { text } }).text()),
    );
    assertEquals(new Set(outputs), new Set([text]));
  });
});
