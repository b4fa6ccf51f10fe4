import { assertEquals, assertMatch } from "@std/assert";
import { withEnoughTime } from "../../helpers/patience.ts";
import { watchdog } from "../../helpers/watchdog.ts";
import { commandLine } from "../causeway.ts";
import { ours, shell, shellOfTheirs, theirs, WATCHDOG_MS } from "./tool.ts";

/** Command lines on which ours must print and return what coreutils does. */
const SAME: readonly (readonly string[])[] = [
  [],
  ["5"],
  ["abc", "true"],
  ["", "true"],
  ["-1", "true"],
  ["--", "-1", "true"],
  ["5x", "true"],
  ["5ss", "true"],
  ["1e1", "true"],
  ["0x5", "true"],
  [".5", "true"],
  ["5.", "true"],
  ["+5", "true"],
  ["inf", "true"],
  ["1d", "true"],
  ["0", "sh", "-c", "exit 3"],
  ["100", "sh", "-c", "exit 7"],
  ["100", "sh", "-c", "echo out; echo err >&2"],
  ["5", "/nonexistent"],
  ["5", "/etc/passwd"],
  ["5", "/etc"],
  ["5", "no-such-program-anywhere"],
  ["-s", "FOO", "5", "true"],
  ["-s", "99", "5", "true"],
  ["-s"],
  ["-z", "5", "true"],
  ["--fore", "5", "true"],
  ["--x", "5", "true"],
  ["--foreground=1", "5", "true"],
  ["-k", "5x", "5", "true"],
  ["-k5", "-v", "5", "true"],
  ["-v", "0.1", "sleep", "100"],
  ["0.1", "sleep", "100"],
  ["--preserve-status", "0.1", "sleep", "100"],
  ["--preserve", "-s", "INT", "0.1", "sleep", "100"],
  ["-sHUP", "0.1", "sleep", "100"],
  ["--signal=sigusr1", "-v", "0.1", "sleep", "100"],
  ["-s", "RTMIN+1", "-v", "0.1", "sleep", "100"],
  ["-s", "SEGV", "--foreground", "0.1", "sleep", "100"],
  ["-v", "-s", "KILL", "0.1", "sleep", "100"],
  ["-v", "-s", "0", "-k", "0.2", "0.1", "sleep", "100"],
  ["--foreground", "-s", "KILL", "0.1", "sleep", "100"],
  ["100", "sh", "-c", "kill -TERM $$"],
  ["100", "sh", "-c", "kill -KILL $$"],
  ["100", "sh", "-c", "kill -PIPE $$"],
  ["0.1", "sh", "-c", "kill -STOP $$"],
  ["100", "timeout", "--", "0.1", "sleep", "100"],
];

for (const args of SAME) {
  Deno.test(`timeout ${args.join(" ")} does what coreutils does`, async () => {
    assertEquals(await ours("timeout", args), await theirs("timeout", args));
  });
}

/** Likewise, where TIME has to be enough for a shell to set its trap; and the code, by which one knows that it was. */
const TRAPPED: readonly (readonly [args: readonly string[], code: number])[] = [
  [["-v", "-k", "0.1", "TIME", "sh", "-c", "trap '' TERM; while :; do sleep 0.01; done"], 137],
  // Without a child: a shell whose child dies of the signal says so, or not, as it happens.
  [["TIME", "sh", "-c", "trap 'exit 9' TERM; while :; do :; done"], 124],
  [["--preserve-status", "TIME", "sh", "-c", "trap 'exit 9' TERM; while :; do :; done"], 9],
];

for (const [args, code] of TRAPPED) {
  Deno.test(`timeout ${args.join(" ")} does what coreutils does`, async () => {
    await withEnoughTime(200, async (ms) => {
      const words = args.map((word) => word === "TIME" ? `${ms / 1000}` : word);
      const expected = await theirs("timeout", words);
      assertEquals(expected.code, code);
      assertEquals(await ours("timeout", words), expected);
    });
  });
}

/** Scripts that must print the same with either `T`. */
const SCRIPTS: readonly (readonly [name: string, script: string])[] = [
  ["hands on descriptors above 2", "T 100 sh -c 'echo three >&3' 3>&1"],
  ["hands on standard input", "echo words | T 100 cat"],
  ["leads a group of its own", 'T 100 sh -c \'test "$(ps -o pgid= -p $$)" -eq "$PPID" && echo own group\''],
  [
    "stays in the group with --foreground",
    "T --foreground 100 sh -c 'test \"$(ps -o pgid= -p $$)\" -ne $PPID && echo same group'",
  ],
  ["ends the group's other processes", "T 0.2 sh -c 'sleep 100 & sleep 100; wait' | cat; echo over"],
  ["leaves SIGPIPE as programs expect it", "T 100 sh -c 'yes | head -n 1'"],
  [
    "runs a script that names no interpreter",
    "d=$(mktemp -d); echo 'echo plain' > $d/s; chmod +x $d/s; T 100 $d/s; rm -r $d",
  ],
];

for (const [name, script] of SCRIPTS) {
  Deno.test(`timeout ${name}, as coreutils does`, async () => {
    const expected = await shellOfTheirs("timeout", script);
    assertEquals(await shell("timeout", script), expected);
    assertMatch(expected.stdout, /\w/);
  });
}

// Not compared with coreutils 9.1, which loses a signal that comes before its fork(2) has returned.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGALRM"] as const) {
  Deno.test(`timeout passes ${signal} on and exits as its program does`, async () => {
    const heard = signal === "SIGALRM" ? "TERM" : signal.slice(3);
    const script = `trap 'echo told; exit 4' ${heard}; echo ready; while :; do sleep 0.01; done`;
    const [program, ...args] = commandLine(["timeout", "100", "sh", "-c", script]);
    const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("ready")) text += (await watchdog(WATCHDOG_MS, reader.read())).value ?? "";
    child.kill(signal);
    for (let part = await watchdog(WATCHDOG_MS, reader.read()); !part.done;) {
      text += part.value;
      part = await watchdog(WATCHDOG_MS, reader.read());
    }
    assertEquals(text, "ready\ntold\n");
    // SIGALRM is the end of the time.
    assertEquals((await watchdog(WATCHDOG_MS, child.status)).code, signal === "SIGALRM" ? 124 : 4);
  });
}

Deno.test("timeout knows the short options of coreutils 9.6: -f and -p", async () => {
  assertEquals((await ours("timeout", ["-fp", "0.1", "sleep", "100"])).code, 143);
});

Deno.test("timeout dies of the signal that its program died of when it was passed on", async () => {
  const [program, ...args] = commandLine(["timeout", "100", "sh", "-c", "echo ready; exec sleep 100"]);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await watchdog(WATCHDOG_MS, reader.read());
  child.kill("SIGTERM");
  assertEquals((await watchdog(WATCHDOG_MS, child.status)).signal, "SIGTERM");
  await reader.cancel();
});

Deno.test("timeout --help is a page, --version a line, and both are successes", async () => {
  const help = await ours("timeout", ["--help"]);
  assertMatch(help.stdout, /^causeway timeout: /);
  const version = await ours("timeout", ["--version"]);
  assertMatch(version.stdout, /^timeout \(causeway\) \d/);
  assertEquals([help.code, version.code], [0, 0]);
});
