/**
 * One channel that calls go over: what was sent and is not answered, what is being served, and the one loop that receives.
 *
 * @module
 */

import { ChannelClosedError, ClosedError, ProtocolError } from "../errors.ts";
import { turnIsDue, type WaitOptions } from "../sys/clock.ts";
import type { ServedCall } from "./rpc_call.ts";
import { ReceivedFunctions, type RemoteFunction, SentFunctions } from "./rpc_functions.ts";
import { checkMessage, MOST_CALLS, MOST_ITEMS, type RpcMessage } from "./rpc_message.ts";
import { MethodTable } from "./rpc_methods.ts";
import { MadeCalls, ServedCalls } from "./rpc_open_calls.ts";
import { Outbox, type RpcChannel } from "./rpc_outbox.ts";
import { OutgoingCall, type Target } from "./rpc_outgoing.ts";
import { Patience } from "./rpc_patience.ts";
import { Streams } from "./rpc_streams.ts";
import { decode, encode, isAsyncIterable, type References } from "./rpc_value.ts";
import { tooMuch, weigh } from "./rpc_weight.ts";

/** Items that a reader asks for ahead, when it does not say. */
export const BUFFERED_ITEMS = 16;

/** Messages that may wait for a peer that is slow: more than the answers to all its calls and some full streams. Our own calls come on top. */
const MOST_WAITING = 16 * (MOST_CALLS + MOST_ITEMS);

/** Messages that are taken before somebody else has a turn. */
const BATCH = 64;

/** Microtasks that a method or a caller may take to go on before this thread watches for the next message. */
const SETTLING = 4;

const sessions = new WeakMap<RpcChannel, RpcSession>();

/** Calls over one channel, in both directions. */
export class RpcSession {
  readonly #channel: RpcChannel;
  readonly #what: string;
  readonly #calls = new MadeCalls();
  readonly #served = new ServedCalls();
  readonly #sentFunctions = new SentFunctions();
  readonly #receivedFunctions = new ReceivedFunctions((id, count) => this.#release(id, count));
  readonly #streams = new Streams({
    post: (message, refused) => this.#post(message, refused),
    roomy: () => this.#outbox.crowded ? this.#outbox.roomy() : undefined,
    encode: (value) => encode(value, this.#references()),
    encodeError: (error) => this.#encodeSafely(error),
    decode: (value) => this.#decode(value),
  }, () => this.#receive());
  readonly #finished = Promise.withResolvers<void>();
  readonly #outbox: Outbox;
  readonly #patience = new Patience();
  #methods: MethodTable | undefined;
  #lastCall = 0;
  #lastThing = 0;
  #receiving = false;
  #end: { readonly error: Error } | undefined;
  /** How many items a stream asks for ahead. */
  bufferedItems = BUFFERED_ITEMS;

  private constructor(channel: RpcChannel) {
    this.#channel = channel;
    this.#what = channel.address ?? "the channel";
    this.#outbox = new Outbox(channel, MOST_WAITING, {
      onBroken: () => this.#receive(),
      onOverflow: (error) => this.#fail(error),
    });
    // Whoever does not ask for the end does not want to be told.
    this.#finished.promise.catch(() => {});
  }

  /** The session of a channel: one, however often it is served and called. */
  static of(channel: RpcChannel): RpcSession {
    let session = sessions.get(channel);
    if (session === undefined) sessions.set(channel, session = new RpcSession(channel));
    return session;
  }

  /** Resolves when either side has closed; rejects when the peer died or broke the rules. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Lets the peer call an object's methods. */
  serve(api: object, mostBytes: number): void {
    if (this.#end !== undefined) throw this.#end.error;
    if (this.#methods !== undefined) throw new TypeError("This channel serves an api already");
    this.#methods = new MethodTable(api);
    this.#served.mostBytes = this.#outbox.mostBytes = mostBytes;
    this.#receive();
  }

  /** Calls something of the peer's. */
  call(target: Target, args: readonly unknown[], options: WaitOptions): Promise<unknown> {
    let id = 0;
    const call = new OutgoingCall((reason) => {
      // The number is taken until the answer comes, which it does for cancelled calls too.
      if (this.#calls.get(id) === call) this.#post({ kind: "cancel", id, reason: this.#encodeSafely(reason) });
    });
    const start = () => {
      if (call.settled) return;
      id = ++this.#lastCall;
      this.#startCall(id, call, target, args, options.timeoutMs);
    };
    if (this.#end !== undefined) call.throw(this.#end.error);
    else {
      call.limit(options, target);
      this.#calls.begin(call, start);
    }
    return call.promise;
  }

  /** What the arguments of open calls of ours may weigh. */
  set mostCalledBytes(bytes: number) {
    this.#calls.mostBytes = bytes;
  }

  /** Ends everything: calls in both directions, streams, and the channel. */
  close(): void {
    this.#finish({ error: new ClosedError("Remote") });
  }

  #startCall(id: number, call: OutgoingCall, target: Target, args: readonly unknown[], timeoutMs?: number): void {
    let message: RpcMessage;
    try {
      if ("describe" in target) message = { kind: "describe", id };
      else {
        const limit = timeoutMs === undefined || timeoutMs === Infinity ? undefined : { timeoutMs };
        const encoded = this.#encodeArguments(args, call);
        call.bytes = weigh(encoded);
        message = { kind: "call", id, ...target, args: encoded, ...limit };
      }
    } catch (error) {
      return call.throw(error);
    }
    // A signal among the arguments may have aborted already.
    if (call.settled) return;
    this.#calls.add(id, call);
    this.#post(message, (error) => {
      call.throw(error);
      this.#calls.over(id);
    });
    this.#receive();
  }

  #post(message: RpcMessage, refused?: (error: unknown) => void): void {
    if (this.#end === undefined) this.#outbox.post(message, refused);
  }

  // Receiving.

  /** Whether anything can come that somebody waits for. A remote that waits for nothing keeps no program alive. */
  get #wanted(): boolean {
    return this.#end === undefined &&
      (this.#methods !== undefined || this.#calls.size > 0 || this.#streams.received > 0 ||
        this.#streams.sent > 0 || this.#sentFunctions.size > 0);
  }

  /** Whether an answer, or an item, is to come from the peer. */
  get #asks(): boolean {
    return this.#calls.size > 0 || this.#streams.received > 0;
  }

  #receive(): void {
    if (!this.#receiving) void this.#receiveAll();
    else this.#outbox.wake();
  }

  async #receiveAll(): Promise<void> {
    this.#receiving = true;
    try {
      // Whoever was called has a moment to go on, and whoever was answered to make the next call.
      for (let left = SETTLING; left > 0; left--) await null;
      while (this.#wanted) {
        // Who does not read gets no more to read. Where this side has asked something, too, both could wait for each other.
        if (this.#outbox.crowded && !this.#asks) {
          await this.#outbox.roomy(() => !this.#asks);
          continue;
        }
        let message = this.#watch() ?? await this.#channel.receive();
        for (let taken = 0; message !== undefined; taken++) {
          if (message === null) return this.#finish({ error: new ChannelClosedError(this.#what, "closed") });
          this.#take(checkMessage(message));
          if (this.#outbox.crowded && !this.#asks) break;
          if (taken >= BATCH || this.#channel.tryReceive === undefined || this.#end !== undefined) break;
          message = this.#channel.tryReceive();
        }
        for (let left = SETTLING; left > 0; left--) await null;
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new ProtocolError(String(error)));
    } finally {
      this.#receiving = false;
    }
  }

  /** A message that comes within a moment; `undefined` when there is nothing to watch for, or none has come. */
  #watch(): unknown {
    const { tryReceive } = this.#channel;
    // What is being served needs this thread.
    if (tryReceive === undefined || this.#served.size > 0 || this.#streams.sent > 0 || turnIsDue()) {
      return undefined;
    }
    return this.#patience.watch(() => this.#channel.tryReceive?.());
  }

  #take(message: RpcMessage): void {
    switch (message.kind) {
      case "call":
      case "describe":
        return this.#answer(message);
      case "return":
        return this.#answered(message.id, (call) => call.return(this.#decode(message.value)));
      case "throw":
        return this.#answered(message.id, (call) => call.throw(this.#decode(message.error)));
      case "cancel":
        return this.#served.get(message.id)?.cancel(this.#decode(message.reason));
      case "release":
        return this.#sentFunctions.release(message.function, message.count);
      default:
        return this.#streams.take(message);
    }
  }

  #answered(id: number, settle: (call: OutgoingCall) => void): void {
    const call = this.#calls.get(id);
    if (call === undefined) throw new ProtocolError(`Calls: an answer came to call ${id}, which is not open`);
    try {
      settle(call);
    } catch (error) {
      // A value that makes no sense must not leave the call open.
      call.throw(error);
      throw error;
    } finally {
      this.#calls.over(id);
    }
  }

  // Serving.

  #answer(message: Extract<RpcMessage, { kind: "call" | "describe" }>): void {
    const { id } = message;
    const isFull = this.#served.full;
    const call = this.#served.add(message);
    if (isFull) return this.#sendError(id, call, tooMuch("The arguments of open calls take too much memory"));
    let result: unknown;
    try {
      result = call.run(() => this.#perform(message, call));
    } catch (error) {
      if (error instanceof BrokenRules) throw error.cause;
      return this.#sendError(id, call, error);
    }
    if (isThenable(result)) {
      result.then((value) => this.#sendResult(id, call, value), (error) => this.#sendError(id, call, error));
    } else this.#sendResult(id, call, result);
  }

  #perform(message: Extract<RpcMessage, { kind: "call" | "describe" }>, call: ServedCall): unknown {
    if (message.kind === "describe") return this.#methods?.descriptions ?? [];
    const args = this.#decodeArguments(message.args, call);
    if ("function" in message) return this.#sentFunctions.call(message.function, args);
    if (this.#methods === undefined) throw new TypeError("Nothing is served here");
    return this.#methods.call(message.method, args);
  }

  #sendResult(id: number, call: ServedCall, value: unknown): void {
    if (this.#end !== undefined) return call.finish();
    if (isAsyncIterable(value)) {
      if (this.#streams.sent >= MOST_CALLS || this.#served.streamsFull) {
        return this.#sendError(id, call, tooMuch(`${this.#streams.sent} streams are open`));
      }
      const stream = this.#exportStream(value, call);
      this.#served.streams(id, call);
      return this.#post({ kind: "return", id, value: { $: "stream", id: stream } });
    }
    const refused = (error: unknown) => this.#sendError(id, call, error);
    let encoded: unknown;
    try {
      encoded = value === undefined ? undefined : encode(value, this.#references());
    } catch (error) {
      return refused(error);
    }
    this.#served.over(id);
    call.finish();
    this.#post({ kind: "return", id, ...(encoded !== undefined && { value: encoded }) }, refused);
  }

  #sendError(id: number, call: ServedCall, error: unknown): void {
    this.#served.over(id);
    call.finish();
    this.#post({ kind: "throw", id, error: this.#encodeSafely(error) }, (reason) => {
      this.#post({ kind: "throw", id, error: this.#encodeSafely(reason) });
    });
  }

  // Values.

  #references(call?: OutgoingCall, served?: ServedCall): References {
    return {
      exportFunction: (work) => this.#sentFunctions.add(work, () => ++this.#lastThing),
      exportStream: (items) => this.#exportStream(items),
      exportSignal: (signal) => {
        if (call === undefined) throw new TypeError("An AbortSignal can only be an argument of a call");
        call.watch(signal);
      },
      importFunction: (id) => this.#receivedFunctions.get(id, () => this.#functionOf(id)),
      importStream: (id) => this.#streams.receive(id, this.bufferedItems),
      importSignal: () => {
        if (served === undefined) throw new ProtocolError("Calls: a signal came that is no argument");
        return served.signal;
      },
    };
  }

  #encodeArguments(args: readonly unknown[], call: OutgoingCall): unknown[] {
    let references: References | undefined;
    return args.map((value) => encode(value, references ??= this.#references(call)));
  }

  #decodeArguments(args: readonly unknown[], call: ServedCall): unknown[] {
    try {
      let references: References | undefined;
      return args.map((value) => decode(value, references ??= this.#references(undefined, call)));
    } catch (error) {
      // Not the method's fault, and no answer to it: the peer does not speak as agreed.
      throw new BrokenRules(error);
    }
  }

  #decode(value: unknown): unknown {
    return value === undefined ? undefined : decode(value, this.#references());
  }

  /** An error, or whatever was thrown, as far as it can be sent. */
  #encodeSafely(error: unknown): unknown {
    try {
      return encode(error, this.#references());
    } catch (reason) {
      // Its cause, or what was thrown, has no form in a message.
      if (!(error instanceof Error)) return encode(reason, this.#references());
      const { name, message } = error;
      return { $: "error", name: String(name), message: String(message) };
    }
  }

  #functionOf(id: number): RemoteFunction {
    return (...args) => this.call({ function: id }, args, {});
  }

  #release(id: number, count: number): void {
    this.#post({ kind: "release", function: id, count });
  }

  #exportStream(items: AsyncIterable<unknown>, call?: ServedCall): number {
    const id = ++this.#lastThing;
    this.#streams.send(id, items, call);
    return id;
  }

  // The end.

  #fail(error: Error): void {
    this.#finish({ error });
  }

  #finish(end: { readonly error: Error }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#outbox.close();
    this.#calls.end(end.error);
    this.#streams.end(end.error);
    this.#served.end(end.error);
    this.#sentFunctions.clear();
    const { error } = end;
    if (error instanceof ClosedError || (error instanceof ChannelClosedError && error.reason === "closed")) {
      this.#finished.resolve();
    } else this.#finished.reject(error);
    this.#channel.close();
  }
}

/** The arguments of a call make no sense: not an answer to the call, but the end of the session. */
class BrokenRules extends Error {
  constructor(cause: unknown) {
    super("Broken rules", { cause });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
