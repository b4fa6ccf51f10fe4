import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { command, ExitError, fanIn, fanOut, pipeline, type Progress } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 30_000;

/** A test under a watchdog that leaves nothing behind. */
function branchTest(name: string, run: () => Promise<void>): void {
  Deno.test(name, () => watchdog(LIMIT_MS, noLeaks(run)));
}

branchTest("fanIn joins what several programs write, until the last has ended", async () => {
  // Each writes once, fewer bytes than PIPE_BUF: nothing is cut.
  const numbers = [1, 2, 3].map((first) => ["seq", String(first), "3", "900"] as const);
  const { stdout, stages } = await pipeline(fanIn(...numbers, [["seq", "5"], ["head", "-n", "1"]]), ["sort", "-n"])
    .output();
  const expected = [1, ...Array.from({ length: 900 }, (_, index) => index + 1)];
  assertEquals(stdout, expected.map((number) => `${number}\n`).join(""));
  assertEquals(stages.length, 6);
  const large = pipeline(fanIn(...Array(4).fill(["head", "-c", "1000000", "/dev/zero"])), ["wc", "-c"]);
  assertEquals(await large.text(), "4000000");
});

branchTest("fanIn ends with success when the reader has had enough, and blames the branch that failed", async () => {
  assertEquals(await pipeline(fanIn(["yes"], ["yes"]), ["head", "-n", "2"]).text(), "y\ny");
  const failing = pipeline(fanIn(["true"], ["sh", "-c", "exit 4"], ["true"]), ["cat"]);
  const error = await assertRejects(() => failing.output(), ExitError);
  assertEquals(error.status, { kind: "exited", code: 4 });
});

branchTest("fanOut gives every branch every byte, in the kernel", async () => {
  const bytes = 20_000_000;
  const { stdout } = await pipeline(
    ["head", "-c", String(bytes), "/dev/urandom"],
    fanOut(["sha256sum"], [["cat"], ["sha256sum"]], ["wc", "-c"]),
  ).output();
  const [first, second, count] = stdout.split("\n");
  assertEquals([first === second, count], [true, String(bytes)]);
});

branchTest("fanOut stays bounded: the slowest branch sets the pace", async () => {
  await using running = pipeline(["yes"], fanOut(["cat"], ["sleep", "100"])).with({ stdout: "null" }).spawn();
  const [yes] = running.children;
  // It is asleep in write(2) once every pipe is full.
  while (!/pipe/.test(await Deno.readTextFile(`/proc/${yes!.pid}/wchan`))) {
    await new Promise((turn) => setTimeout(turn, 5));
  }
  assert(yes!.alive);
});

branchTest("fanOut goes on when one branch has had enough, and ends the program before when all have", async () => {
  const counted = pipeline(["seq", "200000"], fanOut(["head", "-n", "1"], ["wc", "-l"], ["head", "-n", "1"]));
  assertEquals(await counted.text(), "1\n200000\n1");
  const { stdout, stages } = await pipeline(["yes"], fanOut(["head", "-n", "1"], ["head", "-n", "50000"])).output();
  assertEquals([stdout.length, stages[0]?.status.kind], [2 + 100_000, "signaled"]);
});

branchTest("fanOut lets a branch write to a place of its own", async () => {
  const path = await Deno.makeTempFile({ prefix: "causeway-test-" });
  const sorted = command("sort", ["-r"], { stdout: { file: path } });
  assertEquals(await pipeline(["seq", "3"], fanOut(sorted, ["tail", "-n", "1"])).text(), "3");
  assertEquals(await Deno.readTextFile(path), "3\n2\n1\n");
  await Deno.remove(path);
});

branchTest("fanIn and fanOut together, aborted: every program is ended", async () => {
  const controller = new AbortController();
  const run = pipeline(fanIn(["yes"], ["yes"]), ["cat"], fanOut(["sleep", "100"], [["cat"], ["sleep", "100"]]))
    .with({ signal: controller.signal }).output();
  queueMicrotask(() => controller.abort(new Error("enough")));
  await assertRejects(() => run, Error, "enough");
});

branchTest("a branch that cannot start ends the others", async () => {
  await assertRejects(() => pipeline(["yes"], fanOut(["cat"], ["no-such-program"])).output(), Error, "no-such-program");
  await assertRejects(() => pipeline(fanIn(["yes"], ["no-such-program"]), ["cat"]).output(), Error, "no-such-program");
});

Deno.test("fanIn and fanOut refuse what cannot be", () => {
  assertThrows(() => fanIn(["a"]), TypeError, "at least two");
  assertThrows(() => fanOut(), TypeError, "at least two");
  assertThrows(() => pipeline(["a"], fanIn(["b"], ["c"])), TypeError, "must be the first");
  assertThrows(() => pipeline(fanOut(["b"], ["c"]), ["a"]), TypeError, "must be the last");
  assertThrows(() => pipeline(["a"], fanOut([], ["c"])), TypeError, "at least one program");
  const two = pipeline(["echo"], fanOut(["cat"], ["cat"]));
  assertThrows(() => two.with({ stdout: { file: "/dev/null" } }).explain(), TypeError, "a stdout of its own");
  assertThrows(() => two.outputSync(), TypeError, "needs an asynchronous verb");
});

Deno.test("explain() tells who reads whom", () => {
  const { stages } = pipeline(fanIn(["a"], ["b"]), ["c"], fanOut(["d"], ["e"])).explain();
  const ends = stages.map(({ descriptors }) => descriptors.slice(0, 2).map(({ what }) => what));
  assertEquals(ends, [
    ["nothing (/dev/null)", "a pipe to c"],
    ["nothing (/dev/null)", "a pipe to c"],
    ["a pipe from a, b", "a pipe to d, e"],
    ["a pipe from c", "a pipe, read or written by this process"],
    ["a pipe from c", "a pipe, read or written by this process"],
  ]);
});

branchTest("lines() refuses several outputs: it would lose all but one", async () => {
  await assertRejects(
    () => Array.fromAsync(pipeline(["seq", "2"], fanOut(["cat"], ["cat"])).lines()),
    TypeError,
    "here are several",
  );
});

branchTest("onProgress tells how far the bytes have come, and the end", async () => {
  const reports: Progress[] = [];
  /** As much each time as a report has told of what came before. */
  async function* atThePaceOfReports() {
    for (let count = 1; count <= 5; count++) {
      yield new Uint8Array(100_000);
      while ((reports.at(-1)?.byteLength ?? 0) < count * 100_000) await new Promise((turn) => setTimeout(turn, 1));
    }
  }
  const counted = pipeline(["cat"], ["cat"], ["wc", "-c"])
    .with({ stdin: atThePaceOfReports(), onProgress: (progress) => reports.push(progress), progressEveryMs: 10 });
  assertEquals(await counted.text(), "500000");
  const last = reports.at(-1)!;
  assertEquals([last.byteLength, last.done], [500_000, true]);
  assert(reports.length > 3);
  assert(reports.every(({ byteLength }, index) => index === 0 || byteLength >= reports[index - 1]!.byteLength));
  assert(reports.slice(0, -1).every(({ done }) => !done));
});
