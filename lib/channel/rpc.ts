/**
 * Calls between programs over a channel: one side serves an object, the other calls its methods as if it were here.
 *
 * ```ts ignore
 * // server.ts
 * const api = {
 *   async add(a: number, b: number): Promise<number> { return a + b; },
 *   async *count(to: number): AsyncGenerator<number> { for (let i = 1; i <= to; i++) yield i; },
 * };
 * export type Api = typeof api;
 * serve(await channel("unix:/run/user/1000/adder", { mode: "listen" }), api);
 *
 * // client.ts
 * import type { Api } from "./server.ts";
 * using adder = remote<Api>(await channel("unix:/run/user/1000/adder"));
 * await adder.add(1, 2); // 3
 * for await (const i of adder.count(3)) console.log(i);
 * ```
 *
 * The model is message passing: arguments and results are copied, by JSON with extensions (`undefined`, `NaN`, bigint, `Uint8Array`, `Date`, `Map`,
 * `Set`, errors). Functions and async iterables stay where they are and are called back or read from there; an `AbortSignal` among the arguments
 * becomes the call's own. Calls start in the order in which they were made, on one channel, and are answered in any order. A call is performed at most once; when
 * the peer dies with the call open, nobody knows whether it was performed. Each side has at most 1000 calls open, with arguments of about 4 MiB together; the others
 * wait here. What a peer makes this side keep is bounded: a server takes no new calls, and its streams rest, while more than a megabyte of answers waits for its
 * caller to read; an answer that comes when 4 MiB wait is replaced by a `QuotaExceededError`, and so are a call or a stream beyond what may be open. Where that is
 * too little, or too much, both sides say otherwise by `maxWaitingBytes`.
 *
 * A thread that waits for a message watches for it for 20 µs before it sleeps, as long as that mostly succeeds: waking a process costs more than most calls. What is
 * sent in one turn after a first message goes together, in one system call.
 *
 * Why not capnweb, which was tried first (0.12.0): a call is four messages there (push, pull, resolve, release) and 6.1 µs in one process, against two and
 * 1.9 µs here; giving a call up does not reach the callee, there are no async iterables, and a peer may open as many calls as it likes. All of that would have to be
 * wrapped around every call, and its protocol spoken by every end in another language. It has what this has not: calls on results that have not arrived yet.
 *
 * **The messages**, for ends in other languages, each a JSON object. A caller sends `{ kind: "call", id, method, args, timeoutMs? }` with ids 1, 2, 3, …, and gets
 * `{ kind: "return", id, value? }` or `{ kind: "throw", id, error }`; `{ kind: "cancel", id, reason }` gives a call up, and it is answered all the same.
 * `{ kind: "describe", id }` returns `[{ name, parameters }, …]`. What JSON cannot say is an object with the key `$`: `{ $: "undefined" }`,
 * `{ $: "number", value: "NaN" }`, `{ $: "bigint", value }`, `{ $: "bytes", base64 }`, `{ $: "date", ms }`, `{ $: "map", entries }`, `{ $: "set", items }`,
 * `{ $: "error", name, message, stack?, cause?, errors?, facts? }`, `{ $: "object", entries }` for an object that has the key `$` itself, `{ $: "signal" }`,
 * `{ $: "function", id }`, called by `{ kind: "call", id, function, args }` and let go by `{ kind: "release", function, count }`, and `{ $: "stream", id }`, read
 * by `{ kind: "pull", stream, count }`, which allows so many `{ kind: "item", stream, value? }`, until `{ kind: "end", stream }`, `{ kind: "fail", stream, error }`,
 * or, from the reader, `{ kind: "stop", stream }`.
 *
 * @module
 */

import type { WaitOptions } from "../sys/clock.ts";
import { type MethodDescription, RESERVED } from "./rpc_methods.ts";
import { MOST_ITEMS } from "./rpc_message.ts";
import type { RpcChannel } from "./rpc_outbox.ts";
import { BUFFERED_ITEMS, RpcSession } from "./rpc_session.ts";
import { DEFAULT_WAITING_BYTES, requireWaitingBytes } from "./rpc_weight.ts";

export { type CallContext, currentCall } from "./rpc_call.ts";
export { remoteStack } from "./rpc_error.ts";
export type { MethodDescription } from "./rpc_methods.ts";
export type { RpcChannel } from "./rpc_outbox.ts";
export type { WaitOptions } from "../sys/clock.ts";

/** An object whose methods are called by another program. */
export interface RpcServer extends Disposable {
  /**
   * Resolves when either side has closed the channel.
   *
   * @throws {ChannelClosedError} The caller died.
   * @throws {ProtocolError} The caller sent what is no call.
   */
  readonly finished: Promise<void>;
  /** Ends it: calls that are open are cancelled, and the channel is closed. May be called twice. */
  close(): void;
}

/** What a remote returns for an async iterable: it can be iterated at once, or awaited first. Once. */
export interface RemoteStream<T> extends Promise<AsyncIterableIterator<T, undefined>> {
  /** Reads it; leaving early ends it at the other side. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, void>;
}

/** The form that a method has at a caller. */
export type RemoteMethod<Method> = Method extends (...args: infer Args) => infer Result
  ? (...args: Args) => Awaited<Result> extends AsyncIterable<infer Item> ? RemoteStream<Item> : Promise<Awaited<Result>>
  : never;

/** An object of another program: its methods, all of which return promises. What is no method is not there. */
export type Remote<Api> =
  & {
    readonly [
      Name in keyof Api as Api[Name] extends (...args: never[]) => unknown ? Exclude<Name, "then" | "with" | symbol>
        : never
    ]: RemoteMethod<Api[Name]>;
  }
  & RemoteControl<Api>;

/** What every remote has. */
export interface RemoteControl<Api> extends Disposable {
  /**
   * `api.with(options)`: the same object, whose calls end early.
   *
   * A call that is given up rejects at once with the signal's reason, or with a `TimeoutError`; its method is told by `currentCall().signal`. For
   * a call that returned a stream the options hold until the stream has ended.
   *
   * @param options When to give calls up.
   * @returns A remote over the same channel.
   */
  with(options: WaitOptions): Remote<Api>;
}

/** What {@linkcode serve} allows its caller. */
export interface ServeOptions {
  /**
   * What may wait here for this caller, in bytes of the values as they are in memory, about: the arguments of its open calls, the same of the streams that
   * it reads, and the answers that it has not read. While a quarter of it waits, no new calls are taken. A call or an answer beyond it is a
   * `QuotaExceededError` for the caller; a single one may be larger. 65,536 to 2^30.
   * @default {4_194_304}
   */
  maxWaitingBytes?: number | undefined;
}

/** How a remote behaves. */
export interface RemoteOptions {
  /**
   * What the arguments of calls that are open may weigh, in bytes, about: further calls wait here until some of them are answered. A server that allows less
   * refuses what is beyond; say here what it says there. 65,536 to 2^30.
   * @default {4_194_304}
   */
  maxWaitingBytes?: number | undefined;
  /**
   * Items of a stream that the other side may make before they are read here, from 1 to 1024.
   * @default {16}
   */
  bufferedItems?: number | undefined;
}

/**
 * `serve(channel, api)`: lets the program at the other end of a channel call the methods of an object.
 *
 * Callable are the functions that the object has when it is served, its own and those of its classes; never `constructor`, getters, or what every object
 * inherits from the language. (TypeScript's `private` is not known at run time; `#private` is.) Calls run concurrently. What a method throws
 * rejects the call; an async iterable that it returns is read from there, no faster than the caller reads; functions among the arguments are
 * called back, and always return promises. A caller that gives up, stops reading or dies aborts `currentCall().signal`. A peer that breaks
 * the rules ends the session with a `ProtocolError`. The channel belongs to the session from then on: both directions may be used, so that
 * each side serves and calls.
 *
 * @param channel A channel of JSON messages that goes both ways.
 * @param api The object.
 * @returns The server; the process stays alive until it has finished.
 * @throws {TypeError} The object has no methods, or one called `then` or `with`, or the channel is served already.
 * @throws {RangeError} `maxWaitingBytes` is out of range.
 *
 * @example
 * ```ts
 * import { currentCall, remote, type RpcChannel, serve } from "@causeway/causeway";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const api = {
 *   async divide(a: number, b: number): Promise<number> {
 *     if (b === 0) throw new RangeError("Division by zero");
 *     return await Promise.resolve(a / b);
 *   },
 *   async *count(to: number): AsyncGenerator<number> {
 *     for (let i = 1; i <= to && !currentCall()?.signal.aborted; i++) yield i;
 *   },
 * };
 *
 * // Any channel does, for example channel("unix:…"); here the two ends are in one program.
 * const road = new TransformStream<string, string>(), back = new TransformStream<string, string>();
 * serve(end(road.readable, back.writable), api);
 * using calculator = remote<typeof api>(end(back.readable, road.writable));
 *
 * assertEquals(await calculator.divide(6, 2), 3);
 * await assertRejects(() => calculator.divide(1, 0), RangeError, "Division by zero");
 * assertEquals(await Array.fromAsync(calculator.count(3)), [1, 2, 3]);
 *
 * function end(readable: ReadableStream<string>, writable: WritableStream<string>): RpcChannel {
 *   const reader = readable.getReader(), writer = writable.getWriter();
 *   return {
 *     send: (message) => writer.write(JSON.stringify(message)),
 *     receive: () => reader.read().then(({ value }) => value === undefined ? null : JSON.parse(value)),
 *     close: () => void writer.close(),
 *   };
 * }
 * ```
 */
export function serve(channel: RpcChannel, api: object, options: ServeOptions = {}): RpcServer {
  const maxWaitingBytes = requireWaitingBytes(options.maxWaitingBytes ?? DEFAULT_WAITING_BYTES);
  requireChannel("serve(channel, api)", channel);
  const session = RpcSession.of(channel);
  session.serve(api, maxWaitingBytes);
  return {
    finished: session.finished,
    close: () => session.close(),
    [Symbol.dispose]: () => session.close(),
  };
}

/** Most often what is given instead is the promise of a channel. */
function requireChannel(call: string, given: Partial<RpcChannel> | null | undefined): void {
  if (typeof given?.send === "function") return;
  const hint = given instanceof Promise ? ": await it" : "";
  throw new TypeError(
    `${call} takes a channel, got ${given instanceof Promise ? "a promise" : Deno.inspect(given, { depth: 0 })}${hint}`,
  );
}

const sessions = new WeakMap<object, RpcSession>();

/**
 * `remote<Api>(channel)`: the object that the program at the other end of a channel serves.
 *
 * Every method sends one message and resolves with the answer; many calls may be in flight. Errors keep name, message, cause and their plain fields,
 * well-known classes are restored, and {@linkcode remoteStack} has the other program's stack. When the peer closes or dies, every open call
 * rejects with `ChannelClosedError`. An `AbortSignal` among the arguments, or given by `.with({ signal, timeoutMs })`, gives the call up on both sides.
 * Whoever stops reading a stream ends it at the other side. Disposing of the remote closes the channel; calls that are open reject with
 * `ClosedError`. A remote that waits for nothing keeps no program alive.
 *
 * @typeParam Api The type of the object, for example by `import type { Api } from "./server.ts"`. Nothing checks it at run time.
 * @param channel A channel of JSON messages that goes both ways.
 * @throws {RangeError} `bufferedItems` or `maxWaitingBytes` is out of range.
 *
 * @example
 * ```ts ignore
 * using api = remote<Api>(await channel("unix:/run/user/1000/search"));
 * const found = await api.with({ timeoutMs: 500 }).find("needle");
 * ```
 */
export function remote<Api>(channel: RpcChannel, options: RemoteOptions = {}): Remote<Api> {
  const { bufferedItems = BUFFERED_ITEMS } = options;
  if (!Number.isInteger(bufferedItems) || bufferedItems < 1 || bufferedItems > MOST_ITEMS) {
    throw new RangeError(
      `bufferedItems must be a whole number from 1 to ${MOST_ITEMS}, got ${Deno.inspect(bufferedItems)}`,
    );
  }
  const { maxWaitingBytes } = options;
  if (maxWaitingBytes !== undefined) requireWaitingBytes(maxWaitingBytes);
  requireChannel("remote(channel)", channel);
  const session = RpcSession.of(channel);
  session.bufferedItems = bufferedItems;
  if (maxWaitingBytes !== undefined) session.mostCalledBytes = maxWaitingBytes;
  return remoteOf<Api>(session, {});
}

/**
 * `methodsOf(remote)`: asks the other program what can be called.
 *
 * @param api A remote.
 * @returns The methods, in no particular order.
 * @throws {TypeError} It is no remote.
 *
 * @example
 * ```ts ignore
 * using api = remote<unknown>(await channel("unix:/run/user/1000/adder"));
 * await methodsOf(api); // [{ name: "add", parameters: 2 }]
 * ```
 */
export async function methodsOf(api: RemoteControl<never> | Remote<unknown>): Promise<MethodDescription[]> {
  const session = sessions.get(api);
  if (session === undefined) throw new TypeError("This is no remote");
  const methods = await session.call({ describe: true }, [], {});
  if (!Array.isArray(methods)) return [];
  return methods.map(({ name, parameters }) => ({ name: String(name), parameters: Number(parameters) }));
}

function remoteOf<Api>(session: RpcSession, options: WaitOptions): Remote<Api> {
  const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  const own: Readonly<Record<string | symbol, unknown>> = {
    with: (more: WaitOptions) => remoteOf(session, { ...options, ...more }),
    [Symbol.dispose]: () => session.close(),
  };
  const proxy = new Proxy(Object.freeze(Object.create(null)), {
    get(_target, name) {
      if (typeof name === "symbol" || RESERVED.some((each) => each === name)) return own[name];
      let method = methods.get(name);
      if (method === undefined) methods.set(name, method = (...args) => session.call({ method: name }, args, options));
      return method;
    },
  });
  sessions.set(proxy, session);
  return proxy;
}
