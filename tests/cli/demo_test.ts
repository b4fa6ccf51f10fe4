import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertMatch } from "@std/assert";
import type { DemoReport } from "../../lib/cli/demo.ts";
import { MECHANISMS } from "../../lib/cli/demo/mechanism.ts";
import type { Mechanism } from "../../lib/cli/demo/mechanism.ts";
import { perform } from "../../lib/cli/demo/performance.ts";
import { PATIENCE_MS } from "../../lib/cli/demo/scene.ts";
import { timeline } from "../../lib/cli/demo/timeline.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, commandLine, FULL, Marked, segmentsOf } from "./causeway.ts";

const WATCHDOG_MS = 120_000;
const NAMES = MECHANISMS.map(({ name }) => name);

Deno.test("causeway demo --json plays every mechanism, and each does what it should", async () => {
  await using marked = new Marked();
  const run = causeway(["demo", "--json"], { env: marked.env });
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, run);
  assertEquals(stderr, "");
  const report: DemoReport = JSON.parse(stdout);
  assertEquals(report.mechanisms.map(({ name }) => name), NAMES);
  for (const { name, error, checks } of report.mechanisms) {
    assertEquals([name, error, checks.filter(({ holds }) => !holds)], [name, null, []]);
    assertGreater(checks.length, 1, name);
  }
  const copies = Object.fromEntries(
    report.mechanisms.map(({ name, trace }) => [name, trace?.messages.map(({ copies }) => copies)]),
  );
  assertEquals([copies["pipe"], copies["fifo"], copies["socket"]], [[2], [2], [2, 2]]);
  assertEquals(new Set(copies["shared-memory"]), new Set([0]));
  assertEquals([code, report.ok], [0, true]);
  await marked.nothingIsLeft();
});

Deno.test("causeway demo --json has the events of all processes in the order of time", async () => {
  const { stdout } = await watchdog(WATCHDOG_MS, causeway(["demo", "--json", "pipe", "mapped-file", "pipeline"]));
  const report: DemoReport = JSON.parse(stdout);
  for (const { name, events } of report.mechanisms) {
    assertGreater(new Set(events.map(({ who }) => who)).size, 1, name);
    assertEquals(events[0]?.atMs, 0);
    for (const [index, { atMs }] of events.entries()) assertGreaterOrEqual(atMs, events[index - 1]?.atMs ?? 0);
  }
  const did = report.mechanisms[0]?.events.map(({ who, did }) => `${who.replace(/\(.*/, "")} ${did}`) ?? [];
  const order = ['parent writes "hello\\n"', 'child reads "hello\\n"', "child meets the end of file"].map((what) =>
    did.indexOf(what)
  );
  assertEquals(order, order.toSorted((left, right) => left - right));
  assertEquals(order.includes(-1), false);
});

Deno.test("causeway demo MECHANISM... plays those, as a timeline", async () => {
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, causeway(["demo", "fifo", "pipe"]));
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^fifo \(synchronous, through the kernel\)\n/);
  assertMatch(stdout, /\npipe \(synchronous, through the kernel\)\n/);
  assertMatch(stdout, /^ +\+\d+\.\d{3} ms {2}parent +writes "hello\\n"$/m);
  assertMatch(stdout, /^ +\+\d+\.\d{3} ms {2}child\(\d+\) +reads "hello\\n"$/m);
  assertMatch(stdout, /^ {2}ok {6}the child read what was written$/m);
  // Then the picture of one message, traced.
  assertMatch(stdout, /^causeway trace pipe$/m);
  assertMatch(stdout, / write \d+ B, copy 1 ─*▶/);
  assertMatch(stdout, / read \d+ B, copy 2 ─*▶/);
  assertMatch(stdout, /\nok: 2 of 2 mechanisms did what they should, in \d+\.\d s\. Nothing is left behind\.\n$/);
});

/** Each with how many things there are when its processes run: the program itself, its child, and what has a name. */
const INTERRUPTED = [["mutex", 3], ["sysv-shared-memory", 2], ["socket", 3], ["fifo", 2]] as const;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  for (const [name, things] of INTERRUPTED) {
    Deno.test(`causeway demo ${name} leaves nothing behind when ${signal} ends it, and dies of it`, async () => {
      await using marked = new Marked();
      // So many times that it cannot be over before the signal comes.
      const [program, ...args] = commandLine(["demo", ...Array(1000).fill(name)], FULL);
      const child = new Deno.Command(program, { args, env: marked.env, stdin: "null", stdout: "null", stderr: "null" })
        .spawn();
      await watchdog(WATCHDOG_MS, hasBegun(marked, things, child.status));
      child.kill(signal);
      const { signal: diedOf } = await watchdog(WATCHDOG_MS, child.status);
      assertEquals([diedOf, segmentsOf(child.pid)], [signal, []]);
      await marked.nothingIsLeft();
    });
  }
}

/** A demonstration that makes things and starts processes before it goes wrong. */
const GOES_WRONG: Mechanism = {
  model: "asynchronous",
  about: "nothing",
  play(scene) {
    Deno.writeTextFileSync(`${scene.directory}/file`, "text");
    scene.program("sleep", ["1000"]);
    scene.check("so far so good", true);
    return Promise.reject(new Error("It went wrong"));
  },
};

Deno.test("perform tells what went wrong, and leaves nothing behind", async () => {
  let directory = "";
  await noLeaks(async () => {
    const performed = await perform({
      name: "wrong",
      load: () =>
        Promise.resolve({
          ...GOES_WRONG,
          play(scene) {
            directory = scene.directory;
            return GOES_WRONG.play(scene);
          },
        }),
    }, new AbortController().signal);
    assertEquals([performed.ok, performed.error], [false, "It went wrong"]);
    assertMatch(timeline(performed, (_role, text) => text), /FAILED {2}It went wrong\n/);
    assertEquals(performed.events.map(({ did }) => did.replace(/\d+/, "N")), ["starts sleep(N)"]);
  });
  await assertGone(directory);
});

Deno.test("perform is not ok when a check does not hold, or nothing was checked", async () => {
  const played = async (holds: boolean[]) => {
    const play: Mechanism["play"] = (scene) => {
      holds.forEach((each) => scene.check("it holds", each));
      return Promise.resolve();
    };
    return (await perform({ name: "n", load: () => Promise.resolve({ ...GOES_WRONG, play }) }, AbortSignal.any([]))).ok;
  };
  assertEquals([await played([true]), await played([true, false]), await played([])], [true, false, false]);
});

for (const when of ["before", "during"] as const) {
  Deno.test(`perform ends a play that would never end when it is aborted ${when} it`, async () => {
    const curtain = new AbortController();
    const play: Mechanism["play"] = () => {
      if (when === "during") queueMicrotask(() => curtain.abort());
      return new Promise(() => {});
    };
    if (when === "before") curtain.abort();
    const entry = { name: "n", load: () => Promise.resolve({ ...GOES_WRONG, play }) };
    const performed = await watchdog(PATIENCE_MS / 2, perform(entry, curtain.signal));
    assertEquals([performed.ok, performed.error], [false, "Interrupted"]);
  });
}

/** Waits until so many things would be left. A program that has just been started has no mark yet: that nothing is there says nothing. */
async function hasBegun(marked: Marked, things: number, end: Promise<unknown>): Promise<void> {
  let ended = false;
  end.then(() => ended = true);
  while (marked.leftovers().length < things) {
    if (ended) throw new Error("The program ended before it had made anything");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function assertGone(path: string): Promise<void> {
  assert(path !== "");
  const found = await Deno.stat(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));
  assertEquals(found, false);
}
