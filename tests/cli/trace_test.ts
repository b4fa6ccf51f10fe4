import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { SCENES } from "../../lib/cli/trace/scenes.ts";
import { killGroup } from "../../mod.ts";
import { momentOf } from "../../lib/trace/event.ts";
import type { Trace } from "../../lib/trace/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, commandLine, fixture, Marked } from "./causeway.ts";

const LONG_MS = 240_000;

/** What each scene's messages are: mechanism, copies. */
const MESSAGES: Record<string, unknown[]> = {
  "signal": [["signal", 0]],
  "realtime-signal": [["signal", 0], ["signal", 0], ["signal", 0]],
  "pipe": [["pipe", 2]],
  "fifo": [["pipe", 2]],
  "socket": [["socket", 2], ["socket", 2]],
  "queue": [["queue", 2], ["queue", 2]],
  "shared-memory": [["memory", 0], ["event", 0]],
  "mutex": [["lock", 0]],
  "rw-lock": [["lock", 0]],
  "semaphore": [["semaphore", 0]],
  "barrier": [["barrier", 0]],
};

async function traced(...args: string[]): Promise<Trace> {
  const { code, stdout, stderr } = await watchdog(LONG_MS, causeway(["trace", "--json", ...args]));
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

for (const { name } of SCENES) {
  Deno.test(`causeway trace ${name} has its messages between two processes, each sent before it was received`, async () => {
    const { events, messages, processes, notes } = await traced(name);
    const seen = messages.map(({ mechanism, copies }) => [mechanism, copies]);
    // The lock of a condition goes to and fro, as often as it happens to.
    if (name === "condition") assertEquals(seen.filter(([mechanism]) => mechanism !== "lock"), [["condition", 0]]);
    else assertEquals<unknown[]>(seen, MESSAGES[name] ?? []);
    assertEquals(processes.map(({ name, traced }) => [name, traced]), [["sender", true], ["receiver", true]]);
    assertEquals(notes, []);
    for (const { sent, received, latencyNs } of messages) {
      const [sending, receipt] = [events[sent], events[received]];
      assert(sending !== undefined && receipt !== undefined);
      assert(momentOf(sending) <= receipt.atNs, name);
      assert(latencyNs > 0 && sending.pid !== receipt.pid, name);
    }
    assertEquals(events.toSorted((left, right) => momentOf(left) - momentOf(right)), events);
  });
}

Deno.test("causeway trace pipe draws the write before the read, each with its copy", async () => {
  const { code, stdout, stderr } = await watchdog(LONG_MS, causeway(["trace", "pipe"]));
  assertEquals([code, stderr], [0, ""]);
  const places = ["waits to read", "write 21 B, copy 1", "read 21 B, copy 2"].map((text) => stdout.indexOf(text));
  // On a machine that is busy the message may come before anybody waits for it.
  const found = places.filter((place) => place !== -1);
  assert(places[1] !== -1 && places[2] !== -1, stdout);
  assertEquals(found, found.toSorted((left, right) => left - right), stdout);
});

Deno.test("causeway trace shared-memory has no read and no write", async () => {
  const { events } = await traced("shared-memory");
  assertFalse(events.some(({ kind }) => kind === "read" || kind === "write"));
});

Deno.test("causeway trace signal: the recipient computes when it is interrupted, and hears of it afterwards", async () => {
  const { events } = await traced("signal");
  const receipt = events.find(({ kind }) => kind === "signal.receive");
  const [begins, ends] = events.filter(({ kind }) => kind === "note");
  assert(receipt !== undefined && begins !== undefined && ends !== undefined);
  const handledNs = Number(receipt.facts.handledNs);
  assert(begins.atNs < handledNs && handledNs < ends.atNs && ends.atNs < receipt.atNs);
});

Deno.test("causeway trace writes text, ASCII, Mermaid, SVG and JSON, to a file too", async () => {
  await using marked = new Marked();
  const directory = await Deno.makeTempDir();
  try {
    const formats: [args: string[], pattern: RegExp][] = [
      [[], /├─+ kill SIGUSR1/],
      [["--ascii", "--width", "90"], /^[\n -~]+$/],
      [["--mermaid"], /^sequenceDiagram\n/],
      [["--svg"], /^<svg [^]*<\/svg>\n$/],
      [["--json"], /^\{\n/],
    ];
    for (const [index, [args, pattern]] of formats.entries()) {
      const file = `${directory}/${index}`;
      const option = index % 2 === 0 ? ["-o", file] : [`--output=${file}`];
      const run = causeway(["trace", ...args, ...option, "signal"], { env: marked.env });
      const { code, stdout, stderr } = await watchdog(LONG_MS, run);
      assertEquals([code, stdout, stderr], [0, "", ""]);
      assertMatch(await Deno.readTextFile(file), pattern);
    }
    const wrong = await causeway(["trace", "-o", `${directory}/none/x`, "signal"]);
    assertEquals([wrong.code, wrong.stdout], [1, ""]);
    assertStringIncludes(wrong.stderr, "ENOENT");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  await marked.nothingIsLeft();
});

Deno.test("causeway trace PROGRAM has the program's processes, and its exit code", async () => {
  const flags = ["run", "--quiet", "--no-lock", "--allow-ffi", "--allow-run", "--allow-read"];
  const file = await Deno.makeTempFile();
  try {
    const program = [Deno.execPath(), ...flags, fixture("trace_ping.ts"), "3"];
    const run = causeway(["trace", "--json", "-o", file, "--", ...program]);
    const { code, stdout, stderr } = await watchdog(LONG_MS, run);
    assertEquals([code, stderr], [0, ""]);
    const { messages, processes }: Trace = JSON.parse(await Deno.readTextFile(file));
    assertEquals(messages.map(({ mechanism, copies }) => [mechanism, copies]), Array(6).fill(["pipe", 2]));
    assertEquals(processes.map(({ name }) => name), ["trace_ping.ts", "trace_pong.ts"]);
    assertEquals(String(processes[1]?.pid), stdout.trim());
  } finally {
    await Deno.remove(file);
  }
  const codes: [words: string[], code: number][] = [
    [["sh", "-c", "exit 3"], 3],
    [["sh", "-c", "kill -KILL $$"], 137],
    [["causeway-no-such-program", "x"], 127],
    [["/etc/passwd", "x"], 126],
  ];
  for (const [words, expected] of codes) {
    assertEquals((await causeway(["trace", "--", ...words])).code, expected, words.join(" "));
  }
});

Deno.test("causeway trace refuses what makes no sense, by exit code 2", async () => {
  const rows: [args: string[], part: string][] = [
    [[], "which mechanism or program?"],
    [["--", ""], "causeway: trace: the program is an empty word"],
    [["pip"], 'unknown mechanism "pip" (a program comes after --): did you mean "pipe"?'],
    [["pipe", "x"], "takes no arguments"],
    [["--svg", "--json", "pipe"], "not both"],
    [["--width", "no", "pipe"], "--width takes a number"],
    [["--nonsense", "pipe"], "unknown option"],
  ];
  for (const [args, part] of rows) {
    const { code, stdout, stderr } = await causeway(["trace", ...args]);
    assertEquals([code, stdout, stderr.includes(part)], [2, "", true], stderr);
  }
  const { code, stderr } = await causeway(["trace", "pipe"], { flags: ["--allow-read"] });
  assertEquals([code, stderr], [
    1,
    "causeway: trace: Requires ffi, run, write access, run again with --allow-ffi --allow-run --allow-write\n",
  ]);
});

Deno.test("causeway trace that is interrupted leaves nothing behind, and dies of it", async () => {
  await using marked = new Marked();
  const [program, ...args] = commandLine(["trace", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
  const child = new Deno.Command(program, { args, env: marked.env, stdin: "null", stdout: "piped", stderr: "null" })
    .spawn();
  const reader = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "ready\n");
  child.kill("SIGTERM");
  while (!(await reader.read()).done);
  const { signal } = await watchdog(LONG_MS, child.status);
  assertEquals(signal, "SIGTERM");
  await marked.nothingIsLeft();
});

Deno.test("causeway trace --syscalls passes a signal on to the program, which strace would keep from it", async () => {
  await using marked = new Marked();
  const told = "trap 'echo told; exit' TERM; echo ready; while :; do sleep 0.05; done";
  const [program, ...args] = commandLine(["trace", "--syscalls", "--", "sh", "-c", told]);
  const child = new Deno.Command(program, { args, env: marked.env, stdin: "null", stdout: "piped", stderr: "null" })
    .spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assertEquals((await watchdog(LONG_MS, reader.read())).value, "ready\n");
  child.kill("SIGTERM");
  let rest = "";
  for (let each = await reader.read(); !each.done; each = await reader.read()) rest += each.value;
  assert(rest.startsWith("told\n"), rest);
  assertEquals((await watchdog(LONG_MS, child.status)).signal, "SIGTERM");
  await marked.nothingIsLeft();
});

for (const command of ["run", "trace"]) {
  Deno.test(`causeway ${command} dies of the signal that killed its program too, although it hears of it later`, async () => {
    await using marked = new Marked();
    const args = commandLine([command, "--", "sh", "-c", "echo ready; exec sleep 1000"]);
    // A process group of its own, as a shell makes one for a job.
    const child = new Deno.Command("setsid", { args, env: marked.env, stdin: "null", stdout: "piped", stderr: "null" })
      .spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assertEquals((await watchdog(LONG_MS, reader.read())).value, "ready\n");
    killGroup(child.pid, "SIGINT");
    while (!(await reader.read()).done);
    assertEquals((await watchdog(LONG_MS, child.status)).signal, "SIGINT");
    await marked.nothingIsLeft();
  });
}
