import { assertEquals, assertStringIncludes } from "@std/assert";
import { command, type CommandOptions, pipe, pipeline } from "../../mod.ts";
import "../helpers/open_libc.ts";

Deno.test("explain() names the launcher, and the options that ask for another", () => {
  const cases: [options: CommandOptions, because: string[], trampoline: string[]][] = [
    [{}, [], []],
    [{ cwd: "/", env: { A: "1" }, clearEnv: true, stdout: "null", timeoutMs: 1 }, [], []],
    [{ uid: 1, gid: 1 }, [], []],
    [{ argv0: "x" }, ["argv0"], []],
    [{ group: "own" }, ['group: "own"'], []],
    [{ group: "session" }, ['group: "session"'], []],
    [{ umask: 0o27 }, ["umask"], ["umask 23"]],
    [{ nice: 3, uid: 1 }, ["nice"], ["setpriority 3", "setgroups 116", "setresuid 117 1 1 1"]],
    [{ groups: [1, 2], gid: 3 }, ["groups"], ["setgroups 116 1 2", "setresgid 119 3 3 3"]],
    [{ limits: { core: 0 } }, ["limits"], ["prlimit 302 4 0 0"]],
  ];
  for (const [options, because, trampoline] of cases) {
    const stage = command("true", [], options).explain().stages[0]!;
    assertEquals(stage.launcher, because.length === 0 ? "Deno.Command" : "posix_spawn", JSON.stringify(options));
    assertEquals(stage.because, because);
    // Numbers of system calls are those of x86-64.
    if (Deno.build.arch === "x86_64") assertEquals(stage.trampoline, trampoline);
  }
  assertEquals(command("true", [], { usage: true, lifeline: true }).explain().stages[0]!.because, [
    "usage",
    "lifeline",
  ]);
});

Deno.test("explain() tells program, variables and descriptors, and does nothing", async () => {
  const { reader, writer } = pipe();
  const run = command("sort", ["-n", "a b"], {
    cwd: "/tmp",
    env: { A: "1 2", B: undefined },
    stdin: { text: "abc" },
    stdout: ["piped", { file: "/no/such/folder/x", append: true }],
    stderr: "stdout",
    descriptors: { 5: writer },
    timeoutMs: 100,
  });
  const explanation = run.explain();
  const stage = explanation.stages[0]!;
  assertEquals([stage.program, stage.cwd, stage.argv0], ["/usr/bin/sort", "/tmp", "sort"]);
  assertEquals(stage.endSignal, "SIGTERM");
  assertEquals(stage.environment, { inherited: true, set: { A: "1 2" }, removed: ["B"] });
  assertEquals(stage.descriptors.map(({ number }) => number), [0, 1, 2, 5]);
  assertEquals(explanation.ending.timeoutMs, 100);
  const text = String(explanation);
  for (
    const part of [
      "sort -n 'a b'\n",
      "/usr/bin/sort",
      "A='1 2', without B",
      "3 bytes",
      "/no/such/folder/x, at its end",
      "the same as stdout",
      "posix_spawn, for descriptor 5",
      "SIGTERM after 100 ms",
    ]
  ) assertStringIncludes(text, part);
  // The ends were not moved.
  await writer.write(new Uint8Array(1));
  assertEquals(await reader.read(new Uint8Array(2)), 1);
  reader.close();
  writer.close();
});

Deno.test("explain() of a pipeline shows its pipes, and of a missing program that it is missing", () => {
  const stages = pipeline(["yes"], ["no-such-program"]).explain().stages;
  assertEquals(stages.map(({ program }) => program), ["/usr/bin/yes", undefined]);
  assertEquals([stages[0]!.descriptors[1]!.what, stages[1]!.descriptors[0]!.what], [
    "a pipe to no-such-program",
    "a pipe from yes",
  ]);
});
