// Needs: gcc
import { assertEquals, assertThrows } from "@std/assert";
import { ClosedError } from "../../lib/errors.ts";
import { blockSignals, kill, queueSignal, realtime, type Signal, signalNumber, signals } from "../../lib/signal/mod.ts";
import { setBlocked } from "../../lib/signal/thread_masks.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Compiled, fixture, outputOf } from "./peer.ts";

const A = realtime(15);
const B = realtime(16);

Deno.test("blockSignals holds signals back for their listeners, who hear of them in order at the end of the scope", () => {
  using listener = signals([A, B, "SIGUSR2", "SIGTERM"]);
  {
    using blocked = blockSignals(B, "SIGUSR2", A, "SIGTERM", A);
    assertEquals(blocked.signals, ["SIGUSR2", "SIGTERM", A, B]);
    assertEquals(blocked.pending, []);
    for (const value of [1, 2]) queueSignal(Deno.pid, B, value);
    for (const value of [3, 4]) queueSignal(Deno.pid, A, value);
    for (let time = 0; time < 3; time++) kill(Deno.pid, "SIGUSR2");
    assertEquals(blocked.pending, ["SIGUSR2", A, B]);
    assertEquals(listener.tryReceive(), undefined);
  }
  const heard = Array.from({ length: 6 }, () => listener.tryReceive());
  assertEquals(heard.map((event) => event?.signal), ["SIGUSR2", A, A, B, B, undefined]);
  assertEquals(heard.map((event) => event?.cause === "queue" ? event.value : 0), [0, 3, 4, 1, 2, 0]);
});

Deno.test("blockSignals holds back what is listened to only later, and lets go of what is no longer", () => {
  using blocked = blockSignals(A);
  {
    using listener = signals([A]);
    queueSignal(Deno.pid, A, 1);
    assertEquals([listener.tryReceive(), blocked.pending], [undefined, [A]]);
  }
  using listener = signals([A]);
  blocked.close();
  assertEquals(listener.tryReceive()?.signal, A);
});

Deno.test("blockSignals: scopes that overlap end in any order, and what was blocked before stays so", () => {
  for (const first of ["inner", "outer"]) {
    assertEquals(own(A, B), [false, false]);
    const outer = blockSignals(A, B);
    const inner = blockSignals(B);
    assertEquals(own(A, B), [true, true]);
    (first === "inner" ? inner : outer).close();
    assertEquals(own(A, B), [first === "inner", true]);
    // A thread that is late still obeys.
    assertEquals(isCaught("SIGURG"), true);
    (first === "inner" ? outer : inner).close();
    inner.close();
    outer.close();
    assertEquals([own(A, B), isCaught("SIGURG")], [[false, false], false]);
  }
  setBlocked(signalNumber(A), true);
  try {
    {
      using _blocked = blockSignals(A, B);
      using _listener = signals([A]);
      assertEquals(own(A, B), [true, true]);
    }
    assertEquals(own(A, B), [true, false]);
    const listener = signals([A]);
    {
      using _blocked = blockSignals(A);
      assertEquals(own(A), [true]);
    }
    assertEquals(own(A), [false]);
    listener.close();
    assertEquals(own(A), [true]);
  } finally {
    setBlocked(signalNumber(A), false);
  }
});

Deno.test("blockSignals throws for what cannot be blocked", () => {
  for (const signal of ["SIGKILL", "SIGSTOP", "SIGILL", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGURG"] as const) {
    assertThrows(() => blockSignals("SIGUSR2", signal), TypeError, `${signal} cannot be blocked`);
  }
  assertThrows(() => blockSignals("Sigterm" as Signal), TypeError, "SIGTERM");
  assertThrows(() => blockSignals(), TypeError, "At least one");
});

Deno.test("BlockedSignals.pending throws ClosedError after the end", () => {
  const blocked = blockSignals(A, "SIGUSR2");
  blocked.close();
  assertThrows(() => blocked.pending, ClosedError, "Block of SIGUSR2, SIGRTMIN+15 is closed");
});

Deno.test("blockSignals leaves nothing behind", async () => {
  await noLeaks(() => {
    for (let round = 0; round < 5; round++) {
      using _blocked = blockSignals("SIGUSR2", A);
      using _nested = blockSignals("SIGTERM", A);
    }
  });
});

for (const signal of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) {
  Deno.test(`blockSignals: ${signal} that came in the scope has its default action at the end`, async () => {
    await using process = fixture("signal_block.ts", ["--allow-ffi", "--allow-run"], ["end", signal]);
    await process.expect("ready");
    kill(process.pid, signal);
    await process.tell("sent");
    await process.expect(signal);
    assertEquals(await watchdog(30_000, process.ended), { signal: signalNumber(signal) });
    assertEquals(await process.line(), null);
  });
}

Deno.test("blockSignals covers every thread, those that come later and those of Workers", async () => {
  const output = await watchdog(30_000, outputOf("signal_block.ts", ["--allow-all"], ["threads", "SIGTERM", A]));
  assertEquals(output, "true true\ntrue\nnone\n");
});

Deno.test("blockSignals: children start with an empty mask, and starting them delivers nothing here", async () => {
  assertEquals(
    await watchdog(30_000, outputOf("signal_block.ts", ["--allow-all"], ["child", "SIGTERM", "SIGUSR2"])),
    "SigBlk:\t0000000000000000\nSIGUSR2 SIGTERM SIGRTMIN+5\n1 2 3\n",
  );
});

Deno.test("blockSignals of SIGCHLD leaves Deno's children alone", async () => {
  const output = await watchdog(30_000, outputOf("signal_block.ts", ["--allow-all"], ["deno-child", "SIGCHLD"]));
  assertEquals(output, "3 out\nexited\n");
});

Deno.test("blockSignals: no thread lets a signal through, however many come", async () => {
  using send = new Compiled("signal_send.c");
  await using process = fixture("signal_block.ts", ["--allow-all"], ["busy", "SIGUSR1", "SIGTERM"]);
  await process.expect("ready");
  for (let burst = 0; burst < 5; burst++) {
    await Promise.all([
      send.run("kill", process.pid, signalNumber("SIGUSR1"), 5000),
      send.run("kill", process.pid, signalNumber("SIGTERM"), 5000),
    ]);
  }
  await process.tell("sent");
  for (const line of ["SIGUSR1 SIGTERM", "SIGUSR1", "SIGTERM", "0"]) await process.expect(line);
  assertEquals(await watchdog(30_000, process.ended), { code: 0 });
});

Deno.test("blockSignals needs FFI, and the main thread", async () => {
  const message = "Requires ffi access to block signals, run again with the --allow-ffi flag";
  assertEquals(await outputOf("signal_block_refused.ts", []), `NotCapable: ${message}\n`);
  assertEquals(
    await outputOf("signal_block_refused.ts", ["--allow-ffi", "--allow-read"], ["worker"]),
    "Error: Cannot block signals in a Worker: they belong to the process, do so in the main thread\n",
  );
});

function isCaught(name: Signal): boolean {
  const caught = BigInt("0x" + /SigCgt:\s*(\w+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
  return (caught >> BigInt(signalNumber(name) - 1) & 1n) === 1n;
}

function own(...names: Signal[]): boolean[] {
  return names.map((name) => {
    const was = setBlocked(signalNumber(name), true);
    setBlocked(signalNumber(name), was);
    return was;
  });
}
