import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { channel } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway } from "./causeway.ts";
import { inDirectory, Running } from "./running.ts";

const LIMIT_MS = 120_000;

/** The lines of a recording: the head without its time, and the messages without theirs, whose order is checked. */
function read(text: string): { head: Record<string, unknown>; messages: Record<string, unknown>[] } {
  const [first = "", ...rest] = text.trimEnd().split("\n");
  const { startedAt, ...head } = JSON.parse(first);
  assert(!Number.isNaN(Date.parse(startedAt)));
  let last = 0;
  const messages = rest.map((line) => {
    const { offsetMs, ...message } = JSON.parse(line);
    assert(offsetMs >= last, line);
    last = offsetMs;
    return message;
  });
  return { head, messages };
}

Deno.test("record: what comes over a channel is in the file, with its time", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`, file = `${directory}/jobs.jsonl`;
      const recording = causeway(["record", address, file]);
      const end = await channel(address);
      for (const message of [{ a: 1 }, null, "ü"]) await end.send(message);
      await end[Symbol.asyncDispose]();
      assertEquals(await recording, { code: 0, signal: null, stdout: "", stderr: "" });
      assertEquals(read(await Deno.readTextFile(file)), {
        head: { causeway: "recording", version: 1, codec: "json", addresses: [address] },
        messages: [{ from: "a", json: { a: 1 } }, { from: "a", json: null }, { from: "a", json: "ü" }],
      });

      const again = await causeway(["record", "--timeout", "50", address, file]);
      assertEquals(again.code, 1);
      assertStringIncludes(again.stderr, "exists: --force replaces it");
      const nobody = await causeway(["record", "--timeout", "50", address, `${directory}/none`]);
      assertEquals(nobody.code, 124);
      assertEquals(Array.from(Deno.readDirSync(directory), ({ name }) => name).includes("none"), false);
    }),
  );
});

Deno.test("record: between two programs both are heard, and nothing is changed", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const first = `unix:${directory}/a`, second = `unix:${directory}/b`;
      const recording = causeway(["record", "--bytes", first, second, "-"]);
      const [a, b] = await Promise.all([
        channel(first, { codec: "bytes" }),
        channel(second, { mode: "listen", codec: "bytes" }),
      ]);
      await a.send(new Uint8Array([1, 255]));
      assertEquals(await b.receive(), new Uint8Array([1, 255]));
      await b.send(new Uint8Array(0));
      assertEquals(await a.receive(), new Uint8Array(0));
      a.close();
      b.close();
      const { code, stdout } = await recording;
      assertEquals(code, 0);
      assertEquals(read(stdout).messages, [{ from: "a", base64: "Af8=" }, { from: "b", base64: "" }]);
    }),
  );
});

Deno.test("record: what was seen is in the file when the recorder is killed", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/a`, file = `${directory}/r`;
      await using recording = new Running(["record", "--text", address, `unix:${directory}/b`, file]);
      using end = await channel(address, { codec: "text" });
      using other = await channel(`unix:${directory}/b`, { mode: "listen", codec: "text" });
      await end.send("seen");
      assertEquals(await other.receive(), "seen");
      recording.kill("SIGKILL");
      await recording.outcome();
      assertEquals(read(await Deno.readTextFile(file)).messages, [{ from: "a", text: "seen" }]);
    }),
  );
});

Deno.test("record: wrong usage exits 2", async () => {
  for (
    const args of [[], ["unix:/tmp/x"], ["x", "f"], ["--listen-b", "unix:/tmp/x", "f"], [
      "--connect",
      "unix:/a",
      "unix:/b",
      "f",
    ]]
  ) {
    const { code, stderr } = await causeway(["record", ...args]);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
  }
});
