/** Hostile peers, and what they cost the process that they are connected to. */
import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import { command, type Fd } from "../../mod.ts";
import type { Child } from "../../lib/process/mod.ts";
import { encodeHello, HEADER_BYTES, type Hello, KIND, putFrame } from "../../lib/channel/frame.ts";

const BESIEGED = fromFileUrl(new URL("../fixtures/channel_besieged.ts", import.meta.url));

/** What every hostile peer together may cost. */
export const MOST_BYTES = 16_000_000;

const HELLO: Hello = { codec: "json", fingerprint: 0n, maxMessageBytes: 2 ** 20 };

/** A frame. */
export function frame(kind: number, payload: Uint8Array | string = ""): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const whole = new Uint8Array(HEADER_BYTES + bytes.byteLength);
  putFrame(whole, 0, kind, bytes);
  return whole;
}

/** A packet: a frame on a road with boundaries of its own. */
export function packet(kind: number, payload: Uint8Array | string = ""): Uint8Array<ArrayBuffer> {
  return frame(kind, payload).slice(HEADER_BYTES - 1);
}

/** The hello that a channel of JSON expects. */
export const hello: Uint8Array<ArrayBuffer> = encodeHello(HELLO);

/** Sends bytes, or as many as the other side takes. */
export interface Raw extends Disposable {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

const DEEP = "[".repeat(500_000);

/** What peers do on roads of bytes after their hello: each does one thing, and what the besieged process then says of it. */
export const BYTE_ATTACKS: readonly [what: string, says: string, attack: (raw: Raw) => Promise<void>][] = [
  ["a length above the maximum", "ProtocolError", (raw) => raw.write(new Uint8Array([255, 255, 255, 255, KIND.DATA]))],
  ["an unknown kind", "ProtocolError", (raw) => raw.write(frame(77))],
  ["a second hello", "ProtocolError", (raw) => raw.write(frame(KIND.HELLO, hello))],
  ["a goodbye with a payload", "ProtocolError", (raw) => raw.write(frame(KIND.BYE, "x"))],
  [
    "half a frame",
    "ChannelClosedError",
    (raw) => raw.write(frame(KIND.DATA, "x".repeat(1_000_000)).subarray(0, 900_000)),
  ],
  ["half a header", "ChannelClosedError", (raw) => raw.write(new Uint8Array([1, 0]))],
  ["deep JSON", "ProtocolError", (raw) => raw.write(frame(KIND.DATA, DEEP))],
  ["__proto__", "ProtocolError", (raw) => raw.write(frame(KIND.DATA, '{"__proto__":{"polluted":1}}'))],
  ["slow bytes", "ChannelClosedError", async (raw) => {
    for (const byte of frame(KIND.DATA, '"slow"').subarray(0, -1)) await raw.write(new Uint8Array([byte]));
  }],
  ["many tiny messages", "closed", async (raw) => {
    const many = new Uint8Array(1000 * 6);
    for (let at = 0; at < many.byteLength; at += 6) many.set(frame(KIND.DATA, "1"), at);
    for (let time = 0; time < 100; time++) await raw.write(many);
    await raw.write(frame(KIND.BYE));
  }],
];

/** The same on roads of packets. */
export const PACKET_ATTACKS: readonly [what: string, says: string, packets: readonly Uint8Array<ArrayBuffer>[]][] = [
  ["an unknown kind", "ProtocolError", [packet(77)]],
  ["a second hello", "ProtocolError", [packet(KIND.HELLO, hello)]],
  ["no payload at all in a message", "ProtocolError", [packet(KIND.DATA)]],
  ["deep JSON", "ProtocolError", [packet(KIND.DATA, DEEP.slice(0, 8000))]],
  ["__proto__", "ProtocolError", [packet(KIND.DATA, '{"__proto__":{"polluted":1}}')]],
  ["an end without a goodbye", "ChannelClosedError", [packet(KIND.DATA, "1")]],
];

/** A process under attack. */
export class Besieged implements AsyncDisposable {
  readonly #child: Child;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  address = "";
  #baseline = 0;
  #residentBaseline = 0;

  private constructor(address: string, how: string, inherited: readonly Fd[]) {
    this.#child = command(Deno.execPath(), [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      BESIEGED,
      address,
      how,
    ], {
      stdin: "piped",
      stdout: "piped",
      env: { NO_COLOR: "1" },
      ...inherited.length > 0 && { inherit: [{ descriptors: inherited, env: {} }] },
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  }

  static async start(
    address: string,
    how: "listen" | "many" | "serve",
    inherited: readonly Fd[] = [],
  ): Promise<Besieged> {
    const besieged = new Besieged(address, how, inherited);
    const [ready, found = ""] = (await besieged.says()).split(" ");
    assert(ready === "ready");
    besieged.address = found;
    return besieged;
  }

  /** How the next peer ended. */
  async says(): Promise<string> {
    const { value, done } = await this.#lines.read();
    assert(!done, "the besieged process said nothing more");
    return value;
  }

  /** What it has costs nothing from here on. */
  async warm(): Promise<void> {
    this.#baseline = await this.#inUse();
    this.#residentBaseline = this.#resident;
  }

  /**
   * By how many bytes the memory that it uses has grown since `warm()`: its heap and its buffers, without what is garbage, which stays until V8 comes by. To be
   * asked when it has nothing else to say.
   */
  async cost(): Promise<number> {
    const grown = await this.#inUse() - this.#baseline;
    console.log(`${this.address}: ${grown} bytes in use, ${this.#resident - this.#residentBaseline} resident`);
    return grown;
  }

  async #inUse(): Promise<number> {
    await this.#input.write(new Uint8Array(1));
    return Number(await this.says());
  }

  get #resident(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]);
  }

  /** Does something while it stands still. */
  async stopped(work: () => Promise<void>): Promise<void> {
    const state = () => /State:\s+(\S)/.exec(Deno.readTextFileSync(`/proc/${this.#child.pid}/status`))?.[1];
    Deno.kill(this.#child.pid, "SIGSTOP");
    while (state() !== "T") await new Promise((resolve) => setTimeout(resolve, 1));
    try {
      await work();
    } finally {
      Deno.kill(this.#child.pid, "SIGCONT");
    }
  }

  /** How many descriptors it has open. */
  get descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.#child.pid}/fd`)].length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await this.#lines.cancel();
    // It does not read to the end.
    await this.#input.abort().catch(() => {});
    await this.#child[Symbol.asyncDispose]();
  }
}
