// Needs: gcc, strace, root
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { createMessageQueue, openMessageQueue, PosixError, unlinkMessageQueue } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { bytesOf, failureOf, linesOf, NOBODY, TestQueue, textOf } from "./peer.ts";

Deno.test("createMessageQueue refuses names that no queue can have, before any call", () => {
  const names = ["", "/", "jobs", "/a/b", "//", "/.", "/..", "/a\0b", `/${"x".repeat(256)}`, `/${"ü".repeat(128)}`];
  for (const name of [...names, 1 as unknown as string]) {
    assertThrows(() => createMessageQueue(name), TypeError, "name");
    assertThrows(() => openMessageQueue(name), TypeError, "name");
    assertThrows(() => unlinkMessageQueue(name), TypeError, "name");
  }
});

Deno.test("createMessageQueue takes a name of 255 bytes", () => {
  const name = `/${crypto.randomUUID().padEnd(255, "x")}`;
  using queue = createMessageQueue(name, { maxMessages: 1, messageSize: 1 });
  unlinkMessageQueue(name);
  assertEquals(queue.name, name);
});

Deno.test("createMessageQueue refuses sizes and modes that cannot be", () => {
  for (const value of [0, -1, 1.5, NaN, Infinity, 2 ** 31, "1" as unknown as number]) {
    assertThrows(() => createMessageQueue("/never", { maxMessages: value }), RangeError, "maxMessages");
    assertThrows(() => createMessageQueue("/never", { messageSize: value }), RangeError, "messageSize");
  }
  for (const mode of [-1, 0o1000, 0.5, NaN]) {
    assertThrows(() => createMessageQueue("/never", { mode }), RangeError, "mode");
  }
  assertThrows(() => openMessageQueue("/never", { access: "write" as "send" }), TypeError, '"write"');
  assertThrows(() => openMessageQueue("/never"), PosixError, "ENOENT");
});

Deno.test("createMessageQueue makes the queue that was asked for", () => {
  using mine = new TestQueue({ maxMessages: 3, messageSize: 7 });
  assertEquals(mine.queue.attributes, { maxMessages: 3, messageSize: 7, messages: 0 });
  using usual = new TestQueue({ maxMessages: undefined, messageSize: undefined });
  assertEquals(usual.queue.attributes, { maxMessages: 10, messageSize: 8192, messages: 0 });
});

Deno.test("createMessageQueue throws EEXIST for a name that is taken; unlinkMessageQueue frees it at once", () => {
  using first = new TestQueue();
  const error = assertThrows(() => createMessageQueue(first.name), PosixError);
  assertEquals([error.code, error.errno, error.syscall, error.target], ["EEXIST", 17, "mq_open", first.name]);
  first.queue.sendSync(bytesOf("old"));
  unlinkMessageQueue(first.name);
  assertThrows(() => openMessageQueue(first.name), PosixError, "ENOENT");
  assertThrows(() => unlinkMessageQueue(first.name), PosixError, "ENOENT");
  using second = createMessageQueue(first.name, { maxMessages: 1, messageSize: 8 });
  assertEquals(second.attributes.messages, 0);
  assertEquals(textOf(first.queue.receiveSync().bytes), "old");
});

Deno.test("a queue that is unlinked while it is open works on for all who have it", () => {
  using mine = new TestQueue();
  using theirs = openMessageQueue(mine.name);
  unlinkMessageQueue(mine.name);
  mine.queue.sendSync(bytesOf("there"));
  assertEquals(textOf(theirs.receiveSync().bytes), "there");
  mine.queue.close();
  theirs.sendSync(bytesOf("still"));
  assertEquals(textOf(theirs.receiveSync().bytes), "still");
});

Deno.test("openMessageQueue gives the directions that were asked for: EBADF for the other", async () => {
  using mine = new TestQueue();
  using receiver = openMessageQueue(mine.name, { access: "receive" });
  using sender = openMessageQueue(mine.name, { access: "send" });
  sender.sendSync(bytesOf("1"));
  assertEquals(textOf(receiver.receiveSync().bytes), "1");
  const attempts: [run: () => unknown, call: string, hint: string][] = [
    [() => receiver.trySend(bytesOf("2")), "mq_send", "receive only"],
    [() => receiver.sendSync(bytesOf("2")), "mq_send", "receive only"],
    [() => receiver.send(bytesOf("2")), "mq_send", "receive only"],
    [() => sender.tryReceive(), "mq_receive", "send only"],
    [() => sender.receiveSync(), "mq_receive", "send only"],
    [() => sender.receive(), "mq_receive", "send only"],
  ];
  for (const [run, call, hint] of attempts) {
    const error = await failureOf(run);
    assert(error instanceof PosixError, `${call}: ${error}`);
    assertEquals([error.code, error.syscall, error.target], ["EBADF", call, mine.name]);
    assertStringIncludes(error.message, hint);
  }
});

Deno.test("a queue's mode is what was asked for, whatever the umask, 0600 when nothing was", async () => {
  const umask = Deno.umask(0o077);
  try {
    using open = new TestQueue({ mode: 0o666 });
    using closed = new TestQueue();
    using readable = new TestQueue({ mode: 0o644 });
    const asNobody = (...args: string[]) => linesOf("queue_outcome.ts", { args, under: NOBODY });
    assertEquals(await asNobody("mq-send", open.name, "any"), ["ok"]);
    assertEquals(await asNobody("mq-receive", open.name, "any"), ["ok"]);
    for (const verb of ["mq-send", "mq-receive", "mq-both"]) {
      assertStringIncludes((await asNobody(verb, closed.name, "any"))[0]!, "(EACCES)");
    }
    readable.queue.sendSync(bytesOf("1"));
    assertEquals(await asNobody("mq-receive", readable.name, "any"), ["ok"]);
    assertStringIncludes((await asNobody("mq-send", readable.name, "any"))[0]!, "(EACCES)");
    assertStringIncludes((await asNobody("mq-unlink", open.name))[0]!, "(EACCES)");
  } finally {
    Deno.umask(umask);
  }
});

Deno.test("openMessageQueue refuses a stranger's queue unless that user is named", async () => {
  const name = `/causeway-test-${crypto.randomUUID()}`;
  await linesOf("queue_create.ts", { args: [name], under: NOBODY });
  try {
    const error = assertThrows(() => openMessageQueue(name), PosixError, "it belongs to user 65534");
    assertEquals([error.code, error.syscall], ["EACCES", "mq_open"]);
    assertThrows(() => openMessageQueue(name, { owner: 1 }), PosixError, "EACCES");
    openMessageQueue(name, { owner: 65534 }).close();
    openMessageQueue(name, { owner: "any" }).close();
  } finally {
    unlinkMessageQueue(name);
  }
});

Deno.test("createMessageQueue names the limit that it met, and its value", async (t) => {
  const limits = Object.fromEntries(
    ["msg_max", "msgsize_max"].map((name) => [name, Number(Deno.readTextFileSync(`/proc/sys/fs/mqueue/${name}`))]),
  );
  const name = `/causeway-test-${crypto.randomUUID()}`;
  await t.step("EINVAL above fs.mqueue.msg_max or fs.mqueue.msgsize_max", async () => {
    // Without CAP_SYS_RESOURCE, whoever runs the tests.
    for (const sizes of [{ maxMessages: 70_000 }, { messageSize: 2 ** 24 + 1 }]) {
      const error = assertThrows(() => createMessageQueue(name, sizes), PosixError);
      assertEquals(error.code, "EINVAL");
      assertStringIncludes(error.message, `fs.mqueue.msg_max = ${limits.msg_max}`);
      assertStringIncludes(error.message, `fs.mqueue.msgsize_max = ${limits.msgsize_max}`);
    }
    await Promise.resolve();
  });
  const cases: [name: string, under: string[], verb: string, expected: RegExp][] = [
    [
      "EMFILE at RLIMIT_MSGQUEUE",
      ["prlimit", "--msgqueue=2000"],
      "mq-create-many",
      /EMFILE.*2000 bytes \(RLIMIT_MSGQUEUE/,
    ],
    [
      "EMFILE at RLIMIT_NOFILE",
      ["prlimit", "--nofile=60"],
      "mq-create-many",
      /EMFILE.* 60 descriptors \(RLIMIT_NOFILE/,
    ],
    [
      "ENOSPC at fs.mqueue.queues_max",
      [
        "unshare",
        "-i",
        ...without("sys_resource"),
        "sh",
        "-c",
        'echo 2 > /proc/sys/fs/mqueue/queues_max && exec "$@"',
        "sh",
      ],
      "mq-create-many",
      /ENOSPC.*raise fs\.mqueue\.queues_max = 2/,
    ],
    ["ENFILE", failing("mq_open", "ENFILE"), "mq-create", /\(ENFILE\)/],
    ["ENOMEM", failing("mq_open", "ENOMEM"), "mq-create", /\(ENOMEM\)/],
  ];
  for (const [what, under, verb, expected] of cases) {
    await t.step(what, async () => {
      const [said = ""] = await linesOf("queue_outcome.ts", { args: [verb, name], under });
      assertMatch(said, expected);
      assertStringIncludes(said, `"${verb === "mq-create" ? name : name.slice(0, 10)}`);
    });
  }
});

Deno.test("a queue that could not be made private leaves no name", async () => {
  const name = `/causeway-test-${crypto.randomUUID()}`;
  const under = failing("fchmod", "EPERM");
  assertMatch((await linesOf("queue_outcome.ts", { args: ["mq-create", name], under }))[0]!, /^fchmod failed .*EPERM/);
  assertThrows(() => unlinkMessageQueue(name), PosixError, "ENOENT");
});

Deno.test("a message queue needs --allow-ffi, and says so", async () => {
  const [said] = await linesOf("queue_outcome.ts", { args: ["mq-create", "/never"], flags: [] });
  assertMatch(said!, /^Requires ffi access.*--allow-ffi/);
});

Deno.test("a queue's descriptor is close-on-exec, and closed with it", async () => {
  await noLeaks(() => {
    using mine = new TestQueue();
    using theirs = openMessageQueue(mine.name);
    const descriptors = [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
      return readLink(`/proc/self/fd/${name}`)?.startsWith(mine.name);
    });
    assertEquals(descriptors.length, 2);
    for (const { name } of descriptors) {
      const flags = Deno.readTextFileSync(`/proc/self/fdinfo/${name}`).match(/^flags:\s*(\d+)/m)?.[1];
      assertEquals(parseInt(flags!, 8) & 0o2000000, 0o2000000);
    }
    theirs.close();
    theirs.close();
    assertEquals([theirs.closed, mine.queue.closed], [true, false]);
  });
});

Deno.test("an opener that is refused leaves no descriptor", async () => {
  await noLeaks(() => {
    using mine = new TestQueue();
    assertThrows(() => openMessageQueue(mine.name, { owner: 12345 }), PosixError, "EACCES");
    assertThrows(() => createMessageQueue(mine.name), PosixError, "EEXIST");
  });
});

/** strace(1) that lets the first such call fail. */
function failing(call: string, code: string): string[] {
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:error=${code}:when=1`];
}

function without(capability: string): string[] {
  return ["setpriv", "--bounding-set", `-${capability}`, "--inh-caps", `-${capability}`];
}

function readLink(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
