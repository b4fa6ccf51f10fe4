import { assert, assertEquals, assertGreater, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import type { RunReport } from "../../lib/cli/run.ts";
import { makeAccessLog } from "../../examples/make_access_log.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, commandLine, FULL, Marked } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

const TALKERS = [
  "cut",
  "-d",
  " ",
  "-f",
  "1",
  "|",
  "sort",
  "|",
  "uniq",
  "-c",
  "|",
  "sort",
  "-rn",
  "|",
  "head",
  "-n",
  "5",
];

Deno.test("causeway run prints what the shell prints, from a file and from standard input", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const log = `${directory}/access.log`;
    await makeAccessLog(log);
    const script = 'cut -d " " -f 1 "$1" | sort | uniq -c | sort -rn | head -n 5';
    const shell = await new Deno.Command("bash", { args: ["-c", script, "bash", log] }).output();
    const expected = { code: 0, signal: null, stdout: new TextDecoder().decode(shell.stdout), stderr: "" };
    assertEquals(expected.stdout.split("\n").length, 6);
    assertEquals(await causeway(["run", "--", "cat", log, "|", ...TALKERS]), expected);
    assertEquals(await causeway(["run", "--", ...TALKERS], { input: await Deno.readTextFile(log) }), expected);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("causeway run wires its programs in the kernel, to its own standard output", async () => {
  const links = "for fd in 0 1 2; do readlink /proc/self/fd/$fd; done >&2; cat";
  const { code, stderr } = await causeway(["run", "--", "sh", "-c", links, "|", "sh", "-c", links], { input: "" });
  assertEquals(code, 0);
  const targets = stderr.trim().split("\n");
  assertEquals(targets.length, 6);
  for (const target of targets) assertMatch(target, /^pipe:\[\d+\]$/);
  const [outer, inner] = await pipesOf(["run", "--", "sh", "-c", "readlink /proc/self/fd/1"]);
  assertEquals(inner, outer);
});

const CODES: [what: string, words: string[], code: number][] = [
  ["success", ["true"], 0],
  ["an exit code", ["sh", "-c", "exit 3"], 3],
  ["the largest exit code", ["sh", "-c", "exit 255"], 255],
  ["death by SIGKILL", ["sh", "-c", "kill -KILL $$"], 137],
  ["death by SIGTERM", ["sh", "-c", "kill -TERM $$"], 143],
  ["death by a real-time signal", ["sh", "-c", "kill -35 $$"], 163],
  ["a failure on the left", ["sh", "-c", "cat; exit 4", "|", "cat"], 4],
  ["a failure on the right", ["true", "|", "sh", "-c", "cat; exit 5"], 5],
  ["the rightmost of two failures", ["sh", "-c", "exit 4", "|", "sh", "-c", "cat; exit 5", "|", "cat"], 5],
  ["a victim of SIGPIPE", ["yes", "|", "true"], 0],
  ["a program whose name begins with -", ["-no-such-program"], 127],
  ["a file without execute permission", ["/etc/passwd"], 126],
  ["a directory", ["/etc"], 126],
  ["a missing program on the right", ["yes", "|", "no-such-program"], 127],
];

for (const [what, words, expected] of CODES) {
  Deno.test(`causeway run exits ${expected} for ${what}`, async () => {
    const { code, signal, stdout } = await watchdog(WATCHDOG_MS, causeway(["run", "--", ...words]));
    assertEquals([code, signal, stdout], [expected, null, ""]);
  });
}

Deno.test("causeway run names the program that cannot be started", async () => {
  const missing = await causeway(["run", "--", "yes", "|", "no-such-program", "-x"]);
  assertEquals(missing.stderr, 'causeway: run: cannot start "no-such-program": not found in PATH (ENOENT)\n');
  const path = await causeway(["run", "--", "/no/such/program"]);
  assertEquals(path.stderr, 'causeway: run: cannot start "/no/such/program": No such file or directory (ENOENT)\n');
  const refused = await causeway(["run", "--", "/etc/passwd"]);
  assertEquals(refused.stderr, 'causeway: run: cannot start "/etc/passwd": Permission denied (EACCES)\n');
});

const WORDS: [args: string[], expected: string[]][] = [
  [["run", "--", "printf", "%s\\n", "a  b", "$HOME", ";", "||", "*", "'", '"', "-n", "--json", "--"], [
    ..."a  b,$HOME,;,||,*,',\",-n,--json,--".split(","),
  ]],
  [["run", "printf", "%s\\n", "--json", "--", "--stages"], ["--json", "--", "--stages"]],
  [["run", "--timeout", "50000", "printf", "%s\\n", "true"], ["true"]],
  [["run", "--timeout=50000", "--", "printf", "%s\\n", ""], [""]],
];

for (const [args, expected] of WORDS) {
  Deno.test(`causeway ${args.slice(0, 3).join(" ")} … hands the words over byte for byte: ${expected.join(" ")}`, async () => {
    const { code, stdout, stderr } = await causeway(args);
    assertEquals({ code, stdout, stderr }, {
      code: 0,
      stdout: expected.map((word) => `${word}\n`).join(""),
      stderr: "",
    });
  });
}

Deno.test("causeway run takes a program named like the value of a flag", async () => {
  assertEquals((await causeway(["run", "--stages", "true"])).stdout, "");
  assertEquals((await causeway(["run", "--stages", "false"])).code, 1);
});

Deno.test("causeway run --stages tells pid, time and status of each program on standard error", async () => {
  const { code, stdout, stderr } = await causeway(["run", "--stages", "--", "yes", "a b", "|", "head", "-n", "1"]);
  assertEquals([code, stdout], [0, "a b\n"]);
  const lines = stderr.trimEnd().split("\n");
  assertEquals(lines.length, 3);
  assertMatch(lines[0] ?? "", /^ *pid +time +status +program$/);
  assertMatch(lines[1] ?? "", /^ *\d+ +\d+\.\d ms +was killed by SIGPIPE +yes 'a b'$/);
  assertMatch(lines[2] ?? "", /^ *\d+ +\d+\.\d ms +exited with code 0 +head -n 1$/);
});

Deno.test("causeway run --json captures both outputs, statuses and times", async () => {
  const words = ["sh", "-c", "echo out; echo err >&2; exit 3", "|", "cat"];
  const { code, stdout, stderr } = await causeway(["run", "--json", "--", ...words]);
  assertEquals([code, stderr], [3, ""]);
  const report: RunReport = JSON.parse(stdout);
  assertEquals(Object.keys(report), [
    "status",
    "exitCode",
    "timedOut",
    "forced",
    "durationMs",
    "drained",
    "stages",
    "stdout",
    "stderr",
  ]);
  const { status, exitCode, timedOut, forced, durationMs, drained, stages } = report;
  assertEquals({ status, exitCode, timedOut, forced, drained, stdout: report.stdout, stderr: report.stderr }, {
    status: { kind: "exited", code: 3 },
    exitCode: 3,
    timedOut: false,
    forced: false,
    drained: true,
    stdout: "out\n",
    stderr: "err\n",
  });
  assertEquals(stages.map(({ command, status }) => ({ command, status })), [
    { command: words.slice(0, 3), status: { kind: "exited", code: 3 } },
    { command: ["cat"], status: { kind: "exited", code: 0 } },
  ]);
  assertGreater(durationMs, 0);
  for (const text of [durationMs, ...stages.map(({ durationMs }) => durationMs)].map(String)) {
    assertMatch(text, /^\d+(\.\d{1,3})?$/);
  }
  assert(stages.every((stage) => stage.pid > 1 && stage.durationMs > 0 && stage.durationMs <= durationMs));
});

Deno.test("causeway run --json is valid for bytes that are no text, and large outputs", async () => {
  const { stdout } = await causeway(["run", "--json", "--", "sh", "-c", "printf '\\377\\0\\n'; seq 200000"]);
  const report: RunReport = JSON.parse(stdout);
  assertStringIncludes(report.stdout, "\ufffd\0\n1\n2\n");
  assertStringIncludes(report.stdout, "\n200000\n");
  const bytes = Uint8Array.fromBase64(report.stdoutBase64 ?? "");
  assertEquals([...bytes.subarray(0, 5)], [0xff, 0, 0x0a, 0x31, 0x0a]);
  assertEquals(bytes.byteLength, report.stdout.length);
  assertEquals([report.stderr, report.stderrBase64], ["", undefined]);
});

// What is said, and whether its text is all of it.
const SAID: [script: string, text: string, base64: string | undefined][] = [
  ["printf text", "text", undefined],
  ["printf '\\303\\244'", "ä", undefined],
  // A replacement character that was said is one.
  ["printf '\\357\\277\\275'", "\ufffd", undefined],
  ["printf '\\303'", "\ufffd", "ww=="],
  // Three bytes that become three others.
  ["printf '\\377\\357\\277'", "\ufffd\ufffd", "/++/"],
  ["printf '\\357\\273\\277text'", "text", "77u/dGV4dA=="],
];

Deno.test("causeway run --json gives the bytes of an output in base64 where its text is not all of it", async () => {
  for (const [script, text, base64] of SAID) {
    const { stdout } = await causeway(["run", "--json", "--", "sh", "-c", `${script}; ${script} >&2`]);
    const report: RunReport = JSON.parse(stdout);
    assertEquals([report.stdout, report.stdoutBase64], [text, base64], script);
    assertEquals([report.stderr, report.stderrBase64], [text, base64], script);
  }
});

Deno.test("causeway run --json tells a death by signal", async () => {
  const { code, stdout } = await causeway(["run", "--json", "--", "sh", "-c", "kill -KILL $$"]);
  const report: RunReport = JSON.parse(stdout);
  assertEquals([code, report.exitCode, report.status], [137, 137, { kind: "signaled", signal: "SIGKILL", number: 9 }]);
});

Deno.test("causeway run --timeout ends the programs and exits 124", async () => {
  const work = causeway(["run", "--timeout", "50", "--", "sleep", "1000", "|", "sleep", "1000"]);
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, work);
  assertEquals([code, stdout, stderr], [124, "", "causeway: run: time limit of 50 ms reached\n"]);
});

Deno.test("causeway run --timeout --json says that the limit ended the run", async () => {
  const work = causeway(["run", "--timeout", "50", "--json", "--", "sleep", "1000"]);
  const { code, stdout } = await watchdog(WATCHDOG_MS, work);
  const report: RunReport = JSON.parse(stdout);
  assertEquals([code, report.timedOut, report.status], [124, true, {
    kind: "signaled",
    signal: "SIGTERM",
    number: 15,
  }]);
  assertLess(report.durationMs, 1_000_000);
});

Deno.test("causeway run needs --allow-run alone for one program, and no FFI for a pipeline", async () => {
  assertEquals((await causeway(["run", "--", "echo", "hi"], { flags: ["--allow-run"] })).stdout, "hi\n");
  const light = ["--allow-run", "--allow-read", "--allow-write"];
  assertEquals((await causeway(["run", "--", "echo", "hi", "|", "cat"], { flags: light })).stdout, "hi\n");
});

for (const words of [["yes", "|", "head", "-n", "1"], ["yes", "|", "no-such-program"], ["yes", "|", "sleep", "1000"]]) {
  Deno.test(`causeway run leaves no process and no file behind: ${words.join(" ")}`, async () => {
    await using marked = new Marked();
    const light = ["--allow-run", "--allow-read", "--allow-write"];
    for (const flags of [FULL, light]) {
      await causeway(["run", "--timeout", "200", "--", ...words], { env: marked.env, flags });
      await marked.nothingIsLeft();
    }
  });
}

/** The pipe that the program's standard output is, as seen from here and by a child. */
async function pipesOf(args: string[]): Promise<[outer: string, inner: string]> {
  const script = 'readlink /proc/self/fd/1; exec "$@"';
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script, "sh", ...commandLine(args)] }).output();
  const [outer = "", inner = ""] = new TextDecoder().decode(stdout).split("\n");
  return [outer, inner];
}
