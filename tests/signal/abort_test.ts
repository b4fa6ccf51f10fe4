import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  kill,
  queueSignal,
  realtime,
  type Signal,
  SignalAbortError,
  signalAborts,
  signalNumber,
  signals,
  waitForSignal,
} from "../../lib/signal/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { type Ending, fixture, outputOf, Peer, reaped } from "./peer.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url).pathname;
const TIERS = [["--allow-run", "--allow-ffi"], ["--allow-run"]];

function abortOf(signal: AbortSignal): Promise<unknown> {
  return watchdog(30_000, new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason))));
}

Deno.test("signalAborts aborts with an error that carries the signal, its sender and value", async () => {
  using aborts = signalAborts("SIGUSR2", realtime(13));
  assertEquals(aborts instanceof AbortSignal, true);
  assert(!aborts.aborted);
  queueSignal(Deno.pid, realtime(13), -7);
  const reason = await abortOf(aborts);
  assertInstanceOf(reason, SignalAbortError);
  assertEquals(reason.message, `Received SIGRTMIN+13 from process ${Deno.pid}`);
  const uid = Deno.uid()!;
  assertEquals(reason.event, { signal: realtime(13), number: 47, cause: "queue", pid: Deno.pid, uid, value: -7 });
  assertEquals(aborts.reason, reason);
});

Deno.test("signalAborts is what takes an AbortSignal expects, also through AbortSignal.any", async () => {
  using aborts = signalAborts("SIGUSR2");
  const any = AbortSignal.any([aborts, AbortSignal.timeout(60_000)]);
  const work = [
    waitForSignal([realtime(14)], { signal: aborts }),
    command("sleep", ["60"], { signal: any }).output(),
    new Response(new ReadableStream()).body!.pipeTo(new WritableStream(), { signal: aborts }),
  ].map((pending) => assertRejects(() => pending, SignalAbortError, "Received SIGUSR2"));
  // The command has begun when another one has.
  await command("true").status();
  kill(Deno.pid, "SIGUSR2");
  await watchdog(30_000, Promise.all(work));
  assert(any.aborted);
});

Deno.test("signalAborts aborts once, by the first signal, and what listens to the abort may ask for signals", async () => {
  using listener = signals([realtime(13), realtime(14)]);
  using aborts = signalAborts(realtime(13), realtime(14));
  const heard: unknown[] = [];
  aborts.addEventListener("abort", () => {
    for (let event = listener.tryReceive(); event !== undefined; event = listener.tryReceive()) {
      heard.push(event.signal);
    }
  });
  queueSignal(Deno.pid, realtime(13), 1);
  queueSignal(Deno.pid, realtime(14), 2);
  const reason = await abortOf(aborts) as SignalAbortError;
  assertEquals(reason.event.signal, realtime(13));
  assertEquals(heard, [realtime(13), realtime(14)]);
});

Deno.test("signalAborts that was disposed of does not abort, whatever came before", async () => {
  using listener = signals([realtime(13)]);
  const aborts = signalAborts(realtime(13));
  queueSignal(Deno.pid, realtime(13), 1);
  assert(listener.tryReceive() !== undefined);
  aborts.close();
  aborts.close();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(!aborts.aborted);
});

Deno.test("signalAborts throws for what cannot be listened to", () => {
  assertThrows(() => signalAborts(), TypeError, "At least one");
  assertThrows(() => signalAborts([]), TypeError, "At least one");
  assertThrows(() => signalAborts("SIGINT", "Sigterm" as Signal), TypeError, "SIGTERM");
  for (const signal of ["SIGKILL", "SIGSTOP", "SIGSEGV"] as const) {
    assertThrows(() => signalAborts(signal), TypeError, signal);
  }
  assertThrows(() => signalAborts(["SIGINT"], { further: "never" as "ignored" }), TypeError, "further");
});

Deno.test("signalAborts leaves nothing behind, whether it aborted or not", async () => {
  await noLeaks(async () => {
    for (let round = 0; round < 20; round++) {
      using aborts = signalAborts(realtime(13), "SIGINT");
      using _other = signalAborts(["SIGTERM"], { further: "ignored" });
      if (round % 2 === 0) continue;
      queueSignal(Deno.pid, realtime(13), round);
      await abortOf(aborts);
    }
  });
});

for (const flags of TIERS) {
  Deno.test(`signalAborts with [${flags}] does not keep the process alive, a wait beside it does`, async () => {
    assertEquals(await watchdog(30_000, outputOf("signal_aborts.ts", flags, ["idle", "SIGINT"])), "end\n");
    await using waiting = fixture("signal_aborts.ts", flags, ["waiting", "SIGINT"]);
    await waiting.expect("ready");
    kill(waiting.pid, "SIGUSR2");
    await waiting.expect("SIGUSR2 false");
    assertEquals(await watchdog(30_000, waiting.ended), { code: 0 });
  });

  for (const signal of ["SIGINT", "SIGTERM", realtime(3)] as const) {
    if (signal === realtime(3) && flags.length === 1) continue;

    Deno.test(`signalAborts with [${flags}]: a second ${signal} has its default action`, async () => {
      await using started = await start(flags, "second", signal);
      kill(started.pid, signal);
      await started.process.expect(`SignalAbortError ${flags.length === 1 ? "unknown" : "user"}`);
      kill(started.pid, signal);
      assertEquals(await watchdog(30_000, started.ended()), { signal: signalNumber(signal) });
    });

    Deno.test(`signalAborts with [${flags}]: after the end of the scope ${signal} has its default action`, async () => {
      await using started = await start(flags, "disposed", signal);
      kill(started.pid, signal);
      assertEquals(await watchdog(30_000, started.ended()), { signal: signalNumber(signal) });
    });

    Deno.test(`signalAborts with [${flags}]: further ${signal} can be ignored until the end of the scope`, async () => {
      await using process = fixture("signal_aborts.ts", flags, ["ignored", signal]);
      await process.expect("ready");
      kill(process.pid, signal);
      await process.expect("aborted");
      kill(process.pid, signal);
      kill(process.pid, signal);
      await process.tell("sent");
      await process.expect("closed");
    });
  }
}

Deno.test("signalAborts without FFI refuses real-time signals", async () => {
  const path = FIXTURES + "signal_aborts.ts";
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", path, "idle", realtime(1)],
    env: { NO_COLOR: "1" },
  }).output();
  const message = "NotCapable: Requires ffi access to receive SIGRTMIN+1, run again with the --allow-ffi flag";
  assert(new TextDecoder().decode(stderr).includes(message));
});

interface Started extends AsyncDisposable {
  readonly process: Peer;
  readonly pid: number;
  ended(): Promise<Ending>;
}

/** Starts the fixture and waits until it is ready. (Under a shell it would be started to ignore SIGINT; Deno loses who dies of the others.) */
async function start(flags: readonly string[], way: string, signal: Signal): Promise<Started> {
  const path = FIXTURES + "signal_aborts.ts";
  const command = [Deno.execPath(), "run", "--quiet", "--no-prompt", ...flags, path, way, signal] as const;
  const isRealtime = signalNumber(signal) > 31;
  const process = isRealtime ? reaped(...command) : new Peer(command[0], command.slice(1));
  const lines = [await process.line(), ...(isRealtime ? [await process.line()] : [])];
  assert(lines.includes("ready"));
  return {
    process,
    pid: isRealtime ? Number(lines.find((line) => line !== "ready")) : process.pid,
    ended: async () => isRealtime ? { signal: Number(await process.line()) - 128 } : await process.ended,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}
