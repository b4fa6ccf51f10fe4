import { assertEquals, assertMatch } from "@std/assert";
import { ours, Sleeper } from "./tool.ts";

/** No process has this number: it is beyond the kernel's limit. */
const NOBODY = "999999999";

/** What util-linux's manual page and messages say. procps is installed here, which says it in other words. */
const CASES: readonly (readonly [args: readonly string[], code: number, stdout: string, stderr: string])[] = [
  [[], 1, "", "kill: not enough arguments\n"],
  [["-l", "9"], 0, "KILL\n", ""],
  [["-l", "143"], 0, "TERM\n", ""],
  [["-l", "term"], 0, "TERM\n", ""],
  [["--list=1"], 0, "HUP\n", ""],
  [["-l", "35"], 0, "RT1\n", ""],
  [["-l", "0x4001"], 0, "HUP\nTERM\n", ""],
  [["-l", "FOO"], 1, "", "kill: unknown signal: FOO\n"],
  [["-l", "1", "2"], 1, "", "kill: too many arguments\n"],
  [["-FOO", "1"], 1, "", "kill: invalid signal name or number: FOO\n"],
  [["-s"], 1, "", "kill: not enough arguments\n"],
  [["-q"], 1, "", "kill: option '-q' requires an argument\n"],
  [["-q", "x", "1"], 1, "", "kill: argument error: 'x'\n"],
  [["-q", "4294967296", "1"], 1, "", "kill: argument error: '4294967296': Numerical result out of range\n"],
  [["-p", "-s", "TERM", "1"], 1, "", "kill: --pid and --signal are mutually exclusive\n"],
  [["-p", "-q", "1", "1"], 1, "", "kill: --pid and --queue are mutually exclusive\n"],
  [[NOBODY], 1, "", `kill: sending signal to ${NOBODY} failed: No such process\n`],
  [["--", `-${NOBODY}`], 1, "", `kill: sending signal to -${NOBODY} failed: No such process\n`],
  [["-9", `-${NOBODY}`], 1, "", `kill: sending signal to -${NOBODY} failed: No such process\n`],
  [["-q", "1", NOBODY], 1, "", `kill: sending signal to ${NOBODY} failed: No such process\n`],
  [["no-such-name"], 1, "", 'kill: cannot find process "no-such-name"\n'],
  [["-p", "4711", "12"], 0, "4711\n12\n", ""],
];

for (const [args, code, stdout, stderr] of CASES) {
  Deno.test(`kill ${args.join(" ")} answers as util-linux does`, async () => {
    assertEquals(await ours("kill", args), { code, stdout, stderr });
  });
}

Deno.test("kill -l and -L list every signal, one a line when nobody looks", async () => {
  const list = (await ours("kill", ["-l"])).stdout.trimEnd().split("\n");
  assertEquals(list.slice(0, 7), ["HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "IOT"]);
  assertEquals(list.slice(-4), ["SYS", "RT<N>", "RTMIN+<N>", "RTMAX-<N>"]);
  const table = (await ours("kill", ["-L"])).stdout.split("\n");
  assertEquals([table[0], table[8]], [" 1 HUP     ", " 8 FPE     "]);
  assertMatch(table.slice(-3).join("\n"), /^34 RTMIN {3}\n64 RTMAX {3}\n$/);
});

Deno.test("kill prints the valid signals below an unknown one", async () => {
  const { code, stderr } = await ours("kill", ["-s", "FOO", "1"]);
  assertEquals(code, 1);
  assertMatch(stderr, /^kill: unknown signal FOO; valid signals:\n 1 HUP /);
});

/** Every way to say a signal. */
for (
  const [options, signal] of [
    [[], "SIGTERM"],
    [["-9"], "SIGKILL"],
    [["-HUP"], "SIGHUP"],
    [["-SIGINT"], "SIGINT"],
    [["-usr1"], "SIGUSR1"],
    [["-s", "quit"], "SIGQUIT"],
    [["-sALRM"], "SIGALRM"],
    [["--signal", "12"], "SIGUSR2"],
    [["--signal=PIPE"], "SIGPIPE"],
    [["-s", "IO"], "SIGIO"],
    [["-s", "POLL"], "SIGIO"],
    [["-q", "7", "-s", "USR1"], "SIGUSR1"],
  ] as const
) {
  Deno.test(`kill ${options.join(" ")} sends ${signal}`, async () => {
    await using sleeper = new Sleeper();
    assertEquals(await ours("kill", [...options, String(sleeper.pid)]), { code: 0, stdout: "", stderr: "" });
    const { signal: death, code } = await sleeper.status;
    // Deno calls SIGIO by its other name.
    assertEquals(signal === "SIGIO" ? code : death, signal === "SIGIO" ? 128 + 29 : signal);
  });
}

Deno.test("kill --verbose says what it sends, and exits with 64 when some failed", async () => {
  await using sleeper = new Sleeper();
  assertEquals(await ours("kill", ["--verbose", "-0", String(sleeper.pid), NOBODY]), {
    code: 64,
    stdout: `sending signal 0 to pid ${sleeper.pid}\nsending signal 0 to pid ${NOBODY}\n`,
    stderr: `kill: sending signal to ${NOBODY} failed: No such process\n`,
  });
});

Deno.test("kill reaches a process group after --, and after a signal", async () => {
  for (const args of [["--"], ["-TERM"]]) {
    const child = new Deno.Command("setsid", { args: ["sh", "-c", "echo ready; sleep 1000 & wait"], stdout: "piped" })
      .spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    assertEquals((await ours("kill", [...args, `-${child.pid}`])).code, 0);
    // End of file: the group's other process is gone too.
    while (!(await reader.read()).done);
    assertEquals((await child.status).signal, "SIGTERM");
  }
});

Deno.test("kill finds processes by name, its user's own unless --all", async () => {
  const directory = Deno.makeTempDirSync();
  const name = `nap${crypto.randomUUID().slice(0, 8)}`;
  try {
    Deno.copyFileSync("/usr/bin/sleep", `${directory}/${name}`);
    await using first = new Sleeper(`${directory}/${name}`);
    await using second = new Sleeper(`${directory}/${name}`);
    const pids = [first.pid, second.pid].sort((left, right) => left - right);
    const expected = pids.map((pid) => `${pid}\n`).join("");
    assertEquals((await ours("kill", ["-p", name])).stdout, expected);
    assertEquals((await ours("kill", ["-a", "-p", name])).stdout, expected);
    assertEquals((await ours("kill", ["-INT", name])).code, 0);
    assertEquals([(await first.status).signal, (await second.status).signal], ["SIGINT", "SIGINT"]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("kill --timeout sends the next signal to a process that is still there, and none to one that has gone", async () => {
  await using stubborn = new Sleeper();
  const options = ["--verbose", "--timeout", "50", "0", "--timeout", "50", "KILL", "-s", "0"];
  assertEquals((await ours("kill", [...options, String(stubborn.pid)])).stdout.split("\n").slice(1, 3), [
    `timeout, sending signal 0 to pid ${stubborn.pid}`,
    `timeout, sending signal 9 to pid ${stubborn.pid}`,
  ]);
  assertEquals((await stubborn.status).signal, "SIGKILL");
  await using obedient = new Sleeper();
  const polite = await ours("kill", ["--verbose", "--timeout", "60000", "KILL", String(obedient.pid)]);
  assertEquals(polite.stdout, `sending signal 15 to pid ${obedient.pid}\n`);
  assertEquals((await obedient.status).signal, "SIGTERM");
});
