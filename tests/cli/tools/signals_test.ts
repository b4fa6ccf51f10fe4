import { assertEquals, assertMatch } from "@std/assert";
import { SIGNALS } from "../../../lib/signal/names.ts";
import { watchdog } from "../../helpers/watchdog.ts";
import { causeway, commandLine } from "../causeway.ts";
import { ours, WATCHDOG_MS } from "./tool.ts";

/** Starts the command, waits until it listens, lets somebody send, and tells what was printed. */
async function listening(args: readonly string[], send: (pid: number) => Promise<unknown> | void) {
  const [program, ...words] = commandLine(["signals", ...args]);
  const child = new Deno.Command(program, { args: words, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  const errors = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await watchdog(WATCHDOG_MS, errors.read());
  assertMatch(value ?? "", new RegExp(`process ${child.pid} listens to`));
  await send(child.pid);
  const stdout = await watchdog(WATCHDOG_MS, new Response(child.stdout).text());
  await errors.cancel();
  const { code, signal } = await watchdog(WATCHDOG_MS, child.status);
  return { stdout, code, signal };
}

Deno.test("signals prints sender and value, and ends after --count", async () => {
  const { stdout, code } = await listening(["--count", "2", "USR1", "RTMIN+1"], async (pid) => {
    await ours("kill", ["-USR1", String(pid)]);
    await ours("kill", ["-s", "RTMIN+1", "-q", "-42", String(pid)]);
  });
  assertMatch(
    stdout,
    /^SIGUSR1 \(10\) from process \d+ of user \d+ by kill\nSIGRTMIN\+1 \(35\) from process \d+ of user \d+ by sigqueue, value -42\n$/,
  );
  assertEquals(code, 0);
});

Deno.test("signals --json without names listens to all, and dies of the SIGTERM that it has printed", async () => {
  const { stdout, signal } = await listening(["--json"], async (pid) => {
    await ours("kill", ["-HUP", String(pid)]);
    Deno.kill(pid, "SIGTERM");
  });
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.map((event) => [event.signal, event.cause]), [["SIGHUP", "user"], ["SIGTERM", "user"]]);
  assertEquals(events[1].pid, Deno.pid);
  assertEquals(signal, "SIGTERM");
});

Deno.test("signals --table prints every signal", async () => {
  const { stdout } = await causeway(["signals", "--table"]);
  assertEquals(stdout.trim().split("\n").length, SIGNALS.length + 1);
  assertMatch(stdout, /\n +9 {2}SIGKILL +terminate +standard +no /);
  const json = await causeway(["signals", "--table", "--json"]);
  assertEquals(JSON.parse(json.stdout), SIGNALS);
});

Deno.test("signals refuses what does not exist or cannot be listened to", async () => {
  for (const args of [["FOO"], ["KILL"], ["SEGV"], ["--count", "0"], ["--table", "TERM"]]) {
    const { code, stderr } = await causeway(["signals", ...args]);
    assertEquals(code, 2, args.join(" "));
    assertMatch(stderr, /^causeway: signals: .*\n$/);
  }
});
