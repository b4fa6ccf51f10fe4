import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ChannelClosedError } from "../../lib/errors.ts";
import { channel } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, FULL } from "./causeway.ts";
import { appears, inDirectory, Running } from "./running.ts";

const LIMIT_MS = 120_000;

/** A port that was free a moment ago, on an address that hardly anybody else uses. */
function freePlace(): string {
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  using listener = Deno.listen({ hostname: `127.${a}.${b}.${c! | 1}`, port: 0 });
  return `${listener.addr.hostname}:${listener.addr.port}`;
}

Deno.test("bridge: passes messages both ways between any two roads, and ends with either side", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const roads: [string, string][] = [
        [`tcp:${freePlace()}`, `unix:${directory}/b`],
        [`unix:${directory}/a`, `shm:bridge-test-${crypto.randomUUID()}`],
      ];
      for (const [first, second] of roads) {
        const bridging = causeway(["bridge", "--verbose", first, second], { flags: [...FULL, "--allow-net"] });
        const [a, b] = await Promise.all([channel(first), channel(second, { mode: "listen" })]);
        const values = Array.from({ length: 200 }, (_, index) => ({ index, null: null }));
        await a.sendMany(values);
        for (const value of values) assertEquals(await b.receive(), value);
        await b.send("back");
        assertEquals(await a.receive(), "back");
        // Half-close: what the other side still sends is passed on.
        a.closeSending();
        assertEquals(await b.receive(), null);
        await b.send("last words");
        assertEquals(await a.receive(), "last words");
        b.close();
        assertEquals(await a.receive(), null);
        a.close();
        const { code, stdout, stderr } = await bridging;
        assertEquals([code, stdout], [0, ""], stderr);
        assertStringIncludes(stderr, "A to B 200 messages");
        assertStringIncludes(stderr, "B to A 2 messages");
      }
    }),
  );
});

Deno.test("bridge: a side that has closed ends it also when the other one is silent", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const bridging = causeway(["bridge", "--linger", "20", `unix:${directory}/a`, `unix:${directory}/b`]);
      const [a, b] = await Promise.all([
        channel(`unix:${directory}/a`),
        channel(`unix:${directory}/b`, { mode: "listen" }),
      ]);
      a.close();
      assertEquals((await bridging).code, 0);
      assertEquals(await b.receive(), null);
      b.close();
    }),
  );
});

Deno.test("bridge: one-way roads are joined one way, and bytes stay what they are", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const bridging = causeway(["bridge", "--bytes", `fifo:${directory}/in`, `unix:${directory}/out`]);
      const [a, b] = await Promise.all([
        channel(`fifo:${directory}/in`, { codec: "bytes" }),
        channel(`unix:${directory}/out`, { mode: "listen", codec: "bytes" }),
      ]);
      const bytes = new Uint8Array(100_000).map((_, index) => index * 7);
      await a.send(bytes);
      assertEquals(await b.receive(), bytes);
      a.close();
      assertEquals(await b.receive(), null);
      b.close();
      assertEquals((await bridging).code, 0);
    }),
  );
});

Deno.test("bridge: a peer that dies ends it with 1, and the other side is told", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      await using bridging = new Running(["bridge", `unix:${directory}/a`, `unix:${directory}/b`]);
      await using sending = new Running(["send", `unix:${directory}/a`]);
      using b = await channel(`unix:${directory}/b`, { mode: "listen" });
      await sending.tell("1\n");
      assertEquals(await b.receive(), 1);
      sending.kill("SIGKILL");
      const { code, stderr } = await bridging.outcome();
      assertEquals(code, 1);
      assertStringIncludes(stderr, "died");
      assertEquals(
        await b.receive().catch((error: unknown) => error instanceof ChannelClosedError ? null : error),
        null,
      );
    }),
  );
});

Deno.test("bridge: dies of the signal that ends it, and leaves no name behind", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      await using bridging = new Running(["bridge", `unix:${directory}/a`, `unix:${directory}/b`]);
      const [a, b] = await Promise.all([
        channel(`unix:${directory}/a`),
        channel(`unix:${directory}/b`, { mode: "listen" }),
      ]);
      await a.send("one");
      assertEquals(await b.receive(), "one");
      bridging.kill("SIGTERM");
      assertEquals((await bridging.outcome()).signal, "SIGTERM");
      a.close();
      b.close();

      await using waiting = new Running(["bridge", `unix:${directory}/a`, `unix:${directory}/b`]);
      await appears(`${directory}/a`);
      waiting.kill("SIGINT");
      assertEquals((await waiting.outcome()).signal, "SIGINT");
      await assertRejects(() => Deno.lstat(`${directory}/a`), Deno.errors.NotFound);
    }),
  );
});

Deno.test("bridge: wrong usage exits 2, two roads that go the same way too, and a time limit 124", async () => {
  await inDirectory(async (directory) => {
    const cases: [string[], number][] = [
      [[], 2],
      [["unix:/tmp/x"], 2],
      [["unix:/tmp/x", "y"], 2],
      [["unix:/tmp/x", "unix:/tmp/y", "unix:/tmp/z"], 2],
      [["--json", "--text", "unix:/tmp/x", "unix:/tmp/y"], 2],
      [["--timeout", "50", `unix:${directory}/a`, `unix:${directory}/b`], 124],
    ];
    for (const [args, expected] of cases) {
      const { code, stderr } = await causeway(["bridge", ...args]);
      assertEquals([code, stderr.trimEnd().split("\n").length], [expected, 1], stderr);
    }
    assert(Array.from(Deno.readDirSync(directory)).every(({ name }) => name.startsWith(".")));
  });
});
