/**
 * Writing frames so that a frame is whole or not there at all, however early a wait ends.
 *
 * The kernel may take a part of a frame. From then on the message counts as sent: what is left of it is kept here, goes first, and goes
 * also when nobody waits for it.
 *
 * @module
 */

import { Deadline, type WaitOptions } from "../sys/clock.ts";
import type { ByteRoad } from "./byte_road.ts";
import { HEADER_BYTES, KIND, putFrame } from "./frame.ts";

/** Frames up to this size are put together in memory that is used again. */
const SCRATCH_BYTES = 65536;

/** Somebody who has not been heard yet is told no more than a hello, and costs no more. */
const FIRST_BYTES = 256;

/** The sending side of a road of bytes. */
export class FrameWriter {
  readonly #road: ByteRoad;
  #scratch = new Uint8Array(FIRST_BYTES);
  #rest: Uint8Array<ArrayBuffer> | undefined;
  #flushing: Promise<void> | undefined;

  constructor(road: ByteRoad) {
    this.#road = road;
  }

  /** Whether the last frame has left this process only in part. */
  get pending(): boolean {
    return this.#rest !== undefined;
  }

  /** Sends a frame if the road takes at least its first byte. @throws {PosixError} EPIPE, ECONNRESET when the peer has gone. */
  try(kind: number, payload: Uint8Array): boolean {
    if (!this.#flushNow()) return false;
    const byteLength = HEADER_BYTES + payload.byteLength;
    const into = byteLength <= SCRATCH_BYTES ? this.#scratchOf(byteLength) : new Uint8Array(byteLength);
    putFrame(into, 0, kind, payload);
    return this.#write(into.subarray(0, byteLength));
  }

  /** Sends the first of some messages in one write. @returns How many. */
  tryMany(messages: readonly Uint8Array[]): number {
    if (!this.#flushNow()) return 0;
    let end = 0;
    let count = 0;
    const scratch = this.#scratchOf(SCRATCH_BYTES);
    for (const message of messages) {
      if (end + HEADER_BYTES + message.byteLength > SCRATCH_BYTES) break;
      end = putFrame(scratch, end, KIND.DATA, message);
      count++;
    }
    if (count === 0) return messages[0] !== undefined && this.try(KIND.DATA, messages[0]) ? 1 : 0;
    return this.#write(scratch.subarray(0, end)) ? count : 0;
  }

  /** Sends a frame, or keeps it to be sent as soon as there is room: for frames without which nobody goes on. */
  append(kind: number, payload: Uint8Array): void {
    if (this.try(kind, payload)) return;
    this.#rest = this.#unsent(kind, payload);
    this.#flushLater();
  }

  /** Waits until the road may take a frame. */
  async room(options: WaitOptions, deadline: Deadline): Promise<void> {
    await this.#road.room(options, deadline);
  }

  /** Waits until the last frame has left whole, unless the wait ends early: it goes all the same. */
  async flushed(options: WaitOptions): Promise<void> {
    const waiting = [this.#flushing];
    const { signal } = options;
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = options.timeoutMs === undefined || options.timeoutMs === Infinity
      ? undefined
      : setTimeout(onAbort, Math.min(options.timeoutMs, 2 ** 31 - 1));
    try {
      await Promise.race([...waiting, aborted.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Blocks this thread until the last frame has left whole, or the deadline: it goes all the same. */
  flushSync(deadline: Deadline): void {
    while (!this.#flushNow()) {
      if (deadline.remainingMs === 0) return;
      try {
        this.#road.roomSync(deadline);
      } catch (error) {
        if (error instanceof DOMException) return;
        throw error;
      }
    }
  }

  /** Sends a last frame. @returns What there was no room for. */
  last(kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
    const left = this.try(kind, payload) ? this.#rest : this.#unsent(kind, payload);
    this.#rest = undefined;
    return left ?? new Uint8Array(0);
  }

  #scratchOf(byteLength: number): Uint8Array<ArrayBuffer> {
    if (byteLength > this.#scratch.byteLength) this.#scratch = new Uint8Array(SCRATCH_BYTES);
    return this.#scratch;
  }

  /** Bytes that are still to be sent, and a frame. */
  #unsent(kind: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
    const rest = this.#rest ?? new Uint8Array(0);
    const bytes = new Uint8Array(rest.byteLength + HEADER_BYTES + payload.byteLength);
    bytes.set(rest);
    putFrame(bytes, rest.byteLength, kind, payload);
    return bytes;
  }

  #write(bytes: Uint8Array<ArrayBuffer>): boolean {
    const count = this.#road.tryWrite(bytes);
    if (count === undefined) return false;
    if (count < bytes.byteLength) {
      this.#rest = bytes.slice(count);
      this.#flushLater();
    }
    return true;
  }

  /** Whether nothing of an earlier frame is left. */
  #flushNow(): boolean {
    while (this.#rest !== undefined) {
      const count = this.#road.tryWrite(this.#rest);
      if (count === undefined) return false;
      this.#rest = count === this.#rest.byteLength ? undefined : this.#rest.subarray(count);
    }
    return true;
  }

  #flushLater(): void {
    this.#flushing ??= this.#flush().finally(() => this.#flushing = undefined);
  }

  async #flush(): Promise<void> {
    const forEver = new Deadline("Sending the rest of a message");
    try {
      while (this.#rest !== undefined) {
        await this.#road.room({}, forEver);
        this.#flushNow();
      }
    } catch {
      // The peer has gone, or the road was closed: the next send, and the receiver, are told.
      this.#rest = undefined;
    }
  }
}
