import { assertEquals } from "@std/assert";
import { kill, SIGNALS } from "../../lib/signal/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { fixture, outputOf } from "./peer.ts";

Deno.test("without FFI every event has the cause unknown and nothing but its name", async () => {
  const listenable = SIGNALS.filter((info) =>
    info.kind === "standard" && info.catchable && ![4, 7, 8, 11].includes(info.number)
  );
  const others = listenable.filter((info) => info.name !== "SIGTERM");
  await using receiver = fixture("signal_print_events.ts", [], others.map((info) => info.name));
  await receiver.expect("ready");
  for (const { name, number } of others) {
    kill(receiver.pid, name);
    assertEquals(await watchdog(30_000, receiver.json()), { signal: name, number, cause: "unknown" });
  }
  kill(receiver.pid, "SIGTERM");
  assertEquals(await receiver.json(), { dropped: 0 });
});

Deno.test("without FFI what needs it says so", async () => {
  assertEquals(
    await outputOf("signal_without_ffi.ts", []),
    [
      "NotCapable: Requires ffi access to receive SIGRTMIN+1, run again with the --allow-ffi flag",
      "NotCapable: Requires ffi access to receive SIGRTMIN+1, run again with the --allow-ffi flag",
      "NotCapable: Requires ffi access to block for a signal, run again with the --allow-ffi flag",
      "capacity 0, dropped 0",
      "",
    ].join("\n"),
  );
});

for (const signal of ["SIGPWR", "SIGSTKFLT", "SIGIO", "SIGPIPE"] as const) {
  Deno.test(`without FFI a ${signal} listener that has come and gone does no harm`, async () => {
    await using process = fixture("signal_stop_listening.ts", ["--allow-run"], ["break", signal]);
    await process.expect("listening");
    await process.expect("stopped");
    kill(process.pid, signal);
    kill(process.pid, "SIGTERM");
    assertEquals(await watchdog(30_000, process.ended), { signal: 15 });
  });
}
