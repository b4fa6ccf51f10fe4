// Needs: perl
import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import type { Explanation } from "../../mod.ts";
import type { RunReport } from "../../lib/cli/run.ts";
import { withEnoughTime } from "../helpers/patience.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, commandLine, FULL, Marked } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

const WRONG: [args: string[], line: string][] = [
  [
    ["--progress", "--", "cat", "a b"],
    "--progress counts what passes from the first program to the next, but cat 'a b' is alone",
  ],
  [["--max-output", "5", "true"], "--max-output limits what --json captures: say --json, too"],
  [["--json", "--max-output", "5k", "true"], '--max-output takes a number of bytes, got "5k"'],
  [["--kill-after", "soon", "true"], '--kill-after takes milliseconds, got "soon"'],
  [["--end-signal", "SOON", "true"], '--end-signal takes the name or number of a signal, got "SOON"'],
  [["--append", "true"], "--append needs a file: --stdout FILE, --stderr FILE or --events=FILE"],
  [["--append", "--events", "true"], "--append needs a file: --stdout FILE, --stderr FILE or --events=FILE"],
  [["--stdout", "x", "--events=x", "true"], 'two outputs to "x" overwrite each other: say --append, too'],
  [["--env", "NAME", "true"], '--env takes NAME=VALUE, got "NAME"'],
  [["--env", "=x", "true"], '--env takes NAME=VALUE, got "=x"'],
  [["--events=", "true"], "--events needs a value"],
  [["--cwd"], "--cwd needs a value"],
  [["--lifeline=yes", "true"], "--lifeline takes no value"],
  [["--progres", "true"], 'unknown option "--progres": did you mean "--progress"?'],
];

for (const [args, line] of WRONG) {
  Deno.test(`causeway run ${args.join(" ")} exits 2 with one line`, async () => {
    const outcome = await causeway(["run", ...args]);
    assertEquals(outcome, { code: 2, signal: null, stdout: "", stderr: `causeway: run: ${line}\n` });
  });
}

Deno.test("causeway run --stdin, --stdout and --stderr are files, emptied first, or kept with --append", async () => {
  await withFolder(async (folder) => {
    const [input, output, errors] = ["in", "out", "err"].map((name) => `${folder}/${name}`) as [string, string, string];
    await Deno.writeTextFile(input, "b\na\n");
    for (const name of [output, errors]) await Deno.writeTextFile(name, "of before\n".repeat(20));
    const files = ["--stdin", input, "--stdout", output, "--stderr", errors];
    const programs = ["--", "sh", "-c", "echo left, longer >&2; cat", "|", "sh", "-c", "sort; echo right >&2"];
    const silent = { code: 0, signal: null, stdout: "", stderr: "" };
    assertEquals(await causeway(["run", ...files, ...programs]), silent);
    assertEquals([await Deno.readTextFile(output), await Deno.readTextFile(errors)], [
      "a\nb\n",
      "left, longer\nright\n",
    ]);
    assertEquals(await causeway(["run", "--append", ...files, ...programs]), silent);
    assertEquals(await Deno.readTextFile(output), "a\nb\na\nb\n");
    assertEquals((await Deno.readTextFile(errors)).split("\n").length, 5);
  });
});

Deno.test("causeway run --append --stdout and --stderr may be one file; --json does not capture it", async () => {
  await withFolder(async (folder) => {
    const log = `${folder}/log`;
    const files = ["--append", "--stdout", log, "--stderr", log];
    const { code, stdout } = await causeway([
      "run",
      "--json",
      ...files,
      "--",
      "sh",
      "-c",
      "echo a; echo b >&2; echo c",
    ]);
    const report: RunReport = JSON.parse(stdout);
    assertEquals([code, report.stdout, report.stderr, await Deno.readTextFile(log)], [0, "", "", "a\nb\nc\n"]);
  });
});

Deno.test("causeway run says which file or directory cannot be opened, and starts nothing", async () => {
  for (const option of ["--stdin", "--stdout", "--stderr", "--cwd"]) {
    const { code, stdout, stderr } = await causeway(["run", option, "/no/such/place", "--", "echo", "hi"]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^causeway: run: (open|chdir) failed on "\/no\/such\/place": .*\(ENOENT\)\n$/);
  }
});

Deno.test("causeway run --cwd and --env are for every program, --clear-env leaves no other variable", async () => {
  await withFolder(async (folder) => {
    const words = ["sh", "-c", 'cat; pwd; echo "$A $B"'];
    const args = ["run", "--cwd", folder, "--env", "A=1", "--env", "B=x=y z", "--", ...words, "|", ...words];
    assertEquals((await causeway(args)).stdout, `${folder}\n1 x=y z\n`.repeat(2));
    for (const flags of [FULL, ["--allow-run"]]) {
      const { stdout } = await causeway(["run", "--clear-env", "--env", "A=", "--", "env"], { flags, env: { B: "2" } });
      assertEquals(stdout, "A=\n");
    }
  });
});

Deno.test("causeway run --explain tells what would be done, and starts and opens nothing", async () => {
  await withFolder(async (folder) => {
    const made = `${folder}/made`;
    const options = ["--stdout", `${folder}/out`, "--events=" + folder + "/events", "--timeout", "5000", "--lifeline"];
    const args = ["run", "--explain", ...options, "--env", "A=a b", "--", "touch", made, "|", "no-such-program"];
    const { code, stdout, stderr } = await causeway(args);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^touch .*\n {2}program +\/\S*\/touch\n/);
    assertMatch(stdout, /\n {2}environment +this process's, A='a b'\n/);
    assertMatch(stdout, /\nno-such-program\n {2}program +not found\n/);
    assertStringIncludes(stdout, `the file ${folder}/out\n`);
    assertMatch(stdout, /\nSIGTERM after 5000 ms; SIGKILL 5000 ms after SIGTERM; ended with this process\n$/);
    const json = await causeway(["run", "--json", ...args.slice(1)]);
    const explanation: Explanation = JSON.parse(json.stdout);
    assertEquals(explanation.stages.map(({ words }) => words), [["touch", made], ["no-such-program"]]);
    assertEquals([explanation.stages[0]!.launcher, explanation.stages[0]!.because], ["posix_spawn", ["lifeline"]]);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

for (const json of [[], ["--json"]]) {
  Deno.test(`causeway run --explain ${json.join("")} | true ends quietly`, async () => {
    // The reader is gone before the first byte is written.
    const script = '{ read _; "$@"; echo "code $?" >&3; } <"$0" | { exec 0<&-; echo >"$0"; }';
    await withFolder(async (folder) => {
      const args = commandLine(["run", "--explain", ...json, "--", "true"]);
      const { stdout, stderr } = await new Deno.Command("sh", {
        args: ["-c", `exec 3>&1; mkfifo "$0"; ${script}`, `${folder}/fifo`, ...args],
      }).output();
      assertEquals(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr), "code 0\n");
    });
  });
}

Deno.test("causeway run --usage tells CPU time and memory of each program, in the table and in JSON", async () => {
  const busy = ["sh", "-c", "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; cat"];
  const { code, stdout, stderr } = await causeway(["run", "--usage", "--", ...busy, "|", "cat"]);
  assertEquals([code, stdout], [0, ""]);
  const lines = stderr.trimEnd().split("\n");
  assertMatch(lines[0] ?? "", /^ *pid +time +user +system +memory +status +program$/);
  assertMatch(lines[1] ?? "", /^ *\d+ +[\d.]+ ms +[\d.]+ ms +[\d.]+ ms +[\d.]+ MB +exited with code 0 +sh -c /);
  assertEquals(lines.length, 3);
  const report: RunReport = JSON.parse((await causeway(["run", "--json", "--usage", "--", ...busy])).stdout);
  const usage = report.stages[0]?.usage;
  assert(usage !== undefined);
  assertGreater(usage.userMs + usage.systemMs, 0);
  assertGreater(usage.maxRssBytes, 100_000);
});

Deno.test("causeway run --max-output ends the programs, keeps so much, and prints valid JSON", async () => {
  const work = causeway(["run", "--json", "--max-output", "5", "--", "yes", "|", "cat"]);
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, work);
  const report: RunReport = JSON.parse(stdout);
  assertEquals([report.stdout, report.exceeded], ["y\ny\ny", { stream: "stdout", maxOutputBytes: 5 }]);
  assertEquals([code === 0, report.exitCode], [false, code]);
  assertEquals(stderr, "causeway: run: limit of 5 bytes of stdout reached\n");
});

Deno.test("causeway run --end-signal ends the programs by another signal than SIGTERM", async () => {
  for (const signal of ["USR1", "SIGUSR1", "10"]) {
    const { code, stdout } = await causeway([
      "run",
      "--json",
      "--timeout",
      "1",
      "--end-signal",
      signal,
      "sleep",
      "1000",
    ]);
    assertEquals(code, 124);
    assertEquals(JSON.parse(stdout).status, { kind: "signaled", signal: "SIGUSR1", number: 10 });
  }
});

Deno.test("causeway run --kill-after sends SIGKILL to a program that ignores SIGTERM", async () => {
  const script = "trap '' TERM; while :; do sleep 0.02; done";
  // The time has to be enough for the shell to ignore the signal.
  await withEnoughTime(200, async (ms) => {
    const limits = ["--timeout", `${ms}`, "--kill-after", "50"];
    const { code, stdout } = await watchdog(
      WATCHDOG_MS,
      causeway(["run", "--json", ...limits, "--", "sh", "-c", script]),
    );
    const report: RunReport = JSON.parse(stdout);
    assertEquals([code, report.timedOut, report.forced, report.status], [124, true, true, {
      kind: "signaled",
      signal: "SIGKILL",
      number: 9,
    }]);
  });
});

const ENDINGS: [words: string[], code: number][] = [
  [["sh", "-c", "exit 3"], 3],
  [["sh", "-c", "kill -KILL $$"], 137],
  [["no-such-program"], 127],
  [["yes", "|", "no-such-program"], 127],
  [["/etc/passwd"], 126],
  [["yes", "|", "head", "-n", "1"], 0],
];

for (const [words, expected] of ENDINGS) {
  Deno.test(`causeway run --lifeline --usage exits ${expected} for ${words.join(" ")}, and leaves nothing`, async () => {
    await using marked = new Marked();
    const work = causeway(["run", "--lifeline", "--usage", "--", ...words], { env: marked.env });
    assertEquals((await watchdog(WATCHDOG_MS, work)).code, expected);
    await marked.nothingIsLeft();
  });
}

Deno.test("causeway run names the flag that --lifeline, --usage and --progress need", async () => {
  for (const option of ["--lifeline", "--usage", "--progress"]) {
    const flags = ["--allow-run", "--allow-read", "--allow-write"];
    const { code, stdout, stderr } = await causeway(["run", option, "--", "echo", "|", "cat"], { flags });
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^causeway: .*ffi.*--allow-ffi.*\n$/);
  }
});

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
