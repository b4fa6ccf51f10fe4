// Needs: strace
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { command } from "../../mod.ts";
import { momentOf, textFact } from "../../lib/trace/event.ts";
import { record, type Trace } from "../../lib/trace/mod.ts";
import { parseStrace } from "../../lib/trace/strace.ts";
import { fixture } from "../cli/causeway.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LONG_MS = 240_000;
const MESSAGES = 5;
const FLAGS = ["run", "--quiet", "--no-lock", "--allow-ffi", "--allow-run", "--allow-read"];

Deno.test("parseStrace reads calls, their times, unfinished calls, threads, signals and ends", () => {
  const offset = 1_700_000_000_000_000_000n;
  const told = parseStrace(
    [
      `10 1700000001.000000100 clone3({flags=CLONE_VM|CLONE_THREAD}, 88 => {parent_tid=[11]}, 88) = 11 <0.000050000>`,
      `10 1700000001.000000200 write(3<pipe:[77]>, "a) = 5\\"", 6) = 6 <0.000001500>`,
      `11 1700000001.000000300 read(4<pipe:[77]>,  <unfinished ...>`,
      `10 1700000001.000000400 vfork() = 12 <0.000001000>`,
      `11 1700000001.000000500 <... read resumed>"a", 64) = 6 <0.000000200>`,
      `12 1700000001.000000600 read(0</dev/pts/0>, 0x7ffe, 1) = -1 EAGAIN (Resource temporarily unavailable) <0.000000100>`,
      `12 1700000001.000000700 --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=10, si_uid=0} ---`,
      `12 1700000001.000000800 +++ exited with 0 +++`,
      "no line of strace",
    ].join("\n"),
    offset,
  );
  assertEquals(told.map(({ kind, pid, tid, startedNs, atNs }) => [kind, pid, tid, startedNs, atNs]), [
    ["syscall", 10, 10, 1_000_000_100, 1_000_050_100],
    ["syscall", 10, 10, 1_000_000_200, 1_000_001_700],
    ["syscall", 10, 10, 1_000_000_400, 1_000_001_400],
    ["syscall", 10, 11, 1_000_000_300, 1_000_000_500],
    ["syscall", 12, 12, 1_000_000_600, 1_000_000_700],
    ["syscall.signal", 12, 12, 1_000_000_700, 1_000_000_700],
    ["syscall.end", 12, 12, 1_000_000_800, 1_000_000_800],
  ]);
  assertEquals(told.map(({ facts }) => [facts.call, facts.object, facts.result]).slice(1, 5), [
    ["write", "pipe:[77]", "6"],
    ["vfork", undefined, "12"],
    ["read", "pipe:[77]", "6"],
    ["read", "/dev/pts/0", "EAGAIN"],
  ]);
});

Deno.test("the order of a trace agrees with strace -f -ttt", async () => {
  await watchdog(LONG_MS, async () => {
    let plain = "";
    const trace = await record(async ({ env, directory }) => {
      const file = `${directory}/plain`;
      const options = ["-f", "-ttt", "-y", "-e", "trace=read,write", "-o", file, "--"];
      const words = [...options, Deno.execPath(), ...FLAGS, fixture("trace_ping.ts"), String(MESSAGES)];
      await command("strace", words, { env }).output();
      plain = await Deno.readTextFile(file);
    }, { self: false });
    const told = transfers(trace);
    // There and back: a write and a read, each time.
    assertEquals(told.map(({ call }) => call), Array(2 * MESSAGES).fill(["write", "read"]).flat());
    const objects = new Set(told.map(({ object }) => object));
    assertEquals(objects.size, 2);
    assertEquals(told.map(({ call, object }) => `${call} ${object}`), successes(plain, objects));
    assertEquals(trace.messages.map(({ copies }) => copies), Array(2 * MESSAGES).fill(2));
  });
});

Deno.test("the times of strace lie within the calls that a process tells of", async () => {
  await watchdog(LONG_MS, async () => {
    const trace = await record(async ({ env, straceArgs }) => {
      const words = [...straceArgs, Deno.execPath(), ...FLAGS, fixture("trace_ping.ts"), String(MESSAGES)];
      await command("strace", words, { env }).output();
    }, { self: false });
    const note = trace.notes.find((text) => text.includes("strace")) ?? "";
    const errorNs = Number(/by (\d+) ns/.exec(note)?.[1]);
    assertGreaterOrEqual(errorNs, 0, note);
    const pids = new Set(trace.processes.filter(({ traced }) => traced).map(({ pid }) => pid));
    assertEquals(pids.size, 2);
    const own = trace.events.filter(({ kind, source, pid }) => kind === "write" && source === "probe" && pids.has(pid));
    const seen = trace.events.filter(({ source, facts }) => source === "strace" && facts.call === "write");
    assertEquals(own.length, 2 * MESSAGES);
    for (const event of own) {
      const object = textFact(event, "object");
      assert(event.startedNs !== undefined);
      const within = seen.filter(({ pid, facts, startedNs = 0 }) =>
        pid === event.pid && facts.object === object && startedNs >= (event.startedNs ?? 0) - errorNs &&
        startedNs <= event.atNs + errorNs
      );
      assertEquals(within.length, 1, `write at ${event.startedNs} of ${event.pid}`);
    }
    assertLessOrEqual(momentOf(own[0]!), momentOf(own[1]!));
  });
});

Deno.test("programs in other languages are seen by their calls", async () => {
  await watchdog(LONG_MS, async () => {
    const trace = await record(async ({ straceArgs }) => {
      await command("strace", [...straceArgs, "sh", "-c", "echo hello | cat"]).output();
    }, { self: false });
    const [message] = trace.messages;
    assert(message !== undefined);
    assertEquals([message.mechanism, message.bytes, message.copies], ["pipe", 6, 2]);
    assert(trace.processes.some(({ name, traced }) => name === "cat" && !traced));
    assertGreater(trace.processes.length, 1);
  });
});

/** What was read and written in the pipes between the two, in the order of the trace: of writes by their beginning, of reads by their end. */
function transfers({ events }: Trace): { call: string; object: string }[] {
  const ofPipes = events.filter(({ kind, facts }) =>
    (kind === "write" || kind === "read") && typeof facts.bytes === "number" && String(facts.object).startsWith("pipe:")
  );
  const moment = (event: Trace["events"][number]) => event.kind === "read" ? event.atNs : momentOf(event);
  return ofPipes.toSorted((left, right) => moment(left) - moment(right))
    .map(({ kind, facts }) => ({ call: kind, object: String(facts.object) }));
}

/** The calls on these pipes that moved bytes, in the order in which strace has them: of writes the beginning counts, of reads the end. */
function successes(text: string, objects: ReadonlySet<string>): string[] {
  const begun = new Map<string, { call: string; object: string; line: number }>();
  const found: { line: number; text: string }[] = [];
  for (const [line, row] of text.split("\n").entries()) {
    const [, thread = "", rest = ""] = /^(\d+) +\d+\.\d+ (.*)$/.exec(row) ?? [];
    const [, call = "", object = ""] = /^(read|write)\(\d+<([^>]*)>/.exec(rest) ?? [];
    if (call !== "") begun.set(thread, { call, object, line });
    const isOver = /^((read|write)\(|<\.\.\. (read|write) resumed>).*= [1-9]\d*$/.test(rest);
    const whole = isOver ? begun.get(thread) : undefined;
    if (whole === undefined || !objects.has(whole.object)) continue;
    found.push({ line: whole.call === "write" ? whole.line : line, text: `${whole.call} ${whole.object}` });
  }
  return found.sort((left, right) => left.line - right.line).map((each) => each.text);
}
