/**
 * A queued real-time signal with a value to a peer and one back, waited for by a listener that blocks (sync), on the event loop (async), or
 * as sigwaitinfo does (wait).
 */

import {
  blockSignals,
  command,
  queueSignal,
  realtime,
  type SignalEvent,
  signals,
  waitForSignalSync,
} from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const SIGNAL = realtime(0);
/** A blocked peer whose other side was killed ends after this long without a signal. */
const LONELY_MS = 60_000;

const [cpu = "-1", form = "sync", role] = Deno.args;
await (role === "peer" ? echo() : ask());

async function ask(): Promise<void> {
  using receiver = receive();
  const { next } = receiver;
  const [program, ...args] = pinned([...denoWords("signal_round_trip.ts"), cpu, form, "peer"], Number(cpu));
  await using peer = command(program, args, { stdin: "piped", stdout: "piped" }).spawn();
  // The peer's "ready" says that it listens: a signal before that would end it.
  await peer.stdout.getReader().read();
  if (form === "async") {
    await serveRounds(async (operations) => {
      for (let i = 0; i < operations; i++) {
        queueSignal(peer.pid, SIGNAL, i);
        check(await next(), i);
      }
    });
  } else {
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        queueSignal(peer.pid, SIGNAL, i);
        check(next() as SignalEvent, i);
      }
    });
  }
}

async function echo(): Promise<void> {
  using receiver = receive();
  if (form === "async") new Response(Deno.stdin.readable).text().then(() => Deno.exit());
  console.log("ready");
  while (true) {
    // Awaiting what is there would cost a turn.
    const result = receiver.next();
    const event = result instanceof Promise ? await result : result;
    if (event.cause === "queue") queueSignal(event.pid, SIGNAL, event.value);
  }
}

interface Receiver extends Disposable {
  next(): SignalEvent | Promise<SignalEvent>;
}

function receive(): Receiver {
  if (form === "wait") {
    const blocked = blockSignals(SIGNAL);
    return {
      next: () => waitForSignalSync([SIGNAL], { timeoutMs: LONELY_MS }),
      [Symbol.dispose]: () => blocked.close(),
    };
  }
  const listener = signals([SIGNAL]);
  return {
    next: () => form === "sync" ? listener.receiveSync({ timeoutMs: LONELY_MS }) : listener.receive(),
    [Symbol.dispose]: () => listener.close(),
  };
}

function check(event: SignalEvent, value: number): void {
  if (event.cause !== "queue" || event.value !== value) {
    throw new Error(`Expected ${value}, got ${Deno.inspect(event)}`);
  }
}
