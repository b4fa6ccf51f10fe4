// Needs: gcc, python3
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  parseSignal,
  realtime,
  type Signal,
  type SignalAction,
  signalName,
  signalNumber,
  SIGNALS,
} from "../../lib/signal/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { outputOf } from "./peer.ts";

Deno.test("SIGNALS has the numbers and names that the C library has", async () => {
  const source = `#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
int main(void) {
  for (int n = 1; n < SIGRTMIN; n++) if (sigabbrev_np(n)) printf("%d SIG%s\\n", n, sigabbrev_np(n));
  for (int n = SIGRTMIN; n <= SIGRTMAX; n++) printf(n > SIGRTMIN ? "%d SIGRTMIN+%d\\n" : "%d SIGRTMIN\\n", n, n - SIGRTMIN);
}`;
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/names.c`, source);
  const gcc = await new Deno.Command("gcc", { args: ["-w", "-o", `${folder}/names`, `${folder}/names.c`] }).output();
  assert(gcc.success, new TextDecoder().decode(gcc.stderr));
  const { stdout } = await new Deno.Command(`${folder}/names`).output();
  await Deno.remove(folder, { recursive: true });
  const expected = new TextDecoder().decode(stdout).trim().replace("SIGPOLL", "SIGIO").split("\n");
  assertEquals(SIGNALS.map((info) => `${info.number} ${info.name}`), expected);
});

Deno.test("SIGNALS has the default action that a process really takes", async () => {
  const act: Record<SignalAction, (signal: Signal) => string> = {
    terminate: (signal) => `ended by ${signalNumber(signal)}`,
    core: (signal) => `ended by ${signalNumber(signal)}`,
    ignore: () => "running",
    continue: () => "running",
    stop: () => "stopped",
  };
  const script = `
import os, signal, sys
for n in map(int, sys.argv[1:]):
  reader, writer = os.pipe()
  pid = os.fork()
  if pid == 0:
    # A group of its own: the terminal's stop signals do nothing in an orphaned group.
    os.setpgid(0, 0)
    for s in signal.valid_signals() - {9, 19, 32, 33}: signal.signal(s, signal.SIG_DFL)
    os.write(writer, b"x")
    while True: signal.pause()
  os.read(reader, 1)
  os.kill(pid, n)
  # What is ignored leaves it to the highest signal to end the process.
  if n in (17, 18, 23, 28): os.kill(pid, 64)
  status = os.waitpid(pid, os.WUNTRACED)[1]
  if os.WIFSTOPPED(status):
    print(n, "stopped")
    os.kill(pid, 9)
    os.waitpid(pid, 0)
  else: print(n, "running" if os.WTERMSIG(status) == 64 != n else f"ended by {os.WTERMSIG(status)}")
  os.close(reader); os.close(writer)
`;
  const infos = SIGNALS;
  const { stdout, stderr, success } = await watchdog(
    60_000,
    new Deno.Command("prlimit", {
      args: ["--core=0", "python3", "-c", script, ...infos.map((info) => String(info.number))],
    })
      .output(),
  );
  assert(success, new TextDecoder().decode(stderr));
  assertEquals(
    new TextDecoder().decode(stdout).trim().split("\n"),
    infos.map((info) => `${info.number} ${act[info.action](info.name)}`),
  );
});

Deno.test("SIGNALS says that only SIGKILL and SIGSTOP cannot be handled", () => {
  assertEquals(SIGNALS.filter((info) => !info.catchable).map((info) => info.name), ["SIGKILL", "SIGSTOP"]);
  assertEquals(SIGNALS.filter((info) => info.kind === "realtime").length, 31);
});

Deno.test("signalName and signalNumber are each other's inverse", () => {
  for (const { name, number } of SIGNALS) {
    assertEquals(signalName(number), name);
    assertEquals(signalNumber(name), number);
    assertEquals(signalNumber(number), number);
  }
});

for (const number of [0, 32, 33, 65, -1, 1.5, NaN, Infinity]) {
  Deno.test(`signalName throws RangeError for ${number}`, () => {
    assertThrows(() => signalName(number), RangeError, String(number));
    assertThrows(() => signalNumber(number), RangeError, String(number));
  });
}

for (
  const [name, hint] of [
    ["Sigterm", '"SIGTERM"'],
    ["TERM", '"SIGTERM"'],
    ["15", '"SIGTERM"'],
    ["POLL", '"SIGIO"'],
    ["RTMIN+3", '"SIGRTMIN+3"'],
    ["SIGRTMAX-1", '"SIGRTMIN+29"'],
    ["SIGRTMIN+0", '"SIGRTMIN"'],
    ["SIGRTMIN+31", ""],
    ["", ""],
  ] as const
) {
  Deno.test(`signalNumber throws TypeError for ${JSON.stringify(name)}`, () => {
    assertThrows(() => signalNumber(name as Signal), TypeError, hint);
  });
}

Deno.test("parseSignal understands every word that kill(1) of util-linux does, and bash's", async () => {
  for (const [program, ...args] of [["/usr/bin/kill", "-L"], ["bash", "-c", "kill -l"]] as const) {
    const { stdout } = await new Deno.Command(program, { args: [...args] }).output();
    const rows = [...new TextDecoder().decode(stdout).matchAll(/(\d+)\)?\s+([A-Z][\w+-]*)/g)];
    assert(rows.length > 30);
    for (const [, number, word] of rows) {
      assertEquals(parseSignal(word!), signalName(Number(number)), word);
      assertEquals(parseSignal(word!.toLowerCase()), signalName(Number(number)), word);
    }
  }
  for (const { name, number } of SIGNALS) {
    assertEquals([parseSignal(name), parseSignal(name.slice(3)), parseSignal(`${number}`)], [name, name, name]);
    if (number > 31) assertEquals(parseSignal(`RTMAX-${64 - number}`), name);
  }
  const words = [
    "",
    "SIG",
    "0",
    "32",
    "33",
    "65",
    "-1",
    "1.5",
    "EXIT",
    "TERM ",
    "SIGSIGTERM",
    "RTMIN+",
    "RTMIN-1",
    "RTMAX+1",
  ];
  for (const word of [...words, "RTMIN+31", "RTMAX-31", "RTMIN+1+1", "constructor", "__proto__"]) {
    assertEquals(parseSignal(word), undefined, word);
  }
});

Deno.test("realtime counts from SIGRTMIN", () => {
  assertEquals(realtime(0), "SIGRTMIN");
  assertEquals(
    Array.from({ length: 31 }, (_, n) => signalNumber(realtime(n))),
    Array.from({ length: 31 }, (_, n) => 34 + n),
  );
  for (const n of [-1, 31, 0.5, NaN]) assertThrows(() => realtime(n), RangeError, "0..30");
});

Deno.test("signalName needs no permission", async () => {
  assertEquals(await outputOf("signal_names.ts", []), "SIGRTMIN+1 15\n");
});
