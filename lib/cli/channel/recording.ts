/**
 * Recordings: a line of JSON about the recording, then one for each message.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { fromDenoError } from "../../sys/errno.ts";
import { CommandError } from "../command_line.ts";
import { print, printError } from "../output.ts";
import { framesOf } from "./frames.ts";
import type { CodecName } from "./message_format.ts";
import type { Side } from "./relay.ts";

/** The first line. */
export interface RecordingHead {
  readonly causeway: "recording";
  readonly version: 1;
  /** The codec of the channel. */
  readonly codec: CodecName;
  /** When it began, in ISO 8601. */
  readonly startedAt: string;
  /** What was recorded. */
  readonly addresses: readonly string[];
}

/** Every other line; one of `json`, `text` and `base64` is the message. */
export interface RecordedMessage {
  /** Milliseconds since everybody was there, by the monotonic clock. */
  readonly offsetMs: number;
  /** Whose message. */
  readonly from: Side;
  readonly json?: unknown;
  readonly text?: string;
  readonly base64?: string;
}

/** Bytes of the longest line; a message in base64 takes a third more than it is. */
const MAX_LINE_BYTES = 1 << 30;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Writes a recording, each message at once: what was seen is in the file when the recorder is killed. */
export class RecordingWriter implements Disposable {
  readonly #file: Deno.FsFile | undefined;
  readonly #codec: CodecName;
  readonly #path: string;
  readonly #isNew: boolean;
  #startMs: number | undefined;

  /** @throws {CommandError} The file exists, or cannot be made. */
  constructor(path: string, codec: CodecName, { force }: { force: boolean }) {
    this.#codec = codec;
    this.#path = path;
    this.#isNew = path !== "-" && !force;
    if (path === "-") return;
    try {
      this.#file = Deno.openSync(path, {
        write: true,
        ...(force ? { create: true, truncate: true } : { createNew: true }),
      });
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) {
        throw new CommandError(`record: ${path} exists: --force replaces it`, 1, { cause: error });
      }
      throw told("record", error, path);
    }
  }

  /** Time begins. */
  start(addresses: readonly string[]): void {
    this.#startMs = performance.now();
    const startedAt = new Date().toISOString();
    this.#write({ causeway: "recording", version: 1, codec: this.#codec, startedAt, addresses });
  }

  /** A message, at this moment. */
  write(from: Side, message: Uint8Array): void {
    const offsetMs = Math.round((performance.now() - (this.#startMs ?? 0)) * 1000) / 1000;
    this.#write({ offsetMs, from, ...this.#readable(message) });
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    // Nobody came: an empty file would only be in the way of the next attempt.
    if (this.#isNew && this.#startMs === undefined) Deno.removeSync(this.#path);
  }

  /** The message as a person can read it, if that loses nothing. */
  #readable(message: Uint8Array): Pick<RecordedMessage, "json" | "text" | "base64"> {
    if (this.#codec === "bytes") return { base64: message.toBase64() };
    try {
      const text = decoder.decode(message);
      return this.#codec === "text" ? { text } : { json: JSON.parse(text) };
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      return { base64: message.toBase64() };
    }
  }

  #write(line: RecordingHead | RecordedMessage): void {
    const text = `${JSON.stringify(line)}\n`;
    if (this.#file === undefined) return print(text);
    for (let bytes = encoder.encode(text); bytes.byteLength > 0;) bytes = bytes.subarray(this.#file.writeSync(bytes));
  }
}

/** A recording that is being read. */
export interface Recording {
  readonly head: RecordingHead;
  /** Its messages, in order. */
  readonly messages: AsyncGenerator<{ offsetMs: number; from: Side; bytes: Uint8Array }, void, void>;
}

/**
 * Reads a recording.
 *
 * @throws {CommandError} When it is none. A last line that is cut off, because the recorder was killed, is left out and told.
 */
export async function readRecording(path: string): Promise<Recording & Disposable> {
  using undo = new DisposableStack();
  let file: Deno.FsFile | null;
  try {
    file = undo.use(path === "-" ? null : await Deno.open(path));
  } catch (error) {
    throw told("replay", error, path);
  }
  const lines = linesOf(file ?? Deno.stdin, path);
  const { value: head } = await lines.next();
  if (!isHead(head?.value)) throw new CommandError(`replay: ${path} is no recording`, 1);
  const opened = undo.move();
  return { head: head.value, messages: messagesOf(lines, path), [Symbol.dispose]: () => opened.dispose() };
}

interface Line {
  readonly number: number;
  readonly value: unknown;
}

async function* linesOf(
  source: { read(into: Uint8Array): Promise<number | null> },
  path: string,
): AsyncGenerator<Line, void, void> {
  let number = 0;
  let wrong: number | undefined;
  for await (const bytes of framesOf(source, "newline", { command: "replay", maxBytes: MAX_LINE_BYTES })) {
    if (wrong !== undefined) throw new CommandError(`replay: ${path}: line ${wrong} is not JSON`, 1);
    const line = lineOf(bytes, ++number);
    if (line === undefined) wrong = number;
    else yield line;
  }
  // Of a file that begins so, there is nothing to leave out: it is no recording.
  if (wrong !== undefined && wrong > 1) {
    printError(`causeway: replay: ${path}: the last line is cut off, and left out\n`);
  }
}

function lineOf(bytes: Uint8Array, number: number): Line | undefined {
  try {
    return { number, value: JSON.parse(decoder.decode(bytes)) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

async function* messagesOf(lines: AsyncGenerator<Line, void, void>, path: string): Recording["messages"] {
  for await (const { number, value } of lines) {
    const message = messageOf(value);
    if (message === undefined) throw new CommandError(`replay: ${path}: line ${number} is no message`, 1);
    yield message;
  }
}

function isHead(value: unknown): value is RecordingHead {
  if (typeof value !== "object" || value === null) return false;
  const { causeway, version, codec } = value as Partial<Record<keyof RecordingHead, unknown>>;
  return causeway === "recording" && version === 1 && typeof codec === "string" &&
    ["json", "text", "bytes"].includes(codec);
}

function messageOf(value: unknown): { offsetMs: number; from: Side; bytes: Uint8Array } | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { offsetMs, from, json, text, base64 } = value as Partial<Record<keyof RecordedMessage, unknown>>;
  if (typeof offsetMs !== "number" || !(offsetMs >= 0) || (from !== "a" && from !== "b")) return undefined;
  if (typeof text === "string") return { offsetMs, from, bytes: encoder.encode(text) };
  if (json !== undefined) return { offsetMs, from, bytes: encoder.encode(JSON.stringify(json)) };
  if (typeof base64 !== "string") return undefined;
  try {
    return { offsetMs, from, bytes: Uint8Array.fromBase64(base64) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function told(command: string, error: unknown, path: string): unknown {
  const reason = fromDenoError(error, "open", path);
  return reason instanceof PosixError ? new CommandError(`${command}: ${reason.message}`, 1, { cause: error }) : error;
}
