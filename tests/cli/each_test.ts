// Needs: xargs
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { EachReport } from "../../lib/cli/each.ts";
import { progressText } from "../../lib/cli/each/progress.ts";
import { command } from "../../mod.ts";
import { until, withEnoughTime } from "../helpers/patience.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, type CausewayOptions, commandLine, FULL, Marked, type Outcome } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

const LIGHT = ["--allow-run", "--allow-read", "--allow-write"];

Deno.test("causeway each runs 1000 jobs as xargs -P does, and -k keeps their order", async () => {
  const input = `${range(1000).join("\n")}\n`;
  const xargs = await run("xargs", ["-P", "4", "-n", "1", "echo", "item"], input);
  const inOrder = range(1000).map((n) => `item ${n}\n`).join("");
  const kept = await each(["-j4", "-k", "echo", "item", "{}"], { input });
  assertEquals(kept, { code: 0, signal: null, stdout: inOrder, stderr: "" });
  const any = await each(["-j4", "echo", "item"], { input });
  assertEquals(any.stdout.split("\n").sort(), xargs.split("\n").sort());
});

Deno.test("causeway each -k prints in the order of the items what ended in another", async () => {
  await using directory = new Directory();
  // Each job waits for the file of the one after it.
  const script = 'while [ ! -e "$0/$(($1 + 1))" ]; do sleep 0.01; done; touch "$0/$1"; echo $1';
  const ended: number[] = [];
  const work = each(["-j5", "-k", "sh", "-c", script, directory.path, ":::", "1", "2", "3", "4"], {});
  await Deno.writeTextFile(directory.join("5"), "");
  const { stdout } = await work;
  assertEquals(stdout, "1\n2\n3\n4\n");
  for (const name of ["4", "3", "2", "1"]) ended.push(Number((await Deno.stat(directory.join(name))).mtime));
  assertEquals(ended.toSorted((a, b) => a - b), ended);
});

Deno.test("causeway each never has more jobs alive than -j says", async () => {
  await using directory = new Directory();
  const log = directory.join("log");
  const script = 'echo + >> "$0"; echo - >> "$0"; test "$1" -ge 1 && test "$1" -le 3';
  const { code } = await each(["-j3", "sh", "-c", script, log, "{%}"], { input: `${range(300).join("\n")}\n` });
  assertEquals(code, 0);
  const lines = (await Deno.readTextFile(log)).trim().split("\n");
  let alive = 0;
  let most = 0;
  for (const line of lines) most = Math.max(most, alive += line === "+" ? 1 : -1);
  assertEquals(lines.length, 600);
  assertLessOrEqual(most, 3);
});

const ITEMS = ["a  b", "$HOME", "; $(x) * ' \" \\", "-n", "--json", "", "{}", "{#}", "\ufeffbom", "\t", "ünïcödé 🛣"];

Deno.test("causeway each hands items over byte for byte, from lines, from :::, and with -0 newlines too", async () => {
  const command = ["-k", "printf", "<%s>\\n", "{}"];
  const expected = (items: string[]) => items.map((item) => `<${item}>\n`).join("");
  const lines = await each(command, { input: `${ITEMS.join("\n")}\n` });
  assertEquals([lines.code, lines.stdout], [0, expected(ITEMS)]);
  assertEquals((await each([...command, ":::", ...ITEMS])).stdout, expected(ITEMS));
  const more = [...ITEMS, "two\nlines", "\n"];
  assertEquals((await each(["-0", ...command], { input: more.join("\0") })).stdout, expected(more));
  await using directory = new Directory();
  await Deno.writeTextFile(directory.join("items"), ITEMS.join("\n"));
  assertEquals((await each(["-a", directory.join("items"), ...command])).stdout, expected(ITEMS));
});

const WORDS: [template: string[], items: string[], commands: string[][]][] = [
  [["echo"], ["a", "b c"], [["echo", "a"], ["echo", "b c"]]],
  [["echo", "x{}y{}"], ["a b"], [["echo", "x" + "a by" + "a b"]]],
  [["echo", "{.}", "{/}", "{//}", "{/.}"], ["d.e/a.b.c"], [["echo", "d.e/a.b", "a.b.c", "d.e", "a.b"]]],
  [["echo", "{.}", "{//}"], ["a.b/c"], [["echo", "a.b/c", "a.b"]]],
  [["echo", "{//}"], ["a", "/a", "/a/b/", "a//b", "/"], [".", "/", "/a", "a", "/"].map((path) => ["echo", path])],
  [["echo", "{#}", "-{#}-"], ["a", "b"], [["echo", "1", "-1-"], ["echo", "2", "-2-"]]],
  [["{}", "x"], ["true"], [["true", "x"]]],
  [["echo", "{"], ["a"], [["echo", "{", "a"]]],
];

for (const [template, items, commands] of WORDS) {
  Deno.test(`causeway each ${template.join(" ")} ::: ${items.join(" ")} fills in the items`, async () => {
    const { stdout } = await each(["-k", "--json", ...template, ":::", ...items]);
    assertEquals(reports(stdout).map(({ command }) => command), commands);
  });
}

Deno.test("causeway each makes every combination of several lists, the last fastest", async () => {
  const { stdout } = await each(["-k", "echo", "{2}", "{1}", "{}", "[{}]", ":::", "a b", "c", ":::", "1", "2"]);
  assertEquals(stdout, "1 a b a b 1 [a b 1]\n2 a b a b 2 [a b 2]\n1 c c 1 [c 1]\n2 c c 2 [c 2]\n");
});

Deno.test("causeway each -n gives every job so many items, the last what is left", async () => {
  const { stdout } = await each(["-k", "--json", "-n", "2", "echo", "{}", "<{}>", "{2}", ":::", "a", "b b", "c"]);
  assertEquals(reports(stdout).map(({ command }) => command), [["echo", "a", "b b", "<a b b>", "b b"], [
    "echo",
    "c",
    "<c>",
  ]]);
});

Deno.test("causeway each without items runs nothing; -r leaves blank items out", async () => {
  assertEquals(await each(["echo", "x"], { input: "" }), success(""));
  assertEquals(await each(["echo", "x", ":::"]), success(""));
  assertEquals(await each(["echo", "x"], { input: "\n" }), success("x \n"));
  assertEquals(await each(["-r", "-k", "echo"], { input: "\n \na\n\t\nb" }), success("a\nb\n"));
});

const CODES: [what: string, args: string[], code: number][] = [
  ["success", ["true", ":::", "1", "2"], 0],
  ["two failures", ["sh", "-c", "exit $1", "sh", ":::", "0", "7", "9"], 2],
  ["100 failures", ["false", ":::", ...range(100).map(String)], 100],
  ["more than 100 failures", ["false", ":::", ...range(150).map(String)], 101],
  ["a death by signal", ["sh", "-c", "kill -9 $$", ":::", "1"], 1],
  ["a missing program", ["no-such-program", ":::", "1", "2"], 2],
  ["the job that halts", ["-j1", "--halt", "now,fail=1", "sh", "-c", "exit $1", "sh", ":::", "0", "7", "9"], 7],
  ["the killed job that halts", ["-j1", "--halt", "now", "sh", "-c", "kill -9 $$", ":::", "1"], 137],
  ["the job that halts by its time limit", ["--halt", "soon", "--timeout", "0.1", "sleep", ":::", "1000"], 124],
  ["the second that halts", ["-j1", "--halt", "soon,fail=2", "sh", "-c", "exit $1", "sh", ":::", "5", "7", "9"], 2],
  ["a success that halts", ["-j1", "--halt", "now,success=1", "sh", "-c", "exit $1", "sh", ":::", "5", "0", "9"], 0],
  ["no success that would halt", ["-j1", "--halt", "now,success=1", "false", ":::", "1", "2"], 2],
  ["the first end that halts", ["-j1", "--halt", "now,done=1", "sh", "-c", "exit $1", "sh", ":::", "3", "0"], 3],
  ["a percentage", ["-j1", "--halt", "soon,fail=50%", "sh", "-c", "exit $1", "sh", ":::", "3", "4", "0", "0"], 50],
  [
    "a percentage that is not reached",
    ["--halt", "soon,fail=90%", "sh", "-c", "exit $1", "sh", ":::", "3", "0", "0"],
    34,
  ],
];

for (const [what, args, expected] of CODES) {
  Deno.test(`causeway each exits ${expected} for ${what}`, async () => {
    assertEquals((await each(args)).code, expected);
  });
}

const USAGE: [args: string[], message: string][] = [
  [[], "no program"],
  [[":::", "a"], "no program"],
  [["", ":::", "a"], "empty word"],
  [["--bogus", "echo"], 'unknown option "--bogus": there are --jobs, --max-procs, '],
  [["--jbos", "4", "echo"], 'unknown option "--jbos": did you mean "--jobs"?'],
  [["-x", "echo"], 'unknown option "-x": there are -j, --jobs, '],
  [["--timeout"], "--timeout needs a value"],
  [["--tag=yes", "echo"], "--tag takes no value"],
  [["--timeout", "-5", "echo"], '--timeout takes seconds, or a number with s, m, h or d, got "-5"'],
  [["-j", "x", "echo"], "--jobs takes N, N%, +N or -N"],
  [["--halt", "later", "echo"], "--halt takes never"],
  [["--halt", "soon,fail=0", "echo"], "--halt takes never"],
  [["--retries", "-1", "echo"], "--retries takes a whole number"],
  [["-n", "0", "echo"], "--max-args takes a whole number of at least 1"],
  [["--timeout", "x", "echo"], '--timeout takes seconds, or a number with s, m, h or d, got "x"'],
  [["--delay", "-1", "echo"], '--delay takes seconds, or a number with s, m, h or d, got "-1"'],
  [["--resume", "echo"], "--resume needs --joblog"],
  [["-k", "-u", "echo"], "--keep-order"],
  [["--group", "--json", "echo"], "--group or --json"],
  [["--tag", "-u", "echo"], "--tag does not go with --ungroup"],
  [["echo", "{2}", ":::", "a"], "{2} has no item"],
  [["echo", "::::", "file"], ":::: is not supported"],
  [["-a", "file", "echo", ":::", "a"], "-a or from :::"],
];

for (const [args, message] of USAGE) {
  Deno.test(`causeway each ${args.join(" ")} is wrong usage: ${message}`, async () => {
    const { code, stdout, stderr } = await each(args, { input: "" });
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, /^causeway: each: [^\n]*\n$/);
    assertStringIncludes(stderr, message);
  });
}

Deno.test("causeway each exits 255 when the items cannot be read, and prints what came before", async () => {
  for (
    const [input, message] of [["a\nb\0c\n", "item 2 holds a NUL"], [
      Uint8Array.of(97, 10, 255, 10),
      "item 2 is not UTF-8",
    ]] as const
  ) {
    await using directory = new Directory();
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    await Deno.writeFile(directory.join("items"), bytes);
    const { code, stdout, stderr } = await each(["-a", directory.join("items"), "echo"]);
    assertEquals([code, stdout], [255, "a\n"]);
    assertStringIncludes(stderr, message);
  }
  const missing = await each(["-a", "/no/such/file", "echo"]);
  assertEquals([missing.code, missing.stdout], [255, ""]);
  assertStringIncludes(missing.stderr, "ENOENT");
});

Deno.test("causeway each --halt soon starts no more, now ends those that run; both while input is awaited", async () => {
  // One that is left alone has its time; one that is not would never end.
  for (const [when, seconds, left] of [["soon", "0.2", "done\n"], ["now", "1000", ""]] as const) {
    await using marked = new Marked();
    await using directory = new Directory();
    const script = `case $1 in
      1) while [ ! -e "$0/failed" ]; do sleep 0.01; done; sleep ${seconds}; echo done;;
      2) touch "$0/failed"; exit 3;;
      *) echo started;;
    esac`;
    const [program, ...words] = commandLine([
      "each",
      "-j2",
      "--halt",
      `${when},fail=1`,
      "sh",
      "-c",
      script,
      directory.path,
    ]);
    const child = new Deno.Command(program, {
      args: words,
      env: marked.env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // The input stays open: nothing but the halt can end this.
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("1\n2\n3\n4\n"));
    const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, child.output());
    assertEquals([code, new TextDecoder().decode(stdout)], [3, left]);
    assertEquals(new TextDecoder().decode(stderr), "causeway: each: halted: 1 job has failed\n");
    await writer.close().catch(() => {});
    await marked.nothingIsLeft();
  }
});

Deno.test("causeway each --retries starts a failing job so often, and prints and logs its last try", async () => {
  await using directory = new Directory();
  const script = 'echo x >> "$0/$1"; echo try $(wc -l < "$0/$1"); test $(wc -l < "$0/$1") -ge "$1"';
  const log = directory.join("log");
  const options = ["-k", "--retries", "3", "--retry-delay", "0.01", "--joblog", log];
  const { code, stdout } = await each([...options, "sh", "-c", script, directory.path, ":::", "1", "2", "3", "4"]);
  assertEquals([code, stdout], [1, "try 1\ntry 2\ntry 3\ntry 3\n"]);
  assertEquals(logged(log).map(({ sequence, code }) => [sequence, code]), [["1", "0"], ["2", "0"], ["3", "0"], [
    "4",
    "1",
  ]]);
});

Deno.test("causeway each --timeout ends a job and says so, in the log as -1", async () => {
  // The time has to be enough for the first job.
  await withEnoughTime(100, async (ms) => {
    await using directory = new Directory();
    const log = directory.join("log");
    const { code, stderr } = await each(["--timeout", `${ms / 1000}`, "--joblog", log, "sleep", ":::", "0", "1000"]);
    assertEquals([code, stderr], [1, "causeway: each: job 2: time limit reached\n"]);
    assertEquals(logged(log).map(({ code, signal }) => [code, signal]).sort(), [["-1", "15"], ["0", "0"]]);
  });
});

Deno.test("causeway each --delay leaves time between two starts", async () => {
  // Its own clock: the jobs themselves may begin late.
  const { stdout } = await each(["-j4", "-k", "--delay", "0.1", "--json", "true", ":::", "1", "2", "3"]);
  const starts = reports(stdout).map(({ startedAt }) => Date.parse(startedAt));
  assertEquals(starts.length, 3);
  assertGreaterOrEqual((starts[2] ?? 0) - (starts[0] ?? 0), 190);
});

Deno.test("causeway each --joblog writes what GNU parallel writes", async () => {
  await using directory = new Directory();
  const log = directory.join("log");
  await Deno.writeTextFile(log, "something else\n");
  const before = Date.now() / 1000;
  await each([
    "-j1",
    "--joblog",
    log,
    "sh",
    "-c",
    "echo abc; eval $1",
    "sh",
    "{}",
    ":::",
    "true",
    "exit 3",
    "kill -9 $$",
  ]);
  const [head, ...lines] = (await Deno.readTextFile(log)).split("\n");
  assertEquals(head, "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand");
  assertEquals(lines.pop(), "");
  const words = ["true", "'exit 3'", "'kill -9 $$'"].map((word) => `sh -c 'echo abc; eval $1' sh ${word}`);
  const expected = [["1", "0", "0"], ["2", "3", "0"], ["3", "0", "9"]];
  for (const [index, line] of lines.entries()) {
    const [sequence, host, start, runtime = "", sent, received, code, signal, command] = line.split("\t");
    assertEquals([sequence, host, sent, received, command], [expected[index]?.[0], ":", "0", "4", words[index]]);
    assertMatch(runtime, /^ *\d+\.\d{3}$/);
    assert(Number(start) >= before - 1 && Number(start) <= Date.now() / 1000 + 1);
    assertEquals([code, signal], expected[index]?.slice(1));
  }
});

Deno.test("causeway each --resume leaves out what is logged, --resume-failed what succeeded", async () => {
  await using directory = new Directory();
  const log = directory.join("log");
  const command = [
    "-j1",
    "--joblog",
    log,
    "sh",
    "-c",
    'echo $1; test -e "$0" || exit $1',
    directory.join("fixed"),
    "{}",
  ];
  assertEquals((await each([...command, ":::", "0", "3"])).stdout, "0\n3\n");
  assertEquals((await each(["--resume", ...command, ":::", "0", "3", "0"])).stdout, "0\n");
  await Deno.writeTextFile(directory.join("fixed"), "");
  const again = await each(["--resume-failed", ...command], { input: "0\n3\n0\n4\n" });
  assertEquals([again.code, again.stdout], [0, "3\n4\n"]);
  assertEquals((await each(["--resume-failed", ...command, ":::", "0", "3", "0", "4"])).stdout, "");
  assertEquals(logged(log).map(({ sequence }) => sequence), ["1", "2", "3", "2", "4"]);
  const dry = await each(["--resume", "--dry-run", "--joblog", log, "echo", ":::", "a", "b", "c", "d", "e"]);
  assertEquals(dry.stdout, "echo e\n");
});

Deno.test("causeway each --resume takes a torn last line for what it is, and refuses a file that is no log", async () => {
  await using directory = new Directory();
  const log = directory.join("log");
  await each(["--joblog", log, "-j1", "echo", ":::", "a", "b"]);
  const whole = await Deno.readTextFile(log);
  await Deno.writeTextFile(log, whole.slice(0, -4));
  assertEquals((await each(["--resume", "--joblog", log, "echo", ":::", "a", "b"])).stdout, "b\n");
  assertEquals(logged(log).map(({ sequence }) => sequence), ["1", "2"]);
  await Deno.writeTextFile(log, "my novel\nchapter 1\n");
  const { code, stderr } = await each(["--resume", "--joblog", log, "echo", ":::", "a"]);
  assertEquals([code, await Deno.readTextFile(log)], [255, "my novel\nchapter 1\n"]);
  assertStringIncludes(stderr, "is no job log");
});

Deno.test("causeway each that was killed by SIGKILL goes on where it was: nothing that was logged runs again", async () => {
  await using directory = new Directory();
  await using marked = new Marked();
  const log = directory.join("log");
  const ran = directory.join("ran");
  const gate = directory.join("gate");
  // No job beyond the gate ends: so it is in the midst of them when it is killed.
  const script = 'while [ "$1" -gt "$(cat "$2")" ]; do sleep 0.02; done; sleep 0.02; echo $1 >> "$0"';
  const args = ["each", "-j3", "--joblog", log, "sh", "-c", script, ran, "{}", gate];
  const items = range(60).map((n) => `${n + 1}`);
  const [program, ...words] = commandLine([...args.slice(0, 4), ...args.slice(4), ":::", ...items]);
  // What was logged when a run was killed, and how often each job had run when its orphans had ended.
  const kills: { logged: string[]; ran: Map<string, number> }[] = [];
  for (const limit of [7, 25]) {
    await Deno.writeTextFile(gate, `${limit + 20}`);
    const resume = limit === 7 ? words : words.toSpliced(words.indexOf("each") + 1, 0, "--resume");
    const child = new Deno.Command(program, { args: resume, env: marked.env, stdout: "null", stderr: "null" }).spawn();
    await until(() => logged(log).length >= limit);
    child.kill("SIGKILL");
    assertEquals((await child.status).signal, "SIGKILL");
    await Deno.writeTextFile(gate, "60");
    // Its jobs are orphans now, and end by themselves.
    await marked.nothingIsLeft();
    kills.push({ logged: logged(log).map(({ sequence }) => sequence), ran: countLines(ran) });
  }
  const { code } = await each(["--resume", ...args.slice(1), ":::", ...items]);
  assertEquals(code, 0);
  const atLast = countLines(ran);
  assertEquals(atLast.size, 60, "every job has run");
  for (const { logged, ran } of kills) {
    for (const item of logged) {
      assertEquals(atLast.get(item), ran.get(item), `job ${item} was logged and must not run again`);
    }
  }
  assertEquals(logged(log).map(({ sequence }) => Number(sequence)).sort((a, b) => a - b), range(60).map((n) => n + 1));
});

for (const [tier, flags] of [["with FFI", FULL], ["without FFI", LIGHT]] as const) {
  Deno.test(`causeway each prints what a job said in one piece, each output where it belongs, ${tier}`, async () => {
    const script = 'for i in 1 2 3 4 5; do echo $1; echo $1 >&2; sleep 0.01; done; printf "end $1" >&2';
    const { code, stdout, stderr } = await each(["-j3", "sh", "-c", script, "sh", ":::", "a", "b", "c"], { flags });
    assertEquals(code, 0);
    assertMatch(stdout, /^(?:(.)\n(?:\1\n){4}){3}$/);
    assertEquals(stderr.replaceAll("\n", "").match(/(.)\1{4}end \1/g)?.length, 3);
  });

  Deno.test(`causeway each brings 20 MB of a job through unharmed, ${tier}`, async () => {
    const { stdout } = await each(["-k", "seq", "{}", ":::", "2500000", "3"], { flags });
    assertEquals(stdout.length, 18_888_896 + 6);
    assert(stdout.endsWith("\n2500000\n1\n2\n3\n"));
  });

  Deno.test(`causeway each --line-buffer prints whole lines as they come, ${tier}`, async () => {
    await using directory = new Directory();
    // Each says its second line when the other has said its first.
    const script =
      'printf "$1"; touch "$0/$1"; while [ ! -e "$0/$2" ]; do sleep 0.01; done; echo " one"; echo "$1 two"; printf "$1 open"';
    const args = [
      "-j2",
      "-n2",
      "--line-buffer",
      "--tag",
      "sh",
      "-c",
      script,
      directory.path,
      "{}",
      ":::",
      "a",
      "b",
      "b",
      "a",
    ];
    const { stdout } = await each(args, { flags });
    const lines = ["a b\ta one", "a b\ta open", "a b\ta two", "b a\tb one", "b a\tb open", "b a\tb two"];
    assertEquals(stdout.trimEnd().split("\n").sort(), lines);
  });
}

Deno.test("causeway each --ungroup gives jobs its own outputs, and none of its other descriptors", async () => {
  const script = 'readlink /proc/self/fd/1; exec "$@"';
  const args = ["each", "-u", "sh", "-c", 'readlink /proc/self/fd/1; ls /proc/self/fd | tr "\\n" " "', ":::", "x"];
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script, "sh", ...commandLine(args)] }).output();
  const [outer, inner, descriptors] = new TextDecoder().decode(stdout).split("\n");
  assertEquals(inner, outer);
  // Of ls itself, 3 is the directory that it lists.
  assertEquals(descriptors, "0 1 2 3 ");
});

Deno.test("causeway each gives jobs an empty standard input", async () => {
  assertEquals(await each(["cat", ":::", "-"], { input: "not for jobs" }), success(""));
  assertEquals(
    await each(["sh", "-c", "cat; echo $0"], { input: "a\nb\n" }).then(({ stdout }) => stdout.split("\n").sort()),
    ["", "a", "b"],
  );
});

Deno.test("causeway each --tag begins every line with the items", async () => {
  const { stdout, stderr } = await each([
    "-k",
    "--tag",
    "sh",
    "-c",
    'printf "1\\n\\n2"; echo e >&2',
    ":::",
    "a",
    "b c",
    "d\ne",
  ]);
  assertEquals(stdout, ["a", "b c", "$'d\\ne'"].map((tag) => `${tag}\t1\n${tag}\t\n${tag}\t2\n`).join(""));
  assertEquals(stderr, ["a", "b c", "$'d\\ne'"].map((tag) => `${tag}\te\n`).join(""));
});

Deno.test("causeway each --dry-run prints commands that a shell reads back, and runs none", async () => {
  const { stdout } = await each(["--dry-run", "printf", "<%s>\\n", "{}", ":::", ...ITEMS, "two\nlines"]);
  const { stdout: printed } = await new Deno.Command("bash", { args: ["-c", stdout] }).output();
  assertEquals(new TextDecoder().decode(printed), [...ITEMS, "two\nlines"].map((item) => `<${item}>\n`).join(""));
});

Deno.test("causeway each --json prints one object a job, always the same", async () => {
  // The time has to be enough for the first job, and for the second to speak.
  await withEnoughTime(300, (ms) => jsonOfEachJob(`${ms / 1000}`));
});

async function jsonOfEachJob(timeLimit: string): Promise<void> {
  const args = [
    "-k",
    "--json",
    "--timeout",
    timeLimit,
    "--retries",
    "2",
    "sh",
    "-c",
    'echo "out $1"; printf "\\377\\n" >&2; eval "$1"',
    "sh",
  ];
  const { code, stdout } = await each([...args, ":::", "true", "exec sleep 1000", "kill -9 $$"]);
  assertEquals(code, 2);
  const all = reports(stdout);
  for (const report of all) {
    assertEquals(Object.keys(report), [
      "sequence",
      "items",
      "command",
      "status",
      "exitCode",
      "timedOut",
      "attempts",
      "startedAt",
      "durationMs",
      "stdout",
      "stderr",
      // Of an output that is text there is none.
      "stderrBase64",
    ]);
    assertMatch(JSON.stringify(report), /"durationMs":\d+(\.\d{1,3})?,/);
    assertEquals(new Date(report.startedAt).toISOString(), report.startedAt);
  }
  assertEquals(
    all.map(({ sequence, items, exitCode, timedOut, attempts, stdout }) => ({
      sequence,
      items,
      exitCode,
      timedOut,
      attempts,
      stdout,
    })),
    [
      { sequence: 1, items: ["true"], exitCode: 0, timedOut: false, attempts: 1, stdout: "out true\n" },
      {
        sequence: 2,
        items: ["exec sleep 1000"],
        exitCode: 143,
        timedOut: true,
        attempts: 2,
        stdout: "out exec sleep 1000\n",
      },
      { sequence: 3, items: ["kill -9 $$"], exitCode: 137, timedOut: false, attempts: 2, stdout: "out kill -9 $$\n" },
    ],
  );
  assertEquals([all[0]?.stderr, all[0]?.stderrBase64], ["\ufffd\n", Uint8Array.of(0xff, 0x0a).toBase64()]);
}

Deno.test("causeway each says which program cannot be started", async () => {
  const { stderr } = await each(["-k", "{}", ":::", "no-such-program", "/etc/passwd", ""]);
  assertEquals(
    stderr,
    [
      'causeway: each: job 1: cannot start "no-such-program": not found in PATH (ENOENT)',
      'causeway: each: job 2: cannot start "/etc/passwd": Permission denied (EACCES)',
      'causeway: each: job 3: cannot start "": not found in PATH (ENOENT)',
      "",
    ].join("\n"),
  );
});

Deno.test("causeway each exits 255, not 1 as for a job that failed, when its output cannot be written", async () => {
  const script = '"$@" >/dev/full';
  for (const mode of ["--group", "--line-buffer", "--json"]) {
    const words = commandLine(["each", mode, "echo", ":::", "a"]);
    const { status, stderr } = await command("sh", ["-c", script, "sh", ...words]).unchecked().output();
    assertEquals([mode, status], [mode, { kind: "exited", code: 255 }]);
    assertMatch(stderr, /^causeway: each: No space left on device[^\n]*\n$/);
  }
});

Deno.test("causeway each ends quietly, with its jobs, when nobody reads its output", async () => {
  for (const mode of ["--group", "--line-buffer", "--json"]) {
    await using marked = new Marked();
    const script = 'yes | "$@" | head -n 2';
    const words = commandLine(["each", "-j2", mode, "sh", "-c", "echo y; exec sleep 0.05"]);
    const output = new Deno.Command("bash", {
      args: ["-c", `${script}; exit \${PIPESTATUS[1]}`, "bash", ...words],
      env: marked.env,
    }).output();
    const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, output);
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    assertEquals(new TextDecoder().decode(stdout).split("\n").length, 3);
    await marked.nothingIsLeft();
  }
});

Deno.test("causeway each waits for a slow reader and loses nothing", async () => {
  const words = commandLine(["each", "-j4", "-k", "seq", "-f", "%.0f {}", "20000", ":::", "a", "b", "c"]);
  const slow = '"$@" | { sleep 0.5; md5sum; }';
  const { stdout } = await new Deno.Command("bash", { args: ["-c", slow, "bash", ...words] }).output();
  const expected = await run("bash", ["-c", 'for x in a b c; do seq -f "%.0f $x" 20000; done | md5sum'], "");
  assertEquals(new TextDecoder().decode(stdout), expected);
});

Deno.test("causeway each shows no progress where there is no terminal", async () => {
  assertEquals((await each(["--progress", "--eta", "true", ":::", "1"])).stderr, "");
});

Deno.test("progress tells how many, how fast, and how long it will take", () => {
  const facts = { total: 100, over: 30, overNow: 20, failed: 1, running: 2 };
  assertEquals(progressText(facts, 10_000, true), "30/100 jobs, 2 running, 1 failed, 2.0 a second, 35 s left");
  assertEquals(
    progressText({ ...facts, total: undefined, failed: 0 }, 10_000, true),
    "30 jobs, 2 running, 2.0 a second",
  );
  assertEquals(
    progressText({ ...facts, overNow: 1, over: 1 }, 60_000, true),
    "1/100 jobs, 2 running, 1 failed, 0.0 a second, 1 h 39 min left",
  );
});

Deno.test("causeway each --help documents its exit codes", async () => {
  const { code, stdout } = await each(["--help"]);
  assertEquals(code, 0);
  for (const text of ["1 to 100 so many failed", "101 more", "255"]) assertStringIncludes(stdout, text);
});

/** Runs the command. */
async function each(args: readonly string[], options: CausewayOptions = {}): Promise<Outcome> {
  return await watchdog(WATCHDOG_MS, causeway(["each", ...args], options));
}

function success(stdout: string): Outcome {
  return { code: 0, signal: null, stdout, stderr: "" };
}

function reports(stdout: string): EachReport[] {
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** The whole lines of a job log, header left out. */
function logged(path: string): { sequence: string; code: string; signal: string }[] {
  let text = "";
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return text.split("\n").slice(1, -1).map((line) => {
    const [sequence = "", , , , , , code = "", signal = ""] = line.split("\t");
    return { sequence, code, signal };
  });
}

/** How often each line is in a file. */
function countLines(path: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of Deno.readTextFileSync(path).trim().split("\n")) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

async function run(program: string, args: string[], input: string): Promise<string> {
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

/** A directory for a test. */
class Directory implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync();

  join(name: string): string {
    return `${this.path}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
