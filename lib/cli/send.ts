/**
 * `causeway send`: sends messages over a channel.
 *
 * @module
 */

import { maxBytesOf, openEnd, requireAddress, withoutSeparator } from "./channel/end.ts";
import { framesOf } from "./channel/frames.ts";
import { CODEC_FLAGS, FRAMING_FLAGS, MessageFormat } from "./channel/message_format.ts";
import { untilEnded } from "./channel/until_ended.ts";
import { UsageError } from "./command_line.ts";
import { parseOptions } from "./options.ts";
import { printError } from "./output.ts";
import { timeLimit } from "./tools/time_limit.ts";

const NAMES = {
  flags: [...CODEC_FLAGS, ...FRAMING_FLAGS, "listen"],
  values: ["timeout", "max-bytes"],
  stopEarly: true,
} as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const options = await parseOptions("send", args, NAMES);
  const format = new MessageFormat("send", options.flags);
  const timeoutMs = timeLimit("send", options);
  const maxMessageBytes = maxBytesOf("send", options);
  const [first, ...words] = options.words;
  const address = requireAddress("send", first);
  // Everything on the command line is read before anything is sent.
  const given = withoutSeparator(words).map((word, index) => {
    const message = format.ofWord(word, "send");
    if (format.byteLength(message) <= maxMessageBytes) return message;
    throw new UsageError(`send: message ${index + 1} is longer than ${maxMessageBytes} bytes: see --max-bytes`);
  });
  const mode = options.flags.listen ? "listen" : "connect";
  return await untilEnded("send", async (signal) => {
    await using end = await openEnd(address, {
      command: "send",
      mode,
      use: "send",
      codec: format.codec,
      maxMessageBytes,
      signal,
      timeoutMs,
    });
    for await (const message of given.length > 0 ? given : fromStandardInput(format, maxMessageBytes)) {
      await end.send(message, { signal, timeoutMs });
    }
    return 0;
  });
}

async function* fromStandardInput(format: MessageFormat, maxBytes: number): AsyncGenerator<unknown, void, void> {
  if (Deno.stdin.isTerminal()) printError("causeway: send: messages are read from the terminal, one a line\n");
  let number = 0;
  for await (const bytes of framesOf(Deno.stdin, format.framing, { command: "send", maxBytes })) {
    yield format.parse(bytes, `send: message ${++number}`);
  }
}
