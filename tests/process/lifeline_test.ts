// Needs: perl, strace
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { command } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until } from "../helpers/patience.ts";
import { isThere } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;
const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}.ts`, import.meta.url));

/** Starts a parent that holds children by lifelines, and reads the pids that it prints. */
async function parent(...args: string[]) {
  const child = command(Deno.execPath(), ["run", "-A", fixture("process_lifeline"), ...args], {
    stdout: "piped",
    stderr: "null",
  })
    .spawn();
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) text += new TextDecoder().decode((await reader.read()).value);
  reader.releaseLock();
  const pids = text.trim().split(" ").map(Number);
  // A parent that ends by itself may have ended, and its children with it, by now.
  if (args[0]?.startsWith("SIG")) { for (const pid of pids) assert(isThere(pid), `child ${pid} has not started`); }
  return { child, pids };
}

Deno.test("lifeline: children and their groups are gone when the parent is, however it ends", async () => {
  for (const how of ["SIGKILL", "SIGTERM", "exit", "throw", "end"] as const) {
    const { child, pids } = await parent(how);
    if (how.startsWith("SIG")) child.kill(how as "SIGKILL");
    await watchdog(30 * SECOND, child.status);
    // The watching process is this one: it sees them go, and they are its grandchildren, so nobody else ends them.
    await until(() => !pids.some(isThere));
    await child.release();
  }
});

Deno.test("lifeline: without it children survive a parent that is killed", async () => {
  const { child, pids } = await parent("SIGKILL", "without");
  child.kill("SIGKILL");
  await child.status;
  await child.release();
  assertEquals(pids.map(isThere), pids.map(() => true));
  for (const pid of pids) Deno.kill(pid, "SIGKILL");
});

Deno.test("lifeline: a child that ignores signals and is stopped goes too", async () => {
  const { child, pids } = await parent("SIGKILL", "stubborn");
  for (const pid of pids) Deno.kill(pid, "SIGSTOP");
  child.kill("SIGKILL");
  await child.status;
  await child.release();
  await until(() => !pids.some(isThere));
});

Deno.test("lifeline: the watcher is gone with the last child, and starts again for the next", async () => {
  await noLeaks(async () => {
    const run = command("echo", ["hi"], { lifeline: true });
    assertEquals(await run.text(), "hi");
    assertEquals(await Promise.all([run.text(), run.text(), run.text()]), ["hi", "hi", "hi"]);
    assertEquals(run.textSync(), "hi");
    await using child = command("sleep", ["1000"], { lifeline: true, group: "own" }).spawn();
    assertEquals(child.alive, true);
  });
});

Deno.test("lifeline: the parent killed at any moment of the start leaves no child", async () => {
  // A fault is injected: the parent dies in the very call that waits for the trampoline, before it knows of the child.
  const mark = `causeway-${crypto.randomUUID()}`;
  for (const when of [1, 2, 3, 4]) {
    const through = [
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      "trace=none",
      "-e",
      `inject=pidfd_open:signal=SIGKILL:when=${when}`,
    ];
    const run = command("strace", [
      ...through,
      Deno.execPath(),
      "run",
      "-A",
      fixture("process_lifeline"),
      "end",
      "marked",
      mark,
    ]);
    await watchdog(60 * SECOND, run.unchecked().output());
  }
  await until(() => processesWith(mark).length === 0);
});

function processesWith(word: string): string[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).map(({ name }) => {
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`);
    } catch {
      return "";
    }
  }).filter((line) => line.includes(word) && !line.includes("strace"));
}
