// Needs: gcc, strace, root
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { ClosedError, openMessageQueue, PosixError } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { blockedIn, Compiled, failureOf, fixture, linesOf, numbered, numberOf, Peer, TestQueue } from "./peer.ts";

const SECOND = 1000;
const MQ_TIMEDRECEIVE = Deno.build.arch === "x86_64" ? 243 : 183;

Deno.test("arrival tells of the message that comes into the empty queue, and leaves it there", async () => {
  using mine = new TestQueue();
  const arrived = mine.queue.arrival();
  mine.queue.sendSync(numbered(5));
  await watchdog(10 * SECOND, arrived);
  assertEquals(mine.queue.attributes.messages, 1);
  assertEquals(numberOf(mine.queue.receiveSync().bytes), 5);
});

Deno.test("arrival tells once: of one message of many, and each time anew", async () => {
  using mine = new TestQueue();
  for (let round = 0; round < 50; round++) {
    let told = 0;
    const arrived = mine.queue.arrival().then(() => told++);
    mine.queue.sendSync(numbered(1));
    mine.queue.sendSync(numbered(2));
    await watchdog(10 * SECOND, arrived);
    assertEquals(told, 1);
    while (mine.queue.tryReceive() !== undefined);
  }
});

Deno.test("arrival does not tell of messages that come to others, nor of those that were there", async () => {
  using mine = new TestQueue();
  mine.queue.sendSync(numbered(1));
  const timedOut = await failureOf(() => mine.queue.arrival({ timeoutMs: 20 }));
  assert(timedOut instanceof DOMException && timedOut.name === "TimeoutError", `${timedOut}`);
  assertEquals(timedOut.message, `Waiting for a message in ${mine.name} timed out after 20 ms`);
  let told = false;
  const arrived = mine.queue.arrival().then(() => told = true);
  mine.queue.sendSync(numbered(2));
  assertEquals([numberOf(mine.queue.receiveSync().bytes), numberOf(mine.queue.receiveSync().bytes)], [1, 2]);
  // The kernel tells at the moment of sending, so what is not there after a later event was not told.
  using other = new TestQueue();
  const otherArrived = other.queue.arrival();
  other.queue.sendSync(numbered(1));
  await watchdog(10 * SECOND, otherArrived);
  assertEquals(told, false);
  mine.queue.sendSync(numbered(3));
  await watchdog(10 * SECOND, arrived);
});

Deno.test("arrival is not told of a message that goes straight to a blocked receiver", async () => {
  using mine = new TestQueue();
  await using peer = new Peer(fixture("queue_move.ts", { args: ["mq", "receive", "sync", mine.name, 1] }));
  await peer.says("ready");
  await watchdog(30 * SECOND, blockedIn(peer.pid, MQ_TIMEDRECEIVE));
  const ended = failureOf(() => mine.queue.arrival({ timeoutMs: 100 }));
  mine.queue.sendSync(numbered(0));
  await peer.says("done");
  assertInstanceOf(await ended, DOMException);
});

Deno.test("a second subscriber is EBUSY, in this process and in another, and the first still gets its message", async () => {
  using program = new Compiled("queue_peer.c");
  using mine = new TestQueue();
  using again = openMessageQueue(mine.name);
  const arrived = mine.queue.arrival();
  for (const queue of [mine.queue, again]) {
    const error = await assertRejects(() => queue.arrival(), PosixError);
    assertEquals([error.code, error.errno, error.syscall, error.target], ["EBUSY", 16, "mq_notify", mine.name]);
    assertStringIncludes(error.message, "one process at a time");
  }
  assertEquals(program.lines("mq-notify", mine.name), ["mq_notify: EBUSY"]);
  mine.queue.sendSync(numbered(1));
  await watchdog(10 * SECOND, arrived);
});

Deno.test("arrival is EBUSY while another process is registered, and not after its death", async () => {
  using program = new Compiled("queue_peer.c");
  using mine = new TestQueue();
  {
    await using _peer = await program.start("mq-notify", mine.name);
    await assertRejects(() => mine.queue.arrival(), PosixError, "EBUSY");
  }
  const arrived = mine.queue.arrival();
  mine.queue.sendSync(numbered(1));
  await watchdog(10 * SECOND, arrived);
});

Deno.test("the registration is withdrawn when the wait is aborted, times out or has been served", async () => {
  using program = new Compiled("queue_peer.c");
  using mine = new TestQueue();
  const isFree = () => assertEquals(program.lines("mq-notify", mine.name), ["ready", "done"]);
  isFree();
  const abort = new AbortController();
  const aborted = mine.queue.arrival({ signal: abort.signal });
  abort.abort("enough");
  assertEquals(await failureOf(() => aborted), "enough");
  isFree();
  await assertRejects(() => mine.queue.arrival({ timeoutMs: 1 }), DOMException);
  isFree();
  assertEquals(await failureOf(() => mine.queue.arrival({ signal: AbortSignal.abort("before") })), "before");
  isFree();
  const arrived = mine.queue.arrival();
  mine.queue.sendSync(numbered(1));
  await arrived;
  isFree();
});

Deno.test("an abort that comes after the message does not withdraw the next registration", async () => {
  using program = new Compiled("queue_peer.c");
  using mine = new TestQueue();
  const abort = new AbortController();
  const first = mine.queue.arrival({ signal: abort.signal });
  mine.queue.sendSync(numbered(1));
  mine.queue.receiveSync();
  // The first registration has fired, though nobody has seen it yet.
  const second = mine.queue.arrival();
  abort.abort("late");
  await Promise.allSettled([first]);
  assertEquals(program.lines("mq-notify", mine.name), ["mq_notify: EBUSY"]);
  mine.queue.sendSync(numbered(2));
  await watchdog(10 * SECOND, second);
});

Deno.test("arrival outlives the closing of another handle of the queue in this process", async () => {
  using mine = new TestQueue();
  for (const send of [true, false]) {
    const other = openMessageQueue(mine.name);
    let told = false;
    const arrived = mine.queue.arrival().then(() => told = true);
    other.close();
    if (send) mine.queue.sendSync(numbered(1));
    else {
      await new Promise((resolve) => setTimeout(resolve, 20));
      assertEquals(told, false);
      mine.queue.sendSync(numbered(1));
    }
    await watchdog(10 * SECOND, arrived);
    mine.queue.receiveSync();
  }
});

Deno.test("arrival reports what the kernel says when it cannot register", async () => {
  using mine = new TestQueue();
  for (const [call, code] of [["mq_notify", "ENOMEM"], ["socket", "EMFILE"]] as const) {
    const under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:error=${code}:when=1`];
    const [said = ""] = await linesOf("queue_outcome.ts", { args: ["mq-arrival", mine.name], under });
    assertStringIncludes(said, `${call} failed`);
    assertStringIncludes(said, `(${code})`);
  }
});

Deno.test("arrival leaves nothing behind, however it ends", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue();
    const arrived = mine.queue.arrival();
    mine.queue.sendSync(numbered(1));
    await arrived;
    await failureOf(() => mine.queue.arrival({ timeoutMs: 1 }));
    await failureOf(() => mine.queue.arrival({ signal: AbortSignal.abort() }));
    const closed = failureOf(() => mine.queue.arrival());
    const refused = failureOf(() => mine.queue.arrival());
    mine.queue.close();
    const error = await closed;
    assertInstanceOf(error, ClosedError);
    assertStringIncludes(error.message, "closed during the wait");
    assertInstanceOf(await refused, PosixError);
  });
});
