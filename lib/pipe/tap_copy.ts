/**
 * The second consumer of a tap.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import type { ByteReader } from "../sys/byte_reader.ts";
import type { ByteWriter } from "../sys/byte_writer.ts";
import type { WaitOptions } from "../sys/clock.ts";
import { waitFor } from "../sys/event_loop.ts";
import { EPOLL } from "../sys/linux.ts";
import { duplicateNow, hasRoom, isEmpty } from "./flow.ts";

/** A copy of a stream: each byte is duplicated before it is moved, once. */
export class TapCopy {
  readonly #sink: ByteWriter;
  readonly #drops: boolean;
  /** Bytes at the front of the source that the copy has already: `tee(2)` takes nothing, and would duplicate them again. */
  #ahead = 0;
  #copied = 0;
  #dropped = 0;
  #gone = false;

  /** @param drops Whether a full copy loses bytes instead of stopping the stream. */
  constructor(sink: ByteWriter, drops: boolean) {
    this.#sink = sink;
    this.#drops = drops;
  }

  /** Bytes that the copy got. */
  get copied(): number {
    return this.#copied;
  }

  /** Whether nobody reads it any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Bytes that went on without it. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Duplicates what is at the front of the source, unless the copy has it already.
   *
   * @returns How many bytes may be moved now: 0 when the stream must wait, `null` at the end of file.
   */
  duplicate(source: ByteReader): number | null {
    if (this.#gone) return Infinity;
    if (this.#ahead > 0) return this.#ahead;
    try {
      const count = duplicateNow(source, this.#sink, Infinity);
      if (count === null) return null;
      this.#ahead = count ?? 0;
      this.#copied += this.#ahead;
      // Not to be moved while it is not sure that the copy had no room: bytes may just have come.
      return count ?? (this.#drops && !isEmpty(source) && !hasRoom(this.#sink) ? Infinity : 0);
    } catch (error) {
      this.#leave(error);
      return Infinity;
    }
  }

  /** Takes note of bytes that have gone on. */
  moved(bytes: number): void {
    if (this.#ahead > 0 && !this.#gone) this.#ahead -= bytes;
    else this.#dropped += bytes;
  }

  /** Waits on the event loop until the copy has room, or is gone. */
  async waitForRoom(options: WaitOptions): Promise<void> {
    try {
      await waitFor(this.#sink.fd, EPOLL.OUT, options);
    } catch (error) {
      this.#leave(error);
    }
  }

  /** A copy that nobody reads any more, or whose end was closed, gets nothing more; the stream goes on without it. */
  #leave(error: unknown): void {
    const left = error instanceof ClosedError || (error instanceof PosixError && error.code === "EPIPE");
    if (!left) throw error;
    this.#gone = true;
    this.#dropped -= this.#ahead;
    this.#sink.close();
  }
}
