/**
 * Messages through rings. ring_messages.ts CPU BYTES BATCH HOW
 *
 * BATCH 0: to a peer and back, one at a time, both sides spinning. Else: one way, published in batches of so many; the answer to the last one ends a round.
 * HOW `words`: written and read in place as 64-bit numbers; `views`: sendSync and receiveSync; `loan`: only the first word is touched.
 */

import {
  createRing,
  createSharedMemory,
  type Memory,
  openRingReceiver,
  openRingSender,
  openSharedMemory,
  ringByteLength,
  type RingReceiver,
  type RingSender,
  unlinkSharedMemory,
} from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const [cpu = "-1", bytes = "64", batchText = "0", how = "words", name] = Deno.args;
const byteLength = Number(bytes);
const batch = Number(batchText);
/** Room for some of the largest messages, and many of the small. */
const capacity = Math.max(2 ** 18, 2 ** Math.ceil(Math.log2(16 * byteLength)));
/** Some hundred microseconds: the peer is pinned to a CPU of its own, and awake. */
const spins = 10_000;
const doubles = byteLength >> 3;

/** Both ends of one process, and how a message is written and read. */
class Ends {
  readonly sender: RingSender;
  readonly receiver: RingReceiver;
  readonly #out: Float64Array<ArrayBuffer>;
  readonly #in: Float64Array<ArrayBuffer>;
  readonly #message = new Uint8Array(byteLength);
  readonly #number = new Float64Array(this.#message.buffer, 0, 1);

  constructor(memory: Memory, first: boolean) {
    const [out, back] = first ? [0, ringByteLength(capacity)] : [ringByteLength(capacity), 0];
    this.sender = openRingSender(memory, { offset: out, spins });
    this.receiver = openRingReceiver(memory, { offset: back, spins });
    const { bytes: outBytes } = this.sender;
    const { bytes: inBytes } = this.receiver;
    this.#out = new Float64Array(outBytes.buffer, outBytes.byteOffset, capacity / 8);
    this.#in = new Float64Array(inBytes.buffer, inBytes.byteOffset, capacity / 8);
  }

  /** Puts a message in line. */
  stage(number: number): void {
    const { sender } = this;
    let at: number;
    while ((at = sender.reserve(byteLength)) < 0) sender.waitForRoomSync(byteLength);
    const first = at >> 3;
    for (let index = 0; index < doubles; index++) this.#out[first + index] = number;
    sender.stage(byteLength);
  }

  /** The next message's number. */
  take(): number {
    const { receiver } = this;
    let at: number;
    while ((at = receiver.next()) < 0) {
      if (at === -2) return -1;
      receiver.waitForMessageSync();
    }
    const first = at >> 3;
    const number = this.#in[first]!;
    let sum = 0;
    for (let index = 0; index < doubles; index++) sum += this.#in[first + index]!;
    if (sum !== number * doubles) throw new Error("A message is torn");
    return number;
  }

  send(number: number): void {
    if (how === "views") {
      this.#number[0] = number;
      this.sender.sendSync(this.#message);
    } else if (how === "loan") {
      this.sender.loanSync(byteLength)[0] = number;
      this.sender.commit();
    } else {
      this.stage(number);
      this.sender.publish();
    }
  }

  receive(): number {
    return how === "words" ? this.take() : this.receiver.receiveSync()?.[0] ?? -1;
  }
}

async function ask(shared: string): Promise<void> {
  using memory = createSharedMemory(shared, { size: 2 * ringByteLength(capacity) });
  createRing(memory, { capacity });
  createRing(memory, { capacity, offset: ringByteLength(capacity) });
  const ends = new Ends(memory, true);
  const words = [...denoWords("ring_messages.ts"), cpu, bytes, batchText, how, shared];
  const [program, ...args] = pinned([words[0]!, ...words.slice(1)], Number(cpu));
  const peer = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
  // What it says after "ready" is never looked at.
  const answers = peer.stdout.getReader();
  await answers.read();
  unlinkSharedMemory(shared);
  await serveRounds((operations) => {
    for (let left = operations; left > 0; left--) {
      if (batch === 0) {
        ends.send(left);
        ends.receive();
        continue;
      }
      ends.stage(left - 1);
      if (left % batch === 1 || batch === 1) ends.sender.publish();
    }
    if (batch !== 0) ends.receive();
  });
  ends.sender.close();
  while (!(await answers.read()).done);
  await peer.status;
}

function echo(shared: string): void {
  using memory = openSharedMemory(shared);
  const ends = new Ends(memory, false);
  console.log("ready");
  while (true) {
    const number = ends.receive();
    if (number < 0) return;
    if (batch === 0 || number === 0) ends.send(number);
  }
}

if (name === undefined) await ask(`/causeway-bench-${Deno.pid}`);
else echo(name);
