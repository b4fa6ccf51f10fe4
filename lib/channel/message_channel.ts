/**
 * The channel over any road: codecs, schemas, policies and the order of waits.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import type { PeerCredentials } from "../socket/peer.ts";
import { Deadline, nextTurn, type SyncWaitOptions, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { Line } from "../sys/line.ts";
import { publish, startedNs } from "../sys/probe.ts";
import type { Channel } from "./channel.ts";
import type { ChannelTerms } from "./channel_terms.ts";
import { readableFrom, writableTo } from "./channel_streams.ts";
import { asynchronous, MessageValues } from "./message_values.ts";
import type { InPlace } from "./shm_in_place.ts";
import { StraightReceive } from "./straight_receive.ts";
import type { Transport } from "./transport.ts";
import { SendQueue } from "./when_full.ts";

/** The result of a send that did not have to wait. */
const DONE = Promise.resolve();

/** `receiveMany` takes so many unless something else is said. */
const MANY = 1024;

/** Messages that go through without a wait before the event loop is asked whether it needs a turn. */
const FREE_RIDES = 32;

/** A channel over a road. */
export class MessageChannel<In, Out> implements Channel<In, Out> {
  readonly #transport: Transport;
  readonly #terms: ChannelTerms;
  readonly #values: MessageValues<In>;
  readonly #queue: SendQueue | undefined;
  readonly #road: string | undefined;
  readonly #senders = new Line();
  readonly #receivers = new Line();
  readonly #straight: StraightReceive<In>;
  /** What was taken from the road and not given out: its validator is asynchronous, and the caller was not. */
  #held: { readonly value: Promise<In> } | undefined;
  #closed = false;
  #sendingClosed = false;
  #rides = 0;
  #inPlace: InPlace<In> | undefined;
  #readable: ReadableStream<In> | undefined;
  #writable: WritableStream<Out> | undefined;

  /** @param transport The road, owned from now on. @param terms Of `channelTerms`. @param road What both ends call it for the probe. */
  constructor(transport: Transport, terms: ChannelTerms, road?: string) {
    this.#transport = transport;
    this.#road = road;
    this.#terms = terms;
    this.#values = new MessageValues(transport.address, terms);
    this.#straight = new StraightReceive<In>(transport, {
      read: (message) => this.#read(message),
      goOn: () => this.#receiveInTurn({}, new Deadline(`Receiving from ${this.address}`)),
      leave: () => this.#receivers.leave(),
    });
    const { whenFull, highWaterMark } = terms;
    if (whenFull !== "block") this.#queue = new SendQueue(transport, whenFull, highWaterMark);
  }

  get address(): string {
    return this.#transport.address;
  }

  get directions(): "both" | "send" | "receive" {
    return this.#transport.directions;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get dropped(): number {
    return this.#queue?.dropped ?? 0;
  }

  get peer(): PeerCredentials | undefined {
    return this.#transport.peer;
  }

  get inPlace(): InPlace<In> | undefined {
    return this.#inPlace ??= this.#transport.inPlace<In>?.(this.#terms.codec.struct);
  }

  send(value: Out, options: WaitOptions = {}): Promise<void> {
    try {
      this.#mustSend();
      if (options.signal?.aborted) return Promise.reject(options.signal.reason);
      if (this.#terms.sendSchema === undefined) return this.#sendBytes(this.#encode(value), options);
      const valid = this.#values.valid(value);
      if (valid instanceof Promise) return valid.then((settled) => this.#sendBytes(this.#encode(settled), options));
      return this.#sendBytes(this.#encode(valid), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  sendSync(value: Out, options: SyncWaitOptions = {}): void {
    this.#mustSend();
    const message = this.#encode(this.#values.validSync(value));
    if (this.#queue !== undefined) return this.#offer(this.#queue, message);
    if (this.#senders.taken) throw new Deno.errors.Busy(`A send to ${this.address} is pending`);
    const started = startedNs();
    this.#transport.sendSync(message, options);
    this.#told("channel.send", message.byteLength, started);
  }

  trySend(value: Out): boolean {
    this.#mustSend();
    const message = this.#encode(this.#values.validSync(value));
    if (this.#queue !== undefined) return this.#queue.offer(message);
    return this.#trySend(message);
  }

  async sendMany(values: Iterable<Out>, options: WaitOptions = {}): Promise<number> {
    this.#mustSend();
    options.signal?.throwIfAborted();
    const deadline = new Deadline(`Sending to ${this.address}`, options.timeoutMs);
    const rest = () => ({ signal: options.signal, timeoutMs: deadline.remainingMs });
    let count = 0;
    if (this.#queue !== undefined || this.#terms.sendSchema !== undefined || !this.#transport.trySendMany) {
      for (const value of values) {
        await this.send(value, rest());
        count++;
      }
      return count;
    }
    // Everything is encoded before anything goes: what cannot be sent is known by then.
    let messages = Array.from(values, (value) => this.#encode(value));
    await this.#senders.enter(`Sending to ${this.address}`, options, deadline);
    try {
      while (messages.length > 0) {
        if (turnIsDue()) await nextTurn();
        this.#mustSend();
        const sent = this.#transport.trySendMany(messages);
        for (const message of messages.slice(0, sent)) this.#told("channel.send", message.byteLength);
        count += sent;
        messages = sent === 0 ? messages : messages.slice(sent);
        const [next] = messages;
        if (sent > 0 || next === undefined) continue;
        await this.#transport.send(next, rest());
        this.#told("channel.send", next.byteLength);
        count++;
        messages = messages.slice(1);
      }
      await this.#transport.flushed?.(rest());
    } finally {
      this.#senders.leave();
    }
    return count;
  }

  receive(options: WaitOptions = {}): Promise<In | null> {
    try {
      const plain = !this.#receivers.taken && this.#held === undefined && options.signal === undefined;
      if (plain && !this.#turnIsDue()) {
        this.#mustReceive();
        const transport = this.#transport;
        const message = transport.takeReceived ? transport.takeReceived() : transport.tryReceive();
        if (message !== undefined) return Promise.resolve(message === null ? null : this.#read(message));
        const straight = options.timeoutMs === undefined && this.#straight.possible && this.#receivers.tryEnter();
        if (straight) return this.#straight.receive();
      }
      return this.#receive(options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  receiveSync(options: SyncWaitOptions = {}): In | null {
    this.#mustReceive();
    if (this.#receivers.taken) throw new Deno.errors.Busy(`A receive from ${this.address} is pending`);
    this.#mustNotHold();
    const message = this.#transport.receiveSync(options);
    return message === null ? null : this.#readSync(message);
  }

  tryReceive(): In | null | undefined {
    this.#mustReceive();
    if (this.#receivers.taken) return undefined;
    this.#mustNotHold();
    const message = this.#transport.tryReceive();
    return message === undefined || message === null ? message : this.#readSync(message);
  }

  async receiveMany(max = MANY, options: WaitOptions = {}): Promise<In[] | null> {
    if (!Number.isInteger(max) || max < 1) {
      throw new RangeError(`max must be an integer of at least 1, got ${Deno.inspect(max)}`);
    }
    const first = await this.receive(options);
    if (first === null) return null;
    const values: In[] = [first];
    const transport = this.#transport;
    while (values.length < max && !this.#closed && !this.#receivers.taken && this.#held === undefined) {
      let message: Uint8Array | null | undefined;
      try {
        message = transport.takeReceived ? transport.takeReceived() : transport.tryReceive();
      } catch {
        // The road keeps its failure: the next receive throws it.
        break;
      }
      // The end is told by the next receive, as often as it is asked.
      if (message === undefined || message === null) break;
      const value = attempt(() => this.#read(message));
      // What fails, or takes its time, is the next receive's.
      if (value instanceof Promise) {
        this.#held = { value };
        break;
      }
      values.push(value);
    }
    return values;
  }

  get readable(): ReadableStream<In> {
    return this.#readable ??= readableFrom(this);
  }

  get writable(): WritableStream<Out> {
    return this.#writable ??= writableTo(this);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<In> {
    this.#mustReceive();
    return this.#messages();
  }

  closeSending(): void {
    if (this.#closed) throw new ClosedError(`Channel ${this.address}`);
    if (this.#sendingClosed) return;
    if (this.directions === "receive") throw this.#oneWay("send");
    this.#sendingClosed = true;
    const { drained } = this.#queue ?? {};
    if (drained === undefined) return this.#transport.closeSending();
    void drained.then(() => this.#closed || this.#transport.closeSending());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue?.close();
    this.#transport.close();
    publish(() => ({ kind: "channel.close", address: this.address, road: this.#road }));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#transport.left;
  }

  #sendBytes(message: Uint8Array, options: WaitOptions): Promise<void> {
    this.#mustSend();
    if (this.#queue !== undefined) {
      this.#offer(this.#queue, message);
      return this.#turnIsDue() ? nextTurn() : DONE;
    }
    if (this.#turnIsDue() || !this.#trySend(message)) return this.#send(message, options);
    return this.#transport.flushed?.(options) ?? DONE;
  }

  async #send(message: Uint8Array, options: WaitOptions): Promise<void> {
    const what = `Sending to ${this.address}`;
    const deadline = new Deadline(what, options.timeoutMs);
    await this.#senders.enter(what, options, deadline);
    try {
      if (turnIsDue()) {
        await nextTurn();
        options.signal?.throwIfAborted();
      }
      this.#mustSend();
      const started = startedNs();
      await this.#transport.send(message, { signal: options.signal, timeoutMs: deadline.remainingMs });
      this.#told("channel.send", message.byteLength, started);
    } finally {
      this.#senders.leave();
    }
  }

  #trySend(message: Uint8Array): boolean {
    const started = startedNs();
    if (this.#senders.taken || !this.#transport.trySend(message)) return false;
    this.#told("channel.send", message.byteLength, started);
    return true;
  }

  #offer(queue: SendQueue, message: Uint8Array): void {
    if (queue.offer(message)) return;
    if (this.#terms.whenFull === "error") queue.refuse();
    queue.countDropped();
  }

  async #receive(options: WaitOptions): Promise<In | null> {
    options.signal?.throwIfAborted();
    const what = `Receiving from ${this.address}`;
    const deadline = new Deadline(what, options.timeoutMs);
    this.#mustReceive();
    await this.#receivers.enter(what, options, deadline);
    return await this.#receiveInTurn(options, deadline);
  }

  async #receiveInTurn(options: WaitOptions, deadline: Deadline): Promise<In | null> {
    try {
      if (turnIsDue()) {
        await nextTurn();
        options.signal?.throwIfAborted();
      }
      this.#mustReceive();
      const held = this.#held;
      this.#held = undefined;
      if (held !== undefined) return await held.value;
      const plain = options.signal === undefined && options.timeoutMs === undefined;
      const message = await this.#transport.receive(
        plain ? options : { signal: options.signal, timeoutMs: deadline.remainingMs },
      );
      return message === null ? null : await this.#read(message);
    } finally {
      this.#receivers.leave();
    }
  }

  async *#messages(): AsyncGenerator<In, void, void> {
    while (!this.#closed) {
      let value: In | null;
      try {
        value = await this.receive();
      } catch (error) {
        if (this.#closed && error instanceof ClosedError) return;
        throw error;
      }
      if (value === null) return;
      yield value;
    }
  }

  #encode(value: unknown): Uint8Array {
    return this.#values.encode(value, this.#transport.maxMessageBytes);
  }

  #read(message: Uint8Array): In | Promise<In> {
    this.#told("channel.receive", message.byteLength);
    return this.#values.read(message);
  }

  #readSync(message: Uint8Array): In {
    const value = this.#read(message);
    if (!this.#values.isPending(value)) return value as In;
    value.catch(() => {});
    this.#held = { value };
    throw asynchronous("schema", "receive()");
  }

  #mustSend(): void {
    if (this.#closed) throw new ClosedError(`Channel ${this.address}`);
    if (this.#sendingClosed) throw new ClosedError(`Channel ${this.address}`, "is closed for sending");
    if (this.directions === "receive") throw this.#oneWay("send");
  }

  #mustReceive(): void {
    if (this.#closed) throw new ClosedError(`Channel ${this.address}`);
    if (this.directions === "send") throw this.#oneWay("receive");
  }

  #mustNotHold(): void {
    if (this.#held !== undefined) throw asynchronous("schema", "receive()");
  }

  #oneWay(what: string): TypeError {
    return new TypeError(`This end of ${this.address} cannot ${what}: the listener receives, the connector sends`);
  }

  #turnIsDue(): boolean {
    if (++this.#rides < FREE_RIDES) return false;
    this.#rides = 0;
    return turnIsDue();
  }

  #told(kind: string, bytes: number, started?: number): void {
    publish(() => ({ kind, address: this.address, road: this.#road, bytes, startedNs: started }));
  }
}

/** What a function returns; a rejected promise, which is not reported as unhandled, for what it throws. */
function attempt<Value>(work: () => Value | Promise<Value>): Value | Promise<Value> {
  let result: Value | Promise<Value>;
  try {
    result = work();
  } catch (error) {
    result = Promise.reject(error);
  }
  if (result instanceof Promise) result.catch(() => {});
  return result;
}
