// Needs: gcc
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  blockSignals,
  kill,
  queueSignal,
  realtime,
  type Signal,
  signalNumber,
  signals,
  waitForSignalSync,
} from "../../lib/signal/mod.ts";
import { threadId } from "../../lib/sys/identity.ts";
import { libc } from "../../lib/sys/libc.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Compiled, fixture, outputOf, Peer } from "./peer.ts";

const A = realtime(17);
const B = realtime(18);
const uid = libc().getuid();
const POLL_CALL = 7;
const FLAGS = ["--allow-ffi", "--allow-run"];

Deno.test("waitForSignalSync takes what is blocked, as sigwaitinfo does: the lowest first, each once, with its cause", async () => {
  using send = new Compiled("signal_send.c");
  using blocked = blockSignals(A, B, "SIGUSR2", "SIGTERM");
  const sent: [(string | number)[], object][] = [
    [["kill", Deno.pid, 12, 3], { signal: "SIGUSR2", number: 12, cause: "user" }],
    [["thread", Deno.pid, 15, threadId()], { signal: "SIGTERM", number: 15, cause: "thread" }],
    [["queue", Deno.pid, signalNumber(A), 1, -5], { signal: A, number: signalNumber(A), cause: "queue", value: -5 }],
    [["queue", Deno.pid, signalNumber(B), 1, 6], { signal: B, number: signalNumber(B), cause: "queue", value: 6 }],
  ];
  const expected: object[] = [];
  for (const [args, facts] of sent.toReversed()) {
    const pid = Number((await send.run(...args))[0]!.split(" ")[1]);
    expected.unshift({ ...facts, pid, uid });
  }
  // The kernel looks first at what was sent to the thread.
  const [usr2, term, ...realtimes] = expected;
  const taken = expected.map(() => waitForSignalSync(["SIGUSR2", B, A, "SIGTERM"], { timeoutMs: 30_000 }));
  assertEquals(taken, [term, usr2, ...realtimes] as typeof taken);
  assertEquals(blocked.pending, []);
});

Deno.test("waitForSignalSync takes a blocked signal for itself, and other signals stay", () => {
  using listener = signals([A, B]);
  {
    using blocked = blockSignals(A, B);
    queueSignal(Deno.pid, A, 1);
    queueSignal(Deno.pid, B, 2);
    assertEquals(valueOf(waitForSignalSync([B])), 2);
    assertEquals(blocked.pending, [A]);
  }
  assertEquals(valueOf(listener.tryReceive()), 1);
  assertEquals(listener.tryReceive(), undefined);
});

Deno.test("waitForSignalSync of signals of which only some are blocked takes either", async () => {
  using blocked = blockSignals(A);
  queueSignal(Deno.pid, A, 1);
  assertEquals(valueOf(waitForSignalSync([A, B])), 1);
  // Sent when both are blocked: before that it would end this process.
  const both = (1n << BigInt(signalNumber(A) - 1) | 1n << BigInt(signalNumber(B) - 1)).toString(16).padStart(16, "0");
  const script = `until grep -q ${both} /proc/$0/status; do :; done; /usr/bin/kill -s ${signalNumber(B)} -q 2 $0`;
  const sender = new Deno.Command("sh", { args: ["-c", script, String(Deno.pid)] }).spawn();
  assertEquals(valueOf(waitForSignalSync([A, B], { timeoutMs: 30_000 })), 2);
  assertEquals(blocked.pending, []);
  await sender.status;
});

for (const signal of ["SIGUSR1", "SIGTERM", A] as const) {
  Deno.test(`waitForSignalSync sees ${signal} from the call on, and its default action is back afterwards`, async () => {
    await using process = new Peer("sh", [
      "-c",
      '"$@" & echo $!; wait $!; echo $?',
      "sh",
      ...command(FLAGS, "once", signal),
    ]);
    const lines = [await process.line(), await process.line()];
    const pid = Number(lines.find((line) => line !== "ready"));
    // It has said that it is about to wait. The kernel says when it does: in poll(2), where nothing else of Deno's main thread waits.
    while (!Deno.readTextFileSync(`/proc/${pid}/syscall`).startsWith(`${POLL_CALL} `)) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    kill(pid, signal);
    const event = await watchdog(30_000, process.json());
    assertEquals(event, { signal, number: signalNumber(signal), cause: "user", pid: Deno.pid, uid });
    kill(pid, signal);
    assertEquals(await watchdog(30_000, process.line()), String(128 + signalNumber(signal)));
  });
}

for (const isBlocked of [true, false]) {
  Deno.test(`waitForSignalSync of ${isBlocked ? "blocked" : "free"} signals keeps its deadline, whatever handlers run`, async () => {
    using _blocked = isBlocked ? blockSignals(A) : undefined;
    using other = signals([B]);
    const disturber = new Deno.Command("sh", {
      args: ["-c", `echo; for i in 1 2 3 4 5 6 7 8; do /usr/bin/kill -s ${signalNumber(B)} -q 1 ${Deno.pid}; done`],
      stdout: "piped",
    }).spawn();
    const output = disturber.stdout.getReader();
    await output.read();
    const start = performance.now();
    const error = assertThrows(() => waitForSignalSync([A], { timeoutMs: 120 }), DOMException);
    assertEquals([error.name, error.message], ["TimeoutError", `Waiting for ${A} timed out after 120 ms`]);
    assert(performance.now() - start >= 120);
    await disturber.status;
    await output.cancel();
    let disturbances = 0;
    while (other.tryReceive() !== undefined) disturbances++;
    assertEquals(disturbances, 8);
  });
}

Deno.test("waitForSignalSync with the deadline 0 only looks", () => {
  using _blocked = blockSignals(A);
  assertThrows(() => waitForSignalSync([A], { timeoutMs: 0 }), DOMException, "timed out");
  queueSignal(Deno.pid, A, 3);
  assertEquals(valueOf(waitForSignalSync([A], { timeoutMs: 0 })), 3);
  assertThrows(() => waitForSignalSync([B], { timeoutMs: 0 }), DOMException, "timed out");
});

Deno.test("waitForSignalSync throws for what cannot be waited for", () => {
  for (const signal of ["SIGKILL", "SIGSTOP", "SIGSEGV"] as const) {
    assertThrows(() => waitForSignalSync([signal]), TypeError, `${signal} cannot be waited for`);
  }
  assertThrows(() => waitForSignalSync([]), TypeError, "At least one");
  assertThrows(() => waitForSignalSync(["Sigterm" as Signal]), TypeError, "SIGTERM");
  for (const timeoutMs of [-1, NaN]) assertThrows(() => waitForSignalSync([A], { timeoutMs }), RangeError, "timeoutMs");
});

Deno.test("waitForSignalSync works while something awaits a signal", async () => {
  using listener = signals([B]);
  const waiting = listener.receive();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertThrows(() => waitForSignalSync([A], { timeoutMs: 5 }), DOMException, "timed out");
  queueSignal(Deno.pid, B, 4);
  assertEquals(valueOf(await watchdog(30_000, waiting)), 4);
});

Deno.test("waitForSignalSync loses none of 10,000 signals of two senders, each in order", async () => {
  using send = new Compiled("signal_send.c");
  using _blocked = blockSignals(A);
  const senders = [1, 2].map(() => send.run("queue", Deno.pid, signalNumber(A), 5000, 0));
  const last = new Map<number, number>();
  for (let taken = 0; taken < 10_000; taken++) {
    const event = waitForSignalSync([A], { timeoutMs: 30_000 });
    if (event.cause !== "queue") throw new Error(`Not queued: ${event.cause}`);
    assertEquals(event.value, (last.get(event.pid) ?? -1) + 1);
    last.set(event.pid, event.value);
  }
  await Promise.all(senders);
  assertEquals([...last.values()], [4999, 4999]);
});

Deno.test("waitForSignalSync leaves nothing behind", async () => {
  await noLeaks(() => {
    for (let round = 0; round < 5; round++) {
      assertThrows(() => waitForSignalSync([A, "SIGUSR2"], { timeoutMs: 0 }), DOMException);
      using _blocked = blockSignals(A);
      assertThrows(() => waitForSignalSync([A, "SIGUSR2"], { timeoutMs: 0 }), DOMException);
    }
  });
});

Deno.test("waitForSignalSync in a Worker takes what the main thread blocks, and the main thread goes on", async () => {
  using send = new Compiled("signal_send.c");
  await using process = fixture("signal_wait.ts", ["--allow-ffi", "--allow-read"], ["worker", A, "SIGTERM"]);
  await process.expect("ready");
  kill(process.pid, "SIGTERM");
  assertEquals(await process.json(), { signal: "SIGTERM", number: 15, cause: "user", pid: Deno.pid, uid });
  const [line] = await send.run("queue", process.pid, signalNumber(A), 1000, 0);
  const pid = Number(line!.split(" ")[1]);
  for (const value of [0, 1, 999]) {
    const expected = { signal: A, number: signalNumber(A), cause: "queue", pid, uid, value };
    assertEquals(await watchdog(30_000, process.json()), expected);
  }
  await process.expect("done");
  await process.expect("true");
});

const REFUSAL = "Error: Cannot wait for signals in a Worker that the main thread does not block: " +
  "call blockSignals there, before the wait and for as long\n";

Deno.test("waitForSignalSync in a Worker refuses what the main thread does not block", async () => {
  const output = await watchdog(
    30_000,
    outputOf("signal_wait.ts", ["--allow-all"], ["unblocked-worker", A, "SIGUSR1"]),
  );
  assertEquals(output, REFUSAL);
});

Deno.test("waitForSignalSync in a Worker ends when the main thread's scope does, and no thread blocks any more", async () => {
  const output = await watchdog(
    30_000,
    outputOf("signal_wait.ts", ["--allow-all"], ["forgotten-worker", A, "SIGUSR1"]),
  );
  assertEquals(output, `${REFUSAL}blocked: 0\n`);
});

Deno.test("waitForSignalSync needs FFI", async () => {
  const [program, ...args] = command([], "once", "SIGUSR1");
  const { stderr } = await new Deno.Command(program!, { args, env: { NO_COLOR: "1" } }).output();
  const message = "NotCapable: Requires ffi access to block for a signal, run again with the --allow-ffi flag";
  assert(new TextDecoder().decode(stderr).includes(message));
});

function valueOf(event: { cause: string; value?: number } | undefined): number {
  if (event?.cause !== "queue" || event.value === undefined) throw new Error(`Not queued: ${JSON.stringify(event)}`);
  return event.value;
}

function command(flags: readonly string[], ...args: string[]): string[] {
  const path = new URL("../fixtures/signal_wait.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "--quiet", "--no-prompt", ...flags, path, ...args];
}
