// Needs: strace
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { command, type CommandOptions, ExitError } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until, withEnoughTime } from "../helpers/patience.ts";
import { isThere, procText } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;

/** Starts a child that starts grandchildren, and prints their pids when they are ready. */
async function withGrandchild(script: string, options: CommandOptions) {
  const child = command("sh", ["-c", script], { stdout: "piped", stderr: "null", ...options }).spawn();
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) text += new TextDecoder().decode((await reader.read()).value);
  reader.releaseLock();
  return { child, grandchild: Number(text.trim()) };
}

Deno.test("killGroup() and terminate() reach grandchildren of a child that leads its group", async () => {
  for (const group of ["own", "session"] as const) {
    const killed = await withGrandchild("sleep 1000 & echo $!; wait", { group });
    assertEquals(killed.child.killGroup("SIGKILL"), true);
    await watchdog(30 * SECOND, until(() => !isThere(killed.grandchild)));
    assertEquals(await killed.child.status, { kind: "signaled", signal: "SIGKILL", number: 9 });
    await killed.child.release();

    const stubborn = "trap '' TERM; sh -c 'echo $$; while :; do sleep 0.05; done' & wait";
    const ended = await withGrandchild(stubborn, { group });
    assertEquals(await watchdog(30 * SECOND, ended.child.terminate(100)), true);
    await watchdog(30 * SECOND, until(() => !isThere(ended.grandchild)));
    await ended.child.release();
  }
});

Deno.test("terminate() gives a grandchild that obeys late the time that is left", async () => {
  const script = `sh -c 'trap "sleep 0.2; exit 0" TERM; echo $$; while :; do sleep 0.05; done' & wait`;
  const { child, grandchild } = await withGrandchild(script, { group: "own" });
  assertEquals(await watchdog(30 * SECOND, child.terminate(20 * SECOND)), false);
  assertEquals(isThere(grandchild), false);
  await child.release();
});

Deno.test("a time limit ends the whole group", async () => {
  for (const how of ["async", "sync"]) {
    const folder = await Deno.makeTempDir();
    try {
      const script = `sleep 1000 & echo $! >${folder}/pid; wait`;
      // The time has to be enough for the shell to start the other one, and to tell.
      await withEnoughTime(200, async (timeoutMs) => {
        const run = command("sh", ["-c", script], { group: "own", timeoutMs, drainGraceMs: 100 });
        const output = () => how === "sync" ? Promise.try(() => run.outputSync()) : run.output();
        const error = await watchdog(30 * SECOND, assertRejects(output, ExitError));
        assertEquals(error.timedOut, true);
        const grandchild = Number(await Deno.readTextFile(`${folder}/pid`));
        assert(grandchild > 1);
        await until(() => !isThere(grandchild));
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
});

Deno.test("what remains in the group of a child that has exited is told, and can still be ended", async () => {
  await noLeaks(async () => {
    const script = "sleep 1000 >/dev/null 2>&1 & echo $!";
    const { stages: [stage], stdout } = await command("sh", ["-c", script], { group: "own" }).output();
    assertEquals(stage!.remaining, [Number(stdout)]);
    Deno.kill(Number(stdout), "SIGKILL");
    const sync = command("sh", ["-c", script], { group: "own" }).outputSync();
    assertEquals(sync.stages[0]!.remaining, [Number(sync.stdout)]);
    Deno.kill(Number(sync.stdout), "SIGKILL");

    const { child, grandchild } = await withGrandchild("sleep 1000 >/dev/null & echo $!", { group: "own" });
    await child.status;
    assertEquals(child.remaining, [grandchild]);
    assertEquals([child.kill(), isThere(grandchild)], [false, true], "the child is gone, and its pid is nobody's");
    await child[Symbol.asyncDispose]();
    await watchdog(30 * SECOND, until(() => !isThere(grandchild)));
    assertEquals(child.killGroup("SIGKILL"), false);
  });
  assertEquals((await command("true", [], { group: "own" }).output()).stages[0]!.remaining, undefined);
});

Deno.test("stop() and continue() stop and continue a child, and its whole group", async () => {
  const state = (pid: number) => /^State:\s+(\w)/m.exec(procText(`/proc/${pid}/status`) ?? "")?.[1];
  for (const options of [{}, { group: "own" }] as const) {
    const { child, grandchild } = await withGrandchild("sleep 1000 & echo $!; wait", options);
    await using _child = child;
    assertEquals(child.stop(), true);
    await watchdog(10 * SECOND, until(() => state(child.pid) === "T"));
    if ("group" in options) await watchdog(10 * SECOND, until(() => state(grandchild) === "T"));
    assertEquals(child.continue(), true);
    await watchdog(10 * SECOND, until(() => state(child.pid) !== "T" && state(grandchild) !== "T"));
    Deno.kill(grandchild, "SIGKILL");
  }
});

Deno.test("killGroup() refuses a child that leads no group", async () => {
  await using child = command("sleep", ["1000"]).spawn();
  assertThrows(() => child.killGroup(), TypeError, "leads no process group");
});

Deno.test("detach(): the program is alone in its session, outlives this process, and is reaped while it does not", async () => {
  await noLeaks(async () => {
    const detached = command("sh", ["-c", "exit 3"]).detach();
    assertEquals(await watchdog(10 * SECOND, detached.status), { kind: "exited", code: 3 });
  });
  const fixture = new URL("../fixtures/process_detach.ts", import.meta.url).pathname;
  for (const flags of [["-A"], ["--no-prompt", "--allow-run"]]) {
    const line = await watchdog(60 * SECOND, command(Deno.execPath(), ["run", ...flags, fixture]).text());
    const pid = Number(line);
    assert(isThere(pid), "its parent is gone, and it is there");
    const [, , , group, session] = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/\(.*\)/, "").split(/\s+/).map(
      Number,
    );
    assertEquals([group, session].includes(pid), true);
    Deno.kill(pid, "SIGKILL");
  }
});

Deno.test("detach() refuses what would need this process", () => {
  const refused: CommandOptions[] = [
    { timeoutMs: 1 },
    { lifeline: true },
    { maxOutputBytes: 1 },
    { signal: new AbortController().signal },
    { stdin: "piped" },
    { stdin: { text: "x" } },
    { stdout: "piped" },
    { stderr: [{ file: "/tmp/x" }, "null"] },
    { stdout: new WritableStream() },
  ];
  for (const options of refused) {
    assertThrows(() => command("true", [], options).detach(), TypeError, "lets the program go");
  }
});

Deno.test("timeoutMs that races a natural exit reports what happened", async () => {
  for (let round = 0; round < 40; round++) {
    const options: CommandOptions = { timeoutMs: 20, ...(round % 2 === 0 && { group: "own" }) };
    try {
      const { status } = await command("sleep", ["0.019"], options).output();
      assertEquals(status, { kind: "exited", code: 0 });
    } catch (error) {
      assert(error instanceof ExitError && error.timedOut, String(error));
      // It was there when its time was over, and may have been about to exit when the signal came.
      const { status } = error;
      assert(status.kind === "signaled" ? status.signal === "SIGTERM" : status.code === 0, error.message);
    }
  }
});

Deno.test("an abort signal has no listener left when the run is over", async () => {
  const controller = new AbortController();
  const listeners = new Set<unknown>();
  const { signal } = controller;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (type: string, listener: never, options?: never) => {
    listeners.add(listener);
    add(type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: never) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  for (const options of [{}, { group: "own" }] satisfies CommandOptions[]) {
    await command("true", [], { ...options, signal }).output();
    await assertRejects(() => command("false", [], { ...options, signal }).output(), ExitError);
  }
  assertEquals(listeners.size, 0);
});

Deno.test("killGroup() works where a pidfd cannot stand for a group (before Linux 6.9)", async () => {
  const fixture = new URL("../fixtures/process_group_kill.ts", import.meta.url).pathname;
  const inject = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=none", "-e", "inject=pidfd_send_signal:error=EINVAL"];
  const run = command("strace", [...inject, Deno.execPath(), "run", "-A", fixture]);
  assertEquals(await watchdog(60 * SECOND, run.text()), "true SIGKILL false");
});
