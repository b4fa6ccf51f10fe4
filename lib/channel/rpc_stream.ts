/**
 * Async iterables between two programs: the reader asks for so many items, the writer makes no more.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { ServedCall } from "./rpc_call.ts";
import { MOST_ITEMS, type RpcMessage } from "./rpc_message.ts";

/** What streams need of the session that they belong to. */
export interface StreamRoad {
  /** Sends a message; `refused` is told when it is one that cannot be sent. */
  post(message: RpcMessage, refused?: (error: unknown) => void): void;
  /** While what the peer has asked for before is still waiting for it: resolves when it may be given more. */
  roomy(): Promise<void> | undefined;
  encode(value: unknown): unknown;
  /** The same for what was thrown, which must be told somehow. */
  encodeError(error: unknown): unknown;
  decode(value: unknown): unknown;
}

/** One of our iterables, read by the peer. */
export class SentStream {
  readonly #id: number;
  readonly #items: AsyncIterable<unknown>;
  readonly #road: StreamRoad;
  readonly #call: ServedCall | undefined;
  readonly #onOver: () => void;
  #iterator: AsyncIterator<unknown> | undefined;
  #asked = 0;
  #running = false;
  #over = false;

  constructor(
    id: number,
    items: AsyncIterable<unknown>,
    { road, call, onOver }: { road: StreamRoad; call: ServedCall | undefined; onOver: () => void },
  ) {
    this.#id = id;
    this.#items = items;
    this.#road = road;
    this.#call = call;
    this.#onOver = onOver;
  }

  /** The peer wants so many more. @throws {ProtocolError} When it wants too many. */
  pull(count: number): void {
    if (this.#over) return;
    this.#asked += count;
    if (this.#asked > MOST_ITEMS) {
      throw new ProtocolError(`Calls: more than ${MOST_ITEMS} items of a stream were asked for`);
    }
    if (!this.#running) void this.#run();
  }

  /** Nobody reads any more: what the iterable was doing is cancelled, and it is told to clean up. */
  stop(reason: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#call?.cancel(reason);
    // Whoever stopped reading hears of no further error.
    void this.#cleanUp().catch(() => {});
  }

  async #cleanUp(): Promise<void> {
    const iterator = this.#iterator ??= this.#items[Symbol.asyncIterator]();
    await this.#within(() => iterator.return?.());
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      const iterator = this.#iterator ??= this.#within(() => this.#items[Symbol.asyncIterator]());
      while (this.#asked > 0 && !this.#over) {
        const roomy = this.#road.roomy();
        if (roomy !== undefined) await roomy;
        if (this.#over) return;
        const { done, value } = await this.#within(() => iterator.next());
        if (this.#over) return;
        if (done) {
          this.#finish();
          return this.#road.post({ kind: "end", stream: this.#id });
        }
        this.#asked--;
        this.#send(value);
      }
    } catch (error) {
      if (this.#over) return;
      this.#fail(error);
    } finally {
      this.#running = false;
    }
  }

  #send(value: unknown): void {
    const refused = (error: unknown) => {
      this.#fail(error);
      this.#call?.cancel(error);
      void this.#cleanUp().catch(() => {});
    };
    try {
      this.#road.post({ kind: "item", stream: this.#id, value: this.#road.encode(value) }, refused);
    } catch (error) {
      refused(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#road.post({ kind: "fail", stream: this.#id, error: this.#road.encodeError(error) });
  }

  #finish(): void {
    this.#over = true;
    this.#onOver();
  }

  #within<T>(work: () => T): T {
    return this.#call === undefined ? work() : this.#call.run(work);
  }
}

interface Waiter {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: unknown): void;
}

/** One of the peer's iterables, read here, once. Nothing is made before the first item is asked for. */
export class ReceivedStream implements AsyncIterableIterator<unknown, undefined> {
  readonly #id: number;
  readonly #road: StreamRoad;
  readonly #window: number;
  readonly #onStart: () => void;
  #onOver: () => void;
  readonly #items: unknown[] = [];
  readonly #waiters: Waiter[] = [];
  #started = false;
  #asked = 0;
  #taken = 0;
  #end: { readonly error?: unknown } | undefined;

  constructor(
    id: number,
    { road, window, onStart, onOver }: { road: StreamRoad; window: number; onStart: () => void; onOver: () => void },
  ) {
    this.#id = id;
    this.#road = road;
    this.#window = window;
    this.#onStart = onStart;
    this.#onOver = onOver;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#items.length > 0) {
      const value = this.#items.shift();
      this.#took();
      return Promise.resolve({ done: false, value });
    }
    if (!this.#started && this.#end === undefined) this.#start();
    if (this.#end !== undefined) return this.#ending();
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<unknown, undefined>>();
    this.#waiters.push({ resolve: resolve as Waiter["resolve"], reject });
    return promise;
  }

  /** Stops reading: the other side's generator is told. */
  return(): Promise<IteratorResult<unknown, undefined>> {
    this.giveUp({});
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Something more to do when it has ended. */
  onOver(work: () => void): void {
    const before = this.#onOver;
    this.#onOver = () => {
      before();
      work();
    };
  }

  /** An item came. @throws {ProtocolError} One that nobody asked for. */
  deliver(value: unknown): void {
    if (this.#asked === 0) throw new ProtocolError("Calls: an item of a stream came that nobody asked for");
    this.#asked--;
    const decoded = this.#road.decode(value);
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return void this.#items.push(decoded);
    this.#took();
    waiter.resolve({ done: false, value: decoded });
  }

  /** The other side has ended it, by an error or without. */
  finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#onOver();
    for (const waiter of this.#waiters.splice(0)) {
      if ("error" in end) waiter.reject(end.error);
      else waiter.resolve({ done: true, value: undefined });
      // Only the first is told what went wrong, as with a generator.
      this.#end = end = {};
    }
  }

  /** This side ends it; what had come is dropped. */
  giveUp(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return void this.#items.splice(0);
    this.#items.length = 0;
    // The other side holds the iterable even when none of it was read.
    this.#road.post({ kind: "stop", stream: this.#id });
    this.finish(end);
  }

  #start(): void {
    this.#started = true;
    this.#asked = this.#window;
    this.#onStart();
    this.#road.post({ kind: "pull", stream: this.#id, count: this.#window });
  }

  /** Asks again when half of what was asked for has been taken, so that a reader that keeps up never waits for the question. */
  #took(): void {
    this.#taken++;
    if (this.#end !== undefined || this.#taken < Math.ceil(this.#window / 2)) return;
    this.#asked += this.#taken;
    this.#road.post({ kind: "pull", stream: this.#id, count: this.#taken });
    this.#taken = 0;
  }

  #ending(): Promise<IteratorResult<unknown, undefined>> {
    const end = this.#end;
    this.#end = {};
    if (end !== undefined && "error" in end) return Promise.reject(end.error);
    return Promise.resolve({ done: true, value: undefined });
  }
}
