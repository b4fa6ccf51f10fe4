/**
 * Cutting a stream of bytes into frames.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { HEADER_BYTES, HELLO_BYTES, KIND } from "./frame.ts";

/** One read brings as much: the capacity of a pipe. */
const BUFFER_BYTES = 65536;

/** A buffer that a long message has needed is given back when it is larger than this. */
const KEPT_BYTES = 1024 * 1024;

/** A read into less room than this would be one system call too many. */
const LEAST_ROOM = 4096;

/** A frame: its payload lies in the reader's buffer and is valid until the next read. */
export interface Frame {
  kind: number;
  payload: Uint8Array<ArrayBuffer>;
}

/** Bytes go in as they come, frames come out. Memory is taken for what has arrived, never for what was only announced. */
export class FrameReader {
  readonly #what: string;
  readonly #maxMessageBytes: number;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  readonly #frame: Frame = { kind: 0, payload: new Uint8Array(0) };

  /** @param maxMessageBytes The longest payload that is believed. */
  constructor(what: string, maxMessageBytes: number) {
    this.#what = what;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes of a frame that is not whole yet. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /**
   * The next whole frame; the same object each time.
   *
   * @throws {ProtocolError} When what comes next is no frame, or longer than declared.
   */
  next(): Frame | undefined {
    const length = this.#checkedLength(this.#start);
    if (length === undefined || this.#start + HEADER_BYTES + length > this.#end) return undefined;
    const at = this.#start + HEADER_BYTES;
    this.#frame.kind = this.#buffer[at - 1]!;
    this.#frame.payload = this.#buffer.subarray(at, at + length);
    this.#start = at + length;
    return this.#frame;
  }

  /** Whether a frame of this kind is among what has arrived, and what follows it. Takes nothing. */
  holds(kind: number, next?: Uint8Array): boolean {
    let bytes = this.#buffer.subarray(this.#start, this.#end);
    if (next !== undefined) {
      const both = new Uint8Array(bytes.byteLength + next.byteLength);
      both.set(bytes);
      both.set(next, bytes.byteLength);
      bytes = both;
    }
    for (let at = 0; at + HEADER_BYTES <= bytes.byteLength;) {
      if (bytes[at + 4] === kind) return true;
      at += HEADER_BYTES + lengthAt(bytes, at);
    }
    return false;
  }

  /** Where the next bytes go: never empty. What was given out before is no longer valid. */
  room(): Uint8Array<ArrayBuffer> {
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      if (this.#buffer.byteLength > KEPT_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
      return this.#buffer;
    }
    const free = this.#buffer.byteLength - this.#end;
    if (free === 0 || (free < LEAST_ROOM && this.#start > 0)) this.#makeRoom();
    return this.#buffer.subarray(this.#end);
  }

  /** So many bytes were read into {@linkcode room}. */
  filled(count: number): void {
    this.#end += count;
  }

  #makeRoom(): void {
    // Growing by what has arrived: who announces a long message pays for it with bytes.
    const crowded = this.buffered > this.#buffer.byteLength / 2;
    const target = crowded ? new Uint8Array(2 * this.#buffer.byteLength) : this.#buffer;
    if (crowded) target.set(this.#buffer.subarray(this.#start, this.#end));
    else target.copyWithin(0, this.#start, this.#end);
    this.#buffer = target;
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** The length of the payload of the frame that begins there, once its header is here and makes sense. */
  #checkedLength(at: number): number | undefined {
    if (at + HEADER_BYTES > this.#end) return undefined;
    const length = lengthAt(this.#buffer, at);
    const kind = this.#buffer[at + 4]!;
    const most = kind === KIND.DATA ? this.#maxMessageBytes : kind === KIND.HELLO ? HELLO_BYTES : 0;
    if (kind < KIND.HELLO || kind > KIND.BYE) throw new ProtocolError(`${this.#what}: frame of unknown kind ${kind}`);
    if (length > most) {
      throw new ProtocolError(`${this.#what}: frame of ${length} bytes, at most ${most} were declared`);
    }
    return length;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}
