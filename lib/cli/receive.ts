/**
 * `causeway receive`: prints the messages that come over a channel.
 *
 * @module
 */

import type { Channel } from "../channel/channel.ts";
import { ChannelClosedError } from "../errors.ts";
import { maxBytesOf, openRawEnd, requireAddress } from "./channel/end.ts";
import { CODEC_FLAGS, FRAMING_FLAGS, MessageFormat } from "./channel/message_format.ts";
import { untilEnded } from "./channel/until_ended.ts";
import { UsageError } from "./command_line.ts";
import { Printer } from "./each/printer.ts";
import { parseOptions } from "./options.ts";
import { printError } from "./output.ts";
import { timeLimit, wholeNumber } from "./tools/time_limit.ts";

const NAMES = {
  flags: [...CODEC_FLAGS, ...FRAMING_FLAGS, "connect", "follow"],
  values: ["count", "timeout", "max-bytes"],
} as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const options = await parseOptions("receive", args, NAMES);
  const format = new MessageFormat("receive", options.flags);
  const { follow, connect } = options.flags;
  const count = wholeNumber("receive", options, "count") ?? Infinity;
  const timeoutMs = timeLimit("receive", options);
  const maxMessageBytes = maxBytesOf("receive", options);
  const [first, extra] = options.words;
  const address = requireAddress("receive", first);
  if (extra !== undefined) throw new UsageError(`receive: one address, got also ${JSON.stringify(extra)}`);
  const printer = new Printer(undefined);
  let left = count;
  return await untilEnded("receive", async (signal) => {
    while (left > 0) {
      // As bytes: a JSON null is a message too, not the end.
      using end = await openRawEnd(address, {
        command: "receive",
        mode: connect ? "connect" : "listen",
        use: "receive",
        codec: format.codec,
        maxMessageBytes,
        signal,
        // Whoever follows waits for the next peer as long as it takes.
        timeoutMs: timeoutMs ?? (follow ? Infinity : undefined),
      });
      try {
        for await (const message of messages(end, { signal, timeoutMs })) {
          await printer.write("stdout", format.printed(message));
          if (--left <= 0) break;
        }
      } catch (error) {
        if (!follow || !(error instanceof ChannelClosedError)) throw error;
        printError(`causeway: receive: ${error.message}\n`);
      }
      if (!follow) break;
    }
    return 0;
  }, { prints: true });
}

async function* messages(
  end: Channel<Uint8Array>,
  wait: { readonly signal: AbortSignal; readonly timeoutMs: number | undefined },
): AsyncGenerator<Uint8Array, void, void> {
  for (let message = await end.receive(wait); message !== null; message = await end.receive(wait)) yield message;
}
