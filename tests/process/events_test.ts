import { assert, assertEquals } from "@std/assert";
import { subscribe } from "../../lib/sys/probe.ts";
import { command, type CommandOptions } from "../../mod.ts";
import "../helpers/open_libc.ts";

Deno.test("every spawn, exit, signal and ending is an event, by either launcher and either kind of verb", async () => {
  for (const options of [{}, { group: "own" }] satisfies CommandOptions[]) {
    const events: Record<string, unknown>[] = [];
    const stop = subscribe((event) => void (event.kind.startsWith("process.") && events.push({ ...event })));
    const words = ["sh", "-c", "exit 3"];
    const [program, ...args] = words;
    try {
      await command(program!, args, { ...options, cwd: "/" }).status();
      command(program!, args, { ...options, cwd: "/" }).statusSync();
      await command("sleep", ["1000"], { ...options, timeoutMs: 10 }).status();
    } finally {
      stop();
    }
    const [spawn, exit, spawnSync, exitSync, , ending, term] = events;
    const killed = events.at(-1);
    assertEquals(spawn, { kind: "process.spawn", pid: spawn!.pid, words, cwd: "/" });
    const status = { kind: "exited", code: 3 };
    assertEquals(exit, { kind: "process.exit", pid: spawn!.pid, words, status, durationMs: exit!.durationMs });
    assert(typeof exit!.durationMs === "number");
    assertEquals([spawnSync!.kind, exitSync!.kind, exitSync!.status], ["process.spawn", "process.exit", status]);
    assertEquals(ending, { kind: "process.ending", pids: [term!.pid], because: "timeout" });
    const group = "group" in options;
    assertEquals(term, { kind: "process.signal", pid: term!.pid, signal: "SIGTERM", group });
    assertEquals([killed!.kind, killed!.pid], ["process.exit", term!.pid]);
  }
});
