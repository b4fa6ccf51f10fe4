/** Messages with descriptors, made and checked: what the tests of `receiveDescriptors` across processes have in common. */
import { assert, assertEquals } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import { listenUnix, type MessageSocket, type StreamSocket, type UnixListener } from "../../lib/socket/mod.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { check } from "../../lib/sys/errno.ts";
import { libc } from "../../lib/sys/libc.ts";
import { MFD } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { PeerProcess, Room } from "./peer_process.ts";

/** The kinds of socket that know an end. */
export const KINDS = ["stream", "seqpacket"] as const;

type Kind = typeof KINDS[number];

const FIXTURE = new URL("../fixtures/socket_descriptor_exchange.ts", import.meta.url).pathname;

/** Bytes of a message: which it is, and how many descriptors it brings. */
const MESSAGE_BYTES = 8;

/** How many descriptors message `index` brings: often one, at times all that fit. */
export function countOf(index: number, seed: number): number {
  const mixed = Math.imul(index + seed * 7919, 0x9e3779b1) >>> 0;
  return mixed % 8 === 0 ? 1 + (mixed >>> 8) % 253 : 1 + (mixed >>> 8) % 3;
}

/** Sends and receives numbered messages with descriptors over one socket. */
export class Exchange {
  readonly #socket: StreamSocket | MessageSocket;
  readonly #seed: number;

  /** @param seed The same on both sides. */
  constructor(socket: StreamSocket | MessageSocket, seed: number) {
    this.#socket = socket;
    this.#seed = seed;
  }

  /** Sends so many messages. @returns How many descriptors went. */
  async send(messages: number): Promise<number> {
    using file = Fd.own(check(libc().memfd_create(cString("exchange", "name"), MFD.CLOEXEC), "memfd_create"), "File");
    let sent = 0;
    for (let index = 0; index < messages; index++) {
      const count = countOf(index, this.#seed);
      const bytes = new Uint8Array(MESSAGE_BYTES);
      new Uint32Array(bytes.buffer).set([index, count]);
      await this.#socket.sendDescriptors(bytes, new Array(count).fill(file));
      sent += count;
    }
    return sent;
  }

  /**
   * Receives so many messages, or all until the end. @returns How many descriptors came.
   *
   * @throws {Error} When a message is not the next one, or its descriptors are not those that were sent with it.
   */
  async receive(messages: number): Promise<number> {
    let received = 0;
    for (let index = 0; index < messages; index++) {
      const head = new Uint8Array(MESSAGE_BYTES);
      let descriptors = 0;
      for (let at = 0; at < MESSAGE_BYTES;) {
        using part = await this.#socket.receiveDescriptors({ maxBytes: MESSAGE_BYTES - at });
        if (part === null) {
          if (at === 0) return received;
          throw new Error(`The end came in the middle of message ${index}`);
        }
        if (at > 0 && part.descriptors.length > 0) throw new Error(`Descriptors came late in message ${index}`);
        head.set(part.bytes, at);
        at += part.bytes.byteLength;
        descriptors += part.descriptors.length;
      }
      const [said = -1, count = -1] = new Uint32Array(head.buffer);
      const expected = countOf(index, this.#seed);
      if (said !== index || count !== expected || descriptors !== expected) {
        throw new Error(`Message ${index} with ${expected}: got message ${said} of ${count} with ${descriptors}`);
      }
      received += descriptors;
    }
    return received;
  }
}

/**
 * Two processes send each other so many messages at once; both check each.
 *
 * @param words Words before the other process's command line.
 */
export async function exchangeBothWays(kind: Kind, messages: number, words: string[]): Promise<void> {
  using room = new Room();
  using listener = await listen(room, kind);
  const seed = 1;
  await using peer = await start(words, listener.path, kind, "both", String(messages), String(seed));
  using socket = await listener.accept();
  const exchange = new Exchange(socket, seed);
  const [sent, received] = await Promise.all([exchange.send(messages), exchange.receive(messages)]);
  let expected = 0;
  for (let index = 0; index < messages; index++) expected += countOf(index, seed);
  assertEquals([sent, received, ...await peer.json<number[]>()], [expected, expected, expected, expected]);
}

/** Stops a process that receives, sends it something, lets it go on, and waits for its answer: so many times. */
export async function stopAndGoOn(kind: Kind, rounds: number): Promise<void> {
  using room = new Room();
  using listener = await listen(room, kind);
  await using peer = await start([], listener.path, kind, "echo");
  using socket = await listener.accept();
  for (let round = 0; round < rounds; round++) {
    const bytes = new Uint8Array([round]);
    const before = socket.receiveDescriptors();
    peer.kill("SIGSTOP");
    while (!/^\d+ \(.*\) T /.test(Deno.readTextFileSync(`/proc/${peer.pid}/stat`)));
    await socket.sendDescriptors(bytes, []);
    peer.kill("SIGCONT");
    using answer = await before;
    assertEquals(answer?.bytes, bytes);
  }
  socket.close();
}

/** Kills so many receivers while this process sends to them. */
export async function killReceivers(kind: Kind, rounds: number): Promise<void> {
  using room = new Room();
  using listener = await listen(room, kind);
  for (let round = 0; round < rounds; round++) {
    const peer = await start([], listener.path, kind, "sink");
    using socket = await listener.accept();
    const sending = new Exchange(socket, 1).send(Infinity).catch((error: unknown) => error);
    await killSoon(peer);
    const error = await sending;
    assert(error instanceof PosixError, String(error));
    assert(error.code === "EPIPE" || error.code === "ECONNRESET", error.message);
  }
}

/** Kills so many senders while this process receives from them. */
export async function killSenders(kind: Kind, rounds: number): Promise<void> {
  using room = new Room();
  using listener = await listen(room, kind);
  for (let round = 0; round < rounds; round++) {
    const peer = await start([], listener.path, kind, "source");
    using socket = await listener.accept();
    const receiving = new Exchange(socket, 1).receive(Infinity);
    await killSoon(peer);
    // Whole messages, and then the end: the kernel takes eight bytes at once or not at all.
    assert(await receiving >= 0);
  }
}

async function killSoon(peer: PeerProcess): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
  peer.kill("SIGKILL");
  await peer[Symbol.asyncDispose]();
}

function start(words: string[], ...args: string[]): Promise<PeerProcess> {
  const [program = "", ...rest] = [...words, Deno.execPath(), "run", "--allow-all", "--no-lock", FIXTURE, ...args];
  return PeerProcess.start(program, rest);
}

function listen(room: Room, kind: Kind): Promise<UnixListener<StreamSocket> | UnixListener<MessageSocket>> {
  return kind === "stream"
    ? listenUnix(room.at("s"), { descriptors: true })
    : listenUnix(room.at("s"), { descriptors: true, type: kind });
}
