// Stops what is under way on Ctrl-C or SIGTERM and cleans up; and is not interrupted where that would do harm.
// deno run --allow-ffi --allow-run examples/signal_abort.ts
// Expect: stopped by SIGINT, because the shell said so
// Expect: cleaned up
// Expect: came in the critical section: SIGTERM
// Expect: taken: SIGTERM
// Expect: three messages in order: 1 2 3
import {
  blockSignals,
  command,
  kill,
  queueSignal,
  realtime,
  SignalAbortError,
  signalAborts,
  waitForSignalSync,
} from "../mod.ts";

// An AbortSignal, for whatever takes one. It does not keep the process alive.
using interrupted = signalAborts("SIGINT", "SIGTERM");

// In the place of somebody who presses Ctrl-C.
const shell = command("sh", ["-c", 'kill -INT "$1"', "sh", `${Deno.pid}`]).spawn();
try {
  await command("sleep", ["60"], { signal: AbortSignal.any([interrupted, AbortSignal.timeout(50_000)]) }).output();
} catch (error) {
  if (!(error instanceof SignalAbortError)) throw error;
  const { event } = error;
  const sender = event.cause === "user" && event.pid === shell.pid ? "the shell" : "somebody";
  console.log(`stopped by ${event.signal}, because ${sender} said so`);
}
await shell.exited;

// From here on a second Ctrl-C would end the program at once. (With { further: "ignored" } it would not.)
console.log("cleaned up");

{
  // Two steps that belong together. What comes meanwhile stays pending, and would end this process when the scope ends …
  using blocked = blockSignals("SIGTERM", realtime(0));
  kill(Deno.pid, "SIGTERM");
  console.log("came in the critical section:", blocked.pending.join(" "));

  // … unless we take it, as sigwaitinfo(2) does.
  console.log("taken:", waitForSignalSync(["SIGTERM"]).signal);

  // Blocked, none is lost between two waits.
  for (const value of [1, 2, 3]) queueSignal(Deno.pid, realtime(0), value);
  const values = [1, 2, 3].map(() => waitForSignalSync([realtime(0)], { timeoutMs: 10_000 }));
  console.log("three messages in order:", values.map((event) => event.cause === "queue" ? event.value : "?").join(" "));
}
