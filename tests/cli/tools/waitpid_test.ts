import { assertEquals } from "@std/assert";
import { watchdog } from "../../helpers/watchdog.ts";
import { commandLine } from "../causeway.ts";
import { ours, Sleeper, WATCHDOG_MS } from "./tool.ts";

const NOBODY = "999999999";

/** What util-linux 2.39 says; it is not installed here. */
const CASES: readonly (readonly [args: readonly string[], code: number, stdout: string, stderr: string])[] = [
  [[], 1, "", "waitpid: no PIDs specified\n"],
  [["-z"], 1, "", "waitpid: invalid option -- 'z'\nTry 'waitpid --help' for more information.\n"],
  [["x"], 1, "", "waitpid: failed to parse pid: 'x'\n"],
  [["-t", "x", "1"], 1, "", "waitpid: invalid timeout: 'x'\n"],
  [["-c", "0", "1"], 1, "", "waitpid: invalid count: '0'\n"],
  [["-c", "2", "1"], 1, "", "waitpid: can't wait for 2 of 1 PIDs\n"],
  [["-e", "-c", "1", "1"], 1, "", "waitpid: mutually exclusive arguments: --count --exited\n"],
  [[NOBODY], 1, "", `waitpid: could not open PID ${NOBODY}: No such process\n`],
  [["0"], 1, "", "waitpid: could not open PID 0: Invalid argument\n"],
  [["-e", NOBODY], 0, "", ""],
  [["-v", "--exited", NOBODY], 0, "", `waitpid: PID ${NOBODY} has exited, skipping\n`],
];

for (const [args, code, stdout, stderr] of CASES) {
  Deno.test(`waitpid ${args.join(" ")} answers as util-linux does`, async () => {
    assertEquals(await ours("waitpid", args), { code, stdout, stderr });
  });
}

Deno.test("waitpid waits for processes that are not its children, and tells each", async () => {
  await using first = new Sleeper();
  await using second = new Sleeper();
  const { code, stdout } = await waiting(["-v"], [first.pid, second.pid], [second.pid, first.pid]);
  assertEquals(code, 0);
  assertEquals(stdout.trim().split("\n").sort(), [first.pid, second.pid].map((pid) => `PID ${pid} finished`).sort());
});

Deno.test("waitpid --count ends with the first exits that it was asked for", async () => {
  await using first = new Sleeper();
  await using second = new Sleeper();
  const { code, stdout } = await waiting(["-v", "-c", "1"], [first.pid, second.pid], [second.pid]);
  assertEquals([code, stdout], [0, `PID ${second.pid} finished\n`]);
});

/** Runs waitpid on processes, and ends some of them once it holds all. */
async function waiting(options: readonly string[], pids: readonly number[], ended: readonly number[]) {
  const [program, ...args] = commandLine(["waitpid", ...options, ...pids.map(String)]);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  await watchdog(WATCHDOG_MS, untilHeld(child.pid, pids.length));
  for (const pid of ended) Deno.kill(pid, "SIGTERM");
  const { code, stdout } = await watchdog(WATCHDOG_MS, child.output());
  return { code, stdout: new TextDecoder().decode(stdout) };
}

/** waitpid says nothing when it is ready: its descriptors do. */
async function untilHeld(pid: number, count: number): Promise<void> {
  while (true) {
    const links = Array.from(Deno.readDirSync(`/proc/${pid}/fd`), ({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return "";
        throw error;
      }
    });
    if (links.filter((link) => link === "anon_inode:[pidfd]").length >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("waitpid --timeout exits with 3", async () => {
  await using sleeper = new Sleeper();
  assertEquals(await ours("waitpid", ["-v", "-t", "0.05", String(sleeper.pid)]), {
    code: 3,
    stdout: "Timeout expired\n",
    stderr: "",
  });
});
