// Needs: python3
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { watchdog } from "../helpers/watchdog.ts";
import { commandLine, fixture, FULL, Marked } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

/** With and without FFI: the second knows no sender, and has no groups. */
const TIERS: [name: string, flags: readonly string[]][] = [
  ["with FFI", FULL],
  ["without FFI", ["--allow-run", "--allow-read", "--allow-write"]],
];

for (const [tier, flags] of TIERS) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.test(`causeway each tells its jobs of ${signal}, starts no more and dies of it, ${tier}`, async () => {
      await using marked = new Marked();
      const log = await Deno.makeTempFile();
      const args = ["each", "-j2", "--line-buffer", "--joblog", log, "sh", fixture("cli_tell_signals.sh"), ":::"];
      const outcome = await ended([...args, "1", "2", "3", "4"], flags, marked, 2, (child) => child.kill(signal));
      assertEquals(outcome.signal, signal);
      const lines = outcome.lines.map((line) => line.replace(/\d+/, "PID")).sort();
      const told = `told ${signal.slice(3)}`;
      assertEquals(lines, ["ready PID", "ready PID", told, told]);
      // They ended well, and were logged.
      assertEquals((await Deno.readTextFile(log)).trim().split("\n").length, 3);
      await marked.nothingIsLeft();
      await Deno.remove(log);
    });
  }

  Deno.test(`causeway each ends a job that ignores the signal when there comes a second one, ${tier}`, async () => {
    await using marked = new Marked();
    const script =
      "trap 'echo ready again' INT; trap 'echo told TERM; exit 0' TERM; echo ready; while :; do sleep 0.02; done";
    let readies = 0;
    const outcome = await ended(
      ["each", "--line-buffer", "sh", "-c", script, ":::", "1"],
      flags,
      marked,
      1,
      (child, lines) => {
        child.kill("SIGINT");
        lines((line) => {
          if (line === "ready again" && ++readies === 1) child.kill("SIGINT");
        });
      },
    );
    assertEquals(outcome.signal, "SIGINT");
    assertStringIncludes(outcome.lines.join("\n"), "told TERM");
    await marked.nothingIsLeft();
  });
}

Deno.test("causeway each does not log a job that ended because of the signal: it is run again", async () => {
  await using marked = new Marked();
  const log = await Deno.makeTempFile();
  const args = [
    "each",
    "-j1",
    "--line-buffer",
    "--joblog",
    log,
    "sh",
    "-c",
    "echo ready; exec sleep $1",
    "sh",
    "{}",
    ":::",
  ];
  const outcome = await ended([...args, "0", "1000", "0"], FULL, marked, 2, (child) => child.kill("SIGTERM"));
  assertEquals([outcome.signal, outcome.lines], ["SIGTERM", ["ready", "ready"]]);
  const logged = (await Deno.readTextFile(log)).trim().split("\n");
  assertEquals(logged.slice(1).map((line) => line.split("\t")[0]), ["1"]);
  await marked.nothingIsLeft();
  await Deno.remove(log);
});

Deno.test("causeway each ends what a job has started, by its time limit and by a signal", async () => {
  const script = "sleep 1000 & echo ready; wait";
  for (const how of ["limit", "signal"] as const) {
    await using marked = new Marked();
    const limit = how === "limit" ? ["--timeout", "0.3"] : [];
    const args = ["each", "-j2", "--line-buffer", ...limit, "sh", "-c", script, ":::", "1", "2"];
    const outcome = await ended(args, FULL, marked, 2, (child) => how === "signal" && child.kill("SIGTERM"));
    assertEquals(outcome.signal, how === "limit" ? null : "SIGTERM");
    await marked.nothingIsLeft();
  }
});

Deno.test("causeway each leaves alone what a job has left in the background", async () => {
  await using marked = new Marked();
  const script = "sleep 1000 > /dev/null 2>&1 & echo ready";
  const outcome = await ended(["each", "sh", "-c", script, ":::", "1"], FULL, marked, 1, () => {});
  assertEquals([outcome.code, marked.leftovers().length], [0, 1]);
});

Deno.test("causeway each ends by Ctrl-C, with its jobs told once", async () => {
  await using marked = new Marked();
  const args = ["each", "-j2", "--line-buffer", "sh", fixture("cli_count_interrupts.sh"), ":::", "1", "2"];
  const { output, signal } = await onTerminal(1, args, marked);
  assertEquals(signal, 2);
  assertEquals(output.match(/interrupted 1 times/g)?.length, 2);
  await marked.nothingIsLeft();
});

Deno.test("causeway each ends by a signal though nobody takes its output", async () => {
  await using marked = new Marked();
  const directory = await Deno.makeTempDir();
  const script = 'seq 200000; touch "$0/$1"';
  const [program, ...words] = commandLine([
    "each",
    "-j1",
    "sh",
    "-c",
    script,
    directory,
    "{}",
    ":::",
    "1",
    "2",
    "3",
    "4",
  ]);
  const child = new Deno.Command(program, { args: words, env: marked.env, stdout: "piped" }).spawn();
  // The first job is being printed, to nobody, when the second has ended.
  await watchdog(WATCHDOG_MS, async () => {
    while (![...Deno.readDirSync(directory)].some(({ name }) => name === "2")) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  child.kill("SIGTERM");
  assertEquals((await watchdog(WATCHDOG_MS, child.status)).signal, "SIGTERM");
  await child.stdout.cancel();
  await marked.nothingIsLeft();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("causeway each shows its progress on a terminal, and makes room for what jobs say", async () => {
  await using marked = new Marked();
  const args = ["each", "-j1", "--eta", "sh", "-c", "echo job $1", "sh", ":::", "1", "2"];
  const { output, code } = await onTerminal(0, args, marked);
  assertEquals(code, 0);
  assertStringIncludes(output, "\r\x1b[Kjob 1\r\n\r\x1b[K1/2 jobs");
  assertMatch(output, /2\/2 jobs, 0 running.*\r\n$/);
});

/** What came of a run on a terminal. */
interface OnTerminal {
  output: string;
  signal: number | null;
  code: number;
}

async function onTerminal(interrupts: number, args: readonly string[], marked: Marked): Promise<OnTerminal> {
  const words = [fixture("each_type_interrupt.py"), String(interrupts), ...commandLine(args)];
  const env = { ...marked.env, NO_COLOR: "1" };
  const { stdout } = await watchdog(WATCHDOG_MS, new Deno.Command("python3", { args: words, env }).output());
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Runs the program, acts when so many lines with "ready" have come, and tells how it ended. */
async function ended(
  args: readonly string[],
  flags: readonly string[],
  marked: Marked,
  readies: number,
  act: (child: Deno.ChildProcess, onLine: (listener: (line: string) => void) => void) => void,
): Promise<{ lines: string[]; signal: Deno.Signal | null; code: number }> {
  const [program, ...words] = commandLine(args, flags);
  const child = new Deno.Command(program, { args: words, env: marked.env, stdin: "null", stdout: "piped" }).spawn();
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  await watchdog(WATCHDOG_MS, async () => {
    const decoder: TransformStream<Uint8Array<ArrayBuffer>, string> = new TextDecoderStream();
    for await (const line of child.stdout.pipeThrough(decoder).pipeThrough(new TextLineStream())) {
      lines.push(line);
      if (lines.filter((line) => line.startsWith("ready")).length === readies && line.startsWith("ready")) {
        act(child, (listener) => listeners.push(listener));
      } else for (const listener of listeners) listener(line);
    }
  });
  const { code, signal } = await watchdog(WATCHDOG_MS, child.status);
  return { lines, signal, code };
}
