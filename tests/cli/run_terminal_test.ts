// Needs: bash, perl
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { bytesText, finalText, progressText } from "../../lib/cli/run/progress_line.ts";
import { command, spawnPty } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until } from "../helpers/patience.ts";
import { procText } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, commandLine } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

Deno.test("causeway run --progress is one line on standard error where there is no terminal", async () => {
  const { code, stdout, stderr } = await causeway([
    "run",
    "--progress",
    "--",
    "head",
    "-c",
    "12345678",
    "/dev/zero",
    "|",
    "wc",
    "-c",
  ]);
  assertEquals([code, stdout.trim()], [0, "12345678"]);
  assertMatch(stderr, /^12345678 bytes \(12\.3 MB\) in \d+\.\d s, [\d.]+ [kMG]B\/s\n$/);
});

Deno.test("causeway run --progress --json keeps JSON valid, and tells of a first program that fails", async () => {
  const { code, stdout, stderr } = await causeway([
    "run",
    "--json",
    "--progress",
    "--",
    "sh",
    "-c",
    "printf abc; exit 3",
    "|",
    "cat",
  ]);
  assertEquals([code, JSON.parse(stdout).stdout], [3, "abc"]);
  assertMatch(stderr, /^3 bytes in \d+\.\d s, \d.*\/s\n$/);
});

Deno.test("causeway run --progress is redrawn on a terminal, and completed by a final line", async () => {
  await watchdog(
    WATCHDOG_MS,
    noLeaks(async () => {
      const words = ["sh", "-c", "head -c 1000000 /dev/zero; read line; printf $line", "|", "tail", "-c", "4"];
      const [program, ...args] = commandLine(["run", "--progress", "--", ...words]);
      await using pty = spawnPty(command(program, args), { columns: 200 });
      const text = new Response(pty.readable).text();
      for (let time = 0; time < 3; time++) await pty.waitFor(/1\.00 MB {2}\d+\.\d s {2}\d+\S* [kM]?B\/s/);
      await pty.send("last\n");
      await pty.waitFor(/1000004 bytes \(1\.00 MB\) in \d+\.\d s, \d\S* [kM]?B\/s\r\n/);
      assertEquals(await pty.child.status, { kind: "exited", code: 0 });
      // Every line but the last is erased by the one after it.
      const [before = "", ...drawn] = (await text).split("\r\x1b[K");
      const last = drawn.pop() ?? "";
      assertEquals([before.includes("bytes"), drawn.length >= 3], [false, true]);
      // The first may come before all bytes, the last before or after the word.
      for (const line of drawn) assertMatch(line, /^[\d.]+ [kM]?B {2}[^\n]*/);
      assertMatch(last, /^1000004 bytes [^\n]*\r\n$/);
      // It is typed, and printed.
      assertEquals(drawn.join("").match(/last/g)?.length, 2);
    }),
  );
});

const COUNTS: [count: number, text: string][] = [
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [9_994, "9.99 kB"],
  [9_996, "10.0 kB"],
  [99_960, "100 kB"],
  [999_400, "999 kB"],
  [999_600, "1.00 MB"],
  [1.5e9, "1.50 GB"],
  [2e18, "2000 PB"],
];

for (const [count, text] of COUNTS) {
  Deno.test(`bytesText writes ${count} as ${text}`, () => assertEquals(bytesText(count), text));
}

Deno.test("progressText has the rate of the last moment, finalText that of the whole", () => {
  const progress = { byteLength: 3e9, bytesPerSecond: 5e8, elapsedMs: 3_661_000, done: false };
  assertEquals(progressText(progress), "3.00 GB  1:01:01  500 MB/s");
  assertEquals(finalText({ ...progress, elapsedMs: 60_000 }), "3000000000 bytes (3.00 GB) in 1:00, 50.0 MB/s");
  assertEquals(finalText({ ...progress, byteLength: 0, elapsedMs: 0 }), "0 bytes in 0.0 s, 0 B/s");
});

for (const options of [[], ["--lifeline", "--usage"]]) {
  Deno.test(`causeway run ${options.join(" ")} is stopped by Ctrl-Z with its programs, continued by fg, and ended by Ctrl-C`, async () => {
    await watchdog(
      WATCHDOG_MS,
      noLeaks(async () => {
        const shell = command("bash", ["--norc", "--noprofile", "-i"], { env: { PS1: "prompt> " } });
        await using pty = spawnPty(shell, { columns: 1000, term: "dumb" });
        await pty.waitFor("prompt> ");
        const words = ["sh", "-c", "echo program $$ >&2; exec sleep 1000"];
        const line = commandLine(["run", ...options, "--", ...words, "|", ...words]).map(quoted).join(" ");
        await pty.send(`${line}\n`);
        const pids = [];
        for (let n = 0; n < 2; n++) pids.push(Number((await pty.waitFor(/program (\d+)\r\n/)).groups[0]));
        const [self = 0] = pids.map(parentOf);
        const all = [self, ...pids];
        // One foreground group: the terminal's.
        assertEquals(new Set(all.map(groupOf)), new Set([self]));
        await pty.send("\x1a");
        await pty.waitFor("Stopped");
        await pty.waitFor("prompt> ");
        await until(() => all.every((pid) => stateOf(pid) === "T"));
        await pty.send("fg\n");
        await until(() => all.every((pid) => stateOf(pid) !== "T"));
        await pty.send("\x03");
        await pty.waitFor("prompt> ");
        await pty.send("echo code $?\n");
        await pty.waitFor(/code 130\r\n/);
        await until(() => all.every((pid) => stateOf(pid) === ""));
      }),
    );
  });
}

Deno.test("causeway run ends by Ctrl-C though a program has stopped itself", async () => {
  await watchdog(
    WATCHDOG_MS,
    noLeaks(async () => {
      const [program, ...args] = commandLine(["run", "--", "sh", "-c", "echo program $$; kill -STOP $$"]);
      await using pty = spawnPty(command(program, args));
      const pid = Number((await pty.waitFor(/program (\d+)\r\n/)).groups[0]);
      await until(() => stateOf(pid) === "T");
      await pty.send("\x03");
      assertEquals(await pty.child.status, { kind: "signaled", signal: "SIGINT", number: 2 });
      assertEquals(stateOf(pid), "");
    }),
  );
});

for (const [lifeline, survivors] of [[["--lifeline"], 0], [[], 2]] as const) {
  Deno.test(`causeway run ${lifeline.join("")} killed by SIGKILL: ${survivors} of its 2 programs live on`, async () => {
    const words = ["sh", "-c", "trap '' TERM HUP INT; echo program $$ >&2; exec sleep 1000"];
    const [program, ...args] = commandLine(["run", ...lifeline, "--", ...words, "|", ...words]);
    const child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
    const pids: number[] = [];
    let text = "";
    const reader = child.stderr.getReader();
    await watchdog(WATCHDOG_MS, async () => {
      while (pids.length < 2) {
        text += new TextDecoder().decode((await reader.read()).value);
        pids.splice(0, 2, ...Array.from(text.matchAll(/program (\d+)\n/g), ([, pid]) => Number(pid)));
      }
    });
    child.kill("SIGKILL");
    await child.status;
    // This process watches: nobody else ends them.
    if (survivors === 0) await until(() => pids.every((pid) => stateOf(pid) === ""));
    else {
      assertNotMatch(pids.map(stateOf).join(" "), /^ | $/);
      for (const pid of pids) Deno.kill(pid, "SIGKILL");
    }
    await reader.cancel();
  });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** The letter of /proc; empty when the process has ended. */
function stateOf(pid: number): string {
  const [state = ""] = statOf(pid);
  return state === "Z" ? "" : state;
}

function parentOf(pid: number): number {
  return Number(statOf(pid)[1]);
}

function groupOf(pid: number): number {
  return Number(statOf(pid)[2]);
}

function statOf(pid: number): string[] {
  const stat = procText(`/proc/${pid}/stat`) ?? "";
  return stat === "" ? [] : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
