import { assertEquals, assertThrows } from "@std/assert";
import { environEntries } from "../../lib/sys/c_strings.ts";
import { check } from "../../lib/sys/errno.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { openPidFdRaw } from "../../lib/sys/identity.ts";
import { libc } from "../../lib/sys/libc.ts";
import { O, POLL } from "../../lib/sys/linux.ts";
import { pollMany } from "../../lib/sys/poll_many.ts";
import { reap, reapSync, spawnRaw, type SpawnRequest } from "../../lib/sys/spawn.ts";
import { PosixError } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";

const sh = (script: string, more: Partial<SpawnRequest> = {}) =>
  spawnRaw({ program: "/bin/sh", argv: ["sh", "-c", script], descriptors: new Map(), group: "inherit", ...more });

Deno.test("spawnRaw starts a program, reap takes its end once, by pid or pidfd, and no other child's", async () => {
  await noLeaks(() => {
    const { code } = reapSync(sh("exit 7"));
    assertEquals(code, 7);
    const [running, over] = [sh("exec sleep 1000"), sh("exit 8")];
    using pidfd = openPidFdRaw(over);
    assertEquals(pollMany([{ fd: pidfd, events: POLL.IN }], 10_000), [POLL.IN]);
    assertEquals(reap(running), undefined);
    assertEquals(reap(pidfd)?.code, 8);
    assertEquals(assertThrows(() => reap(pidfd), PosixError).code, "ECHILD");
    assertEquals(libc().kill(running, 9), 0);
    assertEquals(reapSync(running).signal, 9);
  });
});

Deno.test("spawnRaw gives descriptors, /dev/null, directory and environment", () => {
  const numbers = new Int32Array(2);
  check(libc().pipe2(numbers, O.CLOEXEC), "pipe2");
  using reader = Fd.own(numbers[0]!, "Reader");
  const writer = Fd.own(numbers[1]!, "Writer");
  const environment = [new TextEncoder().encode("A=1 2\0")];
  const descriptors = new Map<number, number | "null">([[0, "null"], [1, writer.raw], [5, writer.raw]]);
  const pid = sh("cat; echo $A >&5; pwd", { descriptors, environment, cwd: "/tmp" });
  writer.close();
  const bytes = new Uint8Array(100);
  reapSync(pid);
  const count = check(libc().read(reader.raw, bytes, 100), "read");
  assertEquals(new TextDecoder().decode(bytes.subarray(0, count)), "1 2\n/tmp\n");
});

Deno.test("environEntries has what Deno.env has", () => {
  Deno.env.set("CAUSEWAY_TEST", "ü=1");
  try {
    const entries = environEntries().map((entry) => new TextDecoder().decode(entry.subarray(0, -1)));
    const own = Object.entries(Deno.env.toObject()).map(([name, value]) => `${name}=${value}`);
    assertEquals(entries.sort(), own.sort());
  } finally {
    Deno.env.delete("CAUSEWAY_TEST");
  }
});

Deno.test("pollMany tells each descriptor's events, and comes back when the time is over", () => {
  const numbers = new Int32Array(2);
  check(libc().pipe2(numbers, O.CLOEXEC), "pipe2");
  using reader = Fd.own(numbers[0]!, "Reader");
  using writer = Fd.own(numbers[1]!, "Writer");
  const both = [{ fd: reader, events: POLL.IN }, { fd: writer, events: POLL.OUT }];
  assertEquals(pollMany(both, Infinity), [0, POLL.OUT]);
  assertEquals(pollMany(both.slice(0, 1), 1), [0]);
});
