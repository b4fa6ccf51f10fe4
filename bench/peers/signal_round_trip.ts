/** A queued real-time signal with a value to a peer and one back, waited for by blocking or on the event loop. */

import { command, queueSignal, realtime, type SignalEvent, signals } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const SIGNAL = realtime(0);
/** A blocked peer whose other side was killed ends after this long without a signal. */
const LONELY_MS = 60_000;

const [cpu = "-1", form = "sync", role] = Deno.args;
await (role === "peer" ? echo() : ask());

async function ask(): Promise<void> {
  using listener = signals([SIGNAL]);
  const [program, ...args] = pinned([...denoWords("signal_round_trip.ts"), cpu, form, "peer"], Number(cpu));
  await using peer = command(program, args, { stdin: "piped", stdout: "piped" }).spawn();
  // The peer's "ready" says that it listens: a signal before that would end it.
  await peer.stdout.getReader().read();
  if (form === "sync") {
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        queueSignal(peer.pid, SIGNAL, i);
        check(listener.receiveSync(), i);
      }
    });
  } else {
    await serveRounds(async (operations) => {
      for (let i = 0; i < operations; i++) {
        queueSignal(peer.pid, SIGNAL, i);
        check(await listener.receive(), i);
      }
    });
  }
}

async function echo(): Promise<void> {
  using listener = signals([SIGNAL]);
  if (form === "async") new Response(Deno.stdin.readable).text().then(() => Deno.exit());
  console.log("ready");
  while (true) {
    const event = form === "sync" ? listener.receiveSync({ timeoutMs: LONELY_MS }) : await listener.receive();
    if (event.cause === "queue") queueSignal(event.pid, SIGNAL, event.value);
  }
}

function check(event: SignalEvent, value: number): void {
  if (event.cause !== "queue" || event.value !== value) {
    throw new Error(`Expected ${value}, got ${Deno.inspect(event)}`);
  }
}
