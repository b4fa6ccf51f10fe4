/** What the ring's tests do a little and its stress run does at length. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { createRing, openRingReceiver, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { ChannelClosedError, ProtocolError } from "../../lib/errors.ts";
import { createAnonymousMemory, createSharedMemory } from "../../lib/memory/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer, uniqueName } from "../sync/peer.ts";
import { Random } from "../sync/rounds.ts";

const LIMIT_MS = 120_000;
const CAPACITY = 4096;

/** Values that a peer may write to mislead. */
const WRONG = [0, 1, -1, -2, 4, 7, 8, 16, 2 ** 31 - 1, -(2 ** 31), 4096, 4088, 2048, -4096];

/**
 * Both ends work while somebody writes over their words; each call gives a message, says that there is none, or fails with an error that names the peer.
 *
 * @returns How many rings were broken.
 */
export function mutateHeaders(rounds: number): number {
  const random = new Random();
  let broken = 0;
  for (let round = 0; round < rounds; round++) {
    const overwrite = random.next() < 0.3;
    using memory = createAnonymousMemory({ size: ringByteLength(CAPACITY) });
    createRing(memory, { capacity: CAPACITY, overwrite });
    using sender = openRingSender(memory, { spins: 0 });
    using receiver = openRingReceiver(memory, { spins: 0 });
    const words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset, memory.byteLength / 4);
    const message = new Uint8Array(1024);
    const act: (() => unknown)[] = [
      () => sender.trySend(message.subarray(0, Math.floor(random.next() * 1000))),
      () => sender.sendSync(message.subarray(0, 10), { timeoutMs: 1 }),
      () => sender.tryLoan(100)?.fill(1),
      () => sender.commit(50),
      () => overwrite && sender.dropOldest(),
      () => [sender.usedBytes, sender.peer, sender.peerPid, sender.dropped, receiver.peer],
      () => receiver.tryReceive()?.fill(0),
      () => receiver.tryReceive()?.slice(),
      () => receiver.receiveSync({ timeoutMs: 1 }),
      () => receiver.release(),
      () => receiver.next(),
    ];
    let failure: unknown;
    for (let step = 0; step < 100 && failure === undefined; step++) {
      if (random.next() < 0.3) {
        // Mostly the header, sometimes a record.
        const index = Math.floor(random.next() * (random.next() < 0.8 ? 96 : words.length));
        words[index] = random.next() < 0.7 ? random.pick(WRONG) : Math.floor(random.next() * 2 ** 32);
        if (random.next() < 0.2) words[16] = (words[32]! + 8 * Math.floor(random.next() * 600)) | 0;
      }
      try {
        random.pick(act)();
      } catch (error) {
        if (!isExpected(error)) throw error;
        failure = error instanceof ProtocolError ? error : undefined;
      }
    }
    if (failure !== undefined) broken++;
  }
  return broken;
}

function isExpected(error: unknown): boolean {
  return error instanceof ProtocolError || error instanceof ChannelClosedError ||
    error instanceof DOMException && error.name === "TimeoutError" ||
    error instanceof Error && /nothing is loaned|bytes are loaned/.test(error.message);
}

/** One process scribbles over the whole of a ring, without a pause, while both ends work here. */
export async function scribbleLive(rings: number): Promise<number> {
  let broken = 0;
  for (let ring = 0; ring < rings; ring++) {
    using memory = createSharedMemory(uniqueName(), { size: ringByteLength(CAPACITY) });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    createRing(memory, { capacity: CAPACITY, overwrite: ring % 2 === 1 });
    using sender = openRingSender(memory, { spins: 0 });
    using receiver = openRingReceiver(memory, { spins: 0 });
    await using scribbler = Peer.deno("ring_scribble.ts", { args: [memory.name] });
    assertEquals(await scribbler.says(), "ready");
    const message = new Uint8Array(100);
    try {
      for (let step = 0; step < 200_000; step++) {
        while (sender.trySend(message));
        while (receiver.tryReceive());
      }
    } catch (error) {
      if (!isExpected(error)) throw error;
      broken++;
    }
  }
  return broken;
}

/** A sender that counts, and is killed at a random instant: everything that it said it had sent is received, in order, and nothing else; then it has died. */
export async function killSenders(rounds: number): Promise<void> {
  const random = new Random();
  let received = 0;
  for (let round = 0; round < rounds; round++) {
    using memory = createSharedMemory(uniqueName(), { size: ringByteLength(CAPACITY) });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    createRing(memory, { capacity: CAPACITY, firstCursor: 2 ** 32 - CAPACITY });
    using receiver = openRingReceiver(memory, { spins: random.pick([0, 100]) });
    const how = random.pick(["sync", "async", "batch", "loan"]);
    await using victim = Peer.deno("ring_count.ts", { args: [memory.name, "send", how] });
    assertEquals(await victim.says(), "ready");
    // An instant, not a synchronization.
    const kill = setTimeout(() => victim.kill(), random.next() * 10);
    let next = 0;
    const failure = await watchdog(LIMIT_MS, async () => {
      try {
        while (true) {
          const message = await receiver.receive();
          if (message === null) return "closed";
          next = checkCounted(message, next);
        }
      } catch (error) {
        return error;
      }
    });
    clearTimeout(kill);
    assertInstanceOf(failure, ChannelClosedError);
    assertEquals(failure.reason, "died");
    // What it had been told was sent is in its own memory, beside the ring.
    const acknowledged = Atomics.load(new Int32Array(memory.bytes.buffer), ACKNOWLEDGED);
    assert(next >= acknowledged, `${next} received of ${acknowledged} that were sent`);
    received += next;
  }
  console.log(`${rounds} senders killed, ${received} messages received, none torn, none of those that were sent lost`);
}

/** Where a counting sender says how many messages it has sent: a reserved word of the header. */
export const ACKNOWLEDGED = 90;

/** A message of the counting sender: its number in every word. Returns the number of the next. */
export function checkCounted(message: Uint8Array, expected: number): number {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  assertEquals(message.byteLength, countedBytes(expected));
  for (let at = 0; at < message.byteLength; at += 4) {
    if (view.getUint32(at, true) !== expected) throw new Error(`message ${expected} is torn at ${at}`);
  }
  return expected + 1;
}

/** Lengths vary, so that messages meet the end of the data in every way. */
export function countedBytes(index: number): number {
  return 4 + 4 * (index % 61);
}

/** A receiver is killed at a random instant: the sender, full or not, learns it. */
export async function killReceivers(rounds: number): Promise<void> {
  const random = new Random();
  for (let round = 0; round < rounds; round++) {
    using memory = createSharedMemory(uniqueName(), { size: ringByteLength(CAPACITY) });
    using _name = { [Symbol.dispose]: () => memory.unlink() };
    createRing(memory, { capacity: CAPACITY });
    using sender = openRingSender(memory, { spins: random.pick([0, 100]) });
    const how = random.pick(["sync", "async", "borrow"]);
    await using victim = Peer.deno("ring_count.ts", { args: [memory.name, "receive", how] });
    assertEquals(await victim.says(), "ready");
    const kill = setTimeout(() => victim.kill(), random.next() * 10);
    const failure = await watchdog(LIMIT_MS, async () => {
      try {
        for (let index = 0;; index++) {
          const message = new Uint8Array(new Uint32Array(countedBytes(index) / 4).fill(index).buffer);
          await sender.send(message);
        }
      } catch (error) {
        return error;
      }
    });
    clearTimeout(kill);
    assertInstanceOf(failure, ChannelClosedError);
    assertEquals(failure.reason, "died");
  }
}

/** Numbered messages through a ring between two processes, its cursors about to wrap around. */
export async function manyMessages(count: number): Promise<number> {
  const capacity = 2 ** 16;
  using memory = createSharedMemory(uniqueName(), { size: ringByteLength(capacity) });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  createRing(memory, { capacity, firstCursor: 2 ** 32 - 8 * capacity });
  using receiver = openRingReceiver(memory);
  await using source = Peer.deno("ring_count.ts", { args: [memory.name, "many", String(count)] });
  assertEquals(await source.says(), "ready");
  const from = performance.now();
  const { words } = receiver;
  for (let index = 0; index < count;) {
    const at = receiver.next();
    if (at === -1) {
      receiver.waitForMessageSync({ timeoutMs: LIMIT_MS });
      continue;
    }
    assert(at >= 0);
    const first = at >> 2;
    const length = receiver.length >> 2;
    if (receiver.length !== countedBytes(index) || words[first] !== index || words[first + length - 1] !== index) {
      throw new Error(`message ${index} is ${words[first]}..${words[first + length - 1]}`);
    }
    index++;
  }
  assertEquals(receiver.receiveSync(), null);
  return performance.now() - from;
}
