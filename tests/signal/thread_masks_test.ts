// Needs: gcc
import { assertEquals } from "@std/assert";
import { realtime } from "../../lib/signal/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Compiled, fixture, outputOf } from "./peer.ts";

Deno.test("only the main thread takes real-time signals while it listens, and children start with a clear mask", async () => {
  assertEquals(
    await watchdog(30_000, outputOf("signal_threads.ts", ["--allow-all"])),
    [
      "before: true",
      "listening: main",
      "later: main",
      "after: all",
      "child: SigBlk:\t0000000000000000",
      "",
    ].join("\n"),
  );
});

Deno.test("a fork's signals are not taken for ours", async () => {
  using library = new Compiled("signal_fork.c", "-shared", "-fPIC");
  assertEquals(await outputOf("signal_fork.ts", ["--allow-all"], [library.path]), "7 SIGRTMIN+1 true undefined\n");
});

Deno.test("real-time signals of an idle process arrive in order, however they fall", async () => {
  using send = new Compiled("signal_send.c");
  await using receiver = fixture("signal_print_events.ts", ["--allow-ffi"], [realtime(1)]);
  await receiver.expect("ready");
  for (let burst = 0; burst < 200; burst++) {
    await send.run("queue", receiver.pid, 35, 5, 0);
    for (let expected = 0; expected < 5; expected++) {
      const { value } = await receiver.json() as { value: number };
      assertEquals(value, expected, `in burst ${burst}`);
    }
  }
});
