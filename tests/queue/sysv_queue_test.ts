// Needs: gcc, strace, python3, perl, root
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ClosedError, createSysvQueue, openSysvQueue, PosixError, type SysvQueue } from "../../mod.ts";
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
  textOf,
  uniqueKey,
} from "./peer.ts";

const SECOND = 1000;
/** `msgsnd(2)` and `msgrcv(2)` on this CPU. */
const CALLS = Deno.build.arch === "x86_64" ? { send: 69, receive: 70 } : { send: 189, receive: 188 };
const COUNT = 100_000;

Deno.test("receive selects by type: 0, one, the lowest up to one, all but one", async (t) => {
  const sent: [text: string, type: number][] = [["a", 3], ["b", 1], ["c", 2], ["d", 1], ["e", 3], ["f", 9]];
  const cases: [name: string, options: { type?: number; except?: number }, order: string][] = [
    ["0 is the first of all", { type: 0 }, "abcdef"],
    ["nothing is 0", {}, "abcdef"],
    ["a positive number is the first of that type", { type: 3 }, "ae"],
    ["a type that nobody sent", { type: 4 }, ""],
    ["a negative number is the lowest type up to it, first in first out", { type: -3 }, "bdcae"],
    ["a negative number that includes all", { type: -Number.MAX_SAFE_INTEGER }, "bdcaef"],
    ["-1 is type 1", { type: -1 }, "bd"],
    ["except is all but one", { except: 3 }, "bcdf"],
    ["except a type that nobody sent", { except: 7 }, "abcdef"],
  ];
  for (const [name, options, order] of cases) {
    await t.step(name, async () => {
      using mine = new TestQueue();
      for (const [text, type] of sent) mine.queue.sendSync(bytesOf(text), { type });
      let received = "";
      for (let message = mine.queue.tryReceive(options); message; message = mine.queue.tryReceive(options)) {
        assertEquals([textOf(message.bytes), message.type], sent.find(([text]) => text === textOf(message!.bytes))!);
        received += textOf(message.bytes);
      }
      assertEquals(received, order);
      assertEquals(mine.queue.attributes.messages, sent.length - order.length);
      const timedOut = await failureOf(() => mine.queue.receive({ ...options, timeoutMs: 0 }));
      assert(timedOut instanceof DOMException && timedOut.name === "TimeoutError");
    });
  }
});

Deno.test("a waiting receiver takes only what it selects", async () => {
  using mine = new TestQueue();
  const second = mine.queue.receive({ type: 2 });
  const low = mine.queue.receive({ type: -5 });
  const other = mine.queue.receive({ except: 2 });
  mine.queue.sendSync(bytesOf("nine"), { type: 9 });
  assertEquals(textOf((await watchdog(10 * SECOND, other)).bytes), "nine");
  mine.queue.sendSync(bytesOf("five"), { type: 5 });
  assertEquals(textOf((await watchdog(10 * SECOND, low)).bytes), "five");
  mine.queue.sendSync(bytesOf("two"), { type: 2 });
  assertEquals(textOf((await watchdog(10 * SECOND, second)).bytes), "two");
});

Deno.test("types of 64 bits go both ways, 1 when none is given", () => {
  using mine = new TestQueue();
  const types = [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER];
  for (const type of types) mine.queue.sendSync(bytesOf("x"), { type });
  assertEquals(types.map(() => mine.queue.receiveSync().type), types);
  mine.queue.sendSync(bytesOf("x"), { type: 2 ** 32 + 5 });
  assertEquals(mine.queue.tryReceive({ type: 5 }), undefined);
  assertEquals(mine.queue.tryReceive({ type: 2 ** 32 + 5 })?.type, 2 ** 32 + 5);
  mine.queue.sendSync(bytesOf("x"));
  assertEquals(mine.queue.receiveSync().type, 1);
});

Deno.test("arguments that cannot be are errors before any call", async () => {
  using mine = new TestQueue();
  const queue = mine.queue;
  for (const type of [0, -1, 0.5, NaN, 2 ** 53, "1" as unknown as number]) {
    assertThrows(() => queue.trySend(bytesOf("x"), { type }), RangeError, "type");
    assertThrows(() => queue.sendSync(bytesOf("x"), { type }), RangeError, "type");
    await assertRejects(() => queue.send(bytesOf("x"), { type }), RangeError, "type");
  }
  for (const wrong of ["text", null, new ArrayBuffer(1)] as unknown as Uint8Array[]) {
    assertThrows(() => queue.trySend(wrong), TypeError, "Uint8Array");
  }
  assertThrows(() => queue.trySend(new Uint8Array(2 ** 31)), RangeError, "length");
  for (const type of [0.5, NaN, 2 ** 53, -(2 ** 53)]) {
    assertThrows(() => queue.tryReceive({ type }), RangeError, "type");
  }
  for (const except of [0, -1, 0.5]) assertThrows(() => queue.tryReceive({ except }), RangeError, "except");
  for (const maxBytes of [-1, 0.5, 2 ** 31 - 1]) {
    assertThrows(() => queue.tryReceive({ maxBytes }), RangeError, "maxBytes");
  }
  assertThrows(() => queue.tryReceive({ type: 1, except: 2 }), TypeError, "type and except");
  for (const position of [-1, 0.5]) assertThrows(() => queue.tryPeek(position), RangeError, "position");
  assertThrows(() => queue.change({ mode: 0o1000 }), RangeError, "mode");
  assertThrows(() => queue.change({ maxBytes: 0 }), RangeError, "maxBytes");
  for (const id of [-1, 2 ** 32 - 1]) assertThrows(() => queue.change({ uid: id }), RangeError, "uid");
  for (const timeoutMs of [-1, NaN]) {
    assertThrows(() => queue.receiveSync({ timeoutMs }), RangeError, "timeoutMs");
    assertThrows(() => queue.sendSync(bytesOf("x"), { timeoutMs }), RangeError, "timeoutMs");
    await assertRejects(() => queue.receive({ timeoutMs }), RangeError, "timeoutMs");
    await assertRejects(() => queue.send(bytesOf("x"), { timeoutMs }), RangeError, "timeoutMs");
  }
  assertEquals(queue.attributes.messages, 0);
});

Deno.test("messages of every length arrive whole, each in memory of its own", async () => {
  using mine = new TestQueue();
  const bytes = crypto.getRandomValues(new Uint8Array(8192));
  const received: Uint8Array[] = [];
  const lengths = [0, 1, 2, 7, 8, 9, 100, 4095, 4096, 4097, 8191, 8192];
  for (const length of lengths) {
    await mine.queue.send(bytes.subarray(8192 - length));
    received.push((await mine.queue.receive()).bytes);
  }
  lengths.forEach((length, index) => assertEquals(received[index], bytes.subarray(8192 - length)));
  const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(3);
  mine.queue.sendSync(shared);
  assertEquals(mine.queue.receiveSync().bytes, new Uint8Array([3, 3]));
});

Deno.test("a message larger than maxBytes is E2BIG and stays; truncate cuts it and says so", async () => {
  using mine = new TestQueue();
  const receivers: ((options: { maxBytes: number; truncate?: boolean }) => unknown)[] = [
    (options) => mine.queue.tryReceive(options),
    (options) => mine.queue.receiveSync(options),
    (options) => mine.queue.receiveSync({ ...options, timeoutMs: 10 }),
    (options) => mine.queue.receive(options),
  ];
  for (const receive of receivers) {
    mine.queue.sendSync(bytesOf("12345"), { type: 8 });
    for (const maxBytes of [0, 4]) {
      const error = await failureOf(() => receive({ maxBytes }));
      assertInstanceOf(error, PosixError);
      assertEquals([error.code, error.errno, error.syscall], ["E2BIG", 7, "msgrcv"]);
      assertStringIncludes(error.message, `maxBytes, ${maxBytes}`);
      assertEquals([mine.queue.attributes.messages, mine.queue.attributes.bytes], [1, 5]);
    }
    assertEquals(await receive({ maxBytes: 4, truncate: true }), { type: 8, bytes: bytesOf("1234"), truncated: true });
    assertEquals(mine.queue.attributes.messages, 0);
  }
  const cases: [maxBytes: number, text: string, truncated: boolean][] = [[0, "", true], [5, "12345", false], [
    6,
    "12345",
    false,
  ]];
  for (const [maxBytes, text, truncated] of cases) {
    mine.queue.sendSync(bytesOf("12345"));
    const message = mine.queue.tryReceive({ maxBytes, truncate: true });
    assertEquals(message, { type: 1, bytes: bytesOf(text), truncated });
  }
});

Deno.test("messages larger than the usual limit arrive whole, or as maxBytes says", async () => {
  const lines = await linesOf("queue_large_messages.ts", {
    under: [
      "unshare",
      "-i",
      "sh",
      "-c",
      'echo 300000 | tee /proc/sys/kernel/msgmax > /proc/sys/kernel/msgmnb; exec "$@"',
      "sh",
    ],
  });
  assertEquals(lines, ["200000", "200000", "E2BIG", "100000", "200000", "200000"]);
});

Deno.test("a message that the queue could never hold is EMSGSIZE at once, full or empty, in every form", async () => {
  using mine = new TestQueue(100);
  const senders: ((bytes: Uint8Array) => unknown)[] = [
    (bytes) => mine.queue.trySend(bytes),
    (bytes) => mine.queue.sendSync(bytes),
    (bytes) => mine.queue.sendSync(bytes, { timeoutMs: 10_000 }),
    (bytes) => mine.queue.send(bytes),
  ];
  for (const fill of [0, 100]) {
    if (fill > 0) mine.queue.sendSync(new Uint8Array(fill));
    for (const send of senders) {
      const error = await watchdog(10 * SECOND, failureOf(() => send(new Uint8Array(101))));
      assertInstanceOf(error, PosixError);
      assertEquals([error.code, error.syscall], ["EMSGSIZE", "msgsnd"]);
      assertStringIncludes(error.message, "holds 100 bytes at most, the message has 101");
    }
  }
  const most = Number(Deno.readTextFileSync("/proc/sys/kernel/msgmax"));
  const error = assertThrows(() => mine.queue.trySend(new Uint8Array(most + 1)), PosixError);
  assertEquals([error.code, error.syscall], ["EINVAL", "msgsnd"]);
  assertStringIncludes(error.message, `kernel.msgmax = ${most}`);
  assertEquals(mine.queue.attributes.messages, 1);
});

Deno.test("trySend says false of a full queue, tryReceive undefined of an empty one", () => {
  using mine = new TestQueue(10);
  assertEquals(mine.queue.tryReceive(), undefined);
  assertEquals([4, 4, 4, 2].map((length) => mine.queue.trySend(new Uint8Array(length))), [true, true, false, true]);
  assertEquals([mine.queue.attributes.messages, mine.queue.attributes.bytes], [3, 10]);
});

Deno.test("attributes tell owner, limits, fill, and who used the queue last and when", async () => {
  using program = new Compiled("queue_peer.c");
  const before = Math.floor(Date.now() / 1000) * 1000;
  using mine = new TestQueue(1000, 0o640);
  const fresh = mine.queue.attributes;
  assertEquals({ ...fresh, changed: undefined }, {
    key: mine.queue.key,
    uid: Deno.uid()!,
    gid: Deno.gid()!,
    creator: Deno.uid()!,
    mode: 0o640,
    messages: 0,
    bytes: 0,
    maxBytes: 1000,
    lastSender: 0,
    lastReceiver: 0,
    lastSent: undefined,
    lastReceived: undefined,
    changed: undefined,
  });
  assertLess(before - 1, fresh.changed.getTime());
  await using peer = await program.start("sysv-fill", mine.queue.id, 2, 50);
  await peer.says("done");
  mine.queue.receiveSync();
  const used = mine.queue.attributes;
  assertEquals([used.lastSender, used.lastReceiver, used.messages, used.bytes], [peer.pid, Deno.pid, 1, 50]);
  for (const date of [used.lastSent, used.lastReceived]) assertLess(before - 1, date!.getTime());
});

Deno.test("change sets what is given and leaves the rest", () => {
  using mine = new TestQueue(1000, 0o640);
  const before = mine.queue.attributes;
  mine.queue.change({ maxBytes: 500 });
  assertEquals({ ...mine.queue.attributes, changed: before.changed }, { ...before, maxBytes: 500 });
  mine.queue.change({ mode: 0o600, uid: 12, gid: 34 });
  const { mode, uid, gid, creator, maxBytes } = mine.queue.attributes;
  assertEquals({ mode, uid, gid, creator, maxBytes }, {
    mode: 0o600,
    uid: 12,
    gid: 34,
    creator: Deno.uid()!,
    maxBytes: 500,
  });
});

Deno.test("tryPeek copies the message at a position and leaves it", () => {
  using mine = new TestQueue();
  assertEquals(mine.queue.tryPeek(), undefined);
  for (const [text, type] of [["a", 5], ["b", 6]] as const) mine.queue.sendSync(bytesOf(text), { type });
  assertEquals(mine.queue.tryPeek(), { type: 5, bytes: bytesOf("a"), truncated: false });
  assertEquals(mine.queue.tryPeek(1), { type: 6, bytes: bytesOf("b"), truncated: false });
  assertEquals(mine.queue.tryPeek(2), undefined);
  assertEquals(mine.queue.attributes.messages, 2);
});

Deno.test("a wait ends with TimeoutError at its time limit, in every form", async () => {
  using mine = new TestQueue(10);
  const waits: [what: string, wait: (timeoutMs: number) => unknown][] = [
    ["Receiving from", (timeoutMs) => mine.queue.receive({ timeoutMs })],
    ["Receiving from", (timeoutMs) => mine.queue.receiveSync({ timeoutMs })],
    ["Sending to", (timeoutMs) => mine.queue.send(numbered(2), { timeoutMs })],
    ["Sending to", (timeoutMs) => mine.queue.sendSync(numbered(2), { timeoutMs })],
  ];
  for (const [what, wait] of waits) {
    if (what === "Sending to") mine.queue.trySend(new Uint8Array(10));
    for (const timeoutMs of [0, 20, 50]) {
      const start = performance.now();
      const error = await failureOf(() => wait(timeoutMs));
      assert(error instanceof DOMException && error.name === "TimeoutError", `${error}`);
      assertStringIncludes(error.message, what);
      assertLess(timeoutMs - 1, performance.now() - start);
    }
  }
  assertEquals(mine.queue.attributes.messages, 1);
});

Deno.test("an aborted wait rejects with the signal's reason, and no message is lost or sent", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue(4);
    const abort = new AbortController();
    const waits = [1, 2].map(() => mine.queue.receive({ signal: abort.signal }));
    const settled = Promise.allSettled(waits);
    await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort("enough");
    assertEquals((await settled).map((result) => result.status === "rejected" && result.reason), ["enough", "enough"]);
    mine.queue.sendSync(numbered(1));
    const abortSend = new AbortController();
    const sends = Promise.allSettled([2, 3].map((number) => mine.queue.send(numbered(number), abortSend)));
    abortSend.abort("full");
    assertEquals((await sends).map((result) => result.status === "rejected" && result.reason), ["full", "full"]);
    assertEquals(await failureOf(() => mine.queue.receive({ signal: abort.signal })), "enough");
    assertEquals(await failureOf(() => mine.queue.send(numbered(4), { signal: abort.signal })), "enough");
    assertEquals(numberOf(mine.queue.receiveSync().bytes), 1);
    assertEquals(mine.queue.tryReceive(), undefined);
  });
});

Deno.test("several sends of one object are served in the order of their calls", async () => {
  using mine = new TestQueue(8);
  const sent = Array.from({ length: 20 }, (_, number) => mine.queue.send(numbered(number)));
  const received: number[] = [];
  while (received.length < 20) received.push(numberOf((await watchdog(10 * SECOND, mine.queue.receive())).bytes));
  await Promise.all(sent);
  assertEquals(received, Array.from({ length: 20 }, (_, number) => number));
});

Deno.test("a send does not overtake one that waits", async () => {
  using mine = new TestQueue(4);
  mine.queue.sendSync(numbered(1));
  const sends = [mine.queue.send(numbered(2))];
  assertEquals(numberOf(mine.queue.receiveSync().bytes), 1);
  sends.push(mine.queue.send(numbered(3)));
  assertEquals(numberOf((await watchdog(10 * SECOND, mine.queue.receive())).bytes), 2);
  assertEquals(numberOf((await watchdog(10 * SECOND, mine.queue.receive())).bytes), 3);
  await Promise.all(sends);
});

Deno.test("a queue removed under waiters is EIDRM for each of them, EINVAL for who comes later", async () => {
  const empty = createSysvQueue("private");
  const full = createSysvQueue("private", { maxBytes: 4 });
  full.sendSync(numbered(1));
  const waits = [
    empty.receive(),
    empty.receive({ type: 3 }),
    empty.receive({ timeoutMs: 60_000 }),
    full.send(numbered(2)),
  ];
  const settled = Promise.allSettled(waits);
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const queue of [empty, full]) queue.remove();
  for (const result of await watchdog(10 * SECOND, settled)) {
    assert(result.status === "rejected" && result.reason instanceof PosixError, Deno.inspect(result));
    assertEquals(result.reason.code, "EIDRM");
    assertStringIncludes(result.reason.message, "removed during the wait");
  }
  const uses: ((queue: SysvQueue) => unknown)[] = [
    (queue) => queue.receive(),
    (queue) => queue.receiveSync(),
    (queue) => queue.receiveSync({ timeoutMs: 10 }),
    (queue) => queue.tryReceive(),
    (queue) => queue.send(numbered(1)),
    (queue) => queue.sendSync(numbered(1)),
    (queue) => queue.trySend(numbered(1)),
    (queue) => queue.tryPeek(),
  ];
  for (const use of uses) {
    const error = await watchdog(10 * SECOND, failureOf(() => use(empty)));
    assert(error instanceof PosixError && error.code === "EINVAL", `${use}: ${error}`);
    assertStringIncludes(error.message, "the queue is gone");
  }
});

for (const [verb, call] of [["sysv-receive", CALLS.receive], ["sysv-send", CALLS.send]] as const) {
  Deno.test(`a process that blocks in ${verb} gets EIDRM when the queue is removed`, async () => {
    const queue = createSysvQueue("private", { maxBytes: 1 });
    if (verb === "sysv-send") queue.sendSync(new Uint8Array(1));
    await using peer = new Peer(fixture("queue_outcome.ts", { args: [verb, queue.id] }));
    await watchdog(30 * SECOND, blockedIn(peer.pid, call));
    queue.remove();
    assertStringIncludes((await watchdog(30 * SECOND, peer.line()))!, "(EIDRM)");
  });

  Deno.test(`${verb} that blocks goes on after signals with a handler`, async () => {
    using mine = new TestQueue(1);
    if (verb === "sysv-send") mine.queue.sendSync(new Uint8Array(1));
    await using peer = new Peer(fixture("queue_interrupted.ts", { args: [verb, mine.queue.id] }));
    await peer.says("ready");
    for (let count = 0; count < 3; count++) {
      await watchdog(30 * SECOND, blockedIn(peer.pid, call));
      peer.kill("SIGUSR1");
    }
    await watchdog(30 * SECOND, blockedIn(peer.pid, call));
    if (verb === "sysv-send") assertEquals(mine.queue.receiveSync().bytes, new Uint8Array(1));
    else mine.queue.sendSync(new Uint8Array([9]));
    if (verb === "sysv-receive") await peer.says("9");
    await watchdog(30 * SECOND, peer.says("done"));
  });
}

Deno.test("what the kernel says of a call reaches the caller: ENOMEM", async () => {
  using mine = new TestQueue();
  const under = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=msgsnd:error=ENOMEM:when=1"];
  const [said = ""] = await linesOf("queue_outcome.ts", { args: ["sysv-send", mine.queue.id], under });
  assertStringIncludes(said, "msgsnd failed");
  assertStringIncludes(said, "(ENOMEM)");
});

Deno.test("close ends every pending wait with ClosedError, leaves the queue, and use after it throws", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue(4);
    mine.queue.sendSync(numbered(1));
    using theirs = openSysvQueue({ id: mine.queue.id });
    const waits = [
      theirs.receive({ type: 5 }),
      theirs.receive({ type: 6 }),
      theirs.send(numbered(2)),
      theirs.send(numbered(3)),
    ];
    const settled = Promise.allSettled(waits);
    await new Promise((resolve) => setTimeout(resolve, 5));
    theirs.close();
    theirs.close();
    assertEquals(theirs.closed, true);
    for (const result of await watchdog(10 * SECOND, settled)) {
      assert(result.status === "rejected" && result.reason instanceof ClosedError, Deno.inspect(result));
    }
    const uses: ((queue: SysvQueue) => unknown)[] = [
      (queue) => queue.attributes,
      (queue) => queue.trySend(numbered(1)),
      (queue) => queue.sendSync(numbered(1)),
      (queue) => queue.send(numbered(1)),
      (queue) => queue.tryReceive(),
      (queue) => queue.receiveSync(),
      (queue) => queue.receive(),
      (queue) => queue.tryPeek(),
      (queue) => queue.change({}),
      (queue) => queue.remove(),
    ];
    for (const use of uses) assertInstanceOf(await failureOf(() => use(theirs)), ClosedError, `${use}`);
    assertEquals(mine.queue.attributes.messages, 1);
  });
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

Deno.test("messages survive the death of their sender", async () => {
  using mine = new TestQueue();
  {
    await using peer = new Peer(fixture("queue_linger.ts", { args: ["sysv", mine.queue.id] }));
    await peer.says("ready");
    peer.kill("SIGKILL");
  }
  assertEquals([1, 2, 3].map(() => mine.queue.receiveSync().bytes[0]), [1, 2, 3]);
});

const STRANGERS = [["perl", "queue_sysv_peer.pl"], ["python3", "queue_sysv_peer.py"]] as const;
for (const [program, file] of STRANGERS) {
  Deno.test(`a ${program} program answers with another type`, async () => {
    const key = uniqueKey();
    using mine = new TestQueue(undefined, 0o600, key);
    await using peer = new Peer([program, fixturePath(file), String(key)]);
    for (const text of ["hello", "", "x".repeat(4000), "bye"]) {
      mine.queue.sendSync(bytesOf(text));
      const answer = await watchdog(30 * SECOND, mine.queue.receive({ type: 2 }));
      assertEquals([textOf(answer.bytes), answer.type], [text.toUpperCase(), 2]);
    }
    await peer.succeeds();
  });
}

Deno.test("ipcs shows the queue as its attributes say", () => {
  using mine = new TestQueue(5000, 0o640);
  mine.queue.sendSync(new Uint8Array(77));
  const { stdout } = new Deno.Command("ipcs", { args: ["-q", "-i", String(mine.queue.id)] }).outputSync();
  const shown = new TextDecoder().decode(stdout);
  for (const fact of ["mode=0640", "cbytes=77", "qbytes=5000", "qnum=1", `lspid=${Deno.pid}`]) {
    assertStringIncludes(shown, fact);
  }
});

Deno.test(`${COUNT} messages arrive in order between two processes`, async (t) => {
  using program = new Compiled("queue_peer.c");
  const deno = (direction: string, form: string, id: number) =>
    new Peer(fixture("queue_move.ts", { args: ["sysv", direction, form, id, COUNT] }));

  await t.step("from C, on the event loop", async () => {
    using mine = new TestQueue();
    await using peer = await program.start("sysv-send", mine.queue.id, COUNT);
    for (let number = 0; number < COUNT; number++) {
      const { bytes } = await mine.queue.receive();
      if (numberOf(bytes) !== number) assertEquals(numberOf(bytes), number);
    }
    await peer.says("done");
  });

  await t.step("to C, on the event loop", async () => {
    using mine = new TestQueue();
    await using peer = await program.start("sysv-receive", mine.queue.id, COUNT);
    for (let number = 0; number < COUNT; number++) await mine.queue.send(numbered(number));
    await peer.says("done");
  });

  await t.step("from one blocking Deno to another", async () => {
    using mine = new TestQueue();
    await using receiver = deno("receive", "sync", mine.queue.id);
    await using sender = deno("send", "sync", mine.queue.id);
    for (const peer of [receiver, sender]) {
      await peer.says("ready");
      await peer.says("done");
    }
  });

  await t.step("from C with types, in order within each", async () => {
    using mine = new TestQueue();
    await using peer = await program.start("sysv-send", mine.queue.id, COUNT, 4);
    const next = [0, 1, 2, 3];
    for (let count = 0; count < COUNT; count++) {
      const { bytes, type } = mine.queue.receiveSync({ type: -4 });
      if (numberOf(bytes) !== next[type - 1]) assertEquals(numberOf(bytes), next[type - 1]);
      next[type - 1]! += 4;
    }
    await peer.says("done");
    assertEquals(mine.queue.tryReceive(), undefined);
  });
});

Deno.test("a queue in use leaves nothing behind", async () => {
  await noLeaks(async () => {
    using mine = new TestQueue(8);
    using theirs = openSysvQueue({ id: mine.queue.id });
    for (let round = 0; round < 5; round++) {
      const received = mine.queue.receive();
      await theirs.send(numbered(round));
      await received;
      await failureOf(() => mine.queue.receive({ timeoutMs: 3 }));
    }
  });
});

/** A queue that is removed at the end, if it was not before. */
class TestQueue implements Disposable {
  readonly queue: SysvQueue;

  constructor(maxBytes?: number, mode = 0o600, key: number | "private" = "private") {
    this.queue = createSysvQueue(key, { maxBytes, mode });
  }

  [Symbol.dispose](): void {
    this.queue.remove();
    this.queue.close();
  }
}
