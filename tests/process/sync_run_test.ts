import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { command, ExitError, pipe, pipeline, PosixError } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { withEnoughTime } from "../helpers/patience.ts";

const OK = { kind: "exited", code: 0 } as const;

Deno.test("outputSync() takes 5 MB in and 5 MB out on each side at once, without a deadlock", async () => {
  const bytes = new Uint8Array(5_000_000).map((_, index) => index % 251);
  const { stdoutBytes, stderrBytes, drained } = command("tee", ["/dev/stderr"], { stdin: bytes }).outputSync();
  const digest = async (data: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  assertEquals(await digest(stdoutBytes), await digest(bytes));
  assertEquals(await digest(stderrBytes), await digest(bytes));
  assertEquals(drained, true);
  const through = pipeline(["cat"], ["cat"], ["cat"]).with({ stdin: bytes }).bytesSync();
  assertEquals(await digest(through), await digest(bytes));
});

Deno.test("the synchronous verbs give what the others give", async () => {
  const run = command("printf", ["1\\n2\\n"]);
  assertEquals(run.textSync(), await run.text());
  assertEquals(run.bytesSync(), await run.bytes());
  assertEquals(run.linesSync(), await Array.fromAsync(run.lines()));
  assertEquals(command("echo", ["{}"]).jsonSync(), {});
  assertEquals(command("true").linesSync(), []);
  const both = command("sh", ["-c", "echo out; echo err >&2"]);
  const { stages: [sync], ...rest } = both.outputSync();
  const { stages: [other], ...expected } = await both.output();
  assertEquals({ ...rest, durationMs: 0 }, { ...expected, durationMs: 0 });
  assertEquals([sync!.command, sync!.status], [other!.command, other!.status]);
  const { stages, status } = pipeline(["yes"], ["head", "-n", "1"]).outputSync();
  assertEquals([status, stages.map(({ status }) => status.kind)], [OK, ["signaled", "exited"]]);
});

Deno.test("statusSync() reports every kind of end and never throws because of one", () => {
  for (const code of [0, 1, 255]) {
    assertEquals(command("sh", ["-c", `exit ${code}`]).statusSync(), { kind: "exited", code });
  }
  for (const number of [1, 9, 34, 64]) {
    const status = command("sh", ["-c", `kill -${number} $$`]).statusSync();
    assert(status.kind === "signaled" && status.number === number);
  }
  const late = command("sleep", ["1000"], { timeoutMs: 20 }).statusSync();
  assertEquals(late, { kind: "signaled", signal: "SIGTERM", number: 15 });
});

Deno.test("outputSync() throws what output() rejects with, and leaves nothing", async () => {
  await noLeaks(() => {
    const failed = assertThrows(() => command("sh", ["-c", "echo why >&2; exit 3"]).outputSync(), ExitError);
    assertEquals([failed.status, failed.stderr], [{ kind: "exited", code: 3 }, "why\n"]);
    assertEquals(command("sh", ["-c", "exit 3"]).allow(3).textSync(), "");
    assertThrows(() => command("no-such-program").textSync(), PosixError, "ENOENT");
    const right = assertThrows(() => pipeline(["yes"], ["no-such-program"]).textSync(), PosixError);
    assertEquals(right.target, "no-such-program");
    const worst = pipeline(["sh", "-c", "cat; exit 3"], ["sh", "-c", "cat; exit 4"], ["cat"]);
    assertEquals(assertThrows(() => worst.outputSync(), ExitError).failures.length, 2);
    const signal = AbortSignal.abort(new Error("early"));
    assertThrows(() => command("true", [], { signal }).textSync(), Error, "early");
  });
});

Deno.test("outputSync() ends what ignores SIGTERM by SIGKILL after the grace", async () => {
  // The time has to be enough for the shell to ignore the signal.
  await noLeaks(() =>
    withEnoughTime(100, (timeoutMs) => {
      const script = "trap '' TERM; while :; do sleep 0.05; done";
      const run = command("sh", ["-c", script], { timeoutMs, graceMs: 50, drainGraceMs: 50 });
      const error = assertThrows(() => run.outputSync(), ExitError);
      assertEquals([error.timedOut, error.forced], [true, true]);
      assertStringIncludes(error.message, "SIGKILL was needed");
    })
  );
});

Deno.test("outputSync() does not wait for a grandchild that holds the pipe, and keeps what the child wrote", () => {
  const script = "sleep 1000 & head -c 60000 /dev/zero; echo $! >&2";
  const result = command("sh", ["-c", script], { drainGraceMs: 50 }).outputSync();
  assertEquals([result.drained, result.stdout.length], [false, 60_000]);
  Deno.kill(Number(result.stderr), "SIGKILL");
});

Deno.test("outputSync() takes descriptors and iterables, and refuses what only the event loop can serve", async () => {
  const { reader, writer } = pipe();
  command("echo", ["moved"], { stdout: writer }).outputSync();
  assertEquals(command("cat", [], { stdin: reader }).textSync(), "moved");
  await noLeaks(() => {
    const asynchronous = (async function* () {
      yield await Promise.resolve("x");
    })();
    assertThrows(() => command("cat", [], { stdin: asynchronous }).textSync(), TypeError, "asynchronous verb");
    assertThrows(() => command("cat", [], { stdout: new WritableStream() }).textSync(), TypeError, "asynchronous verb");
    assertThrows(() => command("cat", [], { stdout: ["piped", "null"] }).textSync(), TypeError, "asynchronous verb");
    assertThrows(() => command("cat", [], { stdin: "piped" }).textSync(), TypeError, "needs spawn()");
    const broken = (function* () {
      yield new Uint8Array(1);
      throw new Error("source broke");
    })();
    assertThrows(() => command("cat", [], { stdin: broken }).textSync(), Error, "source broke");
  });
});

Deno.test("outputSync() without --allow-ffi says what it needs", async () => {
  const script = `import { command } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    try { command("true").outputSync(); } catch (error) { console.log(error.name); }`;
  const run = command(Deno.execPath(), ["run", "--no-prompt", "--allow-run", "-"], { stdin: { text: script } });
  assertEquals(await run.text(), "NotCapable");
});
