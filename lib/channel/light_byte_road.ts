/**
 * Roads that carry bytes, without FFI: over what Deno itself can open.
 *
 * @module
 */

import type { Deadline, SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { cancellable } from "../sys/clock.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { type ByteRoad, LINGER_MS } from "./byte_road.ts";

/** What bytes are read from. */
export interface LightReader {
  read(into: Uint8Array, options?: WaitOptions): Promise<number | null>;
  close(): void;
}

/** What bytes are written to. */
export interface LightWriter {
  write(bytes: Uint8Array, options?: WaitOptions): Promise<void>;
  close(): void;
}

/** Deno cannot be asked what there is room for: one write at a time is under way, and while it is, there is no room. */
export class LightByteRoad implements ByteRoad {
  readonly directions: "both" | "send" | "receive";
  readonly peer = undefined;
  readonly #reader: LightReader | undefined;
  readonly #writer: LightWriter | undefined;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  constructor(reader: LightReader | undefined, writer: LightWriter | undefined) {
    this.#reader = reader;
    this.#writer = writer;
    this.directions = reader === undefined ? "send" : writer === undefined ? "receive" : "both";
  }

  read(into: Uint8Array<ArrayBuffer>, options: WaitOptions): Promise<number | null> {
    if (this.#reader === undefined) throw new TypeError("This end of the road only sends");
    return this.#reader.read(into, options);
  }

  readSync(_into: Uint8Array<ArrayBuffer>, _options: SyncWaitOptions): number | null {
    throw needsFfi("Receiving without the event loop");
  }

  tryRead(_into: Uint8Array<ArrayBuffer>): number | null | undefined {
    throw needsFfi("Receiving without the event loop");
  }

  tryWrite(bytes: Uint8Array<ArrayBuffer>): number | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#writing !== undefined) return undefined;
    if (this.#writer === undefined) throw new TypeError("This end of the road only receives");
    this.#writing = this.#writer.write(bytes.slice()).catch((error: unknown) => void (this.#failure = error)).finally(
      () => this.#writing = undefined,
    );
    return bytes.byteLength;
  }

  room(options: WaitOptions, deadline: Deadline): Promise<unknown> {
    const writing = this.#writing ?? Promise.resolve();
    return cancellable<void>("Sending", { signal: options.signal }, (resolve) => {
      void writing.then(resolve);
      return () => {};
    }, deadline);
  }

  roomSync(_deadline: Deadline): void {
    throw needsFfi("Sending without the event loop");
  }

  close(left: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#writer === undefined || (left.byteLength === 0 && this.#writing === undefined)) {
      this.#closeAll();
      return undefined;
    }
    return this.#linger(left, this.#writer);
  }

  async #linger(left: Uint8Array<ArrayBuffer>, writer: LightWriter): Promise<void> {
    const timer = setTimeout(() => this.#closeAll(), LINGER_MS);
    try {
      await this.#writing;
      if (this.#failure === undefined && left.byteLength > 0) await writer.write(left);
    } catch {
      // The peer has gone, or reads no more: nobody is left to be told.
    } finally {
      clearTimeout(timer);
      this.#closeAll();
    }
  }

  #closeAll(): void {
    this.#reader?.close();
    this.#writer?.close();
  }
}
