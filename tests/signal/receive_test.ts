// Needs: gcc
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  kill,
  queueSignal,
  realtime,
  type Signal,
  signalNumber,
  SIGNALS,
  signals,
  waitForSignal,
} from "../../lib/signal/mod.ts";
import { libc } from "../../lib/sys/libc.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Compiled, fixture, outputOf, reaped } from "./peer.ts";

const uid = libc().getuid();

for (const signal of ["SIGKILL", "SIGSTOP", "SIGILL", "SIGBUS", "SIGFPE", "SIGSEGV"] as const) {
  Deno.test(`signals throws TypeError for ${signal}`, async () => {
    assertThrows(() => signals([signal]), TypeError, signal);
    assertThrows(() => signals(["SIGUSR2", signal]), TypeError, signal);
    await assertRejects(() => waitForSignal([signal]), TypeError, signal);
  });
}

Deno.test("signals throws for what is no signal, and for none", () => {
  assertThrows(() => signals(["Sigterm" as Signal]), TypeError, "SIGTERM");
  assertThrows(() => signals([]), TypeError, "At least one");
  for (const maxBuffered of [0, -1, 1.5, NaN]) {
    assertThrows(() => signals(["SIGUSR2"], { maxBuffered }), RangeError, String(maxBuffered));
  }
});

Deno.test("signals listens to every other signal, each kill with its sender", async () => {
  const all = SIGNALS.filter((info) => info.catchable && ![4, 7, 8, 11].includes(info.number)).map((info) => info.name);
  await using receiver = fixture("signal_print_events.ts", ["--allow-ffi"], all.filter((name) => name !== "SIGTERM"));
  await receiver.expect("ready");
  for (const name of all) {
    if (name === "SIGTERM") continue;
    kill(receiver.pid, name);
    const expected = { signal: name, number: signalNumber(name), cause: "user", pid: Deno.pid, uid };
    assertEquals(await watchdog(30_000, receiver.json()), expected);
  }
  kill(receiver.pid, "SIGTERM");
  assertEquals(await receiver.json(), { dropped: 0 });
  assertEquals(await receiver.ended, { code: 0 });
});

Deno.test("signals delivers N queued real-time signals in order, each with value, pid and uid", async () => {
  using send = new Compiled("signal_send.c");
  await using receiver = fixture("signal_print_events.ts", ["--allow-ffi"], [realtime(1)]);
  await receiver.expect("ready");
  const common = { signal: "SIGRTMIN+1", number: 35, cause: "queue" };
  // From another Deno process: this one.
  for (let value = -50; value < 50; value++) queueSignal(receiver.pid, realtime(1), value);
  for (let value = -50; value < 50; value++) {
    assertEquals(await receiver.json(), { ...common, pid: Deno.pid, uid, value });
  }
  // From a C program, as fast as it can.
  const [sent] = await send.run("queue", receiver.pid, 35, 3000, 0);
  const [count, sender] = sent!.split(" ").map(Number);
  assertEquals(count, 3000);
  for (let value = 0; value < 3000; value++) {
    assertEquals(await receiver.json(), { ...common, pid: sender, uid, value });
  }
  // From the kill of util-linux.
  await using tool = reaped("/usr/bin/kill", "-s", "RTMIN+1", "-q", "77", String(receiver.pid));
  const pid = Number(await tool.line());
  assertEquals(await receiver.json(), { ...common, pid, uid, value: 77 });
  kill(receiver.pid, "SIGTERM");
  assertEquals(await receiver.json(), { dropped: 0 });
});

Deno.test("signals delivers the lowest of the pending real-time signals first", async () => {
  await using receiver = fixture("signal_print_events.ts", ["--allow-ffi"], [7, 0, 30, 15].map(realtime));
  await receiver.expect("ready");
  kill(receiver.pid, "SIGSTOP");
  for (const n of [30, 7, 15, 0]) {
    for (let value = 0; value < 5; value++) queueSignal(receiver.pid, realtime(n), value);
  }
  kill(receiver.pid, "SIGCONT");
  for (const n of [0, 7, 15, 30]) {
    for (let value = 0; value < 5; value++) {
      const { signal, value: got } = await receiver.json() as { signal: string; value: number };
      assertEquals([signal, got], [realtime(n), value]);
    }
  }
});

Deno.test("signals accounts for 10,000 signals of two senders, in the order of each", async () => {
  using send = new Compiled("signal_send.c");
  await using receiver = fixture("signal_busy.ts", ["--allow-ffi"], [realtime(2), realtime(3)]);
  await receiver.expect("ready");
  const sent = await Promise.all([
    send.run("queue", receiver.pid, 36, 5000, 0),
    send.run("queue", receiver.pid, 36, 5000, 0),
  ]);
  assertEquals(sent.map(([line]) => Number(line!.split(" ")[0])), [5000, 5000]);
  await receiver.tell("go");
  const { delivered, dropped, inOrder, capacity } = await receiver.json() as Busy;
  assertEquals([delivered[realtime(2)]! + dropped, inOrder], [10_000, true]);
  assert(delivered[realtime(2)]! >= Math.min(capacity, 10_000));
});

Deno.test("a full signal pipe never blocks, and what it drops is counted exactly", async () => {
  using send = new Compiled("signal_send.c");
  await using receiver = fixture("signal_busy.ts", ["--allow-ffi"], [realtime(4), "SIGUSR2"]);
  await receiver.expect("ready");
  const [line] = await watchdog(60_000, send.run("queue", receiver.pid, 38, 30_000, 0));
  assertEquals(Number(line!.split(" ")[0]), 30_000);
  await receiver.tell("go");
  const { delivered, dropped, inOrder, capacity } = await receiver.json() as Busy;
  assertEquals(delivered[realtime(4)], capacity);
  assertEquals(capacity + dropped, 30_000);
  assert(inOrder);
});

Deno.test("a standard signal that a full pipe dropped is made up for", async () => {
  using send = new Compiled("signal_send.c");
  await using receiver = fixture("signal_busy.ts", ["--allow-ffi"], [realtime(4), "SIGTERM", "SIGUSR2"]);
  await receiver.expect("ready");
  await watchdog(60_000, send.run("queue", receiver.pid, 38, 10_000, 0));
  // The lower number would overtake what is still pending in the kernel.
  while (!/^ShdPnd:\s0+$/m.test(await Deno.readTextFile(`/proc/${receiver.pid}/status`)));
  kill(receiver.pid, "SIGTERM");
  await receiver.tell("go");
  const { delivered, dropped, capacity } = await receiver.json() as Busy;
  assertEquals(delivered, { [realtime(4)]: capacity, SIGTERM: 1 });
  assertEquals(dropped, 10_000 - capacity + 1);
});

Deno.test("signals tells the causes apart", async () => {
  using send = new Compiled("signal_send.c");
  await using receiver = fixture("signal_print_events.ts", ["--allow-ffi"], ["SIGUSR2", "SIGCHLD", realtime(9)]);
  await receiver.expect("ready");
  const rt = { signal: realtime(9), number: 43 };
  const usr2 = { signal: "SIGUSR2", number: 12 };
  const sent: [(string | number)[], object][] = [
    [["kill", receiver.pid, 12, 1], { cause: "user" }],
    [["thread", receiver.pid, 12], { cause: "thread" }],
    [["queue", receiver.pid, 12, 1, -9], { cause: "queue", value: -9 }],
  ];
  for (const [args, facts] of sent) {
    const pid = Number((await send.run(...args))[0]!.split(" ")[1]);
    assertEquals(await receiver.json(), { ...usr2, pid, uid, ...facts });
  }
  // A sender may write what it likes where its libc would write the truth, but no code that only the kernel uses.
  const forged: [number, object][] = [
    [-2, { cause: "timer", timerId: 11, overrun: 22, value: -33 }],
    [-3, { cause: "message-queue", pid: 11, uid: 22, value: -33 }],
    [-4, { cause: "async-io", pid: 11, uid: 22, value: -33 }],
    [-99, { cause: "unknown" }],
  ];
  for (const [code, facts] of forged) {
    await send.run("code", receiver.pid, 43, code, 11, 22, -33);
    assertEquals(await receiver.json(), { ...rt, ...facts });
  }
});

const CHANGES = [["exit 7", "exited", 7], ["kill -KILL $$", "killed", 9], ["kill -STOP $$", "stopped", 19]] as const;
for (const [script, change, status] of CHANGES) {
  Deno.test(`signals reports what became of a child: ${change}`, async () => {
    await using listener = signals(["SIGCHLD"]);
    const child = new Deno.Command("sh", { args: ["-c", script] }).spawn();
    // Another test's child may still be about to end.
    for await (const event of listener) {
      if (event.cause !== "child" || event.pid !== child.pid) continue;
      assertEquals(event, { signal: "SIGCHLD", number: 17, cause: "child", pid: child.pid, uid, change, status });
      break;
    }
    if (change === "stopped") child.kill("SIGKILL");
    await child.status;
  });
}

Deno.test("signals reports a descriptor that became ready, and what the kernel itself sent", async () => {
  const F_SETOWN = 8, F_SETSIG = 10, F_SETFL = 4, O_ASYNC = 0o20000, O_NONBLOCK = 0o4000, POLLIN_AND_RDNORM = 0x41;
  const ends = new Int32Array(2);
  libc().pipe2(ends, 0o2000000);
  const [reader, writer] = [ends[0]!, ends[1]!];
  try {
    using listener = signals(["SIGIO", realtime(20)]);
    libc().fcntl(reader, F_SETOWN, Deno.pid);
    libc().fcntl(reader, F_SETFL, O_ASYNC | O_NONBLOCK);
    libc().write(writer, new Uint8Array(1), 1);
    assertEquals(await listener.receive(), { signal: "SIGIO", number: 29, cause: "kernel", code: 128 });
    libc().fcntl(reader, F_SETSIG, signalNumber(realtime(20)));
    libc().write(writer, new Uint8Array(1), 1);
    const expected = {
      signal: realtime(20),
      number: 54,
      cause: "descriptor",
      fd: reader,
      band: POLLIN_AND_RDNORM,
    } as const;
    assertEquals(await listener.receive(), expected);
  } finally {
    libc().close(reader);
    libc().close(writer);
  }
});

Deno.test("signals refuses to listen in a Worker, with FFI and without", async () => {
  const message = "Cannot listen to signals in a Worker: they belong to the process, do so in the main thread\n";
  assertEquals(await outputOf("signal_worker.ts", ["--allow-read", "--allow-ffi"]), message);
  assertEquals(await outputOf("signal_worker.ts", ["--allow-read"]), message);
});

for (const flags of [["--allow-ffi"], []]) {
  Deno.test(`signals with [${flags}] keeps the process alive only while somebody waits`, async () => {
    assertEquals(await watchdog(30_000, outputOf("signal_keep_alive.ts", flags, ["idle"])), "end\n");
    assertEquals(await watchdog(30_000, outputOf("signal_keep_alive.ts", flags, ["left"])), "TimeoutError\nend\n");
    await using waiting = fixture("signal_keep_alive.ts", flags, ["waiting"]);
    await waiting.expect("ready");
    kill(waiting.pid, "SIGUSR1");
    await waiting.expect("SIGUSR1");
    await waiting.expect("end");
    assertEquals(await waiting.ended, { code: 0 });
  });
}

Deno.test("signals survives a storm while JavaScript allocates and calls libc", async () => {
  using send = new Compiled("signal_send.c");
  await using receiver = fixture("signal_storm.ts", ["--allow-ffi", "--allow-read"], ["SIGUSR2", realtime(1)]);
  await receiver.expect("ready");
  let queued = 0;
  for (let burst = 0; burst < 12; burst++) {
    const [rt] = await watchdog(
      60_000,
      Promise.all([
        send.run("queue", receiver.pid, 35, 4000, 0),
        send.run("kill", receiver.pid, 12, 4000),
      ]),
    );
    queued += Number(rt[0]!.split(" ")[0]);
  }
  kill(receiver.pid, "SIGTERM");
  const { delivered, dropped, worked } = await watchdog(60_000, receiver.json()) as {
    delivered: number;
    dropped: number;
    worked: boolean;
  };
  assert(worked);
  assert(delivered + dropped >= queued, `${delivered} + ${dropped} < ${queued}`);
  assertEquals(await receiver.ended, { code: 0 });
});

Deno.test("waitForSignal resolves with the signal, and leaves no listener", async () => {
  const coming = waitForSignal([realtime(1)], { timeoutMs: 30_000 });
  queueSignal(Deno.pid, realtime(1), 5);
  assertEquals(await coming, { signal: realtime(1), number: 35, cause: "queue", pid: Deno.pid, uid, value: 5 });
  await assertRejects(() => waitForSignal([realtime(1)], { timeoutMs: 1 }), DOMException, "SIGRTMIN+1 timed out");
  const reason = new Error("no more");
  await assertRejects(() => waitForSignal([realtime(1)], { signal: AbortSignal.abort(reason) }), Error, "no more");
  await assertRejects(() => waitForSignal([realtime(1)], { timeoutMs: -1 }), RangeError, "timeoutMs");
  const caught = BigInt(`0x${Deno.readTextFileSync("/proc/self/status").match(/SigCgt:\s*(\w+)/)![1]}`);
  assertEquals(caught >> 34n & 1n, 0n);
});

interface Busy {
  delivered: Record<string, number>;
  dropped: number;
  capacity: number;
  inOrder: boolean;
}
