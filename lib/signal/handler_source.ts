/**
 * Receiving by our own handler: the pipe's records, read on the event loop while somebody waits and handed to whoever listens.
 *
 * @module
 */

import { ByteReader } from "../sys/byte_reader.ts";
import type { Deadline } from "../sys/clock.ts";
import { POLL, SIG } from "../sys/linux.ts";
import { pollSync } from "../sys/poll.ts";
import { parseSiginfo } from "./event.ts";
import { siginfoHandler } from "./siginfo_handler.ts";
import type { Sink, Source, Subscription } from "./source.ts";

/** Most records of one read. */
const BATCH = 512;

class HandlerSource implements Source {
  readonly #handler = siginfoHandler();
  readonly #sinks = new Set<Sink>();
  readonly #listeners = new Map<number, number>();
  readonly #buffer = new Uint8Array(BATCH * SIG.siginfoByteLength);
  /** Bytes of a record of which the rest has not been read. */
  #partial = 0;
  /** Over a duplicate, open while somebody listens: the pipe itself is never closed. */
  #reader: ByteReader | undefined;
  /** The one that a read is pending on. */
  #pending: ByteReader | undefined;
  #waiting = 0;
  #isReading = false;
  #withdrawal = new AbortController();

  subscribe(sink: Sink): Subscription {
    this.#reader ??= new ByteReader(this.#handler.reader.duplicate());
    // What is in the pipe by now was sent before this call.
    this.#collect();
    this.#sinks.add(sink);
    const numbers: number[] = [];
    const close = () => {
      if (!this.#sinks.delete(sink)) return;
      for (const number of numbers.splice(0)) this.#leave(number);
      if (this.#sinks.size === 0) this.#closeReader();
    };
    const before = [...sink.numbers].map((number) => [number, this.#handler.dropped(number)] as const);
    try {
      for (const number of sink.numbers) {
        this.#join(number);
        numbers.push(number);
      }
    } catch (error) {
      close();
      throw error;
    }
    return {
      capacity: this.#handler.capacity,
      dropped: () => before.reduce((sum, [number, count]) => sum + this.#handler.dropped(number) - count, 0),
      wait: () => this.#wait(),
      waitSync: (deadline) => this.#waitSync(deadline),
      collect: () => this.#collect(),
      close,
    };
  }

  #join(number: number): void {
    const count = this.#listeners.get(number) ?? 0;
    if (count === 0) this.#handler.install(number);
    this.#listeners.set(number, count + 1);
  }

  #leave(number: number): void {
    const count = this.#listeners.get(number) ?? 0;
    this.#listeners.set(number, count - 1);
    if (count === 1) this.#handler.uninstall(number);
  }

  #closeReader(): void {
    this.#reader?.close();
    this.#reader = undefined;
    this.#partial = 0;
  }

  #wait(): () => void {
    this.#handler.refresh();
    this.#waiting++;
    if (!this.#isReading) void this.#readWhileWaiting();
    let waits = true;
    return () => {
      if (!waits) return;
      waits = false;
      if (--this.#waiting === 0) this.#withdrawal.abort();
    };
  }

  async #readWhileWaiting(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#waiting > 0 && this.#reader !== undefined) {
        this.#withdrawal = new AbortController();
        const { signal } = this.#withdrawal;
        const reader = this.#reader;
        this.#pending = reader;
        try {
          const count = await reader.read(this.#buffer.subarray(this.#partial), { signal });
          this.#deliver(count ?? 0);
          this.#handler.refresh();
        } catch (error) {
          // Nobody waits any more; or somebody waits again, by now perhaps with another reader.
          if (!signal.aborted && !reader.closed) throw error;
        }
      }
    } catch (error) {
      for (const sink of [...this.#sinks]) sink.fail(error);
    } finally {
      this.#pending = undefined;
      this.#isReading = false;
    }
  }

  #waitSync(deadline: Deadline): void {
    if (this.#pending === this.#reader) {
      throw new Deno.errors.Busy("Cannot block for a signal while something else awaits one");
    }
    this.#handler.refresh();
    pollSync(this.#handler.reader, POLL.IN, deadline);
  }

  #collect(): void {
    // While a read is pending on the event loop, what it gets comes first; and it will get all.
    const reader = this.#reader;
    if (reader === undefined || reader === this.#pending) return;
    while (true) {
      const count = reader.tryRead(this.#buffer.subarray(this.#partial));
      if (count === undefined || count === null) return;
      this.#deliver(count);
    }
  }

  #deliver(count: number): void {
    const end = this.#partial + count;
    let at = 0;
    for (; at + SIG.siginfoByteLength <= end; at += SIG.siginfoByteLength) {
      const event = parseSiginfo(new DataView(this.#buffer.buffer, at, SIG.siginfoByteLength));
      for (const sink of [...this.#sinks]) if (sink.numbers.has(event.number)) sink.push(event);
    }
    this.#buffer.copyWithin(0, at, end);
    this.#partial = end - at;
  }
}

let source: HandlerSource | undefined;

/** The source of this isolate. */
export function handlerSource(): Source {
  return source ??= new HandlerSource();
}
