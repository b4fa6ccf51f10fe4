// Needs: gcc, strace, python3, root
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ClosedError, type MessageQueue, openMessageQueue, PosixError } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import {
  blockedIn,
  bytesOf,
  Compiled,
  failureOf,
  fixture,
  fixturePath,
  linesOf,
  numbered,
  numberOf,
  Peer,
  TestQueue,
  textOf,
} from "./peer.ts";

const SECOND = 1000;
/** `mq_timedreceive(2)` and `mq_timedsend(2)` on this CPU. */
const CALLS = Deno.build.arch === "x86_64" ? { receive: 243, send: 242 } : { receive: 183, send: 182 };
const COUNT = 100_000;

Deno.test("receive takes the highest priority first, and first in first out within one", async () => {
  using mine = new TestQueue({ maxMessages: 8 });
  const sent: [text: string, priority: number][] = [
    ["a", 1],
    ["b", 0],
    ["c", 32767],
    ["d", 1],
    ["e", 0],
    ["f", 32767],
    ["g", 2],
  ];
  for (const [text, priority] of sent) assertEquals(mine.queue.trySend(bytesOf(text), { priority }), true);
  assertEquals(mine.queue.attributes.messages, 7);
  const received: string[] = [];
  for (let round = 0; round < 2; round++) {
    for (
      const message of [mine.queue.tryReceive(), mine.queue.receiveSync({ timeoutMs: 0 }), await mine.queue.receive()]
    ) {
      received.push(`${textOf(message!.bytes)}${message!.priority}`);
    }
  }
  assertEquals(received, ["c32767", "f32767", "g2", "a1", "d1", "b0"]);
  assertEquals(textOf(mine.queue.receiveSync().bytes), "e");
});

Deno.test("a priority that no message can have is a RangeError, and nothing is sent", async () => {
  using mine = new TestQueue();
  for (const priority of [32768, -1, 0.5, NaN, Infinity, "1" as unknown as number]) {
    assertThrows(() => mine.queue.trySend(numbered(1), { priority }), RangeError, "priority");
    assertThrows(() => mine.queue.sendSync(numbered(1), { priority }), RangeError, "priority");
    await assertRejects(() => mine.queue.send(numbered(1), { priority }), RangeError, "priority");
  }
  assertEquals(mine.queue.attributes.messages, 0);
});

Deno.test("what is no Uint8Array is a TypeError", async () => {
  using mine = new TestQueue();
  for (const wrong of ["text", null, [1], new ArrayBuffer(1), new Uint16Array(1)] as unknown as Uint8Array[]) {
    assertThrows(() => mine.queue.trySend(wrong), TypeError, "Uint8Array");
    await assertRejects(() => mine.queue.send(wrong), TypeError, "Uint8Array");
  }
  const into = [1] as unknown as Uint8Array<ArrayBuffer>;
  assertThrows(() => mine.queue.tryReceive({ into }), TypeError, "into");
  assertThrows(() => mine.queue.receiveSync({ into, timeoutMs: 0 }), TypeError, "into");
  await assertRejects(() => mine.queue.receive({ into, timeoutMs: 0 }), TypeError, "into");
});

Deno.test("a message too large is EMSGSIZE with the sizes, and the queue is unchanged", async () => {
  using mine = new TestQueue({ messageSize: 10 });
  mine.queue.sendSync(bytesOf("first"));
  const attempts = [
    () => mine.queue.trySend(new Uint8Array(11)),
    () => mine.queue.sendSync(new Uint8Array(11)),
    () => mine.queue.send(new Uint8Array(11)),
  ];
  for (const attempt of attempts) {
    const error = await failureOf(attempt);
    assert(error instanceof PosixError);
    assertEquals([error.code, error.errno, error.syscall], ["EMSGSIZE", 90, "mq_send"]);
    assertStringIncludes(error.message, "at most 10 bytes, got 11");
  }
  assertThrows(() => mine.queue.trySend(new Uint8Array(2 ** 31)), RangeError, "length");
  assertEquals(mine.queue.attributes.messages, 1);
  assertEquals(textOf(mine.queue.receiveSync().bytes), "first");
});

Deno.test("a buffer too small is EMSGSIZE, and the message stays", async () => {
  using mine = new TestQueue({ messageSize: 10 });
  mine.queue.sendSync(bytesOf("abc"));
  const into = new Uint8Array(9);
  const attempts = [
    () => mine.queue.tryReceive({ into }),
    () => mine.queue.receiveSync({ into }),
    () => mine.queue.receive({ into }),
    () => mine.queue.receive({ into: new Uint8Array() }),
  ];
  for (const attempt of attempts) {
    const error = await failureOf(attempt);
    assert(error instanceof PosixError);
    assertEquals([error.code, error.syscall], ["EMSGSIZE", "mq_receive"]);
  }
  assertEquals(into, new Uint8Array(9));
  assertEquals(textOf(mine.queue.receiveSync().bytes), "abc");
});

Deno.test("receive into memory of the caller fills its beginning and nothing else", async () => {
  using mine = new TestQueue({ messageSize: 4 });
  const memory = new Uint8Array(12).fill(255);
  const into = memory.subarray(2, 8);
  for (const text of ["ab", "cd", "ef"]) mine.queue.sendSync(bytesOf(text));
  const messages = [
    mine.queue.tryReceive({ into }),
    mine.queue.receiveSync({ into }),
    await mine.queue.receive({ into }),
  ];
  assert(messages.every((message) => message?.bytes.buffer === memory.buffer && message.bytes.byteOffset === 2));
  assertEquals(textOf(messages[2]!.bytes), "ef");
  assertEquals([...memory.slice(0, 2), ...memory.slice(8)], [255, 255, 255, 255, 255, 255]);
});

Deno.test("messages of every length arrive whole, each in memory of its own", () => {
  using mine = new TestQueue({ maxMessages: 4, messageSize: 300 });
  const received: Uint8Array[] = [];
  const bytes = crypto.getRandomValues(new Uint8Array(300));
  for (let length = 0; length <= 300; length++) {
    mine.queue.sendSync(bytes.subarray(300 - length));
    received.push(mine.queue.receiveSync().bytes);
  }
  received.forEach((message, length) => assertEquals(message, bytes.subarray(300 - length)));
});

Deno.test("send takes shared memory as it is", () => {
  using mine = new TestQueue();
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  shared.set([1, 2, 3, 4]);
  mine.queue.sendSync(shared);
  assertEquals(mine.queue.receiveSync().bytes, new Uint8Array([1, 2, 3, 4]));
});

Deno.test("trySend says false of a full queue, tryReceive undefined of an empty one", () => {
  using mine = new TestQueue({ maxMessages: 2 });
  assertEquals(mine.queue.tryReceive(), undefined);
  const sent = [1, 2, 3].map((number) => mine.queue.trySend(numbered(number), { priority: number }));
  assertEquals(sent, [true, true, false]);
  assertEquals([1, 2, 3].map(() => mine.queue.tryReceive()?.priority), [2, 1, undefined]);
});

Deno.test("a wait ends with TimeoutError at its time limit, in every form", async () => {
  using mine = new TestQueue({ maxMessages: 1 });
  const timeouts: [what: string, wait: (timeoutMs: number) => unknown][] = [
    ["Receiving from", (timeoutMs) => mine.queue.receive({ timeoutMs })],
    ["Receiving from", (timeoutMs) => mine.queue.receiveSync({ timeoutMs })],
    ["Sending to", (timeoutMs) => mine.queue.send(numbered(2), { timeoutMs })],
    ["Sending to", (timeoutMs) => mine.queue.sendSync(numbered(2), { timeoutMs })],
  ];
  for (const [what, wait] of timeouts) {
    if (what === "Sending to") mine.queue.trySend(numbered(1));
    for (const timeoutMs of [0, 20]) {
      const start = performance.now();
      const error = await failureOf(() => wait(timeoutMs));
      assert(error instanceof DOMException && error.name === "TimeoutError", `${error}`);
      assertEquals(error.message, `${what} ${mine.name} timed out after ${timeoutMs} ms`);
      assertLess(timeoutMs - 1, performance.now() - start);
    }
    for (const timeoutMs of [-1, NaN, "1" as unknown as number]) {
      const error = await failureOf(() => wait(timeoutMs));
      assert(error instanceof RangeError, `${error}`);
    }
  }
  assertEquals(mine.queue.attributes.messages, 1);
});

Deno.test("a wait that could begin at once ignores its time limit and sees an abort before", async () => {
  using mine = new TestQueue();
  await mine.queue.send(numbered(1), { timeoutMs: 0 });
  mine.queue.sendSync(numbered(2), { timeoutMs: 0 });
  const reason = new Error("never mind");
  const signal = AbortSignal.abort(reason);
  assertEquals(await mine.queue.receive({ signal }).catch((error) => error), reason);
  assertEquals(await mine.queue.send(numbered(3), { signal }).catch((error) => error), reason);
  assertEquals(numberOf((await mine.queue.receive({ timeoutMs: 0 })).bytes), 1);
  assertEquals(numberOf(mine.queue.receiveSync({ timeoutMs: 0 }).bytes), 2);
  assertEquals(mine.queue.attributes.messages, 0);
});

Deno.test("an aborted wait rejects with the signal's reason, and no message is lost or sent", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue({ maxMessages: 1 });
    const abort = new AbortController();
    const waits = [1, 2, 3].map(() => mine.queue.receive({ signal: abort.signal }));
    abort.abort("enough");
    assertEquals(await reasons(waits), ["enough", "enough", "enough"]);
    mine.queue.sendSync(numbered(1));
    const abortSend = new AbortController();
    const sends = [2, 3].map((number) => mine.queue.send(numbered(number), { signal: abortSend.signal }));
    abortSend.abort("full");
    assertEquals(await reasons(sends), ["full", "full"]);
    assertEquals(numberOf((await mine.queue.receive()).bytes), 1);
    assertEquals(mine.queue.tryReceive(), undefined);
  });
});

Deno.test("several receives and several sends of one object are served in the order of their calls", async () => {
  using mine = new TestQueue({ maxMessages: 2 });
  const received = Array.from({ length: 20 }, async () => numberOf((await mine.queue.receive()).bytes));
  const sent = Array.from({ length: 20 }, (_, number) => mine.queue.send(numbered(number)));
  await watchdog(10 * SECOND, Promise.all(sent));
  assertEquals(await Promise.all(received), Array.from({ length: 20 }, (_, number) => number));
});

Deno.test("a send or receive does not overtake one that waits", async () => {
  using mine = new TestQueue({ maxMessages: 1 });
  const receives = [mine.queue.receive()];
  mine.queue.sendSync(numbered(1));
  receives.push(mine.queue.receive());
  assertEquals(numberOf((await watchdog(10 * SECOND, receives[0]!)).bytes), 1);
  mine.queue.sendSync(numbered(2));
  assertEquals(numberOf((await watchdog(10 * SECOND, receives[1]!)).bytes), 2);
  mine.queue.sendSync(numbered(3));
  const sends = [mine.queue.send(numbered(4))];
  assertEquals(numberOf(mine.queue.receiveSync().bytes), 3);
  sends.push(mine.queue.send(numbered(5)));
  assertEquals(numberOf((await watchdog(10 * SECOND, mine.queue.receive())).bytes), 4);
  await Promise.all(sends);
  assertEquals(numberOf(mine.queue.receiveSync().bytes), 5);
});

Deno.test("one receive that is aborted in the line lets the others pass", async () => {
  using mine = new TestQueue();
  const abort = new AbortController();
  const first = mine.queue.receive({ signal: abort.signal });
  const second = mine.queue.receive({ timeoutMs: 1 });
  const third = mine.queue.receive();
  await assertRejects(() => second, DOMException, "timed out");
  abort.abort("enough");
  assertEquals(await reasons([first]), ["enough"]);
  mine.queue.sendSync(numbered(3));
  assertEquals(numberOf((await watchdog(10 * SECOND, third)).bytes), 3);
});

Deno.test("close ends every pending wait with ClosedError, and use after it throws", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue({ maxMessages: 1 });
    using full = new TestQueue({ maxMessages: 1 });
    full.queue.sendSync(numbered(1));
    const waits: Promise<unknown>[] = [
      mine.queue.receive(),
      mine.queue.receive(),
      mine.queue.arrival(),
      full.queue.send(numbered(2)),
      full.queue.send(numbered(3)),
    ];
    const settled = Promise.allSettled(waits);
    await new Promise((resolve) => setTimeout(resolve));
    for (const { queue } of [mine, full]) {
      queue.close();
      queue.close();
      assertEquals(queue.closed, true);
    }
    for (const result of await watchdog(10 * SECOND, settled)) {
      assert(result.status === "rejected" && result.reason instanceof ClosedError, Deno.inspect(result));
    }
    const uses: ((queue: MessageQueue) => unknown)[] = [
      (queue) => queue.attributes,
      (queue) => queue.trySend(numbered(1)),
      (queue) => queue.sendSync(numbered(1)),
      (queue) => queue.tryReceive(),
      (queue) => queue.receiveSync(),
      (queue) => queue[Symbol.asyncIterator](),
    ];
    for (const use of uses) assertThrows(() => use(mine.queue), ClosedError, mine.name);
    await assertRejects(() => mine.queue.send(numbered(1)), ClosedError, mine.name);
    await assertRejects(() => mine.queue.receive(), ClosedError, mine.name);
    await assertRejects(() => mine.queue.arrival(), ClosedError, mine.name);
  });
});

Deno.test("iteration gives every message and ends when the queue is closed here", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue();
    const received: number[] = [];
    const reading = (async () => {
      for await (const { bytes } of mine.queue) {
        received.push(numberOf(bytes));
        if (numberOf(bytes) === 9) mine.queue.close();
      }
    })();
    using sender = openMessageQueue(mine.name, { access: "send" });
    for (let number = 0; number < 10; number++) await sender.send(numbered(number));
    await watchdog(10 * SECOND, reading);
    assertEquals(received, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

Deno.test("iteration ends when the queue is closed while it waits", async () => {
  using mine = new TestQueue();
  const iterator = mine.queue[Symbol.asyncIterator]();
  const next = iterator.next();
  await new Promise((resolve) => setTimeout(resolve));
  mine.queue.close();
  assertEquals(await watchdog(10 * SECOND, next), { done: true, value: undefined });
});

Deno.test("a loop over a queue that is never empty leaves timers their turn", async () => {
  using mine = new TestQueue();
  const giveUp = performance.now() + 20 * SECOND;
  let fired = false;
  const timer = setTimeout(() => fired = true, 1);
  while (!fired && performance.now() < giveUp) {
    await mine.queue.send(numbered(1));
    await mine.queue.receive();
  }
  clearTimeout(timer);
  assert(fired, "the timer starved");
});

Deno.test("a wait keeps the process alive, and nothing else of a queue does", async () => {
  using mine = new TestQueue();
  await using peer = new Peer(fixture("queue_move.ts", { args: ["mq", "receive", "async", mine.name, 1] }));
  await peer.says("ready");
  mine.queue.sendSync(numbered(0));
  await watchdog(30 * SECOND, peer.says("done"));
  await watchdog(30 * SECOND, peer.succeeds());
});

for (const verb of ["mq-receive", "mq-send"] as const) {
  Deno.test(`${verb} that blocks goes on after signals with a handler`, async () => {
    using mine = new TestQueue({ maxMessages: 1 });
    if (verb === "mq-send") mine.queue.sendSync(bytesOf("0"));
    await using peer = new Peer(fixture("queue_interrupted.ts", { args: [verb, mine.name] }));
    await peer.says("ready");
    const call = verb === "mq-send" ? CALLS.send : CALLS.receive;
    for (let count = 0; count < 3; count++) {
      await watchdog(30 * SECOND, blockedIn(peer.pid, call));
      peer.kill("SIGUSR1");
    }
    await watchdog(30 * SECOND, blockedIn(peer.pid, call));
    if (verb === "mq-send") assertEquals(textOf(mine.queue.receiveSync().bytes), "0");
    else mine.queue.sendSync(new Uint8Array([9]));
    if (verb === "mq-receive") await peer.says("9");
    await watchdog(30 * SECOND, peer.says("done"));
  });
}

Deno.test("a call that is interrupted is made again: EINTR is never seen", async () => {
  using mine = new TestQueue();
  const under = (call: string) => [
    ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:error=EINTR:when=1..3`],
  ];
  assertEquals(await linesOf("queue_outcome.ts", { args: ["mq-send", mine.name], under: under("mq_timedsend") }), [
    "ok",
  ]);
  assertEquals(
    await linesOf("queue_outcome.ts", { args: ["mq-receive", mine.name], under: under("mq_timedreceive") }),
    [
      "ok",
    ],
  );
});

Deno.test("messages survive the death of their sender", async () => {
  using mine = new TestQueue();
  {
    await using peer = new Peer(fixture("queue_linger.ts", { args: ["mq", mine.name] }));
    await peer.says("ready");
    peer.kill("SIGKILL");
  }
  assertEquals([1, 2, 3].map(() => mine.queue.receiveSync().bytes[0]), [1, 2, 3]);
});

Deno.test("a receiver that is killed while it waits takes nothing with it", async () => {
  using mine = new TestQueue();
  for (const form of ["sync", "async"]) {
    await using peer = new Peer(fixture("queue_move.ts", { args: ["mq", "receive", form, mine.name, 1] }));
    await peer.says("ready");
    if (form === "sync") await watchdog(30 * SECOND, blockedIn(peer.pid, CALLS.receive));
  }
  mine.queue.sendSync(numbered(7));
  assertEquals(numberOf(mine.queue.receiveSync().bytes), 7);
});

Deno.test("a Python program answers at the priority that it was asked with", async () => {
  using requests = new TestQueue({ messageSize: 8192, maxMessages: 2 });
  using replies = new TestQueue();
  await using peer = new Peer(["python3", fixturePath("queue_posix_peer.py"), requests.name, replies.name]);
  for (const [text, priority] of [["hello", 3], ["", 0], ["bye", 32767]] as const) {
    await requests.queue.send(bytesOf(text), { priority });
    const answer = await watchdog(30 * SECOND, replies.queue.receive());
    assertEquals([textOf(answer.bytes), answer.priority], [text.toUpperCase(), priority]);
  }
  await peer.succeeds();
});

Deno.test(`${COUNT} messages arrive in order between two processes`, async (t) => {
  using program = new Compiled("queue_peer.c");
  const deno = (direction: string, form: string, name: string) =>
    new Peer(fixture("queue_move.ts", { args: ["mq", direction, form, name, COUNT] }));

  await t.step("from C, on the event loop", async () => {
    using mine = new TestQueue({ maxMessages: 10 });
    await using peer = await program.start("mq-send", mine.name, COUNT);
    for (let number = 0; number < COUNT; number++) {
      const { bytes } = await mine.queue.receive();
      if (numberOf(bytes) !== number) assertEquals(numberOf(bytes), number);
    }
    await peer.says("done");
  });

  await t.step("to C, on the event loop", async () => {
    using mine = new TestQueue({ maxMessages: 10, messageSize: 8192 });
    await using peer = await program.start("mq-receive", mine.name, COUNT);
    for (let number = 0; number < COUNT; number++) await mine.queue.send(numbered(number));
    await peer.says("done");
  });

  await t.step("from one blocking Deno to another", async () => {
    using mine = new TestQueue({ maxMessages: 10 });
    await using receiver = deno("receive", "sync", mine.name);
    await using sender = deno("send", "sync", mine.name);
    for (const peer of [receiver, sender]) {
      await peer.says("ready");
      await peer.says("done");
    }
  });

  await t.step("from C with priorities, in order within each", async () => {
    using mine = new TestQueue({ maxMessages: 10 });
    await using peer = await program.start("mq-send", mine.name, COUNT, 4);
    const next = [0, 1, 2, 3];
    for (let count = 0; count < COUNT; count++) {
      const { bytes, priority } = mine.queue.receiveSync();
      if (numberOf(bytes) !== next[priority]) assertEquals(numberOf(bytes), next[priority]);
      next[priority]! += 4;
    }
    await peer.says("done");
    assertEquals(mine.queue.tryReceive(), undefined);
  });
});

Deno.test("several receivers share a queue: every message to one of them", async () => {
  using program = new Compiled("queue_peer.c");
  using mine = new TestQueue({ maxMessages: 10 });
  const handles = Array.from({ length: 3 }, () => openMessageQueue(mine.name, { access: "receive" }));
  await using peer = await program.start("mq-send", mine.name, 3000);
  const seen = new Set<number>();
  const receiving = handles.map(async (queue) => {
    for await (const { bytes } of queue) {
      assertEquals(seen.has(numberOf(bytes)), false);
      seen.add(numberOf(bytes));
      if (seen.size === 3000) handles.forEach((handle) => handle.close());
    }
  });
  await watchdog(30 * SECOND, Promise.all(receiving));
  assertEquals(seen.size, 3000);
  await peer.says("done");
});

Deno.test("a queue in use leaves nothing behind", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue({ maxMessages: 1 });
    using theirs = openMessageQueue(mine.name);
    for (let round = 0; round < 20; round++) {
      const received = mine.queue.receive();
      await theirs.send(numbered(round));
      await received;
      mine.queue.sendSync(numbered(1));
      const sent = theirs.send(numbered(2));
      mine.queue.receiveSync();
      await sent;
      mine.queue.receiveSync();
    }
  });
});

async function reasons(promises: Promise<unknown>[]): Promise<unknown[]> {
  return (await Promise.allSettled(promises)).map((result) => result.status === "rejected" ? result.reason : "none");
}
