// Needs: strace, root
/** The name of an `mq:` channel: who has it, and what a death leaves. Of the stops a slice: tests/stress/mq_name_test.ts has all. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { OfdLock } from "../../lib/sync/lock_calls.ts";
import { libc } from "../../lib/sys/libc.ts";
import { cString } from "../../lib/sys/memory.ts";
import { fileFacts } from "../../lib/sys/file_facts.ts";
import { channel, PosixError, unlinkMessageQueue } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until } from "../helpers/patience.ts";
import { Random } from "../sync/rounds.ts";
import { freshName, killWhileListening, leaveQueue, MARK, meetAt, queueAt, stopWhileListening } from "./mq_life.ts";

const random = new Random();

/** The byte by which the name of a queue is held. */
const NAME = new OfdLock(2, 1);

Deno.test("The kernel keeps the sticky bit that a queue is made with, and counts a queue's name as its link", () => {
  const name = freshName();
  const umask = Deno.umask(0o777);
  try {
    leaveQueue(name, MARK | 0o600);
  } finally {
    Deno.umask(umask);
  }
  const found = queueAt(name);
  assert(found !== undefined);
  using fd = found.fd;
  assertEquals([found.facts.mode, found.facts.links], [MARK, 1]);
  assertEquals(libc().mq_unlink(cString(name, "name")), 0);
  assertEquals(fileFacts(fd).links, 0);
});

Deno.test("channel over mq replaces a queue whose maker died right after it was made", () =>
  noLeaks(async () => {
    const name = freshName();
    leaveQueue(name, MARK | 0o600);
    await meetAt(name);
  }));

Deno.test("channel over mq leaves a queue alone that no channel made, or that somebody is making or cleaning", async () => {
  const name = freshName();
  for (const [mode, locked, says] of [[0o600, false, "no channel made it"], [MARK | 0o600, true, "listens"]] as const) {
    leaveQueue(name, mode);
    const found = queueAt(name);
    assert(found !== undefined);
    using fd = found.fd;
    if (locked) NAME.try(fd, "exclusive");
    const error = await assertRejects(() => channel(`mq:${name}`, { mode: "listen" }), PosixError, says);
    assertEquals([error.code, fileFacts(fd).links, fileFacts(fd).mode], ["EADDRINUSE", 1, mode]);
    unlinkMessageQueue(name);
  }
});

Deno.test("channel over mq: a listener whose queue was unlinked does not unlink who came after", async () => {
  const name = freshName();
  const stop = new AbortController();
  const first = channel(`mq:${name}`, { mode: "listen", signal: stop.signal, permissions: 0o640 });
  const refused = assertRejects(() => first);
  const isThere = (mode: number) => {
    using fd = queueAt(name)?.fd;
    return fd !== undefined && fileFacts(fd).mode === (MARK | mode);
  };
  await until(() => isThere(0o640));
  unlinkMessageQueue(name);
  const second = channel(`mq:${name}`, { mode: "listen", permissions: 0o604 });
  await until(() => isThere(0o604));
  stop.abort();
  await refused;
  assert(isThere(0o604));
  using sender = await channel(`mq:${name}`);
  using receiver = await second;
  await sender.send(1);
  assertEquals(await receiver.receive(), 1);
});

/** So many of the calls, each time others. */
function some(count: number): <T>(calls: readonly T[]) => T[] {
  return (calls) => Array.from({ length: count }, () => random.pick(calls));
}

Deno.test("channel over mq: the next one has the name of a listener that was killed at any call by which it took it", async () => {
  assert(await killWhileListening((calls) => calls) > 0);
});

for (const stale of [true, false]) {
  const what = stale ? "and found a stale queue" : "and found no queue";
  Deno.test(`channel over mq: of two who listen at once ${what}, one has the name and keeps it`, async () => {
    await stopWhileListening(stale, some(2));
  });
}
