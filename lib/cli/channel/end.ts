/**
 * Opening one end of a channel for a command.
 *
 * @module
 */

import { parseChannelAddress } from "../../channel/address.ts";
import type { Channel } from "../../channel/channel.ts";
import type { ChannelCodec } from "../../channel/codec.ts";
import { channel } from "../../channel/open_channel.ts";
import { UsageError } from "../command_line.ts";
import type { Options } from "../options.ts";
import { wholeNumber } from "../tools/time_limit.ts";
import type { CodecName } from "./message_format.ts";

/** Bytes of the longest message, when the command line does not say. */
const MAX_MESSAGE_BYTES = 1_048_576;

/** How a command opens its end. */
export interface EndRequest {
  /** The command, for messages. */
  readonly command: string;
  /** Who makes the name. */
  readonly mode: "listen" | "connect";
  /** What the command has to be able to do. */
  readonly use: "send" | "receive" | "both" | "any";
  /** What both ends agree on. */
  readonly codec: CodecName;
  /** The longest message. */
  readonly maxMessageBytes: number;
  /** Ends the wait for the peer. */
  readonly signal: AbortSignal;
  /** How long a peer is waited for. */
  readonly timeoutMs?: number | undefined;
}

/** What an array and a length of 32 bits can hold, as the channels have it. */
const LONGEST_MESSAGE = 2 ** 31 - 64;

/** The value of `--max-bytes`. @throws {UsageError} */
export function maxBytesOf(command: string, options: Options<string, string>): number {
  const bytes = wholeNumber(command, options, "max-bytes") ?? MAX_MESSAGE_BYTES;
  if (bytes < 1) throw new UsageError(`${command}: --max-bytes takes at least 1`);
  if (bytes > LONGEST_MESSAGE) throw new UsageError(`${command}: --max-bytes takes at most ${LONGEST_MESSAGE}`);
  return bytes;
}

/** What follows the address, none of which is an option: the `--` that people write to say so is not one of the words. */
export function withoutSeparator(words: readonly string[]): readonly string[] {
  return words[0] === "--" ? words.slice(1) : words;
}

/** Checks an address before anything is waited for. @throws {UsageError} */
export function requireAddress(command: string, address: string | undefined, what = "which address?"): string {
  if (address === undefined) throw new UsageError(`${command}: ${what}`);
  try {
    parseChannelAddress(address);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`${command}: ${error.message}`, { cause: error });
  }
  return address;
}

/** Opens an end for the values that the codec carries. @throws {UsageError} The road does not go that way. */
export async function openEnd(address: string, request: EndRequest): Promise<Channel<unknown>> {
  return await opened(address, request, request.codec);
}

/**
 * Opens an end for messages as they are: it agrees with the peer on a codec, and touches nothing.
 *
 * @throws {UsageError} The road does not go that way.
 */
export async function openRawEnd(address: string, request: EndRequest): Promise<Channel<Uint8Array>> {
  return await opened(address, request, {
    name: request.codec,
    encode: (message: Uint8Array) => message,
    decode: (bytes) => bytes.slice(),
  });
}

async function opened<T>(address: string, request: EndRequest, codec: ChannelCodec<T, T>): Promise<Channel<T>> {
  const { command, mode, use, maxMessageBytes, signal, timeoutMs } = request;
  const { road } = parseChannelAddress(address);
  const way = road === "fifo" || road === "mq" ? mode === "listen" ? "receive" : "send" : "both";
  if (use !== "any" && way !== "both" && way !== use) throw wrongWay(address, way, request);
  const limit = timeoutMs === undefined ? undefined : { timeoutMs };
  const end = await channel<T>(address, { mode, codec, maxMessageBytes, signal, ...limit }).catch((error: unknown) => {
    if (error instanceof TypeError || error instanceof RangeError) {
      // What the road says, it says in the library's words.
      const message = error.message.replaceAll("maxMessageBytes", "--max-bytes");
      throw new UsageError(`${command}: ${message}`, { cause: error });
    }
    throw error;
  });
  const { directions } = end;
  if (use === "any" || directions === "both" || directions === use) return end;
  end.close();
  throw wrongWay(address, directions, request);
}

function wrongWay(address: string, way: "send" | "receive", { command, mode }: EndRequest): UsageError {
  const end = mode === "listen" ? "listens" : "connects";
  return new UsageError(`${command}: the end of ${address} that ${end} can only ${way}`);
}
