// Needs: perl
import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { command, spawnPty } from "../../mod.ts";
import type { LearnReport, LessonSummary } from "../../lib/cli/learn.ts";
import { type Experiment, LESSONS } from "../../lib/cli/learn/lesson.ts";
import { Keyboard } from "../../lib/cli/learn/keyboard.ts";
import { account } from "../../lib/cli/learn/page.ts";
import { picture } from "../../lib/cli/learn/picture.ts";
import { forget, noteDone, readProgress } from "../../lib/cli/learn/progress.ts";
import { attempt } from "../../lib/cli/learn/trial.ts";
import { wrap } from "../../lib/cli/wrap.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, CLI, commandLine, FULL, Marked } from "./causeway.ts";

const WATCHDOG_MS = 300_000;
const NAMES = LESSONS.map(({ name }) => name);
/** What a trace of one message shows of a lesson's mechanism. Signals and locks carry no bytes. */
const COPIES: Record<string, number[]> = {
  pipes: [2],
  fifos: [2],
  sockets: [2],
  queues: [2],
  signals: [0],
  memory: [0],
  locks: [0],
};
const plain = (_role: string, text: string) => text;

Deno.test("causeway learn --all runs ten lessons, and every experiment shows what its lesson says", async () => {
  await using marked = new Marked();
  const { code, stdout, stderr } = await watchdog(
    WATCHDOG_MS,
    causeway(["learn", "--all", "--json"], { env: marked.env }),
  );
  assertEquals(stderr, "");
  const report: LearnReport = JSON.parse(stdout);
  assertEquals(report.lessons.map(({ name }) => name), NAMES);
  assertEquals(report.lessons.length, 10);
  for (const { name, experiment, question, broken } of report.lessons) {
    for (const { error, checks, events, happened } of [experiment, broken]) {
      assertEquals([name, error, checks.filter(({ holds }) => !holds)], [name, null, []]);
      assertGreater(checks.length, 0, name);
      assertGreater(events.length, 0, name);
      assertGreater(happened.length, 0, name);
    }
    const traced = experiment.trace?.messages.map(({ copies }) => copies) ?? [];
    assertEquals([name, [...new Set(traced)]], [name, COPIES[name] ?? []]);
    assertEquals([name, question.answers.filter(({ right }) => right).length], [name, 1]);
  }
  assertEquals([code, report.ok], [0, true]);
  await marked.nothingIsLeft();
});

Deno.test("causeway learn LESSON without a terminal runs that lesson, with its pictures and answers", async () => {
  for (const name of ["end-of-file", "4"]) {
    const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, causeway(["learn", name]));
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^4\. End of file is when the last writer lets go\n/);
    assertMatch(stdout, /^ +parent +cat$/m);
    assertMatch(stdout, /^ +\d+\.\d{3} ms {2}● writes "hello\\n" +│$/m);
    assertMatch(stdout, /^ {2}b {2}somebody else has the writing end open: yes, /m);
    assertMatch(stdout, /^ {2}ok {6}cat met no end of file while sleep had the pipe$/m);
    assertMatch(stdout, /\nok: 1 lesson, 4 claims checked, in \d+\.\d s\. Nothing is left behind\.\n$/);
    assertEquals(stdout.split("\n").filter((line) => line.length > 100 && !line.startsWith("  ")), []);
  }
});

Deno.test("causeway learn on a terminal asks, explains wrong answers, and remembers what was done", async () => {
  const state = await Deno.makeTempDir();
  try {
    const env = { XDG_STATE_HOME: state, NO_COLOR: "1" };
    const [program, ...args] = commandLine(["learn", "isolation"]);
    {
      await using pty = spawnPty(command(program, args, { env }));
      await watchdog(
        WATCHDOG_MS,
        (async () => {
          await pty.waitFor("[Enter to run it, q to leave] ");
          await pty.send("\n");
          await pty.waitFor("same address");
          await pty.waitFor("[a–c, q to leave] ");
          await pty.send("a\n");
          await pty.waitFor("No: the number means something in the sender's table only.");
          await pty.send("nothing to say\n");
          await pty.waitFor("[a–c, q to leave] ");
          await pty.send("b\n");
          await pty.waitFor("Yes: ");
          await pty.waitFor("[Enter to break it, q to leave] ");
          await pty.send("\n");
          await pty.waitFor("SIGSEGV");
          await pty.waitFor("Lesson 1 of 10 is done. [Enter for the next, q to leave] ");
          await pty.send("q\n");
          assertEquals(await pty.child.status, { kind: "exited", code: 0 });
        })(),
      );
    }
    assertEquals(JSON.parse(await Deno.readTextFile(`${state}/causeway/learn.json`)), { done: ["isolation"] });
    const list = async () => {
      const { stdout } = await causeway(["learn", "--list", "--json"], { env });
      const summaries: LessonSummary[] = JSON.parse(stdout);
      return summaries.filter(({ done }) => done).map(({ name }) => name);
    };
    assertEquals(await list(), ["isolation"]);
    // Without a name the next one begins.
    {
      const [next, ...rest] = commandLine(["learn"]);
      await using pty = spawnPty(command(next, rest, { env }));
      await watchdog(WATCHDOG_MS, pty.waitFor("2. Signals interrupt"));
      await watchdog(WATCHDOG_MS, pty.waitFor("[Enter to run it, q to leave] "));
      await pty.send("q\n");
      await watchdog(WATCHDOG_MS, pty.waitFor('"causeway learn signals" begins this lesson again.'));
      assertEquals(await watchdog(WATCHDOG_MS, pty.child.status), { kind: "exited", code: 0 });
    }
    const { code, stdout } = await causeway(["learn", "--reset"], { env });
    assertEquals([code, stdout], [0, "Forgotten: the next lesson is the first.\n"]);
    assertEquals(await list(), []);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
});

Deno.test("causeway learn dies of Ctrl-C, at a question and in an experiment, and keeps nothing", async () => {
  const state = await Deno.makeTempDir();
  try {
    for (const prompts of [1, 2]) {
      await using marked = new Marked();
      const [program, ...args] = commandLine(["learn", "end-of-file"]);
      const env = { ...marked.env, XDG_STATE_HOME: state, NO_COLOR: "1" };
      await using pty = spawnPty(command(program, args, { env }), { columns: 60, rows: 24 });
      await watchdog(WATCHDOG_MS, pty.waitFor("q to leave] "));
      if (prompts === 2) {
        await pty.send("\n");
        await watchdog(WATCHDOG_MS, pty.waitFor("starts cat("));
      }
      await pty.send("\x03");
      assertEquals(await watchdog(WATCHDOG_MS, pty.child.status), { kind: "signaled", signal: "SIGINT", number: 2 });
      await marked.nothingIsLeft();
    }
    assertEquals(Array.from(Deno.readDirSync(state)), []);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
});

for (const name of ["queues", "death", "end-of-file", "fifos"]) {
  Deno.test(`causeway learn ${name} leaves nothing behind when SIGINT ends it, and dies of it`, async () => {
    // On a busy machine the lesson can be over before it is seen to have begun.
    for (let tries = 1;; tries++) {
      await using marked = new Marked();
      const [program, ...args] = commandLine(["learn", name], FULL);
      const child = new Deno.Command(program, { args, env: marked.env, stdin: "null", stdout: "null", stderr: "null" })
        .spawn();
      const begun = await watchdog(WATCHDOG_MS, hasStarted(marked, 2, child.status));
      if (begun) child.kill("SIGINT");
      const { signal } = await watchdog(WATCHDOG_MS, child.status);
      await marked.nothingIsLeft();
      if (signal === null && tries < 10) continue;
      assertEquals(signal, "SIGINT");
      break;
    }
  });
}

/** Waits until the program and a process that it started are there, or it has ended. */
async function hasStarted(marked: Marked, count: number, end: Promise<unknown>): Promise<boolean> {
  let ended = false;
  end.then(() => ended = true);
  while (!ended) {
    if (marked.leftovers().filter((each) => each.startsWith("process ")).length >= count) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

Deno.test("causeway learn --list needs no permission; a lesson names those that it lacks", async () => {
  const { code, stdout } = await causeway(["learn", "--list"], { flags: [] });
  assertEquals(code, 0);
  for (const name of NAMES) assertStringIncludes(stdout, name);
  assertStringIncludes(stdout, "missing: ffi, run, read, write");
  const { code: failed, stderr } = await causeway(["learn", "1"], { flags: ["--allow-ffi", "--allow-read"] });
  assertEquals([failed, stderr], [
    1,
    "causeway: learn: Requires run, write access, run again with --allow-run --allow-write: " +
    `deno run --allow-ffi --allow-run --allow-read --allow-write ${CLI} learn 1\n`,
  ]);
});

for (
  const [args, line] of [
    [["pips"], 'learn: unknown lesson "pips": did you mean "pipes"?'],
    [["pipes", "fifos"], 'learn: one lesson at a time, got also "fifos"'],
    [["--all", "pipes"], 'learn: --all is all lessons, got also "pipes"'],
  ] as const
) {
  Deno.test(`causeway learn ${args.join(" ")} exits 2 with one line`, async () => {
    assertEquals(await causeway(["learn", ...args], { flags: [] }), {
      code: 2,
      signal: null,
      stdout: "",
      stderr: `causeway: ${line}\n`,
    });
  });
}

/** An experiment that makes things and starts a process before it ends so. */
function experiment(end: () => Promise<readonly string[]>, holds = true): Experiment {
  return {
    about: "",
    command: [],
    play(scene) {
      Deno.writeTextFileSync(`${scene.directory}/file`, "text");
      scene.program("sleep", ["1000"]);
      scene.check("it is so", holds);
      return end();
    },
  };
}

Deno.test("attempt fails when a claim is false, an experiment throws, or it is aborted, and leaves nothing behind", async () => {
  const never = new AbortController().signal;
  await noLeaks(async () => {
    const wrong = await attempt("n", experiment(() => Promise.resolve(["happened"]), false), never);
    assertEquals([wrong.ok, wrong.error], [false, null]);
    assertStringIncludes(account(wrong, { width: 80, style: plain }), "FAILED  it is so");
    const thrown = await attempt("n", experiment(() => Promise.reject(new Error("It broke"))), never);
    assertEquals([thrown.ok, thrown.error], [false, "It broke"]);
    const curtain = new AbortController();
    const hung = attempt("n", experiment(() => new Promise(() => {})), curtain.signal);
    curtain.abort();
    assertEquals([(await hung).ok, (await hung).error], [false, "Interrupted"]);
    const right = await attempt("n", experiment(() => Promise.resolve(["happened"])), never);
    assertEquals([right.ok, right.happened], [true, ["happened"]]);
  });
});

Deno.test("progress is kept, and a damaged file is no progress", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/state/causeway/learn.json`;
    assertEquals(readProgress(path), []);
    assert(noteDone("pipes", path) && noteDone("fifos", path) && noteDone("pipes", path));
    assertEquals(readProgress(path), ["pipes", "fifos"]);
    assertEquals(Array.from(Deno.readDirSync(`${directory}/state/causeway`), ({ name }) => name), ["learn.json"]);
    for (const text of ["", "{", "[]", "null", '{"done":7}', '{"done":[7]}']) {
      await Deno.writeTextFile(path, text);
      assertEquals(readProgress(path), [], text);
    }
    assertEquals([forget(path), forget(path)], [true, false]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("picture draws a lane for each process, and a list where there is no room", () => {
  const events = [
    { atMs: 0, who: "parent", did: "writes" },
    { atMs: 1.5, who: "child(7)", did: "reads something that is too long for one line of its lane" },
  ];
  const lanes = picture(events, 80, plain).split("\n");
  assertEquals(lanes.slice(0, 3), [
    "              parent                           child(7)",
    "    0.000 ms  ● writes                         │",
    "    1.500 ms  │                                ● reads something that is too",
  ]);
  assertEquals(picture(events, 40, plain).split("\n").slice(0, 2), ["0.000 ms parent", "  writes"]);
  for (const width of [20, 40, 57, 58, 80, 120]) {
    for (const line of picture(events, width, plain).split("\n")) assert(line.length <= width, `${width}: ${line}`);
  }
});

Deno.test("wrap breaks between words, and words that are longer than a line", () => {
  assertEquals(wrap("one two three", 7), ["one two", "three"]);
  assertEquals(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
  assertEquals(wrap("", 4), [""]);
});

Deno.test("Keyboard gives lines however they come, and ends", async () => {
  const chunks = ["on", "e\ntwo\n", "thr", "ee"].map((text) => new TextEncoder().encode(text));
  const keyboard = new Keyboard({
    read(into) {
      const chunk = chunks.shift();
      if (chunk !== undefined) into.set(chunk);
      return Promise.resolve(chunk?.byteLength ?? null);
    },
  });
  const never = new AbortController().signal;
  assertEquals(await keyboard.line(never), "one");
  assertEquals(await keyboard.line(never), "two");
  assertEquals(await keyboard.line(never), null);
  const stuck = new Keyboard({ read: () => new Promise(() => {}) });
  const curtain = new AbortController();
  const line = stuck.line(curtain.signal);
  curtain.abort();
  assertEquals([await line, await stuck.line(curtain.signal)], [null, null]);
});
