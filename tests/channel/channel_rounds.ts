/** What the channels' tests do a little and their stress run does at length: ends that are killed at random instants. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  type Channel,
  channel,
  ChannelClosedError,
  channelPair,
  command,
  type CommandOptions,
  createSharedMemory,
  openMessageQueue,
  PosixError,
} from "../../mod.ts";
import type { Child } from "../../lib/process/mod.ts";
import { meetingPath } from "../../lib/channel/rendezvous_path.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { uniqueName } from "../sync/peer.ts";
import { Random } from "../sync/rounds.ts";
import { checkCounted, countedMessage, MOST_COUNTED_BYTES } from "./counted.ts";

const LIMIT_MS = 120_000;
const COUNT = fromFileUrl(new URL("../fixtures/channel_count.ts", import.meta.url));
const FLOOD = fromFileUrl(new URL("../fixtures/channel_flood.ts", import.meta.url));
const OPTIONS = { codec: "bytes", maxMessageBytes: MOST_COUNTED_BYTES } as const;

/** Roads whose ends are killed. */
export const MORTAL_ROADS = ["unix", "fifo", "mq", "shm", "pair over a socket", "pair over a ring"] as const;

/** One of them. */
export type MortalRoad = typeof MORTAL_ROADS[number];

type Bytes = Channel<Uint8Array<ArrayBuffer>, Uint8Array>;

/** A process at the other end, and what it has done. */
class Victim implements AsyncDisposable {
  readonly end: Bytes;
  readonly child: Child;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #stack: DisposableStack;

  constructor(end: Bytes, child: Child, words: Int32Array<ArrayBuffer>, stack: DisposableStack) {
    this.end = end;
    this.child = child;
    this.#words = words;
    this.#stack = stack;
  }

  /** How many messages it has said that it sent, or received. */
  get count(): number {
    return Atomics.load(this.#words, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end.close();
    this.child.kill("SIGKILL");
    await this.child[Symbol.asyncDispose]();
    this.#stack[Symbol.dispose]();
  }
}

/** Starts a process that sends or receives, and joins it. The name is the same each time: what a killed one left is replaced. */
async function startVictim(
  road: MortalRoad,
  address: string,
  role: "send" | "receive",
  random: Random,
): Promise<Victim> {
  const stack = new DisposableStack();
  const memory = createSharedMemory(uniqueName(), { size: 4096 });
  stack.defer(() => {
    memory.unlink();
    memory.close();
  });
  const words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset, 1);
  const how = random.pick(["sync", "async", "many"]);
  const start = (there: string, mode: string, inherit: CommandOptions = {}) =>
    command(Deno.execPath(), ["run", "-A", "--no-check", COUNT, there, mode, role, how, memory.name], {
      ...inherit,
      stdin: "null",
      stdout: "null",
    }).spawn();
  if (road === "pair over a socket" || road === "pair over a ring") {
    const pair = channelPair({ ...OPTIONS, road: road === "pair over a ring" ? "ring" : "socket" });
    return new Victim(pair.parent, start("parent", "", { inherit: [pair.child] }), words, stack);
  }
  const oneWay = road === "fifo" || road === "mq";
  const theyListen = oneWay ? role === "receive" : random.next() < 0.5;
  const child = start(address, theyListen ? "listen" : "connect");
  const mode = theyListen ? "connect" : "listen";
  return new Victim(await channel(address, { ...OPTIONS, mode, timeoutMs: LIMIT_MS }), child, words, stack);
}

/** Where the ends of a road meet in every round, and that nothing is left there. */
class Meeting implements AsyncDisposable {
  readonly address: string;
  readonly #directory = Deno.makeTempDirSync({ prefix: "causeway-channel-" });
  readonly #road: MortalRoad;
  readonly #name = `stress-${crypto.randomUUID()}`;

  constructor(road: MortalRoad) {
    this.#road = road;
    this.address = {
      unix: `unix:${this.#directory}/road`,
      fifo: `fifo:${this.#directory}/road`,
      mq: `mq:/${this.#name}`,
      shm: `shm:${this.#name}`,
      "pair over a socket": "",
      "pair over a ring": "",
    }[road];
  }

  /** Two that behave meet there after all the others; then the name is free. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.address !== "") {
      const ends = await Promise.all([
        channel(this.address, { ...OPTIONS, mode: "listen", timeoutMs: LIMIT_MS }),
        channel(this.address, { ...OPTIONS, timeoutMs: LIMIT_MS }),
      ]);
      for (const end of ends) await end[Symbol.asyncDispose]();
    }
    assertEquals([...Deno.readDirSync(this.#directory)].map((entry) => entry.name), []);
    Deno.removeSync(this.#directory);
    if (this.#road === "mq") {
      let code: string | undefined;
      try {
        openMessageQueue(`/${this.#name}`).close();
      } catch (error) {
        code = error instanceof PosixError ? error.code : String(error);
      }
      assertEquals(code, "ENOENT");
    }
    if (this.#road === "shm") await assertRejects(() => Deno.lstat(meetingPath(this.#name)), Deno.errors.NotFound);
  }
}

/**
 * Senders that are killed at random instants: everything that they know they have sent is received, in order and whole, and then their death is told.
 *
 * @returns How many messages were received.
 */
export async function killChannelSenders(road: MortalRoad, rounds: number): Promise<number> {
  const random = new Random();
  await using meeting = new Meeting(road);
  let total = 0;
  for (let round = 0; round < rounds; round++) {
    await using victim = await startVictim(road, meeting.address, "send", random);
    const many = random.next() < 0.5;
    let received = 0;
    let kill: ReturnType<typeof setTimeout> | undefined;
    const failure = await watchdog(LIMIT_MS, async () => {
      try {
        while (true) {
          const messages = many ? await victim.end.receiveMany() : [await victim.end.receive()];
          if (messages === null || messages[0] === null) return "closed";
          for (const message of messages) if (message !== null) received = checkCounted(message, received);
          // An instant, not a synchronization.
          kill ??= setTimeout(() => victim.child.kill("SIGKILL"), random.next() * 10);
        }
      } catch (error) {
        return error;
      }
    });
    clearTimeout(kill);
    assertInstanceOf(failure, ChannelClosedError, `${road}: ${failure}`);
    assertEquals(failure.reason, "died");
    assert(received >= victim.count, `${road}: ${received} received of ${victim.count} that were sent`);
    total += received;
  }
  return total;
}

/** Receivers that are killed at random instants: their sender learns it, whether it waits for room or not. */
export async function killChannelReceivers(road: MortalRoad, rounds: number): Promise<number> {
  const random = new Random();
  await using meeting = new Meeting(road);
  let total = 0;
  for (let round = 0; round < rounds; round++) {
    await using victim = await startVictim(road, meeting.address, "receive", random);
    let sent = 0;
    let kill: ReturnType<typeof setTimeout> | undefined;
    const failure = await watchdog(LIMIT_MS, async () => {
      try {
        while (true) {
          await victim.end.send(countedMessage(sent++));
          if (kill === undefined && victim.count > 0) {
            kill = setTimeout(() => victim.child.kill("SIGKILL"), random.next() * 10);
          }
        }
      } catch (error) {
        return error;
      }
    });
    clearTimeout(kill);
    assertInstanceOf(failure, ChannelClosedError, `${road}: ${failure}`);
    assertEquals(failure.reason, "died");
    assert(victim.count <= sent, `${victim.count} received of ${sent}`);
    total += victim.count;
  }
  return total;
}

/**
 * Numbered messages from another process: each arrives once, in order and whole.
 *
 * @returns How many milliseconds it took.
 */
export async function manyChannelMessages(road: MortalRoad, count: number, bytes: number): Promise<number> {
  await using meeting = new Meeting(road);
  const start = (there: string, inherit: CommandOptions = {}) =>
    command(Deno.execPath(), ["run", "-A", "--no-check", FLOOD, there, String(count), String(bytes)], inherit).spawn();
  let end: Bytes, child: Child;
  if (meeting.address === "") {
    const pair = channelPair({ ...OPTIONS, road: road === "pair over a ring" ? "ring" : "socket" });
    [end, child] = [pair.parent, start("parent", { inherit: [pair.child] })];
  } else {
    const opening = channel(meeting.address, { ...OPTIONS, mode: "listen", timeoutMs: LIMIT_MS });
    child = start(meeting.address);
    end = await opening;
  }
  await using _child = child;
  using _end = end;
  let number = 0;
  let from = 0;
  while (true) {
    const messages = await end.receiveMany(1024, { timeoutMs: LIMIT_MS });
    from ||= performance.now();
    if (messages === null) break;
    for (const message of messages) {
      const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
      const isWhole = message.byteLength === bytes && view.getUint32(0, true) === number &&
        view.getUint32(bytes - 4, true) === number;
      if (!isWhole) throw new Error(`message ${number} is ${view.getUint32(0, true)}, of ${message.byteLength} bytes`);
      number++;
    }
  }
  const ms = performance.now() - from;
  assertEquals(number, count);
  assertEquals(await child.status, { kind: "exited", code: 0 });
  return ms;
}
