/**
 * Messages over roads that carry bytes.
 *
 * @module
 */

import { ChannelClosedError, ClosedError, PosixError, ProtocolError } from "../errors.ts";
import type { PeerCredentials } from "../socket/peer.ts";
import type { Waiter } from "../sys/adopted.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { ByteRoad } from "./byte_road.ts";
import { agree, encodeHello, type Hello, KIND, NOTHING } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { FrameWriter } from "./frame_writer.ts";
import type { Transport } from "./transport.ts";

/** A peer that has gone may have left so much unread, of which its last word is looked for. */
const MOST_LEFT_BYTES = 4 * 1024 * 1024;

/** One end of a road of bytes. */
export class FramedTransport implements Transport {
  readonly address: string;
  readonly directions: "both" | "send" | "receive";
  readonly peer: PeerCredentials | undefined;
  readonly #road: ByteRoad;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #ours: Hello;
  #theirs: Hello;
  /** Whether the other end's hello was heard. Those that `open` makes do not exist before. */
  #greeted = true;
  /** What the peer has said last: that it sends no more, or that it has closed. */
  #farewell: "end" | "bye" | undefined;
  #failure: Error | undefined;
  #reading: Promise<unknown> | undefined;
  /** Who waits for an arrival, and who waits for the end of that wait. */
  #waiter: Waiter | undefined;
  #waited: PromiseWithResolvers<void> | undefined;
  readonly #arrival: Waiter = {
    resolve: () => this.#closed ? this.#arrival.reject(undefined) : this.#endWait((waiter) => waiter.resolve()),
    reject: (reason) => this.#endWait((waiter) => waiter.reject(this.#readFailed(reason))),
  };
  #closed = false;
  left: Promise<void> | undefined;

  private constructor(address: string, road: ByteRoad, hello: Hello) {
    this.address = address;
    this.directions = road.directions;
    this.peer = road.peer;
    this.#road = road;
    this.#ours = hello;
    this.#theirs = hello;
    this.#reader = new FrameReader(address, hello.maxMessageBytes);
    this.#writer = new FrameWriter(road);
  }

  /**
   * Says hello, and hears the other end's where it can speak.
   *
   * @throws {ProtocolError} When the two do not agree. The road is closed.
   * @throws {ChannelClosedError} When the other end has gone without a word.
   */
  static async open(address: string, road: ByteRoad, hello: Hello, options: WaitOptions): Promise<FramedTransport> {
    const transport = new FramedTransport(address, road, hello);
    try {
      await transport.#greet(options);
      return transport;
    } catch (error) {
      void road.close(NOTHING);
      throw error;
    }
  }

  /**
   * Says hello, and hears the other end's in what is received first: for an end that nobody has yet, such as that of a child that is not started.
   *
   * @param road With room for a hello.
   */
  static begin(address: string, road: ByteRoad, hello: Hello): FramedTransport {
    const transport = new FramedTransport(address, road, hello);
    transport.#greeted = false;
    transport.#sending(() => transport.#writer.try(KIND.HELLO, encodeHello(hello)));
    return transport;
  }

  get maxMessageBytes(): number {
    return Math.min(this.#ours.maxMessageBytes, this.#theirs.maxMessageBytes);
  }

  trySend(message: Uint8Array): boolean {
    return this.#sending(() => this.#writer.try(KIND.DATA, message));
  }

  trySendMany(messages: readonly Uint8Array[]): number {
    return this.#sending(() => this.#writer.tryMany(messages));
  }

  flushed(options: WaitOptions): Promise<void> | undefined {
    return this.#writer.pending ? this.#writer.flushed(options) : undefined;
  }

  async send(message: Uint8Array, options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const deadline = new Deadline(`Sending to ${this.address}`, options.timeoutMs);
    try {
      while (!this.#writer.try(KIND.DATA, message)) {
        await this.#writer.room(options, deadline);
        this.#requireOpen();
      }
      if (this.#writer.pending) await this.#writer.flushed({ ...options, timeoutMs: deadline.remainingMs });
    } catch (error) {
      // What a receive is about to bring may say why.
      if (isGone(error)) await this.#readEnded;
      throw this.#explain(error);
    }
  }

  sendSync(message: Uint8Array, options: SyncWaitOptions = {}): void {
    const deadline = new Deadline(`Sending to ${this.address}`, options.timeoutMs);
    this.#sending(() => {
      while (!this.#writer.try(KIND.DATA, message)) this.#road.roomSync(deadline);
      this.#writer.flushSync(deadline);
    });
  }

  takeReceived(): Uint8Array | null | undefined {
    this.#requireOpen();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#farewell !== undefined) return null;
    try {
      let frame = this.#reader.next();
      if (frame !== undefined && !this.#greeted) {
        this.#theirs = agree(this.#ours, frame.kind === KIND.HELLO ? frame.payload : NOTHING, this.address);
        this.#greeted = true;
        frame = this.#reader.next();
      }
      if (frame === undefined) return undefined;
      if (frame.kind === KIND.DATA) return frame.payload;
      if (frame.kind === KIND.HELLO) throw new ProtocolError(`${this.address}: a second hello`);
      this.#farewell = frame.kind === KIND.BYE ? "bye" : "end";
      return null;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async receive(options: WaitOptions = {}): Promise<Uint8Array | null> {
    const { signal, timeoutMs } = options;
    const deadline = timeoutMs === undefined ? undefined : new Deadline(`Receiving from ${this.address}`, timeoutMs);
    while (true) {
      const message = this.takeReceived();
      if (message !== undefined) return message;
      const step = deadline === undefined ? options : { signal, timeoutMs: deadline.remainingMs };
      const reading = this.#road.read(this.#reader.room(), step);
      this.#reading = reading.catch(() => {});
      try {
        this.#arrived(await reading);
      } catch (error) {
        throw this.#readFailed(deadline !== undefined && isTimeout(error, signal) ? deadline.timeoutError() : error);
      } finally {
        this.#reading = undefined;
      }
    }
  }

  get quiet(): boolean {
    return this.#road.quiet === true;
  }

  whenArrived(waiter: Waiter): void {
    this.#waiter = waiter;
    this.#road.whenArrived?.(this.#arrival);
  }

  receiveSync(options: SyncWaitOptions = {}): Uint8Array | null {
    const deadline = new Deadline(`Receiving from ${this.address}`, options.timeoutMs);
    while (true) {
      const message = this.takeReceived();
      if (message !== undefined) return message;
      try {
        this.#arrived(this.#road.readSync(this.#reader.room(), { timeoutMs: deadline.remainingMs }));
      } catch (error) {
        throw this.#readFailed(isTimeout(error) ? deadline.timeoutError() : error);
      }
    }
  }

  tryReceive(): Uint8Array | null | undefined {
    while (true) {
      const message = this.takeReceived();
      if (message !== undefined) return message;
      try {
        const count = this.#road.tryRead(this.#reader.room());
        if (count === undefined) return undefined;
        this.#arrived(count);
      } catch (error) {
        throw this.#readFailed(error);
      }
    }
  }

  closeSending(): void {
    try {
      this.#sending(() => this.#writer.append(KIND.END, NOTHING));
    } catch (error) {
      // Who has gone need not be told.
      if (!(error instanceof ChannelClosedError)) throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.left = this.#road.close(this.directions === "receive" ? NOTHING : this.#goodbye());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #greet(options: WaitOptions): Promise<void> {
    const deadline = new Deadline(`Meeting at ${this.address}`, options.timeoutMs);
    if (this.directions !== "receive") {
      const hello = encodeHello(this.#ours);
      try {
        while (!this.#sending(() => this.#writer.try(KIND.HELLO, hello))) await this.#writer.room(options, deadline);
      } catch (error) {
        // A peer that has gone already may have spoken before: what it has sent, and how it ended, is told by receiving.
        if (this.directions === "send" || !isGone(error) && !(error instanceof ChannelClosedError)) throw error;
      }
    }
    if (this.directions === "send") return;
    while (true) {
      const frame = this.#reader.next();
      if (frame !== undefined) {
        this.#theirs = agree(this.#ours, frame.kind === KIND.HELLO ? frame.payload : NOTHING, this.address);
        return;
      }
      try {
        this.#arrived(
          await this.#road.read(this.#reader.room(), { signal: options.signal, timeoutMs: deadline.remainingMs }),
        );
      } catch (error) {
        throw this.#readFailed(isTimeout(error, options.signal) ? deadline.timeoutError() : error);
      }
    }
  }

  /** What a read has brought. @throws {ChannelClosedError} At an end of file that nobody has announced. */
  #arrived(count: number | null): void {
    if (count === null) throw this.#fail(new ChannelClosedError(this.address, "died"));
    this.#reader.filled(count);
  }

  /** Resolves when the wait for bytes that is under way has ended. */
  get #readEnded(): Promise<unknown> | undefined {
    return this.#waiter === undefined ? this.#reading : (this.#waited ??= Promise.withResolvers()).promise;
  }

  #endWait(tell: (waiter: Waiter) => void): void {
    const waiter = this.#waiter;
    const waited = this.#waited;
    this.#waiter = this.#waited = undefined;
    if (waiter !== undefined) tell(waiter);
    waited?.resolve();
  }

  #sending<Result>(work: () => Result): Result {
    this.#requireOpen();
    try {
      return work();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #readFailed(error: unknown): unknown {
    if (this.#closed) return new ClosedError(`Channel ${this.address}`, "was closed during the wait");
    return isGone(error) ? this.#fail(new ChannelClosedError(this.address, "died", { cause: error })) : error;
  }

  /** Why a write failed. */
  #explain(error: unknown): unknown {
    if (this.#closed) return new ClosedError(`Channel ${this.address}`, "was closed during the wait");
    if (!isGone(error)) return error;
    return new ChannelClosedError(this.address, this.#saidBye() ? "closed" : "died", { cause: error });
  }

  /** Whether the peer, who has gone, said goodbye: it may be behind messages that nobody has received. */
  #saidBye(): boolean {
    if (this.#farewell === "bye" || this.#reader.holds(KIND.BYE)) return true;
    if (this.directions === "send") return this.#road.died === false;
    if (this.#failure !== undefined) return false;
    if (this.#reading !== undefined || this.#waiter !== undefined) {
      // What comes next is the read's that is under way: it is only looked at.
      const next = this.#road.peek?.(new Uint8Array(MOST_LEFT_BYTES));
      return next !== undefined && this.#reader.holds(KIND.BYE, next);
    }
    try {
      while (this.#reader.buffered < MOST_LEFT_BYTES) {
        const count = this.#road.tryRead(this.#reader.room());
        if (count === undefined || count === null) break;
        this.#reader.filled(count);
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return this.#reader.holds(KIND.BYE);
  }

  #fail(error: unknown): Error {
    const failure = Error.isError(error) ? error : new ProtocolError(String(error));
    this.#failure ??= failure;
    // Nothing more that such a peer says is read, and it learns that by losing the road.
    if (failure instanceof ProtocolError) void this.#road.close(NOTHING);
    return failure;
  }

  /** Says goodbye. @returns What there was no room for. */
  #goodbye(): Uint8Array<ArrayBuffer> {
    try {
      return this.#writer.last(KIND.BYE, NOTHING);
    } catch {
      // The peer has gone: nobody is left to be told.
      return NOTHING;
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw new ClosedError(`Channel ${this.address}`);
  }
}

/** What the kernel says of a peer that is not there any more; TCP also of one whose machine or network is not. */
const GONE = ["EPIPE", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN"];

function isGone(error: unknown): boolean {
  return error instanceof PosixError && GONE.includes(error.code);
}

/** Whether a time limit of the road's has passed: it names the road, and who waits knows the channel. */
function isTimeout(error: unknown, signal?: AbortSignal): boolean {
  return error instanceof DOMException && error.name === "TimeoutError" && error !== signal?.reason;
}
