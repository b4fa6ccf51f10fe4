// Needs: gcc, root
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { dirname, fromFileUrl } from "@std/path";
import { PosixError } from "../../lib/errors.ts";
import { kill, killGroup, queueSignal, realtime, type Signal, type SignalTarget } from "../../lib/signal/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Compiled, outputOf, Peer, reaped } from "./peer.ts";

const NOBODY = 2 ** 31 - 1;

Deno.test("kill with signal 0 tells that a process is alive", () => {
  kill(Deno.pid, 0);
  kill("own-group", 0);
});

for (const signal of [0, "SIGTERM", realtime(3)] as const) {
  Deno.test(`kill with ${signal} throws ESRCH where there is no process`, () => {
    const error = assertThrows(() => kill(NOBODY, signal), PosixError);
    assertEquals([error.code, error.syscall, error.target], ["ESRCH", "kill", String(NOBODY)]);
    assertEquals(assertThrows(() => killGroup(NOBODY, signal), PosixError).code, "ESRCH");
    if (signal === 0) return;
    const queued = assertThrows(() => queueSignal(NOBODY, signal, 1), PosixError);
    assertEquals([queued.code, queued.syscall, queued.target], ["ESRCH", "sigqueue", String(NOBODY)]);
  });
}

for (const signal of ["0", "SIGTERM", "SIGRTMIN+1"]) {
  Deno.test(`kill, killGroup, queueSignal and PidFd.kill with ${signal} throw EPERM for a process of somebody else`, async () => {
    await using stranger = new Peer("setsid", [
      "setpriv",
      "--reuid",
      "65534",
      "--clear-groups",
      "sh",
      "-c",
      "echo ready; exec cat",
    ]);
    await stranger.expect("ready");
    // root may signal everybody, unless it is without CAP_KILL.
    const withoutRight = ["--bounding-set", "-kill", "--inh-caps", "-kill"];
    assertEquals(groupOf(stranger.pid).pgid, stranger.pid);
    for (const call of ["kill", "killGroup", "queueSignal", "pidfd"]) {
      if (call === "queueSignal" && signal === "0") continue;
      await using sender = new Peer("setpriv", [
        ...withoutRight,
        ...fixtureCommand(call, String(stranger.pid), signal),
      ]);
      await sender.expect("EPERM");
    }
  });
}

const BAD_TARGETS: readonly (readonly [SignalTarget, string])[] = [
  [0, '"own-group"'],
  [-1, '"everyone"'],
  [1, '"init"'],
  [-5, "2.."],
  [1.5, "2.."],
  [NaN, "2.."],
  [2 ** 31, "2.."],
];
for (const [target, hint] of BAD_TARGETS) {
  Deno.test(`kill throws RangeError for the pid ${target}`, () => {
    assertThrows(() => kill(target, "SIGTERM"), RangeError, hint);
    assertThrows(() => queueSignal(target as number, realtime(1), 0), RangeError);
    assertThrows(() => killGroup(target as number, "SIGTERM"), RangeError);
  });
}

Deno.test("kill throws TypeError for a target that is neither pid nor name", () => {
  for (const target of ["own", "", "constructor", "toString"]) {
    assertThrows(() => kill(target as SignalTarget, "SIGTERM"), TypeError, target);
  }
});

for (const signal of [32, 33, 65, -1, 1.5, NaN, "Sigterm", "TERM"]) {
  Deno.test(`kill refuses the signal ${signal} before any call`, async () => {
    const wanted = typeof signal === "number" ? RangeError : TypeError;
    for (const send of [kill, killGroup, (pid: number, s: Signal) => queueSignal(pid, s, 0)]) {
      assertThrows(() => send(NOBODY, signal as Signal), wanted);
    }
    // Without permission the argument is still what is complained about.
    assertStringIncludes(await outputOf("signal_kill.ts", [], ["kill", "99999", String(signal)]), `${wanted.name}: `);
  });
}

for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, NaN]) {
  Deno.test(`queueSignal throws RangeError for the value ${value}`, () => {
    assertThrows(() => queueSignal(NOBODY, realtime(1), value), RangeError, "2147483647");
  });
}

const PERMISSIONS: readonly (readonly [string[], string[], string])[] = [
  [["kill", "SIGCONT"], [], "--allow-run"],
  [["kill", "0"], [], "--allow-run"],
  [["kill", "SIGRTMIN+1"], ["--allow-ffi"], "--allow-run"],
  [["killGroup", "SIGCONT"], ["--allow-ffi"], "--allow-run"],
  [["queueSignal", "SIGRTMIN+1"], ["--allow-ffi"], "--allow-run"],
  [["kill", "SIGRTMIN+1"], ["--allow-run"], "--allow-ffi"],
  [["queueSignal", "SIGRTMIN+1"], ["--allow-run"], "--allow-ffi"],
];
for (const [[call, signal], flags, needed] of PERMISSIONS) {
  Deno.test(`${call} ${signal} with [${flags}] throws NotCapable that names ${needed}`, async () => {
    const output = await outputOf("signal_kill.ts", flags, [call!, String(NOBODY), signal!]);
    assertStringIncludes(output, "NotCapable: ");
    assertStringIncludes(output, needed);
  });
}

Deno.test("queueSignal asks again when the permission was given up", async () => {
  assertEquals(
    await outputOf("signal_revoked.ts", ["--allow-run", "--allow-ffi"]),
    "NotCapable: Requires run access, run again with the --allow-run flag\n".repeat(3),
  );
});

Deno.test("kill of a standard signal needs --allow-run only", async () => {
  await using target = new Peer("cat", []);
  assertEquals(await outputOf("signal_kill.ts", ["--allow-run"], ["kill", String(target.pid), "0"]), "sent\n");
  assertEquals(await outputOf("signal_kill.ts", ["--allow-run"], ["kill", String(target.pid), "SIGUSR1"]), "sent\n");
  assertEquals(await target.ended, { signal: 10 });
});

Deno.test("kill sends the signal that it is asked for, by name and by number", async () => {
  for (const [signal, number] of [["SIGUSR1", 10], [12, 12], [realtime(2), 36], [64, 64]] as const) {
    await using target = reaped();
    kill(Number(await target.line()), signal);
    await target.expect(String(128 + number));
  }
});

Deno.test("killGroup reaches every process of the group", async () => {
  await using leader = new Peer("setsid", ["sh", "-c", "sleep 60 & sleep 60 & echo $!; wait"]);
  const grandchild = Number(await leader.line());
  const { pgid } = groupOf(grandchild);
  killGroup(pgid, "SIGKILL");
  assertEquals(await leader.ended, { signal: 9 });
});

Deno.test('kill("own-group") reaches the caller as well', async () => {
  const script = `"$@" & sleep 60; echo unreachable`;
  await using group = new Peer("setsid", [
    "-w",
    "sh",
    "-c",
    script,
    "sh",
    ...fixtureCommand("kill", "own-group", "SIGTERM"),
  ]);
  assertEquals(await watchdog(30_000, group.ended), { signal: 15 });
  assertEquals(await group.line(), null);
});

Deno.test('kill("everyone") spares the caller and init, kill("init") is process 1', async () => {
  // A pid namespace of its own, in which the shell is init.
  const script = `
trap 'echo init was told' USR1
sleep 60 & sleeper=$!
"$@" kill everyone SIGTERM
wait $sleeper; echo sleeper $?
"$@" kill init SIGUSR1
`;
  await using namespace = new Peer("unshare", [
    ...["--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, "sh"],
    ...fixtureCommand(),
  ]);
  await namespace.expect("sent");
  await namespace.expect("sleeper 143");
  const rest = [await namespace.line(), await namespace.line()].sort();
  assertEquals(rest, ["init was told", "sent"]);
});

Deno.test("queueSignal delivers pid, uid and every value to a C program, lowest signal first", async () => {
  using take = new Compiled("signal_take.c");
  await using receiver = new Peer(take.path, []);
  await receiver.expect("ready");
  const values = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 42];
  for (const value of values) queueSignal(receiver.pid, realtime(5), value);
  for (const value of values) queueSignal(receiver.pid, realtime(4), value);
  queueSignal(receiver.pid, "SIGUSR1", 9);
  kill(receiver.pid, realtime(6));
  await receiver.tell("take");
  const sender = `${Deno.pid} ${Deno.uid()}`;
  const expected = [
    `10 -1 9 ${sender}`,
    ...values.map((value) => `38 -1 ${value} ${sender}`),
    ...values.map((value) => `39 -1 ${value} ${sender}`),
    `40 0 0 ${sender}`,
  ];
  for (const line of expected) await receiver.expect(line);
  assertEquals(await receiver.line(), null);
});

Deno.test("queueSignal beyond RLIMIT_SIGPENDING throws EAGAIN, and the earlier ones are kept", async () => {
  using take = new Compiled("signal_take.c");
  // A user of its own, who has no other signals pending.
  Deno.chmodSync(dirname(take.path), 0o755);
  const limited = ["--sigpending=5", "setpriv", "--reuid", "64321", "--clear-groups", take.path];
  await using receiver = new Peer("prlimit", limited);
  await receiver.expect("ready");
  let sent = 0;
  const error = assertThrows(() => {
    while (sent < 100) {
      queueSignal(receiver.pid, realtime(1), sent);
      sent++;
    }
  }, PosixError);
  assertEquals([error.code, error.syscall, sent], ["EAGAIN", "sigqueue", 5]);
  assertStringIncludes(error.message, "RLIMIT_SIGPENDING");
  await receiver.tell("take");
  for (let value = 0; value < 5; value++) await receiver.expect(`35 -1 ${value} ${Deno.pid} ${Deno.uid()}`);
  assertEquals(await receiver.line(), null);
});

function fixtureCommand(...args: string[]): string[] {
  const path = fromFileUrl(new URL("../fixtures/signal_kill.ts", import.meta.url));
  return [Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-run", "--allow-ffi", path, ...args];
}

function groupOf(pid: number): { pgid: number } {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return { pgid: Number(fields[2]) };
}
