/**
 * Receiving by our own handler: the pipe's records, read on the event loop while somebody waits and handed to whoever listens.
 *
 * @module
 */

import { ByteReader } from "../sys/byte_reader.ts";
import type { Deadline } from "../sys/clock.ts";
import { POLL, SIG } from "../sys/linux.ts";
import { pollSync } from "../sys/poll.ts";
import { parseSiginfo, type SignalEvent } from "./event.ts";
import { signalName } from "./names.ts";
import { siginfoHandler } from "./siginfo_handler.ts";
import type { Sink, Source, Subscription } from "./source.ts";

/** Most records of one read. */
const BATCH = 512;

class HandlerSource implements Source {
  readonly #handler = siginfoHandler();
  readonly #sinks = new Set<Sink>();
  readonly #listeners = new Map<number, number>();
  /** Per standard signal somebody listens to: how many drops have been made up for. */
  readonly #madeUp = new Map<number, number>();
  readonly #buffer = new Uint8Array(BATCH * SIG.siginfoByteLength);
  /** Bytes of a record of which the rest has not been read. */
  #partial = 0;
  /** Over a duplicate, open while somebody listens: the pipe itself is never closed. */
  #reader: ByteReader | undefined;
  #waiting = 0;
  /** The loop that reads while somebody waits. */
  #running: Promise<void> | undefined;
  /** A read is under way on the event loop: what it gets comes first, so nothing else may read. */
  #isReading = false;

  subscribe(sink: Sink): Subscription {
    this.#reader ??= new ByteReader(this.#handler.reader.duplicate());
    // What is in the pipe by now was sent before this call. (Under a storm it never gets empty.)
    for (let batch = 0; batch < this.#handler.capacity / BATCH && this.#collect(); batch++);
    const joined: number[] = [];
    const close = () => {
      if (!this.#sinks.delete(sink)) return;
      for (const number of joined.splice(0)) this.#leave(number);
      if (this.#running === undefined) this.#closeIfUnused();
    };
    const before = [...sink.numbers].map((number) => [number, this.#handler.dropped(number)] as const);
    this.#sinks.add(sink);
    try {
      for (const number of sink.numbers) {
        this.#join(number);
        joined.push(number);
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
    if (count === 0) {
      this.#handler.install(number);
      if (number < SIG.RTMIN) this.#madeUp.set(number, this.#handler.dropped(number));
    }
    this.#listeners.set(number, count + 1);
  }

  #leave(number: number): void {
    const count = this.#listeners.get(number) ?? 0;
    this.#listeners.set(number, count - 1);
    if (count !== 1) return;
    this.#handler.uninstall(number);
    this.#madeUp.delete(number);
  }

  #closeIfUnused(): void {
    if (this.#sinks.size > 0) return;
    this.#reader?.close();
    this.#reader = undefined;
    this.#partial = 0;
  }

  #wait(): () => Promise<void> | undefined {
    this.#handler.refresh();
    this.#waiting++;
    this.#running ??= this.#readWhileWaiting();
    let waits = true;
    return () => {
      if (waits && --this.#waiting === 0 && this.#isReading) this.#handler.ring();
      waits = false;
      return this.#waiting === 0 ? this.#running : undefined;
    };
  }

  /**
   * A read is never withdrawn: one that the event loop has begun may have taken records already. When nobody waits any more it is made to
   * come back.
   */
  async #readWhileWaiting(): Promise<void> {
    try {
      while (this.#waiting > 0 && this.#reader !== undefined) {
        this.#isReading = true;
        const count = await this.#reader.read(this.#buffer.subarray(this.#partial));
        this.#isReading = false;
        this.#handler.refresh();
        this.#deliver(count ?? 0);
      }
    } catch (error) {
      for (const sink of [...this.#sinks]) sink.fail(error);
    } finally {
      this.#isReading = false;
      this.#running = undefined;
      this.#closeIfUnused();
    }
  }

  #waitSync(deadline: Deadline): void {
    if (this.#isReading) throw new Deno.errors.Busy("Cannot block for a signal while something else awaits one");
    this.#handler.refresh();
    pollSync(this.#handler.reader, POLL.IN, deadline);
  }

  #collect(): boolean {
    if (this.#isReading || this.#reader === undefined) return false;
    const count = this.#reader.tryRead(this.#buffer.subarray(this.#partial)) ?? 0;
    this.#deliver(count);
    return count > 0;
  }

  #deliver(count: number): void {
    const end = this.#partial + count;
    let at = 0;
    for (; at + SIG.siginfoByteLength <= end; at += SIG.siginfoByteLength) {
      const record = new DataView(this.#buffer.buffer, at, SIG.siginfoByteLength);
      if (record.getInt32(SIG.siginfo.signo, true) !== 0) this.#handOut(parseSiginfo(record));
    }
    this.#buffer.copyWithin(0, at, end);
    this.#partial = end - at;
    this.#makeUp();
  }

  /** A standard signal says that something is the case (SIGTERM above all): it may be told late and without its sender, but not never. */
  #makeUp(): void {
    for (const [number, count] of this.#madeUp) {
      const dropped = this.#handler.dropped(number);
      if (dropped === count) continue;
      this.#madeUp.set(number, dropped);
      this.#handOut({ signal: signalName(number), number, cause: "unknown" });
    }
  }

  #handOut(event: SignalEvent): void {
    for (const sink of [...this.#sinks]) if (sink.numbers.has(event.number)) sink.push(event);
  }
}

let source: HandlerSource | undefined;

/** The source of this isolate. */
export function handlerSource(): Source {
  return source ??= new HandlerSource();
}
