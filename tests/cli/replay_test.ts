import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { channel } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway } from "./causeway.ts";
import { inDirectory, Running } from "./running.ts";

const LIMIT_MS = 120_000;

/** A recording of messages at so many milliseconds. */
function recording(messages: readonly Record<string, unknown>[], codec = "json"): string {
  const head = {
    causeway: "recording",
    version: 1,
    codec,
    startedAt: new Date(0).toISOString(),
    addresses: ["unix:/x"],
  };
  return [head, ...messages].map((line) => `${JSON.stringify(line)}\n`).join("");
}

Deno.test("replay: sends what was recorded, of either side, from a file or standard input", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`, file = `${directory}/r`;
      const text = recording([
        { offsetMs: 0, from: "a", json: { a: 1 } },
        { offsetMs: 1, from: "b", json: "answer" },
        { offsetMs: 2, from: "a", json: [2] },
      ]);
      await Deno.writeTextFile(file, text);
      const cases: [string[], string | undefined, unknown[]][] = [
        [[file], undefined, [{ a: 1 }, [2]]],
        [["--from", "both", "-"], text, [{ a: 1 }, "answer", [2]]],
        [["--fast", "--from", "b", file], undefined, ["answer"]],
      ];
      for (const [args, input, expected] of cases) {
        const replaying = causeway(["replay", ...args, address], input === undefined ? {} : { input });
        using end = await channel(address, { mode: "listen" });
        assertEquals(await Array.fromAsync(end), expected);
        assertEquals(await replaying, { code: 0, signal: null, stdout: "", stderr: "" });
      }
    }),
  );
});

Deno.test("replay: keeps the times between messages, divided by the speed", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`, file = `${directory}/r`;
      await Deno.writeTextFile(
        file,
        recording([{ offsetMs: 0, from: "a", json: 1 }, { offsetMs: 1500, from: "a", json: 2 }]),
      );
      for (const [options, leastMs] of [[[], 1500], [["--speed", "2"], 750]] as const) {
        // From before the first to after the second: lateness makes that longer, never shorter.
        const startMs = performance.now();
        const replaying = causeway(["replay", ...options, file, address]);
        using end = await channel(address, { mode: "listen" });
        assertEquals(await end.receive(), 1);
        assertEquals(await end.receive(), 2);
        assert(performance.now() - startMs >= leastMs);
        assertEquals(await end.receive(), null);
        assertEquals((await replaying).code, 0);
      }
      // An hour of recording takes no hour.
      await Deno.writeTextFile(file, recording([{ offsetMs: 3.6e6, from: "a", json: "late" }]));
      const fast = causeway(["replay", "--fast", file, address]);
      using end = await channel(address, { mode: "listen" });
      assertEquals(await end.receive(), "late");
      assertEquals((await fast).code, 0);
      await using slow = new Running(["replay", file, address]);
      using other = await channel(address, { mode: "listen" });
      slow.kill("SIGINT");
      assertEquals((await slow.outcome()).signal, "SIGINT");
      other.close();
    }),
  );
});

Deno.test("replay: text and bytes come out as they were, and a peer that answers is heard out", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/x`, file = `${directory}/r`;
      await Deno.writeTextFile(file, recording([{ offsetMs: 0, from: "a", base64: "AP8=" }], "bytes"));
      const bytes = causeway(["replay", file, address]);
      using end = await channel(address, { mode: "listen", codec: "bytes" });
      assertEquals(await end.receive(), new Uint8Array([0, 255]));
      assertEquals((await bytes).code, 0);

      await Deno.writeTextFile(
        file,
        recording(Array.from({ length: 100 }, () => ({ offsetMs: 0, from: "a", text: "x" })), "text"),
      );
      const chatty = causeway(["replay", file, address]);
      using answering = await channel(address, { mode: "listen", codec: "text" });
      let heard = 0;
      for await (const _ of answering) {
        heard++;
        // More than any socket holds.
        await answering.send("y".repeat(50_000)).catch(() => {});
      }
      assertEquals([heard, (await chatty).code], [100, 0]);
    }),
  );
});

Deno.test("replay: what is no recording is an error; a last line that is cut off is left out, and told", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/x`, file = `${directory}/r`;
      for (const text of ["", "nonsense\n", '{"a":1}\n', '{"causeway":"recording","version":2,"codec":"json"}\n']) {
        await Deno.writeTextFile(file, text);
        const { code, stderr } = await causeway(["replay", file, address]);
        assertEquals(code, 1);
        assertEquals(stderr, `causeway: replay: ${file} is no recording\n`);
      }
      assertStringIncludes((await causeway(["replay", `${directory}/none`, address])).stderr, "ENOENT");

      await Deno.writeTextFile(file, `${recording([{ offsetMs: 0, from: "a", json: 1 }])}{"offsetMs":5,"fr`);
      const cut = causeway(["replay", file, address]);
      using end = await channel(address, { mode: "listen" });
      assertEquals(await Array.fromAsync(end), [1]);
      const { code, stderr } = await cut;
      assertEquals(code, 0);
      assertStringIncludes(stderr, "the last line is cut off, and left out");

      await Deno.writeTextFile(file, recording([{ offsetMs: 0, from: "c", json: 1 }]));
      const wrong = causeway(["replay", file, address]);
      using other = await channel(address, { mode: "listen" });
      assertEquals(await Array.fromAsync(other).catch(() => []), []);
      assertStringIncludes((await wrong).stderr, "line 2 is no message");
    }),
  );
});

Deno.test("replay: wrong usage exits 2", async () => {
  const cases = [[], ["f"], ["f", "nowhere"], ["--speed", "0", "f", "unix:/x"], [
    "--speed",
    "2",
    "--fast",
    "f",
    "unix:/x",
  ], ["--from", "c", "f", "unix:/x"]];
  for (const args of cases) {
    const { code, stderr } = await causeway(["replay", ...args]);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
  }
});
