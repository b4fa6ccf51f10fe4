// Needs: gcc, strace, root
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { createSysvQueue, openSysvQueue, PosixError, type SysvQueue } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { bytesOf, linesOf, NOBODY, textOf, uniqueKey } from "./peer.ts";

Deno.test("createSysvQueue and openSysvQueue refuse keys and ids that cannot be", () => {
  const keys = [0, 0.5, NaN, 2 ** 32, -(2 ** 31) - 1, "1", "Private", null, undefined] as unknown as number[];
  for (const key of keys) {
    assertThrows(() => createSysvQueue(key), TypeError, "key");
    if (typeof key === "number") assertThrows(() => openSysvQueue(key), TypeError, "key");
  }
  for (const id of [-1, 0.5, 2 ** 31, "1" as unknown as number]) {
    assertThrows(() => openSysvQueue({ id }), TypeError, "id");
  }
  for (const mode of [-1, 0o1000]) assertThrows(() => createSysvQueue("private", { mode }), RangeError, "mode");
  for (const maxBytes of [0, -1, 0.5, 2 ** 31]) {
    assertThrows(() => createSysvQueue("private", { maxBytes }), RangeError, "maxBytes");
  }
});

Deno.test("createSysvQueue throws EEXIST for a key that is taken, openSysvQueue ENOENT for one that is not", () => {
  const key = uniqueKey();
  const missing = assertThrows(() => openSysvQueue(key), PosixError);
  const target = `Queue with key 0x${(key >>> 0).toString(16).padStart(8, "0")}`;
  assertEquals([missing.code, missing.errno, missing.syscall, missing.target], ["ENOENT", 2, "msgget", target]);
  using mine = new Removed(createSysvQueue(key));
  const taken = assertThrows(() => createSysvQueue(key), PosixError);
  assertEquals([taken.code, taken.errno, taken.syscall, taken.target], ["EEXIST", 17, "msgget", target]);
  // One key, with and without a sign.
  using theirs = openSysvQueue(key >>> 0);
  assertEquals([theirs.id, theirs.key], [mine.queue.id, key]);
});

Deno.test("openSysvQueue finds a queue by its id, and its key", () => {
  const key = uniqueKey();
  using named = new Removed(createSysvQueue(key));
  using nameless = new Removed(createSysvQueue("private"));
  assertEquals([named.queue.key, nameless.queue.key], [key, "private"]);
  using again = openSysvQueue({ id: named.queue.id });
  assertEquals(again.key, key);
  assertEquals(openSysvQueue({ id: nameless.queue.id }).key, "private");
  named.queue.sendSync(bytesOf("same"));
  assertEquals(textOf(again.receiveSync().bytes), "same");
});

Deno.test("an id that is gone is EINVAL, also when another queue has its place", async () => {
  const queue = createSysvQueue("private");
  const { id } = queue;
  queue.remove();
  assertThrows(() => openSysvQueue({ id }), PosixError, "EINVAL");
  assertThrows(() => queue.remove(), PosixError, "EINVAL");
  assertThrows(() => queue.attributes, PosixError, "EINVAL");
  assertThrows(() => queue.change({ mode: 0o600 }), PosixError, "EINVAL");
  // In a fresh namespace the first place is given out again after a round of all others.
  const lines = await linesOf("queue_reused_id.ts", { under: ["unshare", "-i"] });
  assertEquals(lines, ["open EINVAL", "send EINVAL", "receive EINVAL", "attributes EINVAL", "remove EINVAL"]);
});

Deno.test("createSysvQueue gives the mode that was asked for whatever the umask, 0600 when nothing was", async () => {
  const umask = Deno.umask(0o077);
  try {
    using open = new Removed(createSysvQueue("private", { mode: 0o666 }));
    using closed = new Removed(createSysvQueue("private"));
    assertEquals([open.queue.attributes.mode, closed.queue.attributes.mode], [0o666, 0o600]);
    assertEquals(await asNobody("sysv-send", open, "any"), "ok");
    assertEquals(await asNobody("sysv-receive", open, "any"), "ok");
    for (const verb of ["sysv-send", "sysv-receive", "sysv-attributes"]) {
      assertMatch(await asNobody(verb, closed, "any"), verb === "sysv-attributes" ? /msgctl.*EACCES/ : /msg.*EACCES/);
    }
    for (const verb of ["sysv-remove", "sysv-change"]) assertStringIncludes(await asNobody(verb, open, "any"), "EPERM");
  } finally {
    Deno.umask(umask);
  }
});

Deno.test("who may only send opens the queue of whoever it is", async () => {
  using queue = new Removed(createSysvQueue("private", { mode: 0o622 }));
  assertStringIncludes(await asNobody("sysv-send", queue, ""), "EACCES");
  assertEquals(await asNobody("sysv-send", queue, "any"), "ok");
  assertStringIncludes(await asNobody("sysv-receive", queue, "any"), "EACCES");
  assertEquals(queue.queue.attributes.messages, 1);
});

Deno.test("openSysvQueue refuses a stranger's queue before it is touched, unless that user is named", async () => {
  const key = uniqueKey();
  const [id] = await linesOf("queue_create.ts", { args: [key], under: NOBODY });
  using _stranger = new Removed(openSysvQueue({ id: Number(id) }, { owner: "any" }));
  for (const address of [key, { id: Number(id) }]) {
    const error = assertThrows(() => openSysvQueue(address), PosixError, "it belongs to user 65534");
    assertEquals([error.code, error.syscall], ["EACCES", "msgget"]);
    assertThrows(() => openSysvQueue(address, { owner: 1 }), PosixError, "EACCES");
    assertEquals(openSysvQueue(address, { owner: 65534 }).id, Number(id));
    assertEquals(openSysvQueue(address, { owner: "any" }).id, Number(id));
  }
});

Deno.test("openSysvQueue refuses a queue that was given to a stranger", () => {
  const key = uniqueKey();
  using mine = new Removed(createSysvQueue(key));
  mine.queue.change({ uid: 65534 });
  assertThrows(() => openSysvQueue(key), PosixError, "it belongs to user 65534");
  assertEquals(openSysvQueue(key, { owner: 65534 }).id, mine.queue.id);
});

Deno.test("openSysvQueue refuses a queue that a stranger created and gave away", async () => {
  const key = uniqueKey();
  const [id] = await linesOf("queue_create.ts", { args: [key], under: NOBODY });
  using stranger = new Removed(openSysvQueue({ id: Number(id) }, { owner: "any" }));
  stranger.queue.change({ uid: 0 });
  assertEquals([stranger.queue.attributes.uid, stranger.queue.attributes.creator], [0, 65534]);
  assertThrows(() => openSysvQueue(key), PosixError, "it belongs to user 65534");
  assertEquals(openSysvQueue(key, { owner: "any" }).id, Number(id));
});

Deno.test("createSysvQueue takes maxBytes, and names the limit above it", () => {
  using small = new Removed(createSysvQueue("private", { maxBytes: 100 }));
  assertEquals(small.queue.attributes.maxBytes, 100);
  using usual = new Removed(createSysvQueue("private"));
  const most = Number(Deno.readTextFileSync("/proc/sys/kernel/msgmnb"));
  assertEquals(usual.queue.attributes.maxBytes, most);
});

Deno.test("limits of System V queues are named with their values", async (t) => {
  const inNamespace = (setting: string) => [
    ...["unshare", "-i", "setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"],
    ...["sh", "-c", `echo ${setting} && exec "$@"`, "sh"],
  ];
  const cases: [name: string, under: string[], verb: string, expected: RegExp][] = [
    [
      "ENOSPC at kernel.msgmni",
      inNamespace("3 > /proc/sys/kernel/msgmni"),
      "sysv-create-many",
      /msgget failed on "Private queue": .*ENOSPC.*raise kernel\.msgmni = 3/,
    ],
    ["ENOMEM", failing("msgget", "ENOMEM"), "sysv-create", /msgget.*ENOMEM/],
    [
      "EPERM above kernel.msgmnb",
      inNamespace("1000 > /proc/sys/kernel/msgmnb"),
      "sysv-create-large",
      /msgctl\(IPC_SET\).*EPERM.*kernel\.msgmnb = 1000/,
    ],
  ];
  for (const [name, under, verb, expected] of cases) {
    await t.step(name, async () => {
      assertMatch((await linesOf("queue_outcome.ts", { args: [verb], under }))[0]!, expected);
    });
  }
});

Deno.test("a System V queue that could not be given its size is removed", async () => {
  await noLeaks(async () => {
    const under = failing("msgctl", "EPERM", 2);
    assertStringIncludes((await linesOf("queue_outcome.ts", { args: ["sysv-create-large"], under }))[0]!, "EPERM");
  });
});

Deno.test("a System V queue needs --allow-ffi, and says so", async () => {
  const [said] = await linesOf("queue_outcome.ts", { args: ["sysv-create"], flags: [] });
  assertMatch(said!, /^Requires ffi access.*--allow-ffi/);
});

/** A queue that is removed at the end. */
class Removed implements Disposable {
  constructor(readonly queue: SysvQueue) {}

  [Symbol.dispose](): void {
    this.queue.remove();
    this.queue.close();
  }
}

async function asNobody(verb: string, { queue }: Removed, owner: string): Promise<string> {
  const [said] = await linesOf("queue_outcome.ts", { args: [verb, queue.id, owner], under: NOBODY });
  assert(said !== undefined);
  return said;
}

/** strace(1) that lets one such call fail. */
function failing(call: string, code: string, which = 1): string[] {
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:error=${code}:when=${which}`];
}
