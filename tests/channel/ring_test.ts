// Needs: strace
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  createRing,
  type CreateRingOptions,
  openRingReceiver,
  openRingSender,
  ringByteLength,
  type RingReceiver,
  type RingSender,
} from "../../lib/channel/ring.ts";
import { ChannelClosedError, ClosedError, PosixError } from "../../lib/errors.ts";
import { type AnonymousMemory, createAnonymousMemory, createSharedMemory } from "../../lib/memory/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { systemCalls } from "../sync/other_process.ts";
import { Peer, uniqueName } from "../sync/peer.ts";

const LIMIT_MS = 60_000;

interface Ring extends Disposable {
  memory: AnonymousMemory;
  sender: RingSender;
  receiver: RingReceiver;
}

function ring(options: CreateRingOptions = {}): Ring {
  const { capacity = 1024 } = options;
  const memory = createAnonymousMemory({ size: ringByteLength(capacity) });
  createRing(memory, { ...options, capacity });
  const sender = openRingSender(memory, { name: "test" });
  const receiver = openRingReceiver(memory, { name: "test" });
  return { memory, sender, receiver, [Symbol.dispose]: () => memory.close() };
}

const text = (message: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(message);
const read = (message: Uint8Array | null | undefined): string | null | undefined =>
  message ? new TextDecoder().decode(message) : message;

Deno.test("ring: messages of every length arrive in order, whole, across the end of the data and of the cursors", () => {
  for (const firstCursor of [0, 2 ** 31 - 512, 2 ** 32 - 512]) {
    using open = ring({ firstCursor });
    const { sender, receiver } = open;
    let received = 0;
    const lengthOf = (index: number) => (index * 37) % (sender.maxMessageBytes + 1);
    const receiveOne = () => {
      const message = receiver.tryReceive();
      if (message === undefined) return;
      assert(message !== null);
      assertEquals(message.byteLength, lengthOf(received));
      assert(message.every((byte) => byte === received % 251));
      received++;
    };
    for (let index = 0; index < 1000; index++) {
      const message = new Uint8Array(lengthOf(index)).fill(index % 251);
      while (!sender.trySend(message)) receiveOne();
    }
    while (received < 1000) receiveOne();
    assertStrictEquals(receiver.tryReceive(), undefined);
  }
});

Deno.test("ring: an empty message is a message", () => {
  using open = ring();
  assert(open.sender.trySend(new Uint8Array()));
  assertEquals(open.receiver.tryReceive()?.byteLength, 0);
  assertStrictEquals(open.receiver.tryReceive(), undefined);
});

Deno.test("trySend says when the ring is full, and the room comes back with what is received", () => {
  using open = ring({ capacity: 256 });
  const message = new Uint8Array(56);
  let sent = 0;
  while (open.sender.trySend(message)) sent++;
  assertEquals(sent, 4);
  assertEquals(open.sender.usedBytes, 256);
  assert(open.receiver.tryReceive());
  assert(!open.sender.trySend(message), "the message is still looked at");
  open.receiver.release();
  assert(open.sender.trySend(message));
  for (let left = 4; left > 0; left--) assert(open.receiver.tryReceive());
  assertStrictEquals(open.receiver.tryReceive(), undefined);
  assertEquals(open.sender.usedBytes, 0);
});

Deno.test("loan and borrow: the bytes are the ring's own, at the same place on both sides", () => {
  using open = ring();
  const loan = open.sender.tryLoan(16);
  assert(loan);
  loan.set(text("zero copies"));
  assertStrictEquals(open.receiver.tryReceive(), undefined, "not published yet");
  open.sender.commit(11);
  const borrowed = open.receiver.tryBorrow();
  assert(borrowed);
  assertEquals(borrowed.bytes.byteOffset, loan.byteOffset);
  assertEquals(read(borrowed.bytes), "zero copies");
  // No copy: what is written there is seen here.
  loan.set(text("ZERO"));
  assertEquals(read(borrowed.bytes), "ZERO copies");
  borrowed.release();
  assertEquals(open.sender.usedBytes, 0);
  assertThrows(() => open.sender.commit(), Error, "nothing is loaned");
});

Deno.test("close: a loan that is kept, and the sender's bytes and words, reach the ring no more", () => {
  using open = ring();
  const { sender, receiver } = open;
  sender.loanSync(4).set(text("sent"));
  sender.commit();
  const [kept, bytes, words] = [sender.loanSync(16), sender.bytes, sender.words];
  const before = open.memory.bytes.slice();
  sender.close();
  assertEquals([kept.byteLength, bytes.byteLength, words.length], [0, 0, 0]);
  kept[0] = 255;
  bytes[0] = 255;
  words[0] = -1;
  // After the header, where the close itself is written.
  assertEquals(open.memory.bytes.subarray(384), before.subarray(384));
  assertEquals([read(receiver.tryReceive()), receiver.tryReceive()], ["sent", null]);
});

Deno.test("commit: more than was loaned is RangeError, and the loan can still be committed", () => {
  using open = ring();
  open.sender.loanSync(16);
  assertThrows(() => open.sender.commit(17), RangeError);
  open.sender.commit(16);
  assertEquals(open.receiver.tryReceive()?.byteLength, 16);
});

Deno.test("abandon: the loan was never there", () => {
  using open = ring({ capacity: 128 });
  for (let round = 0; round < 10; round++) {
    open.sender.loanSync(40).fill(1);
    open.sender.abandon();
    assert(open.sender.trySend(Uint8Array.of(round)));
    assertEquals([...open.receiver.tryReceive() ?? []], [round]);
  }
});

Deno.test("reserve, stage, publish: a batch is seen all at once", () => {
  using open = ring();
  const { sender, receiver } = open;
  for (let index = 0; index < 5; index++) {
    const at = sender.reserve(8);
    sender.words[at >> 2] = index;
    sender.stage();
  }
  assertEquals(receiver.next(), -1);
  sender.publish();
  for (let index = 0; index < 5; index++) {
    const at = receiver.next();
    assertEquals(receiver.length, 8);
    assertEquals(receiver.words[at >> 2], index);
  }
  assertEquals(receiver.next(), -1);
});

Deno.test("trySendMany sends the first messages that there is room for", () => {
  using open = ring({ capacity: 128 });
  const messages = [1, 2, 3].map((byte) => new Uint8Array(40).fill(byte));
  assertEquals(open.sender.trySendMany(messages), 2);
  assertEquals(open.receiver.tryReceive()?.[0], 1);
  assertEquals(open.receiver.tryReceive()?.[0], 2);
  assertStrictEquals(open.receiver.tryReceive(), undefined);
});

Deno.test("sendMany waits for room, with a receiver on the event loop", async () => {
  using open = ring({ capacity: 128 });
  const messages = Array.from({ length: 100 }, (_, index) => new Uint8Array(index % 57).fill(index));
  const sending = open.sender.sendMany(messages);
  for (const message of messages) assertEquals(await watchdog(LIMIT_MS, open.receiver.receive()), message);
  await sending;
});

Deno.test("a message that is too long is RangeError, at both limits", () => {
  using open = ring({ maxMessageBytes: 100 });
  assert(open.sender.trySend(new Uint8Array(100)));
  assertThrows(() => open.sender.trySend(new Uint8Array(101)), RangeError, "0..100 bytes, got 101");
  for (const length of [-1, 1.5, NaN, Infinity]) assertThrows(() => open.sender.reserve(length), RangeError);
});

Deno.test("createRing refuses what cannot be", () => {
  using memory = createAnonymousMemory({ size: ringByteLength(1024) });
  for (const capacity of [0, 63, 100, 2 ** 31, NaN, -64]) {
    assertThrows(() => createRing(memory, { capacity }), RangeError, "capacity");
  }
  assertThrows(() => createRing(memory, { capacity: 2048 }), RangeError, "bytes of");
  assertThrows(() => createRing(memory, { capacity: 512, offset: 32 }), RangeError, "offset");
  assertThrows(() => createRing(memory, { capacity: 512, firstCursor: 4 }), RangeError, "firstCursor");
  assertThrows(() => createRing(memory, { capacity: 512, maxMessageBytes: 249 }), RangeError, "maxMessageBytes");
});

Deno.test("an end is opened once: EBUSY while somebody has it, and after", () => {
  using open = ring();
  const again = assertThrows(() => openRingSender(open.memory), PosixError);
  assertEquals(again.code, "EBUSY");
  open.sender.close();
  assertEquals(assertThrows(() => openRingSender(open.memory), PosixError).code, "EBUSY");
});

Deno.test("closing: what was published is received, then null; a sender whose receiver closed is told", async () => {
  using open = ring();
  open.sender.sendSync(text("last"));
  open.sender.close();
  open.sender.close();
  assertEquals(read(await open.receiver.receive()), "last");
  assertStrictEquals(open.receiver.tryReceive(), null);
  assertStrictEquals(await open.receiver.receive(), null);
  assertEquals(open.receiver.next(), -2);
  assertThrows(() => open.sender.trySend(text("more")), ClosedError);

  using other = ring();
  other.receiver.close();
  assertEquals(other.sender.peer, "closed");
  const error = assertThrows(() => other.sender.trySend(text("more")), ChannelClosedError);
  assertEquals(error.reason, "closed");
  assertThrows(() => other.receiver.tryReceive(), ClosedError);
});

Deno.test("closing the memory closes its ends: nothing crashes, everything is ClosedError", async () => {
  const { memory, sender, receiver } = ring();
  const waiting = assertRejects(() => receiver.receive(), ClosedError);
  memory.close();
  await watchdog(LIMIT_MS, waiting);
  assertThrows(() => sender.trySend(text("x")), ClosedError);
  assertThrows(() => receiver.tryReceive(), ClosedError);
  assertThrows(() => sender.reserve(1), ClosedError);
  assertThrows(() => receiver.waitForMessageSync(), ClosedError);
  assertEquals([sender.closed, receiver.usedBytes, sender.dropped], [true, 0, 0]);
});

Deno.test("receive: a timeout, an abort and close() end the wait, and lose no message", async () => {
  using open = ring();
  const { sender, receiver } = open;
  const timeout = await assertRejects(() => receiver.receive({ timeoutMs: 5 }), DOMException);
  assertEquals(timeout.name, "TimeoutError");
  assertThrows(() => receiver.receiveSync({ timeoutMs: 5 }), DOMException, "timed out");
  const reason = new Error("enough");
  const controller = new AbortController();
  const waiting = receiver.receive({ signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await waiting.catch((error) => error), reason);
  assertStrictEquals(await receiver.receive({ signal: controller.signal }).catch((error) => error), reason);
  sender.sendSync(text("kept"));
  assertEquals(read(await receiver.receive()), "kept");
  const closing = assertRejects(() => receiver.receive(), ClosedError);
  receiver.close();
  await watchdog(LIMIT_MS, closing);
});

Deno.test("one wait of an end at a time: a second one is Busy", async () => {
  using open = ring();
  const first = open.receiver.receive();
  await assertRejects(() => open.receiver.receive(), Deno.errors.Busy);
  assertThrows(() => open.receiver.receiveSync(), Deno.errors.Busy);
  open.sender.sendSync(text("one"));
  assertEquals(read(await watchdog(LIMIT_MS, first)), "one");
});

Deno.test("loanSync times out while the ring is full", () => {
  using open = ring({ capacity: 64 });
  open.sender.sendSync(new Uint8Array(24));
  open.sender.sendSync(new Uint8Array(24));
  assertThrows(() => open.sender.loanSync(1, { timeoutMs: 5 }), DOMException, "timed out");
});

Deno.test("an overwriting ring drops the oldest, counts, and never what is being received", () => {
  using open = ring({ capacity: 256, overwrite: true });
  const { sender, receiver } = open;
  for (let index = 0; index < 100; index++) {
    while (!sender.trySend(new Uint8Array(40).fill(index))) assert(sender.dropOldest());
  }
  const got: number[] = [];
  for (let message; (message = receiver.tryReceive());) {
    assert(message.every((byte) => byte === message![0]));
    got.push(message[0]!);
  }
  assertEquals(got, Array.from(got, (_, index) => 100 - got.length + index));
  assertEquals(sender.dropped, 100 - got.length);
  assertEquals(receiver.dropped, sender.dropped);
  assert(!sender.dropOldest());
  using plain = ring();
  assertThrows(() => plain.sender.dropOldest(), TypeError);
});

Deno.test("an overwriting ring gives copies that later messages do not change", () => {
  using open = ring({ capacity: 256, overwrite: true });
  open.sender.sendSync(Uint8Array.of(1));
  const copy = open.receiver.tryReceive();
  for (let index = 0; index < 100; index++) {
    while (!open.sender.trySend(Uint8Array.of(2))) open.sender.dropOldest();
  }
  assertEquals(copy?.[0], 1);
});

Deno.test("with two processes: sync and async ends in every combination, sleeping and awake", async () => {
  await noLeaks(async () => {
    using memory = createSharedMemory(uniqueName(), { size: 2 * ringByteLength(1024) });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    createRing(memory, { capacity: 1024, firstCursor: 2 ** 32 - 4096 });
    createRing(memory, { capacity: 1024, offset: ringByteLength(1024) });
    await using source = Peer.deno("ring_peer.ts", { args: [memory.name, "send"] });
    await using sink = Peer.deno("ring_peer.ts", { args: [memory.name, "receive", String(ringByteLength(1024))] });
    for (const peer of [source, sink]) assertEquals(await peer.says(), "ready");
    using receiver = openRingReceiver(memory);
    using sender = openRingSender(memory, { offset: ringByteLength(1024) });
    let from = 0;
    for (const how of ["sync", "async"]) {
      for (const mine of ["sync", "async"]) {
        await source.tell(`${how} ${from} 3000`);
        for (let index = from; index < from + 3000; index++) {
          const message = mine === "sync" ? receiver.receiveSync() : await receiver.receive();
          assert(message);
          assertEquals(message[0]! | message[1]! << 8, index);
        }
        assertEquals(await source.says(), "done");
        await sink.tell(`${how} 3000`);
        for (let index = from; index < from + 3000; index++) {
          const message = Uint8Array.of(index, index >> 8, 0, 0);
          if (mine === "sync") sender.sendSync(message);
          else await sender.send(message);
        }
        assertEquals(await sink.says(), `${from}..${from + 2999}`);
        from += 3000;
      }
    }
  });
});

Deno.test("a killed sender: what it had published is received, what it staged or loaned never was, and then it is known to have died", async () => {
  for (const unsent of ["stage", "loan"]) {
    for (const mine of ["sync", "async"]) {
      using memory = createSharedMemory(uniqueName(), { size: ringByteLength(1024) });
      using _name = { [Symbol.dispose]: () => memory.unlink() };
      createRing(memory, { capacity: 1024 });
      using receiver = openRingReceiver(memory, { name: "here" });
      assertEquals(receiver.peer, "absent");
      await using victim = Peer.deno("ring_peer.ts", { args: [memory.name, "send"] });
      assertEquals(await victim.says(), "ready");
      assertEquals([receiver.peer, receiver.peerPid], ["open", victim.pid]);
      await victim.tell("sync 0 5");
      assertEquals(await victim.says(), "done");
      await victim.tell(unsent);
      assertEquals(await victim.says(), "done");
      for (let index = 0; index < 5; index++) assertEquals((await receiver.receive())?.[0], index);
      using _killer = mine === "sync" ? killFromOutside(victim.pid) : undefined;
      const waiting = mine === "sync"
        ? Promise.resolve().then(() => receiver.receiveSync())
        : (queueMicrotask(() => victim.kill()), receiver.receive());
      const error = await watchdog(LIMIT_MS, waiting.then(() => undefined, (error: unknown) => error));
      assertInstanceOf(error, ChannelClosedError);
      assertEquals([error.reason, error.message, receiver.peer], ["died", "The peer of here died", "died"]);
    }
  }
});

/** A Worker kills a process, because this thread is about to block. */
function killFromOutside(pid: number): Disposable {
  const code = `Deno.kill(${pid}, "SIGKILL")`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), { type: "module" });
  return { [Symbol.dispose]: () => worker.terminate() };
}

Deno.test("a killed receiver: a sender that waits for room is told, and so is one that does not", async () => {
  using memory = createSharedMemory(uniqueName(), { size: ringByteLength(64) });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  createRing(memory, { capacity: 64 });
  using sender = openRingSender(memory);
  await using victim = Peer.deno("ring_peer.ts", { args: [memory.name, "receive"] });
  assertEquals(await victim.says(), "ready");
  while (sender.trySend(new Uint8Array(24)));
  const waiting = sender.send(new Uint8Array(24)).then(() => undefined, (error: unknown) => error);
  victim.kill();
  const error = await watchdog(LIMIT_MS, waiting);
  assertInstanceOf(error, ChannelClosedError);
  assertEquals(error.reason, "died");
  assertThrows(() => sender.trySend(new Uint8Array(1)), ChannelClosedError);
  assertThrows(() => sender.sendSync(new Uint8Array(1)), ChannelClosedError);
});

Deno.test("a clean close by another process wakes who waits", async () => {
  using memory = createSharedMemory(uniqueName(), { size: ringByteLength(64) });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  createRing(memory, { capacity: 64 });
  using receiver = openRingReceiver(memory);
  await using peer = Peer.deno("ring_peer.ts", { args: [memory.name, "send"] });
  assertEquals(await peer.says(), "ready");
  const waiting = receiver.receive();
  await peer.tell("close");
  assertStrictEquals(await watchdog(LIMIT_MS, waiting), null);
});

Deno.test("no system call while nobody sleeps: counted by strace", async () => {
  const few = await systemCalls("ring_quiet.ts", "2000");
  const many = await systemCalls("ring_quiet.ts", "20000");
  // Garbage collection makes some.
  assert(many - few < 2000, `${many - few} system calls for 126,000 messages`);
});

Deno.test("opening and closing rings leaves nothing", async () => {
  await noLeaks(async () => {
    for (let round = 0; round < 3; round++) {
      using open = ring();
      const waiting = open.receiver.receive();
      open.sender.sendSync(text("x"));
      await waiting;
    }
  });
});
