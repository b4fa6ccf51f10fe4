/**
 * `causeway bridge`: joins two channels of any roads.
 *
 * @module
 */

import { maxBytesOf, requireAddress } from "./channel/end.ts";
import { CODEC_FLAGS, codecOf } from "./channel/message_format.ts";
import { relay, type Side } from "./channel/relay.ts";
import { openTwoEnds } from "./channel/two_ends.ts";
import { untilEnded } from "./channel/until_ended.ts";
import { UsageError } from "./command_line.ts";
import { parseOptions } from "./options.ts";
import { printError } from "./output.ts";
import { timeLimit, wholeNumber } from "./tools/time_limit.ts";

const NAMES = {
  flags: [...CODEC_FLAGS, "connect-a", "listen-b", "verbose"],
  values: ["linger", "timeout", "max-bytes"],
} as const;

/** How long the other direction may be silent when one has ended. */
export const LINGER_MS = 500;

/** How often `--verbose` tells what has passed. */
const METER_MS = 1000;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const options = await parseOptions("bridge", args, NAMES);
  const { flags } = options;
  const codec = codecOf("bridge", flags);
  const lingerMs = wholeNumber("bridge", options, "linger") ?? LINGER_MS;
  const timeoutMs = timeLimit("bridge", options);
  const maxMessageBytes = maxBytesOf("bridge", options);
  const [first, second, extra] = options.words;
  const a = requireAddress("bridge", first, "which two addresses?");
  const b = requireAddress("bridge", second, "which second address?");
  if (extra !== undefined) throw new UsageError(`bridge: two addresses, got also ${JSON.stringify(extra)}`);
  const modes = { a: flags["connect-a"] ? "connect" : "listen", b: flags["listen-b"] ? "listen" : "connect" } as const;
  return await untilEnded("bridge", async (signal) => {
    using meter = new Meter(flags.verbose);
    await using ends = await openTwoEnds(a, b, { command: "bridge", modes, codec, maxMessageBytes, signal, timeoutMs });
    meter.say(`${a} and ${b} are joined`);
    await relay(ends.a, ends.b, {
      signal,
      lingerMs,
      onMessage: (from, message) => meter.count(from, message.byteLength),
      onEnd: (from) => meter.say(`${from === "a" ? a : b} sends no more`),
    });
    return 0;
  });
}

/** Counts, and tells what it has counted once a second and at the end. */
class Meter implements Disposable {
  readonly #verbose: boolean;
  readonly #counts = { a: { messages: 0, bytes: 0 }, b: { messages: 0, bytes: 0 } };
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #told = "";

  constructor(verbose: boolean) {
    this.#verbose = verbose;
    if (verbose) this.#timer = setInterval(() => this.#tell(), METER_MS);
  }

  say(text: string): void {
    if (this.#verbose) printError(`causeway: bridge: ${text}\n`);
  }

  count(from: Side, bytes: number): void {
    this.#counts[from].messages++;
    this.#counts[from].bytes += bytes;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const { a, b } = this.#counts;
    const text = `A to B ${a.messages} messages, ${a.bytes} bytes; B to A ${b.messages} messages, ${b.bytes} bytes`;
    if (text !== this.#told) this.say(text);
    this.#told = text;
  }
}
