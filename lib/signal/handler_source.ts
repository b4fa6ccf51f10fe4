/**
 * Receiving by our own handler: the pipe's records, read whenever somebody asks for events or the bell wakes the event loop, and handed to
 * whoever listens.
 *
 * The event loop waits for the bell and not for the pipe, because a read that it has begun cannot be withdrawn and may have taken records
 * already: nobody could then block for a signal, or just look, while something else awaits one.
 *
 * @module
 */

import { ByteReader } from "../sys/byte_reader.ts";
import { type Deadline, nextTurn, turnIsDue } from "../sys/clock.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { POLL, SIG } from "../sys/linux.ts";
import { ownPid, threadId } from "../sys/identity.ts";
import { platform } from "../sys/platform.ts";
import { pollUntilSignal } from "../sys/poll.ts";
import { isProbed, publish } from "../sys/probe.ts";
import { parseSiginfo, type SignalEvent } from "./event.ts";
import { signalName } from "./names.ts";
import { siginfoHandler } from "./siginfo_handler.ts";
import { HANDLED_AT } from "./machine_code.ts";
import type { Sink, Source, Subscription } from "./source.ts";

/** Most records of one read. */
const BATCH = 512;

class HandlerSource implements Source {
  readonly #handler = siginfoHandler();
  readonly #sinks = new Set<Sink>();
  readonly #listeners = new Map<number, number>();
  /** Per standard signal somebody listens to: how many drops have been made up for. */
  readonly #madeUp = new Map<number, number>();
  readonly #records = new Uint8Array(BATCH * SIG.siginfoByteLength);
  readonly #rings = new Uint8Array(16);
  /** Over a duplicate, open while somebody listens: the bell itself is never closed. */
  #bell: ByteReader | undefined;
  /** Who waits, and keeps the process alive; and who only would like to hear. */
  #waiting = 0;
  #watching = 0;
  /** The loop that waits for the bell while somebody waits or watches. */
  #running: Promise<void> | undefined;
  /** It does so now: the bell makes it come back. */
  #isListening = false;
  /** The last look at the pipe found nothing. */
  #isDrained = false;

  subscribe(sink: Sink): Subscription {
    this.#bell ??= new ByteReader(this.#handler.bell.duplicate());
    // What is in the pipe by now was sent before this call.
    this.#collectSome();
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
      // Deno starts a thread when it first catches a signal.
      this.#handler.refresh();
    } catch (error) {
      close();
      throw error;
    }
    return {
      capacity: this.#handler.capacity,
      dropped: () => before.reduce((sum, [number, count]) => sum + this.#handler.dropped(number) - count, 0),
      wait: () => this.#wait(),
      watch: () => this.#watch(),
      waitSync: (deadline) => this.#waitSync(deadline),
      collect: () => this.#collect(),
      close,
    };
  }

  /**
   * Calls a function during which signals that scopes block come through. They are sent to this process again, as they were, when they are
   * blocked again.
   */
  holdBack<T>(work: () => T): T {
    const numbers = this.#handler.scoped;
    const installed: number[] = [];
    this.#collectSome();
    try {
      for (const number of numbers) {
        this.#handler.install(number);
        installed.push(number);
      }
      return work();
    } finally {
      for (const number of installed) this.#handler.uninstall(number);
      this.#collectSome((event, record) => !numbers.has(event.number) || !sendAgain(event, record));
      this.#handler.refresh();
    }
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
    this.#bell?.close();
    this.#bell = undefined;
  }

  #wait(): () => Promise<void> | undefined {
    if (this.#waiting++ === 0 && this.#bell !== undefined) this.#bell.keepsAlive = true;
    this.#run();
    return this.#stopper(() => this.#waiting--);
  }

  #watch(): () => Promise<void> | undefined {
    this.#watching++;
    if (this.#waiting === 0 && this.#bell !== undefined) this.#bell.keepsAlive = false;
    this.#run();
    return this.#stopper(() => this.#watching--);
  }

  #run(): void {
    this.#handler.refresh();
    this.#running ??= this.#listen();
  }

  #stopper(leave: () => void): () => Promise<void> | undefined {
    let isHere = true;
    return () => {
      if (isHere) {
        isHere = false;
        leave();
        if (!this.#isWanted && this.#isListening) this.#handler.ring();
        if (this.#waiting === 0 && this.#bell?.closed === false) this.#bell.keepsAlive = !this.#isWanted;
      }
      return this.#isWanted ? undefined : this.#running;
    };
  }

  get #isWanted(): boolean {
    return this.#waiting + this.#watching > 0;
  }

  async #listen(): Promise<void> {
    try {
      while (this.#isWanted && this.#bell !== undefined) {
        while (!this.#isDrained && this.#isWanted && this.#collect()) if (turnIsDue()) await nextTurn();
        if (!this.#isWanted) break;
        this.#isListening = true;
        await this.#bell.read(this.#rings);
        this.#isListening = false;
        this.#handler.arm();
        this.#isDrained = false;
        this.#handler.refresh();
      }
    } catch (error) {
      for (const sink of [...this.#sinks]) sink.fail(error);
    } finally {
      this.#isListening = false;
      this.#running = undefined;
      this.#closeIfUnused();
    }
  }

  #waitSync(deadline: Deadline): void {
    this.#handler.refresh();
    pollUntilSignal(this.#handler.reader, POLL.IN, deadline);
  }

  /** Collects what is there. (Under a storm it never gets empty.) */
  #collectSome(isForListeners?: (event: SignalEvent, record: DataView<ArrayBuffer>) => boolean): void {
    for (let batch = 0; batch < this.#handler.capacity / BATCH && this.#collect(isForListeners); batch++);
  }

  /** Each record was written at once, so none is read in part. */
  #collect(isForListeners?: (event: SignalEvent, record: DataView<ArrayBuffer>) => boolean): boolean {
    const count = libc().read(this.#handler.reader.raw, this.#records, this.#records.byteLength);
    const number = count === -1 ? errno() : 0;
    this.#isDrained = number === ERRNO.EAGAIN;
    if (count === -1 && !this.#isDrained) fail(number, "read", this.#handler.reader.what);
    for (let at = 0; at < count; at += SIG.siginfoByteLength) {
      const record = new DataView(this.#records.buffer, at, SIG.siginfoByteLength);
      const event = parseSiginfo(record);
      if (isForListeners === undefined || isForListeners(event, record)) {
        if (isProbed()) tell(event, record);
        this.#handOut(event);
      }
    }
    this.#makeUp();
    return count > 0;
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

/** Tells the probe, with the time at which the handler ran. */
function tell(event: SignalEvent, record: DataView): void {
  const handledNs = Number(record.getBigInt64(HANDLED_AT, true)) * 1e9 +
    Number(record.getBigInt64(HANDLED_AT + 8, true));
  publish(() => ({ kind: "signal.receive", handledNs, ...event }));
}

let source: HandlerSource | undefined;

/**
 * Sends this process a signal that it has had already. The kernel lets only the main thread write to the process that somebody else sent it;
 * another one (Deno's tests run on one) may write so to itself.
 *
 * @returns Whether the kernel has taken it: not where as many are pending as RLIMIT_SIGPENDING allows.
 */
function sendAgain({ number }: SignalEvent, record: DataView<ArrayBuffer>): boolean {
  const { SYS } = platform();
  return libc().syscall_rt_sigqueueinfo(SYS.rt_sigqueueinfo, ownPid(), number, record) === 0 ||
    libc().syscall_rt_tgsigqueueinfo(SYS.rt_tgsigqueueinfo, ownPid(), threadId(), number, record) === 0;
}

export type { HandlerSource };

/** The source of this isolate. */
export function handlerSource(): HandlerSource {
  return source ??= new HandlerSource();
}
