import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { $, ClosedError, command, ExitError, pipe, pipeline, PosixError } from "../../mod.ts";
import { setBlocked } from "../../lib/signal/thread_masks.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until, withEnoughTime } from "../helpers/patience.ts";
import { childrenOfThisProcess } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;

Deno.test("command().output() reports a program or directory that is not there", async (t) => {
  const cases: [name: string, run: () => Promise<unknown>, code: string, syscall: string, target: string][] = [
    ["missing name", () => command("no-such-program").output(), "ENOENT", "execve", "no-such-program"],
    ["missing path", () => command("/no/such/program").output(), "ENOENT", "execve", "/no/such/program"],
    ["missing directory", () => command("true", [], { cwd: "/no/such" }).output(), "ENOENT", "chdir", "/no/such"],
    [
      "file as directory",
      () => command("true", [], { cwd: "/etc/passwd" }).output(),
      "ENOTDIR",
      "chdir",
      "/etc/passwd",
    ],
    ["not executable", () => command("/etc/passwd").output(), "EACCES", "execve", "/etc/passwd"],
    ["too many arguments", () => command("true", ["x".repeat(3_000_000)]).output(), "E2BIG", "execve", "true"],
  ];
  for (const [name, run, code, syscall, target] of cases) {
    await t.step(name, async () => {
      const error = await assertRejects(run, PosixError);
      assertEquals([error.code, error.syscall, error.target], [code, syscall, target]);
      if (code === "E2BIG") assertStringIncludes(error.message, "pass the rest by stdin or a file");
    });
  }
});

Deno.test("command() refuses what execve could not express, before anything runs", () => {
  assertThrows(() => command(""), TypeError, "must not be empty");
  assertThrows(() => command("a\0b"), TypeError, "NUL");
  assertThrows(() => command("echo", ["a\0b"]), TypeError, "Argument 1");
  for (const name of ["", "A=B", "A\0"]) {
    assertThrows(() => command("echo", [], { env: { [name]: "x" } }), TypeError, "Variable name");
  }
  assertThrows(() => command("echo", [], { env: { A: "x\0" } }), TypeError, "NUL");
  assertThrows(() => command("echo", [], { cwd: "" }), TypeError, "cwd");
  // @ts-expect-error: memory alone is no end of anything.
  assertThrows(() => command("echo", [], { inherit: [{ bytes: new Uint8Array(1) }] }), TypeError, "inherit takes");
  assertThrows(() => command("echo", [], { timeoutMs: -1 }), RangeError, "timeoutMs");
  assertThrows(() => command("echo", [], { graceMs: NaN }), RangeError, "graceMs");
  assertThrows(() => command("echo").allow(256), RangeError, "0..255");
});

Deno.test("output() refuses a piped stdin that nobody could write to", async () => {
  await assertRejects(() => command("cat", [], { stdin: "piped" }).output(), TypeError, "needs spawn()");
});

Deno.test("command().status() reports every exit code as it is", async () => {
  for (const code of [0, 1, 2, 3, 126, 127, 128, 129, 137, 200, 254, 255]) {
    assertEquals(await command("sh", ["-c", `exit ${code}`]).status(), { kind: "exited", code });
  }
});

Deno.test("command().status() reports death by every standard signal", async () => {
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31]) {
    await assertDeathBy(number);
  }
});

Deno.test({
  name: "command().status() reports death by a real-time signal",
  // Deno itself never closes the resource of such a child (docs/gotchas.md); nothing of ours could.
  sanitizeResources: false,
  async fn() {
    for (const number of [34, 35, 50, 63, 64]) await assertDeathBy(number);
  },
});

async function assertDeathBy(number: number): Promise<void> {
  const status = await command("sh", ["-c", `ulimit -c 0; kill -${number} $$`]).status();
  assert(status.kind === "signaled", `signal ${number}: ${JSON.stringify(status)}`);
  assertEquals(status.number, number);
}

Deno.test("Child.status agrees with itself and the child is reaped once", async () => {
  const child = command("sh", ["-c", "exit 7"]).spawn();
  const statuses = await Promise.all([child.status, child.status, child.status]);
  assertEquals(new Set(statuses).size, 1);
  assertEquals(statuses[0], { kind: "exited", code: 7 });
  assert(await child.exited >= 0);
});

Deno.test("spawn() leaves no zombie of children that nobody awaits", async () => {
  await noLeaks(async () => {
    for (let round = 0; round < 200; round++) command("true").spawn();
    // Their ends are seen by the event loop, in whatever order; one more child that is awaited does not mean that the others are over.
    await until(() => childrenOfThisProcess().length === 0);
  });
});

Deno.test("Child.kill() of an exited child is a quiet no-op", async () => {
  const child = command("true").spawn();
  await child.status;
  assertEquals(child.kill("SIGKILL"), false);
  assertEquals(child.alive, false);
});

Deno.test("Child.kill() refuses what is no signal", async () => {
  await using child = command("sleep", ["100"]).spawn();
  assertThrows(() => child.kill("Sigterm" as "SIGTERM"), TypeError);
  for (const number of [32, 65, -1, 1.5]) assertThrows(() => child.kill(number));
  assertEquals(child.alive, true);
});

Deno.test("output() takes 5 MB of stdout and of stderr at once", async () => {
  const script = "head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait";
  const result = await watchdog(60 * SECOND, command("sh", ["-c", script]).output());
  assertEquals([result.stdoutBytes.byteLength, result.stderrBytes.byteLength, result.drained], [
    5_000_000,
    5_000_000,
    true,
  ]);
});

Deno.test("stdin of 20 MB comes back from cat, and is no error for true", async () => {
  const bytes = new Uint8Array(20_000_000).map((_, index) => index % 251);
  const digest = async (data: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const back = await watchdog(60 * SECOND, command("cat", [], { stdin: bytes }).bytes());
  assertEquals(await digest(back), await digest(bytes));
  assertEquals(await watchdog(60 * SECOND, command("true", [], { stdin: bytes }).text()), "");
});

Deno.test("stdin takes text, bytes, streams and pipe ends", async () => {
  assertEquals(await command("cat", [], { stdin: { text: "füñf" } }).text(), "füñf");
  assertEquals(await command("cat", [], { stdin: new TextEncoder().encode("bytes") }).text(), "bytes");
  assertEquals(await command("cat", [], { stdin: new Response("stream").body! }).text(), "stream");
  assertEquals(await command("cat").text(), "", "nothing by default");
  const { reader, writer } = pipe();
  const echo = command("echo", ["moved"], { stdout: writer }).spawn();
  assertEquals(await command("cat", [], { stdin: reader }).text(), "moved");
  assertEquals(await echo.status, { kind: "exited", code: 0 });
  assertThrows(() => reader.tryRead(new Uint8Array(1)), ClosedError);
  assertThrows(() => writer.tryWrite(new Uint8Array(1)), ClosedError);
});

Deno.test("stdin stream of a child that leaves early is cancelled", async () => {
  const cancelled = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  await command("true", [], { stdin: stream }).output();
  await watchdog(10 * SECOND, cancelled.promise);
});

Deno.test("output() delivers what was written just before the exit or the kill", async () => {
  for (let round = 0; round < 20; round++) {
    const { stdout } = await command("sh", ["-c", "printf x%.0s $(seq 50000); kill -9 $$"]).unchecked().output();
    assertEquals(stdout.length, 50_000);
  }
});

Deno.test("lines() keeps characters that are split across chunks and a last line without newline", async () => {
  const script = String.raw`printf 'a\303'; sleep 0.05; printf '\274b\n\nlast'`;
  assertEquals(await Array.fromAsync(command("sh", ["-c", script]).lines()), ["aüb", "", "last"]);
});

Deno.test("lines() throws after the last line when the command fails", async () => {
  const lines: string[] = [];
  const error = await assertRejects(async () => {
    for await (const line of command("sh", ["-c", "echo one; echo why >&2; exit 2"]).lines()) lines.push(line);
  }, ExitError);
  assertEquals([lines, error.stderr], [["one"], "why\n"]);
});

Deno.test("lines() left early ends and reaps the child", async () => {
  await noLeaks(async () => {
    for await (const line of command("yes").lines()) {
      assertEquals(line, "y");
      break;
    }
    assertEquals(childrenOfThisProcess(), []);
  });
});

Deno.test("output() does not wait for a grandchild that holds the pipe", async () => {
  const { promise: held, resolve } = Promise.withResolvers<void>();
  const script = "(trap 'exit 0' TERM; while :; do sleep 0.1; done) & echo $!";
  const result = await watchdog(30 * SECOND, command("sh", ["-c", script], { drainGraceMs: 100 }).output());
  assertEquals([result.drained, result.status], [false, { kind: "exited", code: 0 }]);
  assertMatch(result.stdout, /^\d+\n$/);
  Deno.kill(Number(result.stdout), "SIGTERM");
  resolve();
  await held;
});

Deno.test("timeoutMs ends a child that obeys SIGTERM", async () => {
  const error = await assertRejects(() => command("sleep", ["1000"], { timeoutMs: 50 }).output(), ExitError);
  assertEquals([error.timedOut, error.forced], [true, false]);
  assertEquals(error.status, { kind: "signaled", signal: "SIGTERM", number: 15 });
});

Deno.test("timeoutMs ends a child that ignores SIGTERM by SIGKILL after the grace", async () => {
  const script = "trap '' TERM; while :; do sleep 0.05; done";
  // The time has to be enough for the shell to ignore the signal.
  await withEnoughTime(200, async (timeoutMs) => {
    const run = command("sh", ["-c", script], { timeoutMs, graceMs: 100, drainGraceMs: 50 });
    const error = await watchdog(30 * SECOND, assertRejects(() => run.output(), ExitError));
    assertEquals([error.timedOut, error.forced], [true, true]);
    assertEquals(error.status, { kind: "signaled", signal: "SIGKILL", number: 9 });
    assertStringIncludes(error.message, "SIGKILL was needed");
  });
});

Deno.test("timeoutMs keeps what was printed before", async () => {
  await withEnoughTime(300, async (timeoutMs) => {
    const run = command("sh", ["-c", "echo begun; exec sleep 1000"], { timeoutMs });
    const error = await assertRejects(() => run.output(), ExitError);
    assertEquals(error.stdout, "begun\n");
  });
});

Deno.test("terminate() continues a stopped child so that it can die", async () => {
  const child = command("sleep", ["1000"]).spawn();
  child.kill("SIGSTOP");
  assertEquals(await watchdog(30 * SECOND, child.terminate(20 * SECOND)), false);
  assertEquals(await child.status, { kind: "signaled", signal: "SIGTERM", number: 15 });
});

Deno.test("await using ends a child that ignores SIGTERM", async () => {
  const run = command("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], {
    stdout: "piped",
    graceMs: 50,
  });
  let child;
  {
    await using scoped = run.spawn();
    child = scoped;
    const reader = scoped.stdout.getReader();
    await reader.read();
    reader.releaseLock();
  }
  assertEquals(await child.status, { kind: "signaled", signal: "SIGKILL", number: 9 });
});

Deno.test("an abort before the start spawns nothing, during it ends the child, after it does nothing", async () => {
  const early = AbortSignal.abort(new Error("early"));
  await assertRejects(() => command("touch", ["/no/such/place"], { signal: early }).output(), Error, "early");

  const controller = new AbortController();
  const child = command("sleep", ["1000"], { signal: controller.signal });
  const during = assertRejects(() => child.output(), Error, "during");
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort(new Error("during"));
  await watchdog(10 * SECOND, during);

  const late = new AbortController();
  const result = await command("echo", ["done"], { signal: late.signal }).output();
  late.abort(new Error("late"));
  assertEquals(result.stdout, "done\n");
});

Deno.test("arguments arrive byte for byte", async () => {
  const words = ["; rm -rf /", "$(x)", "*", "'", " ", '"', "\n", "-", "", "ü", "\\"];
  const script = 'for word; do printf "%s\\0" "$word"; done';
  const { stdout } = await command("sh", ["-c", script, "sh", ...words]).output();
  assertEquals(stdout.split("\0").slice(0, -1), words);
});

Deno.test("a child has descriptors 0, 1, 2, an empty signal mask and SIGPIPE at its default", async () => {
  // ls itself opens the directory that it lists; nothing else may be there.
  assertEquals((await command("ls", ["/proc/self/fd"]).text()).split("\n"), ["0", "1", "2", "3"]);
  const status = await command("cat", ["/proc/self/status"]).text();
  const mask = (name: string) => BigInt("0x" + (new RegExp(`^${name}:\\s*(\\w+)$`, "m").exec(status)?.[1] ?? "x"));
  assertEquals(mask("SigBlk"), 0n);
  assertEquals(mask("SigIgn") & (1n << 12n), 0n, "SIGPIPE is not ignored");
});

Deno.test("a child's signal mask is empty, whatever this thread blocks, and this thread goes on blocking it", async () => {
  const usr1 = 1n << 9n;
  setBlocked(10, true);
  try {
    const status = await command("cat", ["/proc/self/status"]).text();
    assertEquals(/^SigBlk:\s*(\w+)$/m.exec(status)?.[1], "0".repeat(16));
    const own = Deno.readTextFileSync("/proc/thread-self/status");
    assertEquals(BigInt("0x" + /^SigBlk:\s*(\w+)$/m.exec(own)?.[1]) & usr1, usr1);
  } finally {
    setBlocked(10, false);
  }
});

Deno.test("env extends, removes and clears", async () => {
  Deno.env.set("CAUSEWAY_TEST", "outer");
  try {
    const show = ["-c", 'echo "${CAUSEWAY_TEST-unset} ${HOME-unset} ${NEW-unset}"'];
    const home = Deno.env.get("HOME") ?? "unset";
    assertEquals(await command("sh", show, { env: { NEW: "x" } }).text(), `outer ${home} x`);
    assertEquals(await command("sh", show, { env: { CAUSEWAY_TEST: undefined } }).text(), `unset ${home} unset`);
    assertEquals(await command("/bin/sh", show, { env: { NEW: "x" }, clearEnv: true }).text(), "unset unset x");
  } finally {
    Deno.env.delete("CAUSEWAY_TEST");
  }
});

Deno.test("an empty PATH element never means the working directory", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/trap`, "#!/bin/sh\necho trapped\n", { mode: 0o755 });
    for (const path of [":/usr/bin", "/usr/bin:", "/usr/bin::/bin", ""]) {
      const run = () => command("trap", [], { cwd: directory, env: { PATH: path } }).text();
      await assertRejects(run, PosixError, "ENOENT");
    }
    assertEquals(await command("echo", ["found"], { env: { PATH: ":/usr/bin" } }).text(), "found");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("unchecked() and allow() forgive, with() changes a copy", async () => {
  const failing = command("sh", ["-c", "exit 3"]);
  assertEquals((await failing.unchecked().output()).status, { kind: "exited", code: 3 });
  assertEquals((await failing.allow([2, 3]).output()).status, { kind: "exited", code: 3 });
  await assertRejects(() => failing.allow(2).output(), ExitError);
  const inTmp = command("pwd").with({ cwd: "/tmp" });
  assertEquals(await inTmp.text(), "/tmp");
  assertEquals(await inTmp.text(), "/tmp", "a command runs as often as one likes");
  assert(await command("pwd").text() !== "/tmp");
});

Deno.test("endSignal is what ends a program, whoever ends it and however it was started", async () => {
  // By default it ends a program, and nobody passes it on as ignored.
  const endSignal = "SIGUSR1";
  const ended = { kind: "signaled", signal: "SIGUSR1", number: 10 } as const;
  for (const options of [{}, { group: "own" }, { nice: 1 }] as const) {
    const sleeper = command("sleep", ["1000"], { endSignal, ...options });
    assertEquals(await sleeper.with({ timeoutMs: 1 }).status(), ended);
    assertEquals(sleeper.with({ timeoutMs: 1 }).statusSync(), ended);
    const terminated = sleeper.spawn();
    assertEquals([await terminated.terminate(), await terminated.status], [false, ended]);
    const disposed = sleeper.spawn();
    await disposed[Symbol.asyncDispose]();
    assertEquals(await disposed.status, ended);
    const other = command("sleep", ["1000"], options);
    const { stages } = await pipeline(other.unchecked(), sleeper.unchecked()).with({ timeoutMs: 1 }).unchecked()
      .output().catch((error) => error);
    assertEquals(stages.map(({ status }: { status: unknown }) => status), [
      { kind: "signaled", signal: "SIGTERM", number: 15 },
      ended,
    ]);
  }
  assertEquals(await $`sleep 1000`.with({ endSignal, timeoutMs: 1 }).status(), ended);
  assertStringIncludes(String(command("true", [], { endSignal }).explain()), "ended by      SIGUSR1, not SIGTERM");
  // @ts-expect-error: no such name.
  assertThrows(() => command("true", [], { endSignal: "USR1" }), TypeError, "Unknown signal");
});

Deno.test("text() drops one final newline, output().stdout none, json() parses", async () => {
  const twoNewlines = command("printf", ["a\\n\\n"]);
  assertEquals(await twoNewlines.text(), "a\n");
  assertEquals((await twoNewlines.output()).stdout, "a\n\n");
  assertEquals(await command("echo", ['{"a":[1]}']).json(), { a: [1] });
  for (
    const json of [
      (words: string[]) => command("echo", words).json(),
      async (words: string[]) => await command("echo", words).jsonSync(),
    ]
  ) {
    await assertRejects(() => json(["{"]), SyntaxError, "No JSON was printed by echo '{': ");
    await assertRejects(() => json([]), SyntaxError, "Nothing was printed by echo: ");
  }
});

Deno.test("ExitError shows the command, the end and the last lines of stderr, harmless on a terminal", async () => {
  const script = String.raw`printf 'red \033[31m\n' >&2; exit 9`;
  const error = await assertRejects(() => command("sh", ["-c", script, "it's"]).output());
  assertInstanceOf(error, ExitError);
  assertStringIncludes(error.message, "exited with code 9");
  assertStringIncludes(error.message, String.raw`  | red \e[31m`);
  assertStringIncludes(error.message, String.raw`'it'\''s'`);
});

Deno.test("command() leaves descriptors, mappings and children as they were", async () => {
  await noLeaks(async () => {
    await command("cat", [], { stdin: { text: "x" } }).output();
    await command("sleep", ["1000"], { timeoutMs: 10 }).output().catch(() => {});
    await command("no-such-program").output().catch(() => {});
    await using child = command("cat", [], { stdin: "piped", stdout: "piped" }).spawn();
    child.kill();
  });
});

Deno.test("spawn() with a descriptor that was closed throws ClosedError and starts nothing", () => {
  const { reader, writer } = pipe();
  reader.close();
  writer.close();
  assertThrows(() => command("cat", [], { stdin: reader }).spawn(), ClosedError);
});
