/**
 * How messages lie one after another in a stream of bytes: ended by a newline or a NUL, or with their length before them.
 *
 * @module
 */

import { concat } from "../../sys/concat.ts";
import { CommandError } from "../command_line.ts";

/** What keeps two messages apart. */
export type Framing = "newline" | "null" | "length";

/** Something that bytes can be read from. */
export interface ByteSource {
  /** Reads some bytes; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

const CHUNK_BYTES = 65_536;
const SEPARATORS = { newline: 10, null: 0 } as const;

/** A message as it is written to a stream. */
export function framed(message: Uint8Array, framing: Framing): Uint8Array {
  if (framing !== "length") return concat([message, new Uint8Array([SEPARATORS[framing]])]);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, message.byteLength);
  return concat([length, message]);
}

/**
 * The messages in a stream, as they come. A last one without its newline or NUL is one.
 *
 * @param maxBytes The longest message: checked before memory is taken.
 * @throws {CommandError} For a message that is longer, or cut off.
 */
export async function* framesOf(
  source: ByteSource,
  framing: Framing,
  { command, maxBytes }: { command: string; maxBytes: number },
): AsyncGenerator<Uint8Array, void, void> {
  const frames = new Frames(framing, (number) => {
    throw new CommandError(`${command}: message ${number} is longer than ${maxBytes} bytes: see --max-bytes`, 1);
  }, maxBytes);
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let length = await source.read(chunk); length !== null; length = await source.read(chunk)) {
    yield* frames.add(chunk.slice(0, length));
  }
  const rest = frames.end();
  if (rest === undefined) return;
  if (framing === "length") throw new CommandError(`${command}: message ${frames.count} is cut off`, 1);
  yield rest;
}

/** Cuts chunks into messages. */
class Frames {
  readonly #framing: Framing;
  readonly #tooLong: (number: number) => never;
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #held = 0;
  /** Messages so far, the one that is being read included. */
  count = 1;

  constructor(framing: Framing, tooLong: (number: number) => never, maxBytes: number) {
    this.#framing = framing;
    this.#tooLong = tooLong;
    this.#maxBytes = maxBytes;
  }

  *add(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    if (this.#framing === "length") return yield* this.#addCounted(chunk);
    const separator = SEPARATORS[this.#framing];
    let start = 0;
    for (let end = chunk.indexOf(separator); end !== -1; end = chunk.indexOf(separator, start)) {
      this.#hold(chunk.subarray(start, end), 0);
      yield this.#take();
      start = end + 1;
    }
    if (start < chunk.byteLength) this.#hold(chunk.subarray(start), 0);
  }

  end(): Uint8Array | undefined {
    return this.#held === 0 ? undefined : concat(this.#parts);
  }

  *#addCounted(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    this.#hold(chunk, Infinity);
    while (this.#held >= 4) {
      const whole = concat(this.#parts);
      const length = new DataView(whole.buffer, whole.byteOffset).getUint32(0);
      if (length > this.#maxBytes) this.#tooLong(this.count);
      this.#parts = [whole];
      if (this.#held < 4 + length) return;
      const rest = whole.subarray(4 + length);
      this.#parts = rest.byteLength === 0 ? [] : [rest];
      this.#held = rest.byteLength;
      this.count++;
      yield whole.subarray(4, 4 + length);
    }
  }

  #hold(part: Uint8Array, more: number): void {
    this.#held += part.byteLength;
    if (this.#held > this.#maxBytes + more) this.#tooLong(this.count);
    this.#parts.push(part);
  }

  #take(): Uint8Array {
    const whole = concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    this.count++;
    return whole;
  }
}
