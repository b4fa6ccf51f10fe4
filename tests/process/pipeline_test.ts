import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { command, ExitError, pipeline, PosixError } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { procText } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;
const OK = { kind: "exited", code: 0 } as const;
const SIGPIPE = { kind: "signaled", signal: "SIGPIPE", number: 13 } as const;

Deno.test("pipeline() ends with success when the last stage has had enough", async () => {
  const { stdout, stages, status } = await watchdog(30 * SECOND, pipeline(["yes"], ["head", "-n", "1"]).output());
  assertEquals(stdout, "y\n");
  assertEquals(stages.map((stage) => stage.status), [SIGPIPE, OK]);
  assertEquals(status, OK);
});

Deno.test("pipeline() names the rightmost failure and attaches all", async (t) => {
  const exit = (code: number) => ["sh", "-c", `cat >/dev/null; exit ${code}`] as const;
  const cases: [name: string, stages: Parameters<typeof pipeline>, failed: number[], code: number][] = [
    ["false | true", [["false"], ["true"]], [0], 1],
    ["true | false", [["true"], ["false"]], [1], 1],
    ["3 | 0 | 4", [exit(3), exit(0), exit(4)], [0, 2], 4],
    ["a real failure beats its SIGPIPE victim", [["yes"], ["sh", "-c", "exit 5"]], [1], 5],
    ["an unchecked stage forgives itself only", [exit(3), command("sh", ["-c", "exit 4"]).unchecked()], [0], 3],
  ];
  for (const [name, stages, failed, code] of cases) {
    await t.step(name, async () => {
      const error = await assertRejects(() => pipeline(...stages).output(), ExitError);
      assertEquals(error.status, { kind: "exited", code });
      assertEquals(error.failures, failed.map((index) => error.stages[index]!));
      assertEquals(error.stages.length, stages.length);
    });
  }
});

Deno.test("pipeline() forgives an unchecked stage and allowed codes", async () => {
  const forgiven = command("sh", ["-c", "exit 4"]);
  assertEquals((await pipeline(forgiven.unchecked(), ["true"]).output()).status, OK);
  assertEquals((await pipeline(["true"], forgiven.allow(4)).output()).stages[1]!.status, { kind: "exited", code: 4 });
  assertEquals((await pipeline(["false"], ["false"]).unchecked().output()).stages.length, 2);
});

Deno.test("pipeline() ends and reaps the left when the right cannot start, and never starts the right when the left cannot", async () => {
  await noLeaks(async () => {
    const right = await assertRejects(() => pipeline(["yes"], ["no-such-program"]).output(), PosixError);
    assertEquals([right.code, right.target], ["ENOENT", "no-such-program"]);
  });
  await noLeaks(async () => {
    assertThrows(() => pipeline(["sleep", "1000"], ["no-such-program"]).spawn(), PosixError, "no-such-program");
    // Whatever runs next is seen to end after the child that was killed.
    await command("true").status();
  });
  const mark = await Deno.makeTempFile();
  await Deno.remove(mark);
  const left = await assertRejects(() => pipeline(["no-such-program"], ["touch", mark]).output(), PosixError);
  assertEquals(left.target, "no-such-program");
  await assertRejects(() => Deno.stat(mark), Deno.errors.NotFound);
});

Deno.test("pipeline() of 100 stages leaves the descriptor count as it was", async () => {
  await noLeaks(async () => {
    const cats = Array.from({ length: 99 }, () => ["cat"] as const);
    assertEquals(await pipeline(["echo", "through"], ...cats).text(), "through");
  });
});

Deno.test("pipeline() runs its stages at the same time", async () => {
  const directory = await Deno.makeTempDir();
  try {
    // Each stage waits for a FIFO that the other opens: one after the other, they would wait for ever.
    await command("mkfifo", [`${directory}/a`]).output();
    const stages = [["sh", "-c", `echo x >${directory}/a`], ["sh", "-c", `cat ${directory}/a`]] as const;
    assertEquals(await watchdog(30 * SECOND, pipeline(...stages).text()), "x");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("pipeline() moves the bytes in the kernel: none is read or written by this process", async () => {
  const before = bytesMoved();
  const count = await watchdog(120 * SECOND, pipeline(["head", "-c", "1G", "/dev/zero"], ["cat"], ["wc", "-c"]).text());
  assertEquals(count, String(2 ** 30));
  const moved = bytesMoved() - before;
  assert(moved < 1_000_000, `this process moved ${moved} bytes`);
});

/** Bytes that the threads of this process have passed through `read` and `write`. (`/proc/self/io` counts reaped children too.) */
function bytesMoved(): number {
  const counters = [...Deno.readDirSync("/proc/self/task")].flatMap(({ name }) => {
    const io = procText(`/proc/self/task/${name}/io`) ?? "";
    return [...io.matchAll(/^(?:rchar|wchar): (\d+)$/gm)].map((match) => Number(match[1]));
  });
  return counters.reduce((sum, count) => sum + count, 0);
}

Deno.test("Running.kill() reaches every stage, and await using ends them", async () => {
  await noLeaks(async () => {
    // None of them ends by itself because its neighbour has ended.
    const sleepers = pipeline(["sleep", "1000"], ["sleep", "1000"], ["sleep", "1000"]);
    await using running = sleepers.with({ stdin: "null", stdout: "null" }).spawn();
    assertEquals(running.kill("SIGKILL"), true);
    const stages = await watchdog(30 * SECOND, running.stages);
    for (const { status } of stages) assert(status.kind === "signaled");
  });
  await noLeaks(async () => {
    await using running = pipeline(["sleep", "1000"], ["cat"]).with({ stdin: "null", stdout: "piped" }).spawn();
    assertEquals(running.children.length, 2);
  });
});

Deno.test("pipeline() takes input from a stream and lines out of its end", async () => {
  const numbered = pipeline(["sort"], ["uniq"]).with({ stdin: { text: "b\na\nb\n" } });
  assertEquals(await Array.fromAsync(numbered.lines()), ["a", "b"]);
});

Deno.test("pipeline() refuses an empty pipeline and options that it must set itself", () => {
  assertThrows(() => pipeline(), TypeError, "at least one stage");
  assertThrows(() => pipeline(["a"], command("b", [], { stdin: "null" })), TypeError, "Stage 2 (b) has stdin");
  assertThrows(() => pipeline(command("a", [], { stdout: "null" }), ["b"]), TypeError, "Stage 1 (a) has stdout");
  assertThrows(() => pipeline(command("a", [], { timeoutMs: 1 }), ["b"]), TypeError, "give it to the pipeline");
});

Deno.test("pipeline() that times out ends every stage and says so", async () => {
  await noLeaks(async () => {
    const run = pipeline(["sleep", "1000"], ["cat"]).with({ timeoutMs: 50 });
    const error = await watchdog(30 * SECOND, assertRejects(() => run.output(), ExitError));
    assertEquals([error.timedOut, error.forced], [true, false]);
    assertStringIncludes(error.message, "after the time limit of 50 ms");
  });
});

Deno.test("pipeline() collects the standard error of every stage", async () => {
  const noisy = (text: string) => ["sh", "-c", `echo ${text} >&2; cat`] as const;
  const { stderr } = await pipeline(noisy("one"), noisy("two")).output();
  assertEquals(stderr.trim().split("\n").sort(), ["one", "two"]);
});
