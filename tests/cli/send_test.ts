import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { channel } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway } from "./causeway.ts";
import { inDirectory, Running } from "./running.ts";

const LIMIT_MS = 120_000;

Deno.test("send: the messages of the command line arrive at a program, in order", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`;
      const sending = causeway(["send", address, '{"a":[1,"ü"]}', '"text"', "7"]);
      using end = await channel(address, { mode: "listen" });
      assertEquals(await Array.fromAsync(end), [{ a: [1, "ü"] }, "text", 7]);
      assertEquals(await sending, { code: 0, signal: null, stdout: "", stderr: "" });
    }),
  );
});

Deno.test("send: a message may look like an option, after -- or without, and one that may be meant as one is explained", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/options`;
      const tables: [words: string[], messages: string[]][] = [
        [["--", "-n", "--json"], ["-n", "--json"]],
        [["-n", "--json", "--"], ["-n", "--json", "--"]],
        [["--", "--"], ["--"]],
      ];
      for (const [words, messages] of tables) {
        const sending = causeway(["send", "--text", address, ...words]);
        using end = await channel(address, { mode: "listen", codec: "text" });
        assertEquals(await Array.fromAsync(end), messages);
        assertEquals((await sending).code, 0);
      }
      const { code, stderr } = await causeway(["send", address, "1", "--timeout", "300"]);
      assertEquals([code, stderr], [
        2,
        'causeway: send: "--timeout" is not JSON: options come before the address\n',
      ]);
    }),
  );
});

Deno.test("send: lines of standard input are messages, as text, as bytes with a length, and with NUL", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/lines`;
      const text = causeway(["send", "--text", address], { input: "one\n\ntwo words\nlast" });
      using first = await channel(address, { mode: "listen", codec: "text" });
      assertEquals(await Array.fromAsync(first), ["one", "", "two words", "last"]);
      assertEquals((await text).code, 0);

      const bytes = causeway(["send", "--bytes", "--length", address], { input: "\0\0\0\x03a\nb\0\0\0\0" });
      using second = await channel(address, { mode: "listen", codec: "bytes" });
      assertEquals((await Array.fromAsync(second)).map((each) => new TextDecoder().decode(each)), ["a\nb", ""]);
      assertEquals((await bytes).code, 0);

      const json = causeway(["send", "--null", address], { input: '{\n"a": 1\n}\0[2]\0' });
      using third = await channel(address, { mode: "listen" });
      assertEquals(await Array.fromAsync(third), [{ a: 1 }, [2]]);
      assertEquals((await json).code, 0);
    }),
  );
});

Deno.test("send: a message that is none stops it, and what came before has arrived", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`;
      const sending = causeway(["send", address], { input: "1\nnonsense\n3\n" });
      using end = await channel(address, { mode: "listen" });
      assertEquals(await Array.fromAsync(end), [1]);
      const { code, stderr } = await sending;
      assertEquals([code, stderr], [1, "causeway: send: message 2 is not JSON: --text takes it as it is\n"]);

      const long = causeway(["send", "--text", "--max-bytes", "10", address], { input: "short\nmuch too long\n" });
      using other = await channel(address, { mode: "listen", codec: "text" });
      assertEquals(await Array.fromAsync(other), ["short"]);
      assertStringIncludes((await long).stderr, "message 2 is longer than 10 bytes");
      other.close();

      const refused = causeway(["send", "--text", address, "much too long"]);
      using narrow = await channel(address, { mode: "listen", codec: "text", maxMessageBytes: 5 });
      assertEquals(await Array.fromAsync(narrow), []);
      const { stderr: reason } = await refused;
      assertStringIncludes(reason, "has at most 5 bytes, got 13: raise --max-bytes at both ends");
    }),
  );
});

Deno.test("send: a receiver that goes away ends it with 1, one that never comes with 124", async () => {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/jobs`;
      const none = await causeway(["send", "--timeout", "50", address, "1"]);
      assertEquals(none.code, 124);
      assertEquals(none.stderr, `causeway: send: time limit reached: Connecting to ${address}\n`);

      await using sending = new Running(["send", "--text", address]);
      const end = await channel(address, { mode: "listen", codec: "text" });
      await sending.tell("first\n");
      assertEquals(await end.receive(), "first");
      await end[Symbol.asyncDispose]();
      await sending.tell("second\n");
      await sending.tell("third\n");
      await sending.endInput();
      const { code, stderr } = await sending.outcome();
      assertEquals(code, 1);
      assertStringIncludes(stderr, "closed its end");
    }),
  );
});

Deno.test("send: wrong usage exits 2 with one line", async () => {
  const cases: [string[], string][] = [
    [[], "which address?"],
    [["nowhere", "1"], 'An address is "fifo:/path"'],
    [["unix:/tmp/x", "plain words"], "is not JSON: --text takes it as it is"],
    [["--json", "--text", "unix:/tmp/x"], "--json or --text, not both"],
    [["--null", "--length", "unix:/tmp/x"], "--null or --length, not both"],
    [["--timeout", "soon", "unix:/tmp/x"], "--timeout takes milliseconds"],
    [["--max-bytes", "0", "unix:/tmp/x"], "--max-bytes takes at least 1"],
    [["--max-bytes", "99999999999999", "unix:/tmp/x"], "--max-bytes takes at most 2147483584"],
    // A receiver would be waited for before anything is sent: nothing is, not even the first one.
    [["--max-bytes", "5", "unix:/tmp/x", '"a"', '"été"'], "message 2 is longer than 5 bytes: see --max-bytes"],
    [["--text", "--max-bytes", "4", "unix:/tmp/x", "été"], "message 1 is longer than 4 bytes: see --max-bytes"],
    [["--listen", "fifo:/tmp/x", "1"], "can only receive"],
    [["--liste", "unix:/tmp/x"], 'did you mean "--listen"?'],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await causeway(["send", ...args]);
    assertEquals([code, stdout], [2, ""], stderr);
    assertStringIncludes(stderr, expected);
    assertEquals(stderr.trimEnd().split("\n").length, 1);
  }
});

Deno.test("send: a missing permission is named with its flag", async () => {
  const { code, stderr } = await causeway(["send", "--timeout", "50", "unix:/tmp/nobody", "1"], { flags: [] });
  assertEquals(code, 1);
  assert(/--allow-\w+/.test(stderr), stderr);
});
