/**
 * `causeway replay`: sends the messages of a recording again, when they came.
 *
 * @module
 */

import type { Channel } from "../channel/channel.ts";
import { maxBytesOf, openRawEnd, requireAddress } from "./channel/end.ts";
import { readRecording } from "./channel/recording.ts";
import { untilEnded } from "./channel/until_ended.ts";
import { UsageError } from "./command_line.ts";
import { type Options, parseOptions } from "./options.ts";
import { timeLimit } from "./tools/time_limit.ts";

const NAMES = { flags: ["fast", "listen"], values: ["from", "speed", "timeout", "max-bytes"] } as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const options = await parseOptions("replay", args, NAMES);
  const { flags, values, words } = options;
  const speed = speedOf(options);
  const from = values.from ?? "a";
  if (!["a", "b", "both"].includes(from)) {
    throw new UsageError(`replay: --from takes a, b or both, got ${JSON.stringify(from)}`);
  }
  const timeoutMs = timeLimit("replay", options);
  const maxMessageBytes = maxBytesOf("replay", options);
  const [path, second, extra] = words;
  if (path === undefined) throw new UsageError("replay: which recording?");
  const address = requireAddress("replay", second, "to which address?");
  if (extra !== undefined) throw new UsageError(`replay: one address, got also ${JSON.stringify(extra)}`);
  const mode = flags.listen ? "listen" : "connect";
  return await untilEnded("replay", async (signal) => {
    using recording = await readRecording(path);
    const { codec } = recording.head;
    await using end = await openRawEnd(address, {
      command: "replay",
      mode,
      use: "send",
      codec,
      maxMessageBytes,
      signal,
      timeoutMs,
    });
    await using _listening = new Drain(end);
    const startMs = performance.now();
    for await (const message of recording.messages) {
      if (from !== "both" && message.from !== from) continue;
      await reached(startMs + message.offsetMs / speed, signal);
      await end.send(message.bytes, { signal, timeoutMs });
    }
    return 0;
  });
}

function speedOf({ flags, values }: Options<"fast" | "listen", "from" | "speed" | "timeout" | "max-bytes">): number {
  if (flags.fast && values.speed !== undefined) throw new UsageError("replay: --fast or --speed, not both");
  if (flags.fast) return Infinity;
  const speed = Number(values.speed ?? 1);
  if (!(speed > 0 && speed < Infinity)) {
    throw new UsageError(`replay: --speed takes a number above 0, got ${JSON.stringify(values.speed)}`);
  }
  return speed;
}

/** Waits until a moment of this process's clock; one that is over takes no time. */
async function reached(atMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (let ms = atMs - performance.now(); ms > 0; ms = atMs - performance.now()) {
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      }, Math.min(ms, 2 ** 31 - 1));
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/** Reads what the peer answers, so that it never waits for us. */
class Drain implements AsyncDisposable {
  readonly #over = new AbortController();
  readonly #draining: Promise<void>;

  constructor(end: Channel<Uint8Array>) {
    this.#draining = end.directions === "both" ? this.#drain(end) : Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#draining;
  }

  async #drain(end: Channel<Uint8Array>): Promise<void> {
    const { signal } = this.#over;
    try {
      while (await end.receive({ signal }) !== null);
    } catch {
      // What became of the peer is told by the next send; after the last one it does not matter.
    }
  }
}
