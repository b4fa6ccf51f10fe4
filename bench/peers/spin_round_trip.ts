/** So many bytes (64) to a peer and back through shared memory; both sides spin. Laid out like `c/spin_round_trip.c`. */

import { createSharedMemory, type Memory, openSharedMemory, unlinkSharedMemory } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

/** Seconds of spinning: whoever is left alone by a peer that was killed must not spin for ever. */
const MOST_SPINS = 1e9;

/** The two directions, each a sequence number in a cache line of its own, and a payload. */
function lanes(memory: Memory): { request: Lane; reply: Lane } {
  return { request: new Lane(memory.bytes, 0), reply: new Lane(memory.bytes, 64 + byteLength) };
}

async function ask(name: string): Promise<void> {
  using memory = createSharedMemory(name, { size: 2 * (64 + byteLength) });
  const { request, reply } = lanes(memory);
  const [program, ...args] = pinned([...denoWords("spin_round_trip.ts"), cpu, bytes, name], Number(cpu));
  const peer = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  // The peer's "ready" says that it has opened the name; what it says after that is never looked at.
  const answers = peer.stdout.getReader();
  await answers.read();
  unlinkSharedMemory(name);
  const starter = peer.stdin.getWriter();
  const message = new BigUint64Array(byteLength / 8);
  const number = new Int32Array(message.buffer);
  let sequence = 0;
  await serveRounds(async (operations) => {
    await starter.write(new TextEncoder().encode(`${operations}\n`));
    for (let i = 0; i < operations; i++) {
      sequence = (sequence + 1) | 0;
      number[0] = sequence;
      request.send(message, sequence);
      reply.receive(message, sequence);
    }
  });
  await starter.close();
  while (!(await answers.read()).done);
  await peer.status;
}

async function echo(name: string): Promise<void> {
  using memory = openSharedMemory(name);
  const { request, reply } = lanes(memory);
  const message = new BigUint64Array(byteLength / 8);
  let sequence = 0;
  await serveRounds((operations) => {
    for (let i = 0; i < operations; i++) {
      sequence = (sequence + 1) | 0;
      request.receive(message, sequence);
      reply.send(message, sequence);
    }
  });
}

/**
 * `TypedArray.set` is the fastest for much, and costs 9 ns before its first byte. Eight words that are written out take 1.3 ns: V8 keeps a word of 64
 * bits that goes from one array to another in a register.
 */
function copy(from: BigUint64Array, to: BigUint64Array): void {
  if (from.length > 8) return to.set(from);
  to[0] = from[0]!;
  to[1] = from[1]!;
  to[2] = from[2]!;
  to[3] = from[3]!;
  to[4] = from[4]!;
  to[5] = from[5]!;
  to[6] = from[6]!;
  to[7] = from[7]!;
}

/** One direction. */
class Lane {
  readonly #sequence: Int32Array;
  readonly #payload: BigUint64Array;

  constructor(bytes: Uint8Array<ArrayBuffer>, offset: number) {
    this.#sequence = new Int32Array(bytes.buffer, bytes.byteOffset + offset, 1);
    this.#payload = new BigUint64Array(bytes.buffer, bytes.byteOffset + offset + 64, byteLength / 8);
  }

  send(message: BigUint64Array, sequence: number): void {
    copy(message, this.#payload);
    Atomics.store(this.#sequence, 0, sequence);
  }

  receive(message: BigUint64Array, sequence: number): void {
    for (let spins = 0; Atomics.load(this.#sequence, 0) !== sequence; spins++) {
      if (spins > MOST_SPINS) throw new Error("The peer does not answer");
      Atomics.pause();
    }
    copy(this.#payload, message);
  }
}

const [cpu = "-1", bytes = "64", name] = Deno.args;
const byteLength = Number(bytes);
await (name === undefined ? ask(`/causeway-bench-${Deno.pid}`) : echo(name));
