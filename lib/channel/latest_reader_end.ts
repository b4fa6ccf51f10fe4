/**
 * A reader of a `latest` value: codec and waiting around the slots.
 *
 * @module
 */

import { ChannelClosedError, ClosedError } from "../errors.ts";
import type { Struct } from "../memory/struct.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { ResolvedCodec } from "./codec.ts";
import type { LatestReader, WriterState } from "./latest_ends.ts";
import type { SlotReader } from "./latest_reader.ts";

/** A reader. */
export class LatestReaderEnd implements LatestReader<unknown> {
  readonly address: string;
  readonly #slots: SlotReader;
  readonly #codec: ResolvedCodec<unknown, unknown>;
  readonly #layout: Struct<unknown> | undefined;
  readonly #views: unknown[] = [];
  readonly #closing = new AbortController();
  readonly #waits = new Set<Promise<void>>();
  #closed = false;
  #version = 0;
  #value: unknown;

  constructor(
    address: string,
    slots: SlotReader,
    codec: ResolvedCodec<unknown, unknown>,
    layout: Struct<unknown> | undefined,
  ) {
    this.address = address;
    this.#slots = slots;
    this.#codec = codec;
    this.#layout = layout;
  }

  get version(): number {
    return this.#version;
  }

  get writer(): WriterState {
    this.#requireOpen();
    const state = this.#slots.writer;
    return state === "ended" ? "closed" : state;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get(): unknown {
    this.#requireOpen();
    const slot = this.#slots.take();
    if (slot !== undefined) this.#read(slot);
    return this.#value;
  }

  tryNext(): unknown {
    this.#requireOpen();
    // The writer first, the mailbox then: what it has set before it ended is there.
    const { writer } = this;
    if (this.#slots.hasNews) {
      const before = this.#version;
      const value = this.get();
      if (this.#version !== before) return value;
    }
    if (writer === "alive") return undefined;
    if (writer === "died") throw new ChannelClosedError(this.address, "died");
    return null;
  }

  nextSync(options: SyncWaitOptions = {}): unknown {
    const deadline = new Deadline(`Waiting for a value of ${this.address}`, options.timeoutMs);
    while (true) {
      const value = this.tryNext();
      if (value !== undefined) return value;
      if (!this.#slots.sleepSync(deadline)) throw deadline.timeoutError();
    }
  }

  async next(options: WaitOptions = {}): Promise<unknown> {
    const deadline = new Deadline(`Waiting for a value of ${this.address}`, options.timeoutMs);
    options.signal?.throwIfAborted();
    while (true) {
      const value = this.tryNext();
      if (value !== undefined) return value;
      await this.#sleep(options, deadline);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.abort(new ClosedError(this.#what, "was closed during the wait"));
    this.#slots.close();
    this.#value = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.allSettled(this.#waits);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    try {
      for (let value = await this.next(); value !== null; value = await this.next()) yield value;
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error;
    }
  }

  async #sleep(options: WaitOptions, deadline: Deadline): Promise<void> {
    const { signal } = this.#closing;
    const either = options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]);
    const wait = this.#slots.sleep({ signal: either }, deadline);
    this.#waits.add(wait);
    try {
      await wait;
    } finally {
      this.#waits.delete(wait);
    }
  }

  #read(slot: number): void {
    const { values } = this.#slots;
    const version = values.versionOf(slot);
    if (version === this.#version) return;
    const byteLength = values.lengthOf(slot);
    if (this.#layout !== undefined) {
      this.#value = this.#views[slot] ??= this.#layout.at(values.memory, values.offsetOf(slot));
    } else {
      this.#value = this.#codec.decode(values.room(slot).subarray(0, byteLength));
    }
    this.#version = version;
  }

  get #what(): string {
    return `Reader of ${this.address}`;
  }

  #requireOpen(): void {
    if (this.#closed) throw new ClosedError(this.#what);
  }
}
