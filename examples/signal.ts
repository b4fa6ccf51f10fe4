// Reloads on SIGHUP and ends on SIGTERM, as services do, and knows who asked for it.
// deno run --allow-ffi --allow-run examples/signal.ts
// Expect: reloading, because the shell said so
// Expect: ending, because the shell said so
// Expect: still listening: false
// Expect: nobody has the pid 2147483647: ESRCH
// Expect: the child was ended by SIGTERM
import { command, kill, PosixError, signals, waitForSignal } from "../mod.ts";

// From this line on both signals are ours: one that comes before the loop waits for it.
const listener = signals(["SIGHUP", "SIGTERM"]);
const script = 'kill -HUP "$1"; read answer; kill -TERM "$1"';
const shell = command("sh", ["-c", script, "sh", `${Deno.pid}`], { stdin: "piped" }).spawn();

for await (const event of listener) {
  // Only some causes have a sender, and the type says which. (Without --allow-ffi the cause is "unknown".)
  const sender = event.cause !== "user" ? "somebody" : event.pid === shell.pid ? "the shell" : `process ${event.pid}`;
  if (event.signal === "SIGTERM") {
    console.log(`ending, because ${sender} said so`);
    break;
  }
  console.log(`reloading, because ${sender} said so`);
  const writer = shell.stdin.getWriter();
  await writer.write(new TextEncoder().encode("reloaded\n"));
  await writer.close();
}
await shell.exited;

// Leaving the loop has closed the listener, and the default action of both signals is back.
console.log("still listening:", !listener.closed);

// Signal 0 sends nothing, and tells whether there is somebody.
try {
  kill(2 ** 31 - 1, 0);
} catch (error) {
  if (!(error instanceof PosixError)) throw error;
  console.log(`nobody has the pid ${2 ** 31 - 1}: ${error.code}`);
}

// One signal, and not for ever: the child says when it is ready to be ended.
const ready = waitForSignal(["SIGUSR2"], { timeoutMs: 10_000 });
const child = command("sh", ["-c", 'kill -USR2 "$1"; exec sleep 60', "sh", `${Deno.pid}`]).spawn();
await ready;
kill(child.pid, "SIGTERM");
const status = await child.status;
if (status.kind === "signaled") console.log(`the child was ended by ${status.signal}`);
