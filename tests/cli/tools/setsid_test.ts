// Needs: root
import { assertEquals, assertMatch } from "@std/assert";
import { watchdog } from "../../helpers/watchdog.ts";
import { commandLine, fixture } from "../causeway.ts";
import { ours, shell, shellOfTheirs, theirs, WATCHDOG_MS } from "./tool.ts";

/** Command lines on which ours must print and return what util-linux does. */
const SAME: readonly (readonly string[])[] = [
  [],
  ["-z"],
  ["--wat", "true"],
  ["-w", "sh", "-c", "exit 4"],
  ["-f", "-w", "sh", "-c", "exit 5"],
  ["-fw", "sh", "-c", "echo out; echo err >&2"],
  ["sh", "-c", "exit 6"],
  ["-w", "/nonexistent"],
  ["-fw", "/nonexistent"],
  ["-w", "/etc/passwd"],
  ["--", "echo", "-c"],
  ["echo", "-c", "-w"],
  ["-c", "true"],
];

for (const args of SAME) {
  Deno.test(`setsid ${args.join(" ")} does what util-linux does`, async () => {
    assertEquals(await ours("setsid", args), await theirs("setsid", args));
  });
}

/** Scripts that must print the same with either `T`. */
const LEADS = 'sh -c \'test "$(ps -o sid= -p $$)" -eq $$ && test "$(ps -o pgid= -p $$)" -eq $$ && echo leads\'';
const SCRIPTS: readonly (readonly [name: string, script: string])[] = [
  ["begins a session", `T -w ${LEADS}`],
  ["begins a session in a second process", `T -f -w ${LEADS}`],
  ["hands on descriptors above 2", "T -w sh -c 'echo three >&3' 3>&1"],
  ["returns before its program with -f", "T -f sh -c 'sleep 0.5; echo second'; echo first; sleep 1"],
  ["leaves SIGPIPE as programs expect it", "T -w sh -c 'yes | head -n 1'"],
];

for (const [name, script] of SCRIPTS) {
  Deno.test(`setsid ${name}, as util-linux does`, async () => {
    const expected = await shellOfTheirs("setsid", script);
    assertEquals(await shell("setsid", script), expected);
    assertMatch(expected.stdout, /\w/);
  });
}

for (const [options, expected] of [[["-fw"], "none"], [["-fwc"], "terminal"]] as const) {
  Deno.test(`setsid ${options} leaves its program with ${expected} for a controlling terminal`, async () => {
    for (const words of [commandLine(["setsid"]), ["/usr/bin/setsid"]]) {
      const command = ["sh", fixture("cli_tell_terminal.sh"), ...words, ...options].map((word) => `'${word}'`).join(
        " ",
      );
      // script(1) is the terminal.
      const running = new Deno.Command("script", { args: ["-qec", command, "/dev/null"], stdin: "null" }).output();
      const { stdout } = await watchdog(WATCHDOG_MS, running);
      assertEquals(new TextDecoder().decode(stdout).trim(), expected);
    }
  });
}
