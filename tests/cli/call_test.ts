import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "../sync/peer.ts";
import { causeway } from "./causeway.ts";
import { inDirectory, Running } from "./running.ts";

const LIMIT_MS = 120_000;

/** Runs a test against a program that serves. */
async function served(work: (address: string, peer: Peer) => Promise<void>): Promise<void> {
  await watchdog(
    LIMIT_MS,
    inDirectory(async (directory) => {
      const address = `unix:${directory}/api`;
      await using peer = Peer.deno("rpc_serve.ts", { args: [address, "many"] });
      assertEquals(await peer.says(), "ready");
      await work(address, peer);
    }),
  );
}

Deno.test("call: prints results as JSON, streams a line an item, and errors on standard error", async () => {
  await served(async (address) => {
    const cases: [string[], number, string, string][] = [
      [["add", "1", "-2"], 0, "-1\n", ""],
      [["echo", '{"deep":[null,"ü"]}'], 0, '{"deep":[null,"ü"]}\n', ""],
      [["nothing"], 0, "", ""],
      [["fail"], 1, "", "causeway: call: RangeError: out of; range\n"],
      [["nope"], 1, "", 'causeway: call: TypeError: There is no method "nope"'],
      [["constructor"], 1, "", 'causeway: call: TypeError: There is no method "constructor"'],
    ];
    for (const [args, code, stdout, stderr] of cases) {
      const outcome = await causeway(["call", address, ...args]);
      assertEquals([outcome.code, outcome.stdout], [code, stdout], outcome.stderr);
      assert(outcome.stderr.startsWith(stderr), outcome.stderr);
    }
    assertEquals((await causeway(["call", "--text", address, "echo", "two words"])).stdout, "two words\n");
    assertEquals((await causeway(["call", address, "count", "3"])).stdout, "1\n2\n3\n");
  });
});

Deno.test("call: --list tells what can be called", async () => {
  await served(async (address) => {
    const { code, stdout } = await causeway(["call", "--list", "--json", address]);
    assertEquals(code, 0);
    const methods: { name: string; parameters: number }[] = JSON.parse(stdout);
    assertEquals(methods.find(({ name }) => name === "add"), { name: "add", parameters: 2 });
    assertEquals(methods.length, 8);
    assert(/^add +2$/m.test((await causeway(["call", "--list", address])).stdout));
  });
});

Deno.test("call: a time limit, a signal and a reader that has had enough cancel the call at the other side", async () => {
  await served(async (address, peer) => {
    // Enough for the program to begin the call on a loaded machine.
    const limited = await causeway(["call", "--timeout", "2000", address, "wait"]);
    assertEquals(limited.code, 124);
    assertEquals([await peer.says(), await peer.says(), await peer.says()], [
      "waiting",
      "cancelled by TimeoutError",
      "closed",
    ]);

    await using interrupted = new Running(["call", address, "wait"]);
    assertEquals(await peer.says(), "waiting");
    interrupted.kill("SIGINT");
    assertEquals((await interrupted.outcome()).signal, "SIGINT");
    assertEquals(await peer.says(), "cancelled by AbortError");
    assertEquals(await peer.says(), "closed");

    await using headed = new Running(["call", address, "count", "1000000000"]);
    assertEquals(await headed.says(), "1");
    await headed.closeOutput();
    const { code, stderr } = await headed.outcome();
    assertEquals([code, stderr], [0, ""]);
    assertEquals(await peer.says(), "count is over");
  });
});

Deno.test("call: a program that dies meanwhile is an error", async () => {
  await served(async (address) => {
    const { code, stderr } = await causeway(["call", address, "die"]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "died");
  });
});

Deno.test("call: wrong usage exits 2 with one line", async () => {
  const cases: [string[], string][] = [
    [[], "which address?"],
    [["unix:/tmp/x"], "which method?"],
    [["nowhere", "add"], "An address is"],
    [["unix:/tmp/x", "add", "one"], '"one" is not JSON'],
    [["--list", "unix:/tmp/x", "add"], "--list takes an address only"],
    [["--json", "unix:/tmp/x", "add"], "--json is for --list"],
    [["unix:/tmp/x", "then"], 'no method is called "then"'],
    [["fifo:/tmp/x", "add"], "can only send"],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await causeway(["call", ...args]);
    assertEquals([code, stdout], [2, ""], stderr);
    assertStringIncludes(stderr, expected);
  }
});
