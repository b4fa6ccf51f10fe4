/**
 * `causeway record`: writes the messages of a channel to a file, with their times.
 *
 * @module
 */

import { LINGER_MS } from "./bridge.ts";
import { type EndRequest, maxBytesOf, openRawEnd, requireAddress } from "./channel/end.ts";
import { CODEC_FLAGS, codecOf } from "./channel/message_format.ts";
import { RecordingWriter } from "./channel/recording.ts";
import { relay } from "./channel/relay.ts";
import { openTwoEnds } from "./channel/two_ends.ts";
import { untilEnded } from "./channel/until_ended.ts";
import { UsageError } from "./command_line.ts";
import { parseOptions } from "./options.ts";
import { timeLimit, wholeNumber } from "./tools/time_limit.ts";

const NAMES = {
  flags: [...CODEC_FLAGS, "connect", "connect-a", "listen-b", "force"],
  values: ["linger", "timeout", "max-bytes"],
} as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const options = await parseOptions("record", args, NAMES);
  const { flags, words } = options;
  const codec = codecOf("record", flags);
  const lingerMs = wholeNumber("record", options, "linger") ?? LINGER_MS;
  const path = words.at(-1);
  if (words.length < 2 || words.length > 3 || path === undefined) {
    throw new UsageError(`record: ADDRESS FILE or A B FILE, got ${words.length} word${words.length === 1 ? "" : "s"}`);
  }
  const a = requireAddress("record", words[0]);
  const b = words.length === 3 ? requireAddress("record", words[1]) : undefined;
  if (b === undefined && (flags["connect-a"] || flags["listen-b"])) {
    throw new UsageError("record: --connect-a and --listen-b are for two addresses; for one there is --connect");
  }
  if (b !== undefined && flags.connect) {
    throw new UsageError("record: --connect is for one address; for two there is --connect-a");
  }
  const request = {
    command: "record",
    codec,
    maxMessageBytes: maxBytesOf("record", options),
    timeoutMs: timeLimit("record", options),
  };
  return await untilEnded("record", async (signal) => {
    using recording = new RecordingWriter(path, codec, flags);
    if (b === undefined) {
      await recordOne(a, recording, { ...request, mode: flags.connect ? "connect" : "listen", use: "receive", signal });
      return 0;
    }
    const modes = {
      a: flags["connect-a"] ? "connect" : "listen",
      b: flags["listen-b"] ? "listen" : "connect",
    } as const;
    await using ends = await openTwoEnds(a, b, { ...request, modes, signal });
    recording.start([a, b]);
    await relay(ends.a, ends.b, {
      signal,
      lingerMs,
      onMessage: (from, message) => recording.write(from, message),
      onEnd: () => {},
    });
    return 0;
  }, { prints: path === "-" });
}

async function recordOne(address: string, recording: RecordingWriter, request: EndRequest): Promise<void> {
  const { signal } = request;
  await using end = await openRawEnd(address, request);
  recording.start([address]);
  for (let message = await end.receive({ signal }); message !== null; message = await end.receive({ signal })) {
    recording.write("a", message);
  }
}
