/**
 * What `signals()` returns.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { cancellable, Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { SIG } from "../sys/linux.ts";
import type { SignalEvent } from "./event.ts";
import type { Signal } from "./names.ts";
import type { Source, Subscription } from "./source.ts";

interface Waiter {
  resolve: (event: SignalEvent) => void;
  reject: (reason: unknown) => void;
  stop: () => void;
}

interface ListenerOptions {
  /** The signals, for errors. */
  what: string;
  maxBuffered: number;
  signal: AbortSignal | undefined;
}

/**
 * Signals as they arrive. Made by {@linkcode signals}, and closed by leaving the loop over it, by `using`, or by `close()`.
 *
 * Events that nobody has taken yet wait in order; two readers of one listener share its events, two listeners each see them all.
 */
export class SignalListener<S extends Signal = Signal> implements AsyncIterableIterator<SignalEvent<S>, undefined> {
  readonly #what: string;
  readonly #subscription: Subscription;
  readonly #maxBuffered: number;
  readonly #events: SignalEvent[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#end(this.#signal?.reason);
  #overflowed = 0;
  #ended: { readonly reason: unknown } | undefined;

  /** Called by {@linkcode signals}. */
  constructor(source: Source, numbers: ReadonlySet<number>, options: ListenerOptions) {
    this.#what = `Listener to ${options.what}`;
    this.#maxBuffered = options.maxBuffered;
    this.#signal = options.signal;
    this.#subscription = source.subscribe({
      numbers,
      push: (event) => this.#push(event),
      fail: (reason) => this.#end(reason),
    });
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Events that can wait in the kernel while JavaScript is busy, those of all listeners together; `0` where it is not known. */
  get capacity(): number {
    return this.#subscription.capacity;
  }

  /**
   * Events that this listener has lost, because the kernel's pipe was full or more than `maxBuffered` of them waited here. (Standard signals
   * that became one are not lost events, and are not counted.)
   */
  get dropped(): number {
    return this.#overflowed + this.#subscription.dropped();
  }

  /** Whether the listener has been closed, by whatever way. */
  get closed(): boolean {
    return this.#ended !== undefined;
  }

  /**
   * Waits on the event loop for the next event.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`. No event is lost by either.
   * @throws {ClosedError} When the listener is closed, also during the wait.
   */
  async receive(options: WaitOptions = {}): Promise<SignalEvent<S>> {
    options.signal?.throwIfAborted();
    const waiting = `Waiting for ${this.#what.slice("Listener to ".length)}`;
    const deadline = new Deadline(waiting, options.timeoutMs);
    const event = this.tryReceive();
    if (event !== undefined) return event;
    const stop = this.#subscription.wait();
    try {
      return typed(
        await cancellable<SignalEvent>(waiting, options, (resolve, reject) => {
          const waiter = { resolve, reject, stop };
          this.#waiters.push(waiter);
          return () => void this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        }, deadline),
      );
    } catch (error) {
      await stop();
      throw error;
    }
  }

  /**
   * Blocks this thread for the next event. Needs `--allow-ffi`.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {ClosedError} After `close()`.
   *
   * @tags allow-ffi
   */
  receiveSync(options: SyncWaitOptions = {}): SignalEvent<S> {
    const deadline = new Deadline(`Waiting for ${this.#what.slice("Listener to ".length)}`, options.timeoutMs);
    while (true) {
      const event = this.tryReceive();
      if (event !== undefined) return event;
      this.#subscription.waitSync(deadline);
    }
  }

  /**
   * The next event if there is one. Never waits.
   *
   * @throws {ClosedError} After `close()`.
   */
  tryReceive(): SignalEvent<S> | undefined {
    this.#mustListen();
    while (this.#events.length === 0 && this.#subscription.collect());
    const event = this.#events.shift();
    return event === undefined ? undefined : typed(event);
  }

  /** The next event, for `for await`; done once the listener is closed. */
  async next(): Promise<IteratorResult<SignalEvent<S>, undefined>> {
    try {
      return { done: false, value: await this.receive() };
    } catch (error) {
      if (error instanceof ClosedError) return { done: true, value: undefined };
      throw error;
    }
  }

  /** Closes the listener, for `for await` that is left early. */
  return(): Promise<IteratorResult<SignalEvent<S>, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The listener itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Stops listening; what was not taken is gone. Pending waits reject with `ClosedError`. May be called twice. */
  close(): void {
    this.#end(new ClosedError(this.#what));
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #push(event: SignalEvent): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.stop();
      waiter.resolve(event);
    } else if (this.#events.length < this.#maxBuffered || this.#isNews(event)) this.#events.push(event);
    else this.#overflowed++;
  }

  /** Whether an event has to wait here even where there is no room: a standard signal that none of the waiting ones tells of. */
  #isNews(event: SignalEvent): boolean {
    return event.number < SIG.RTMIN && !this.#events.some((waiting) => waiting.number === event.number);
  }

  #end(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#subscription.close();
    this.#events.length = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }

  #mustListen(): void {
    if (this.#ended !== undefined) throw this.#ended.reason;
  }
}

/** The source gives only events of the signals that were asked for, and those are the names in S. */
function typed<S extends Signal>(event: SignalEvent): SignalEvent<S> {
  return event as SignalEvent<S>;
}
