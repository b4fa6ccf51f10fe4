/**
 * What a channel is measured against: messages over `Deno.UnixConn`, framed by hand. channel_unix_conn.ts CPU HOW CODEC
 *
 * HOW `round`: to a peer and back; `stream`: one way, of which the last is answered. CODEC `bytes` or `json`.
 */

import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const [cpu = "-1", how = "round", codec = "bytes", path] = Deno.args;
/** As much as is written at once, and room for what is read at once. */
const BATCH = 64;
const HEADER = 4;

/** A length of four bytes before each message. What is read may end anywhere. */
class Framed implements Disposable {
  readonly #connection: Deno.UnixConn;
  #buffer = new Uint8Array(65_536);
  #from = 0;
  #to = 0;

  constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  async send(...messages: Uint8Array[]): Promise<void> {
    let length = 0;
    for (const { byteLength } of messages) length += HEADER + byteLength;
    const frames = new Uint8Array(length);
    const view = new DataView(frames.buffer);
    let at = 0;
    for (const message of messages) {
      view.setUint32(at, message.byteLength, true);
      frames.set(message, at + HEADER);
      at += HEADER + message.byteLength;
    }
    for (let done = 0; done < length;) done += await this.#connection.write(frames.subarray(done));
  }

  /** The next message that was read already. */
  take(): Uint8Array | undefined {
    if (this.#to - this.#from < HEADER) return undefined;
    const length = new DataView(this.#buffer.buffer, this.#from).getUint32(0, true);
    const end = this.#from + HEADER + length;
    if (end > this.#to) return undefined;
    const message = this.#buffer.slice(this.#from + HEADER, end);
    this.#from = end;
    return message;
  }

  async receive(): Promise<Uint8Array | null> {
    while (true) {
      const message = this.take();
      if (message !== undefined) return message;
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
      const count = await this.#connection.read(this.#buffer.subarray(this.#to));
      if (count === null) return null;
      this.#to += count;
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const message = new Uint8Array(64);
const batch = new Array<Uint8Array>(BATCH).fill(message);
const last = new Uint8Array(64).fill(1);
const value = { kind: "job", number: 12345, text: "a letter to Ada", ok: true };

const encode = (value: unknown) => codec === "json" ? encoder.encode(JSON.stringify(value)) : value as Uint8Array;
const decode = (bytes: Uint8Array) => codec === "json" ? JSON.parse(decoder.decode(bytes)) : bytes;

if (path !== undefined) await answer(path);
else {
  const directory = await Deno.makeTempDir();
  try {
    await ask(`${directory}/socket`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function ask(path: string): Promise<void> {
  using listener = Deno.listen({ transport: "unix", path });
  const [program, ...args] = pinned([...denoWords("channel_unix_conn.ts"), cpu, how, codec, path], Number(cpu));
  await using peer = new Deno.Command(program, { args, stdin: "null", stdout: "inherit" }).spawn();
  {
    using framed = new Framed(await listener.accept());
    await serveRounds((operations) => how === "stream" ? stream(framed, operations) : roundTrips(framed, operations));
  }
  await peer.status;
}

async function roundTrips(framed: Framed, operations: number): Promise<void> {
  const sent = codec === "json" ? value : message;
  for (let i = 0; i < operations; i++) {
    await framed.send(encode(sent));
    decode((await framed.receive())!);
  }
}

async function stream(framed: Framed, operations: number): Promise<void> {
  for (let left = operations; left > 0; left -= BATCH) {
    await framed.send(...left > BATCH ? batch : [...batch.slice(0, left - 1), last]);
  }
  await framed.receive();
}

async function answer(path: string): Promise<void> {
  using framed = new Framed(await Deno.connect({ transport: "unix", path }));
  for (let bytes = await framed.receive(); bytes !== null; bytes = await framed.receive()) {
    if (how === "round") await framed.send(encode(decode(bytes)));
    else if (bytes[0] === 1) await framed.send(bytes);
  }
}
