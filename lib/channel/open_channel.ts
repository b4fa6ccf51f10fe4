/**
 * Opening channels: `channel()` for two, `listenChannel()` for many.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import type { Struct } from "../memory/struct.ts";
import { Deadline, type WaitOptions } from "../sys/clock.ts";
import { publish } from "../sys/probe.ts";
import { parseChannelAddress } from "./address.ts";
import type { Channel, ChannelOptions } from "./channel.ts";
import { type ChannelTerms, channelTerms } from "./channel_terms.ts";
import type { StructValues } from "./codec.ts";
import { MessageChannel } from "./message_channel.ts";
import type { RoadRequest, TransportListener } from "./road.ts";
import { listenRoad, openRoad } from "./roads.ts";

/** How long connecting waits for a listener unless something else is said. */
const CONNECT_MS = 10_000;

/**
 * `channel("unix:/run/app.sock", { mode: "listen" })`: opens one end of a channel, and waits until the other end is there and agrees.
 *
 * The address says which road the messages take, and nothing else changes; what differs is in the table on the module's page. The
 * listener makes the name and takes the first peer that comes (for many, there is `listenChannel()`); the connector waits for a listener,
 * for ten seconds unless `timeoutMs` says something else. Over a FIFO and a message queue messages go one way, from the connector to the listener.
 *
 * Both ends must agree on the codec, and on the type where one is named (a struct's fingerprint): otherwise both throw `ProtocolError`.
 *
 * @param address `"unix:/path"`, `"tcp:host:port"` (IPv6 in brackets), `"fifo:/path"`, `"mq:/name"`, `"shm:name"` or `"fd:3"`.
 * @param options The mode, the codec, the schema, and what to do when the road is full.
 * @returns The end, when both agree.
 * @throws {TypeError} For an address or options of another form.
 * @throws {DOMException} `TimeoutError` when no peer has come in time; an abort rejects with `signal.reason`.
 * @throws {ProtocolError} When the peer has another codec or type, or is no channel.
 * @throws {PosixError} EADDRINUSE when somebody else listens there, and what making the name throws.
 *
 * @example Typed jobs, and results back
 * ```ts
 * import { channel } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * const address = `unix:${directory}/jobs`;
 * {
 *   const [boss, worker] = await Promise.all([
 *     channel<number, { add: [number, number] }>(address, { mode: "listen" }),
 *     channel<{ add: [number, number] }, number>(address),
 *   ]);
 *   using _boss = boss;
 *   using _worker = worker;
 *   await boss.send({ add: [2, 3] });
 *   const job = await worker.receive();
 *   if (job !== null) await worker.send(job.add[0] + job.add[1]);
 *   assertEquals(await boss.receive(), 5);
 * }
 * await Deno.remove(directory);
 * ```
 */
export function channel(
  address: string,
  options: ChannelOptions<string, string> & { codec: "text" },
): Promise<Channel<string>>;
/** `channel(address, { codec: "bytes" })`: messages are bytes. What is received is the receiver's own copy. */
export function channel(
  address: string,
  options: ChannelOptions<Uint8Array, Uint8Array> & { codec: "bytes" },
): Promise<Channel<Uint8Array<ArrayBuffer>, Uint8Array>>;
/** `channel(address, { codec: Shared })`: messages are structs. They are received as views over the bytes that came. */
export function channel<View>(
  address: string,
  options: Omit<ChannelOptions<View, StructValues<View>>, "codec"> & { codec: Struct<View> },
): Promise<Channel<View, StructValues<View>>>;
/** `channel<In, Out>(address)`: messages are JSON, or what a codec of one's own makes of them. */
export function channel<In = unknown, Out = In>(
  address: string,
  options?: ChannelOptions<In, Out>,
): Promise<Channel<In, Out>>;
export async function channel(address: string, options: ChannelOptions = {}): Promise<Channel<unknown>> {
  const parsed = parseChannelAddress(address);
  const { mode = "connect", timeoutMs = mode === "connect" ? CONNECT_MS : Infinity } = options;
  if (mode !== "connect" && mode !== "listen") {
    throw new TypeError(`mode must be "listen" or "connect", got ${Deno.inspect(mode)}`);
  }
  const terms = channelTerms(options);
  options.signal?.throwIfAborted();
  const what = mode === "listen" ? `Waiting for a peer at ${address}` : `Connecting to ${address}`;
  const request = roadRequest(address, mode, terms, options, new Deadline(what, timeoutMs));
  const transport = await openRoad(parsed, request);
  publish(() => ({ kind: "channel.open", address, mode, codec: terms.codec.name }));
  return new MessageChannel(transport, terms);
}

/** How {@linkcode listenChannel} listens. `signal` and `timeoutMs` end the wait for the name. */
export type ListenChannelOptions<In = unknown, Out = unknown> = Omit<ChannelOptions<In, Out>, "mode">;

/** Accepts the peers of one address, each on a channel of its own: what {@linkcode listenChannel} returns. */
export interface ChannelListener<In, Out = In> extends Disposable, AsyncDisposable, AsyncIterable<Channel<In, Out>> {
  /** The address, as it was given; of `"tcp:host:0"`, with the port that the kernel has chosen. */
  readonly address: string;
  /** Whether `close()` was called. */
  readonly closed: boolean;
  /**
   * Waits on the event loop for a peer that agrees. One that does not is turned away, and nobody here is told; nor does one that says nothing
   * keep others waiting.
   *
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  accept(options?: WaitOptions): Promise<Channel<In, Out>>;
  /** Gives the name up; the channels live on. Pending accepts reject with `ClosedError`, an iteration ends. May be called twice. */
  close(): void;
  /** `close()`, and waits until those who were just saying hello are gone. */
  [Symbol.asyncDispose](): Promise<void>;
  /** The peers until `close()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Channel<In, Out>>;
}

/**
 * `listenChannel("unix:/run/app.sock")`: listens for many peers, each of which gets a channel of its own. For `unix:`, `tcp:` and whatever else
 * has a name to which many can come.
 *
 * @throws {TypeError} For a road on which there are only two ends.
 * @throws {PosixError} EADDRINUSE when somebody else listens there, and what making the name throws.
 *
 * @example A server and two clients
 * ```ts
 * import { channel, listenChannel } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * using listener = await listenChannel<string>(`unix:${directory}/echo`);
 * const serving = (async () => {
 *   for await (const client of listener) {
 *     const message = await client.receive();
 *     if (message !== null) await client.send(message.toUpperCase());
 *     client.close();
 *   }
 * })();
 * for (const word of ["one", "two"]) {
 *   using client = await channel<string>(listener.address);
 *   await client.send(word);
 *   assertEquals(await client.receive(), word.toUpperCase());
 * }
 * listener.close();
 * await serving;
 * await Deno.remove(directory);
 * ```
 */
export function listenChannel(
  address: string,
  options: ListenChannelOptions<string, string> & { codec: "text" },
): Promise<ChannelListener<string>>;
/** `listenChannel(address, { codec: "bytes" })`: messages are bytes. */
export function listenChannel(
  address: string,
  options: ListenChannelOptions<Uint8Array, Uint8Array> & { codec: "bytes" },
): Promise<ChannelListener<Uint8Array<ArrayBuffer>, Uint8Array>>;
/** `listenChannel(address, { codec: Shared })`: messages are structs. */
export function listenChannel<View>(
  address: string,
  options: Omit<ListenChannelOptions<View, StructValues<View>>, "codec"> & { codec: Struct<View> },
): Promise<ChannelListener<View, StructValues<View>>>;
/** `listenChannel<In, Out>(address)`: messages are JSON, or what a codec of one's own makes of them. */
export function listenChannel<In = unknown, Out = In>(
  address: string,
  options?: ListenChannelOptions<In, Out>,
): Promise<ChannelListener<In, Out>>;
export async function listenChannel(
  address: string,
  options: ListenChannelOptions = {},
): Promise<ChannelListener<unknown>> {
  const parsed = parseChannelAddress(address);
  const terms = channelTerms(options);
  options.signal?.throwIfAborted();
  const deadline = new Deadline(`Listening at ${address}`, options.timeoutMs);
  const request = roadRequest(address, "listen", terms, options, deadline);
  return new TypedListener(await listenRoad(parsed, request), terms);
}

function roadRequest(
  shown: string,
  mode: "listen" | "connect",
  { hello, spins }: ChannelTerms,
  { signal, permissions = 0o600 }: ChannelOptions,
  deadline: Deadline,
): RoadRequest {
  if (!Number.isInteger(permissions) || permissions < 0 || permissions > 0o777) {
    throw new RangeError(`permissions must be in 0..0o777, got ${Deno.inspect(permissions)}`);
  }
  return { shown, mode, hello, signal, deadline, permissions, spins };
}

class TypedListener<In, Out> implements ChannelListener<In, Out> {
  readonly #listener: TransportListener;
  readonly #terms: ChannelTerms;

  constructor(listener: TransportListener, terms: ChannelTerms) {
    this.#listener = listener;
    this.#terms = terms;
  }

  get address(): string {
    return this.#listener.address;
  }

  get closed(): boolean {
    return this.#listener.closed;
  }

  async accept(options: WaitOptions = {}): Promise<Channel<In, Out>> {
    return new MessageChannel<In, Out>(await this.#listener.accept(options), this.#terms);
  }

  close(): void {
    this.#listener.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#listener.ended();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Channel<In, Out>> {
    while (!this.closed) {
      let accepted: Channel<In, Out>;
      try {
        accepted = await this.accept();
      } catch (error) {
        if (this.closed && error instanceof ClosedError) return;
        throw error;
      }
      yield accepted;
    }
  }
}
