// Needs: root
import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { openPidFd, realtime, type Signal } from "../../lib/signal/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { outputOf, Peer, reaped } from "./peer.ts";

Deno.test("openPidFd throws ESRCH where there is no process", () => {
  const error = assertThrows(() => openPidFd(2 ** 31 - 1), PosixError);
  assertEquals([error.code, error.syscall], ["ESRCH", "pidfd_open"]);
});

for (const pid of [0, 1, -1, 1.5, 2 ** 31, NaN]) {
  Deno.test(`openPidFd throws RangeError for ${pid}`, () => {
    assertThrows(() => openPidFd(pid), RangeError);
  });
}

Deno.test('openPidFd("init") stands for process 1', () => {
  using process = openPidFd("init");
  process.kill(0);
  assertEquals([process.pid, process.tryExited()], [1, false]);
});

Deno.test("openPidFd asks for --allow-run before FFI", async () => {
  assertEquals(await outputOf("signal_pid_fd_reuse.ts", ["--allow-ffi"], ["permission"]), "NotCapable\n");
});

Deno.test("PidFd.kill signals the process, and 0 only asks", async () => {
  for (const [signal, number] of [["SIGUSR1", 10], [realtime(3), 37], [15, 15]] as const) {
    await using target = reaped();
    using process = openPidFd(Number(await target.line()));
    process.kill(0);
    assertFalse(process.tryExited());
    process.kill(signal);
    await watchdog(30_000, process.exited());
    assert(process.tryExited());
    await target.expect(String(128 + number));
  }
});

Deno.test("PidFd.kill refuses what is no signal before any call", async () => {
  await using target = new Peer("cat", []);
  using process = openPidFd(target.pid);
  for (const signal of [32, 33, 65, -1, 1.5]) assertThrows(() => process.kill(signal), RangeError);
  assertThrows(() => process.kill("Sigterm" as Signal), TypeError);
  assertFalse(process.tryExited());
});

Deno.test("PidFd.kill throws ESRCH for a process that has exited, reaped or not", async () => {
  // The shell's child becomes a zombie: exec replaces the one who would have reaped it.
  await using parent = new Peer("sh", ["-c", "sleep 60 & echo $!; exec cat"]);
  const pid = Number(await parent.line());
  await parent.tell("cat is there");
  await parent.expect("cat is there");
  using process = openPidFd(pid);
  using own = openPidFd(parent.pid);
  process.kill("SIGKILL");
  await watchdog(30_000, process.exited());
  assertEquals(Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.[0], "Z");
  for (const signal of [0, "SIGTERM"] as const) {
    assertEquals(assertThrows(() => process.kill(signal), PosixError).code, "ESRCH");
  }
  own.kill("SIGKILL");
  await parent.ended;
  assertEquals(assertThrows(() => own.kill("SIGTERM"), PosixError).code, "ESRCH");
});

Deno.test("PidFd.kill never reaches a process that got the pid", async () => {
  const path = new URL("../fixtures/signal_pid_fd_reuse.ts", import.meta.url).pathname;
  // A pid namespace of its own, where the next pid can be chosen.
  const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-all", path];
  await using namespace = new Peer("unshare", ["--pid", "--fork", "--mount-proc", "--kill-child", ...deno]);
  await namespace.expect("the pid is used again");
  await namespace.expect("ESRCH");
  await namespace.expect("the stranger lives");
});

Deno.test("PidFd.exited ends at its timeout, at an abort, and at close", async () => {
  await noLeaks(async () => {
    await using target = new Peer("cat", []);
    using process = openPidFd(target.pid);
    assertEquals((await assertRejects(() => process.exited({ timeoutMs: 5 }), DOMException)).name, "TimeoutError");
    const reason = new Error("enough");
    const controller = new AbortController();
    const aborted = assertRejects(() => process.exited({ signal: controller.signal }), Error, "enough");
    controller.abort(reason);
    assertEquals(await aborted, reason);
    const closed = assertRejects(() => process.exited(), ClosedError);
    process.close();
    await closed;
    process.close();
    await assertRejects(() => process.exited(), ClosedError);
    assertThrows(() => process.kill(0), ClosedError);
    assertThrows(() => process.tryExited(), ClosedError);
  });
});

Deno.test("PidFd.exitedSync blocks until the process has exited, or its timeout", async () => {
  await using target = new Peer("sh", ["-c", "read line; exit 3"]);
  using process = openPidFd(target.pid);
  assertEquals(assertThrows(() => process.exitedSync({ timeoutMs: 5 }), DOMException).name, "TimeoutError");
  await target.tell("end");
  process.exitedSync();
  assertEquals(await target.ended, { code: 3 });
});

Deno.test("PidFd.exited of 100 processes that end at once resolves 100 times", async () => {
  const children = Array.from({ length: 100 }, () => new Peer("cat", []));
  const processes = children.map((child) => openPidFd(child.pid));
  const all = Promise.all(processes.map((process) => process.exited()));
  for (const process of processes) process.kill("SIGTERM");
  await watchdog(60_000, all);
  for (const child of children) {
    assertEquals(await child.ended, { signal: 15 });
    await child[Symbol.asyncDispose]();
  }
  for (const process of processes) process.close();
});
