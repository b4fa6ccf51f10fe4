import { assertEquals, assertStringIncludes } from "@std/assert";
import { channel } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway } from "./causeway.ts";
import { appears, inDirectory, Running } from "./running.ts";

const LIMIT_MS = 120_000;

Deno.test("receive: prints a line for every message, whatever a program sends, until the sender closes", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`;
      const receiving = causeway(["receive", address]);
      const end = await channel(address);
      for (const message of [{ a: 1 }, "two\nlines", null, [3]]) await end.send(message);
      await end[Symbol.asyncDispose]();
      assertEquals(await receiving, {
        code: 0,
        signal: null,
        stdout: '{"a":1}\n"two\\nlines"\nnull\n[3]\n',
        stderr: "",
      });
    }),
  );
});

Deno.test("receive: what send sends comes out as it went in, on the roads that go one way too", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const cases: [string, string[], string][] = [
        [`fifo:${directory}/f`, ["--text"], "hi\nyou\n"],
        [`unix:${directory}/u`, ["--bytes", "--length"], "\0\0\0\x02hi\0\0\0\x01\n"],
        [`shm:cli-test-${crypto.randomUUID()}`, ["--bytes", "--null"], "hi\0\n\0"],
      ];
      for (const [address, format, input] of cases) {
        const receiving = causeway(["receive", ...format, address]);
        const sent = await causeway(["send", ...format, address], { input });
        assertEquals([sent.code, sent.stderr], [0, ""], address);
        assertEquals(await receiving, { code: 0, signal: null, stdout: input, stderr: "" });
      }
    }),
  );
});

Deno.test("receive: --count ends it, and so does a reader that has had enough, quietly", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`;
      const counted = causeway(["receive", "--count", "2", address]);
      const end = await channel(address);
      for (const message of [1, 2]) await end.send(message);
      assertEquals(await counted, { code: 0, signal: null, stdout: "1\n2\n", stderr: "" });
      end.close();

      await using headed = new Running(["receive", address]);
      const sender = await channel(address);
      await sender.send("one");
      assertEquals(await headed.says(), '"one"');
      // Nothing more is sent: that nobody reads is noticed all the same.
      await headed.closeOutput();
      const { code, signal, stderr } = await headed.outcome();
      assertEquals([code, signal, stderr], [0, null, ""]);
      sender.close();
    }),
  );
});

Deno.test("receive: --follow waits for one sender after another", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/log`;
      await using following = new Running(["receive", "--text", "--follow", "--count", "3", address]);
      for (const word of ["one", "two", "three"]) {
        const end = await channel(address, { codec: "text" });
        await end.send(word);
        end.close();
        assertEquals(await following.says(), word);
      }
      assertEquals((await following.outcome()).code, 0);
    }),
  );
});

Deno.test("receive: a sender that is killed ends it with 1, after everything that it had sent", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/log`;
      await using receiving = new Running(["receive", "--text", address]);
      await using sending = new Running(["send", "--text", address]);
      await sending.tell("before\n");
      assertEquals(await receiving.says(), "before");
      sending.kill("SIGKILL");
      const { code, stderr } = await receiving.outcome();
      assertEquals(code, 1);
      assertStringIncludes(stderr, "died");
    }),
  );
});

Deno.test("receive: dies of the signal that ends it, and leaves no name behind", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const path = `${directory}/${signal}`;
        await using receiving = new Running(["receive", `unix:${path}`]);
        await appears(path);
        receiving.kill(signal);
        assertEquals((await receiving.outcome()).signal, signal);
        assertEquals(Array.from(Deno.readDirSync(directory), ({ name }) => name).filter((name) => name === signal), []);
      }
    }),
  );
});

Deno.test("receive: time limits exit 124, wrong usage 2", async () => {
  await inDirectory(async (directory) => {
    for (const mode of [[], ["--connect"]]) {
      const { code } = await causeway(["receive", ...mode, "--timeout", "50", `unix:${directory}/nobody`]);
      assertEquals(code, 124);
    }
  });
  for (const args of [[], ["x:y"], ["unix:/a", "unix:/b"], ["--connect", "mq:/x"], ["--count", "many", "unix:/a"]]) {
    const { code, stderr } = await causeway(["receive", ...args]);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
  }
});
