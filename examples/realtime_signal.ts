// Takes readings from another process by real-time signals: each is queued, arrives in order, and carries a number.
// deno run --allow-ffi --allow-run examples/realtime_signal.ts
// Expect: readings: 10 20 30 40 50
// Expect: after the pause: SIGRTMIN+1 7, SIGRTMIN+2 8, SIGRTMIN+2 9
// Expect: three SIGUSR2 became 1
// Expect: a process that has exited: ESRCH
import { command, openPidFd, PosixError, realtime, signals } from "../mod.ts";

const [reading, urgent, lazy] = [realtime(0), realtime(1), realtime(2)];
using listener = signals([reading, urgent, lazy, "SIGUSR2"]);

// The kill of util-linux sends a value with -q. (From Deno it is queueSignal(pid, signal, value).)
const sensor = `
send() { /usr/bin/kill -s "$1" -q "$2" "$PARENT"; }
for value in 10 20 30 40 50; do send RTMIN $value; done`;
await command("sh", ["-c", sensor], { env: { PARENT: `${Deno.pid}` } }).output();
const readings: number[] = [];
for (let event = listener.tryReceive(); event !== undefined; event = listener.tryReceive()) {
  if (event.cause === "queue") readings.push(event.value);
}
console.log("readings:", readings.join(" "));

// While we are stopped everything stays pending: then the lower number goes first, and a standard signal does not queue.
const pause = `
send() { /usr/bin/kill -s "$1" -q "$2" "$PARENT"; }
kill -STOP "$PARENT"
until grep -q '^State:.T' "/proc/$PARENT/status"; do :; done
send RTMIN+2 8; send RTMIN+2 9; send RTMIN+1 7
for time in 1 2 3; do kill -USR2 "$PARENT"; done
kill -CONT "$PARENT"`;
const stopping = command("sh", ["-c", pause], { env: { PARENT: `${Deno.pid}` } }).spawn();
const order: string[] = [];
let coalesced = 0;
while (order.length < 3) {
  const event = await listener.receive();
  if (event.cause === "queue") order.push(`${event.signal} ${event.value}`);
  else coalesced++;
}
await stopping.exited;
console.log("after the pause:", order.join(", "));
console.log(`three SIGUSR2 became ${coalesced}`);

// A pid may be another's tomorrow. A pidfd is that process, and says so when it has gone.
const child = command("cat", [], { stdin: "piped" }).spawn();
using process = openPidFd(child.pid);
process.kill("SIGTERM");
await process.exited({ timeoutMs: 10_000 });
await child.status;
try {
  process.kill("SIGTERM");
} catch (error) {
  if (!(error instanceof PosixError)) throw error;
  console.log(`a process that has exited: ${error.code}`);
}
