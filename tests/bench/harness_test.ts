import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { allowedCpus } from "../../bench/command_line.ts";
import { type Outcome, type Row, runRow, shuffled } from "../../bench/harness.ts";
import { duration, table } from "../../bench/report.ts";
import { ROWS } from "../../bench/rows.ts";
import { judge, pairedRatios, spread, summarize } from "../../bench/statistics.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("summarize gives the median and interpolated quartiles in any order", () => {
  for (
    const [figures, expected] of [
      [[7], { median: 7, low: 7, high: 7 }],
      [[3, 1, 2], { median: 2, low: 1.5, high: 2.5 }],
      [[4, 1, 3, 2], { median: 2.5, low: 1.75, high: 3.25 }],
      [[10, 9, 100, 1, 5], { median: 9, low: 5, high: 10 }],
    ] as const
  ) assertEquals(summarize(figures), expected);
});

Deno.test("summarize leaves its figures as they were and refuses none", () => {
  const figures = [3, 1, 2];
  summarize(figures);
  assertEquals(figures, [3, 1, 2]);
  assertThrows(() => summarize([]), RangeError, "at least one figure");
});

Deno.test("pairedRatios compares within a round: a disturbance of both sides cancels out", () => {
  assertEquals(pairedRatios([20, 2000, 40], [10, 1000, 20]), { median: 2, low: 2, high: 2 });
});

Deno.test("pairedRatios refuses rounds that do not belong together and baselines of 0", () => {
  assertThrows(() => pairedRatios([1, 2], [1]), RangeError, "same rounds");
  assertThrows(() => pairedRatios([1], [0]), RangeError, "above 0");
});

Deno.test("spread is the distance of the quartiles as a share of the median", () => {
  assertEquals(spread({ median: 10, low: 8, high: 12 }), 0.4);
  assertEquals(spread({ median: 0, low: 0, high: 0 }), 0);
});

Deno.test("judge reaches at the target, misses above it, reports without one", () => {
  const calm = { median: 100, low: 95, high: 105 };
  for (
    const [figure, atMost, kind] of [
      [1.59, 1.6, "reached"],
      [1.6, 1.6, "reached"],
      [1.61, 1.6, "missed"],
      [9, undefined, "reported"],
    ] as const
  ) assertEquals(judge(figure, atMost, calm), { kind });
});

Deno.test("judge voids what was compared with a restless baseline, reached or not", () => {
  const reason = "baseline spread 50 %";
  for (const atMost of [1, 100, undefined]) {
    assertEquals(judge(2, atMost, { median: 100, low: 75, high: 125 }), { kind: "void", reason });
  }
  assertEquals(judge(2, 3, { median: 100, low: 80, high: 120 }), { kind: "reached" });
});

Deno.test("shuffled gives every order of the contenders", () => {
  const orders = new Set(Array.from({ length: 1000 }, () => shuffled(3).join("")));
  assertEquals([...orders].sort(), ["012", "021", "102", "120", "201", "210"]);
});

Deno.test("allowedCpus reads single numbers and ranges", () => {
  assertEquals(allowedCpus("Name:\tx\nCpus_allowed_list:\t0-2,5,8-9\n"), [0, 1, 2, 5, 8, 9]);
  assertEquals(allowedCpus("Cpus_allowed_list:\t3\n"), [3]);
});

Deno.test("duration picks the unit", () => {
  assertEquals([0.5, 12.34, 950, 1500, 48_000, 2.5e8, 3e9].map(duration), [
    "0.50 ns",
    "12.3 ns",
    "950 ns",
    "1.50 µs",
    "48.0 µs",
    "250 ms",
    "3.00 s",
  ]);
});

Deno.test("table says target and verdict of every kind of outcome", () => {
  const summary = { median: 1.5, low: 1.25, high: 1.75 };
  const ratio: Outcome = {
    kind: "ratio",
    row: "pipe-sync",
    placement: "one core",
    subject: "ours",
    baseline: "C",
    subjectNs: { median: 6000, low: 6000, high: 6000 },
    baselineNs: { median: 4000, low: 4000, high: 4000 },
    baselineSpread: 0,
    ratio: summary,
    atMost: 1.6,
    verdict: { kind: "reached" },
  };
  const text = table([
    ratio,
    {
      kind: "figure",
      row: "pipeline",
      placement: "free",
      subject: "ours",
      what: "CPU of the parent",
      figureMs: { median: 140, low: 130, high: 150 },
      atMost: 100,
      verdict: { kind: "missed" },
    },
    { kind: "skipped", row: "spin", reason: "it needs two CPUs" },
  ]).split("\n");
  assertEquals(text.length, 4);
  assertMatch(text[1] ?? "", /6\.00 µs +C +4\.00 µs +1\.50× \(1\.25–1\.75\) +≤ 1\.6× +reached$/);
  assertMatch(text[2] ?? "", /CPU of the parent +140 ms +≤ 100 ms +MISSED$/);
  assertMatch(text[3] ?? "", /skipped: it needs two CPUs$/);
  const small = { median: 0.0312, low: 0.03, high: 0.5 };
  const [, line] = table([{ ...ratio, ratio: small, atMost: 1 / 30 }]).split("\n");
  assertMatch(line ?? "", /0\.031× \(0\.030–0\.50\) +≤ 0\.0333× +reached$/);
});

Deno.test("runRow reports a contender that ends and a placement that is not there, and throws for neither", async () => {
  // This program ends at once and says nothing.
  const silent = { name: "silent", program: { deno: "serve_rounds.ts" } };
  const row: Row = {
    name: "broken",
    what: "nothing",
    subject: silent,
    baselines: [],
    placements: [{ name: "free" }],
    operations: { full: 1, quick: 1 },
    rounds: 1,
  };
  const options = { rounds: 1, quick: true };
  const [failed, ...more] = await watchdog(20_000, runRow(row, options));
  assert(failed?.kind === "failed");
  assertMatch(failed.reason, /^silent ended before its answer: /);
  assertEquals(more, []);
  assertEquals(await runRow({ ...row, placements: [] }, options), [
    { kind: "skipped", row: "broken", reason: "it needs two CPUs" },
  ]);
});

const SQUARE = { program: { deno: "../../tests/fixtures/square_contender.ts" } };
const SQUARES: Row = {
  name: "squares",
  what: "nothing",
  subject: { ...SQUARE, name: "three times", times: 3 },
  baselines: [{ ...SQUARE, name: "once" }, { ...SQUARE, name: "missing", args: ["skip"] }],
  placements: [{ name: "free" }],
  operations: { full: 10, quick: 10 },
  rounds: 1,
};

Deno.test("runRow divides the figures of who does the operations several times", async () => {
  const [outcome] = await watchdog(60_000, runRow(SQUARES, { rounds: 1, quick: true }));
  assert(outcome?.kind === "ratio");
  assertEquals([outcome.subjectNs.median, outcome.baselineNs.median, outcome.ratio.median], [30, 10, 3]);
});

Deno.test("runRow leaves out a baseline that this machine lacks and says why; without any other, the row", async () => {
  const options = { rounds: 1, quick: true };
  const outcomes = await watchdog(60_000, runRow(SQUARES, options));
  const skipped = { kind: "skipped", row: "squares", placement: "free" } as const;
  assertEquals(outcomes.slice(1), [{ ...skipped, reason: "missing: it does not want to" }]);
  const alone = { ...SQUARES, baselines: SQUARES.baselines.slice(1) };
  assertEquals(await watchdog(60_000, runRow(alone, options)), [{ ...skipped, reason: "it does not want to" }]);
});

Deno.test("deno task bench --quick --json runs every row against every baseline", async () => {
  const { code, stdout } = await watchdog(400_000, bench("--quick", "--rounds", "1", "--json"));
  assertEquals(code, 0);
  const { quick, outcomes }: { quick: boolean; outcomes: { row: string; kind: string }[] } = JSON.parse(stdout);
  assert(quick);
  for (const row of ROWS) {
    const found = outcomes.filter((outcome) => outcome.row === row.name);
    const figures = row.baselines.length + (row.cpuMsAtMost === undefined ? 0 : 1);
    const skipped = found.every((outcome) => outcome.kind === "skipped");
    assertEquals(found.length, skipped ? 1 : figures, row.name);
  }
});

Deno.test("deno task bench refuses what it does not know with code 2 and one line that helps", async () => {
  for (
    const [args, message] of [
      [["no-such-row"], /^Unknown row no-such-row; the rows are pipe-sync, /],
      [["--fast"], /^Unknown option --fast\n/],
      [["--rounds", "0"], /^--rounds must be an integer above 0, got 0\n/],
      [["--rounds", "many"], /^--rounds must be an integer above 0, got many\n/],
    ] as const
  ) {
    const { code, stderr } = await watchdog(20_000, bench(...args));
    assertEquals(code, 2);
    assertMatch(stderr, message);
  }
});

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = new URL("../../bench/main.ts", import.meta.url).pathname;
  const result = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--quiet", main, ...args] }).output();
  const [stdout, stderr] = [result.stdout, result.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: result.code, stdout: stdout ?? "", stderr: stderr ?? "" };
}
