import { assertEquals, assertMatch } from "@std/assert";
import type { EventLine } from "../../lib/cli/run/event_log.ts";
import { withEnoughTime } from "../helpers/patience.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

Deno.test("causeway run --events writes every start and exit as JSON lines on standard error", async () => {
  const { code, stdout, stderr } = await causeway(["run", "--events", "--", "sh", "-c", "echo hi; exit 3", "|", "cat"]);
  assertEquals([code, stdout], [3, "hi\n"]);
  const events = eventsOf(stderr);
  assertEquals(events.map(({ kind }) => kind).sort(), [
    "process.exit",
    "process.exit",
    "process.spawn",
    "process.spawn",
  ]);
  for (const event of events) assertMatch(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const exits = events.filter((event) => event.kind === "process.exit");
  const status = (program: string) => exits.find(({ words }) => words[0] === program)?.status;
  assertEquals([status("sh"), status("cat")], [{ kind: "exited", code: 3 }, { kind: "exited", code: 0 }]);
});

Deno.test("causeway run --events tells why a run is ended, and by which signals", async () => {
  const script = "trap '' TERM; while :; do sleep 0.02; done";
  // The time has to be enough for the shell to ignore the signal.
  await withEnoughTime(200, async (ms) => {
    const args = ["run", "--events", "--timeout", `${ms}`, "--kill-after", "50", "--", "sh", "-c", script];
    const { code, stderr } = await watchdog(WATCHDOG_MS, causeway(args));
    assertEquals(code, 124);
    const events = eventsOf(stderr.replace(/^causeway: .*\n/m, ""));
    const [spawn] = events;
    assertEquals(
      events.map((event) => {
        if (event.kind === "process.signal") return event.signal;
        return event.kind === "process.ending" ? `${event.because} ${event.pids}` : event.kind;
      }),
      [
        "process.spawn",
        `timeout ${spawn?.kind === "process.spawn" && spawn.pid}`,
        "SIGTERM",
        "SIGCONT",
        "SIGKILL",
        "process.exit",
      ],
    );
  });
});

Deno.test("causeway run --events tells the end of what was started beside a program that cannot be", async () => {
  const { code, stderr } = await watchdog(
    WATCHDOG_MS,
    causeway(["run", "--events", "--", "yes", "|", "no-such-program"]),
  );
  assertEquals(code, 127);
  const lines = stderr.split("\n");
  assertEquals(lines.splice(-2), [
    'causeway: run: cannot start "no-such-program": not found in PATH (ENOENT)',
    "",
  ]);
  const kinds = eventsOf(lines.join("\n")).map(({ kind }) => kind);
  assertEquals([kinds[0], kinds.at(-1)], ["process.spawn", "process.exit"]);
});

Deno.test("causeway run --events=FILE writes a file, emptied first or kept with --append, and no child has it", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "of before\n");
    const words = ["--", "sh", "-c", "ls -l /proc/$$/fd"];
    const { stdout, stderr } = await causeway(["run", `--events=${file}`, ...words]);
    assertEquals([stdout.includes(file), stderr], [false, ""]);
    assertEquals(eventsOf(await Deno.readTextFile(file)).map(({ kind }) => kind), ["process.spawn", "process.exit"]);
    await causeway(["run", "--append", `--events=${file}`, ...words]);
    assertEquals(eventsOf(await Deno.readTextFile(file)).length, 4);
    const json = await causeway(["run", "--json", "--events", "--", "sh", "-c", "echo err >&2"]);
    assertEquals([JSON.parse(json.stdout).stderr, eventsOf(json.stderr).length], ["err\n", 2]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("causeway run --events=FILE says why the file cannot be opened, and starts nothing", async () => {
  assertEquals(await causeway(["run", "--events=/no/such/file", "--", "echo", "hi"]), {
    code: 1,
    signal: null,
    stdout: "",
    stderr: 'causeway: run: open failed on "/no/such/file": No such file or directory (ENOENT)\n',
  });
});

function eventsOf(text: string): EventLine[] {
  return text.trim().split("\n").map((line): EventLine => JSON.parse(line));
}
