/**
 * Messages on a command line, on standard input and output, and in files: JSON, text or bytes.
 *
 * @module
 */

import { CommandError, UsageError } from "../command_line.ts";
import type { Options } from "../options.ts";
import { framed, type Framing } from "./frames.ts";

/** The codec that both ends of a channel must have. */
export type CodecName = "json" | "text" | "bytes";

/** Flags that say how messages look. */
export const CODEC_FLAGS = ["json", "text", "bytes"] as const;

/** Flags that say how they are kept apart. */
export const FRAMING_FLAGS = ["null", "length"] as const;

type Flags = Options<(typeof CODEC_FLAGS)[number] | (typeof FRAMING_FLAGS)[number], never>["flags"];

/** The codec that the flags ask for: JSON when they say nothing, as in programs. @throws {UsageError} For several. */
export function codecOf(command: string, flags: Readonly<Record<(typeof CODEC_FLAGS)[number], boolean>>): CodecName {
  const chosen = CODEC_FLAGS.filter((name) => flags[name]);
  if (chosen.length > 1) throw new UsageError(`${command}: --${chosen.join(" or --")}, not both`);
  return chosen[0] ?? "json";
}

/** How messages look to this command. */
export class MessageFormat {
  readonly codec: CodecName;
  readonly framing: Framing;

  /** @throws {UsageError} For flags that exclude each other. */
  constructor(command: string, flags: Flags) {
    this.codec = codecOf(command, flags);
    if (flags.null && flags.length) throw new UsageError(`${command}: --null or --length, not both`);
    this.framing = flags.null ? "null" : flags.length ? "length" : "newline";
  }

  /**
   * What is printed for a message, given its bytes: JSON on one line, whatever the sender's looked like.
   *
   * @throws {CommandError} When it is not what the codec says.
   */
  printed(message: Uint8Array): Uint8Array {
    if (this.codec === "bytes") return framed(message, this.framing);
    const value = this.parse(message, "A message that was received");
    const text = this.codec === "json" ? JSON.stringify(value) : String(value);
    return framed(new TextEncoder().encode(text), this.framing);
  }

  /** The message that bytes of standard input are. @throws {CommandError} For what is none; `which` says where it is. */
  parse(bytes: Uint8Array, which: string): unknown {
    if (this.codec === "bytes") return bytes;
    try {
      const text = decoder.decode(bytes);
      return this.codec === "json" ? JSON.parse(text) : text;
    } catch (error) {
      if (error instanceof TypeError) throw new CommandError(`${which} is not UTF-8`, 1, { cause: error });
      if (!(error instanceof SyntaxError)) throw error;
      throw new CommandError(`${which} is not JSON: --text takes it as it is`, 1, { cause: error });
    }
  }

  /** The message that a word of the command line is. @throws {UsageError} For what is none. */
  ofWord(word: string, command: string): unknown {
    if (this.codec === "bytes") return new TextEncoder().encode(word);
    return this.codec === "text" ? word : jsonWord(word, command);
  }

  /** How many bytes a message has on its road. */
  byteLength(message: unknown): number {
    if (message instanceof Uint8Array) return message.byteLength;
    return new TextEncoder().encode(this.codec === "json" ? JSON.stringify(message) : String(message)).byteLength;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A word of the command line as JSON. @throws {UsageError} */
export function jsonWord(word: string, command: string): unknown {
  try {
    return JSON.parse(word);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const shown = JSON.stringify(word);
    if (word.startsWith("--")) {
      throw new UsageError(`${command}: ${shown} is not JSON: options come before the address`);
    }
    throw new UsageError(`${command}: ${shown} is not JSON: --text takes it as it is, or write '${shown}'`);
  }
}
