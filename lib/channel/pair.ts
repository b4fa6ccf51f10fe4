/**
 * Channels between relatives: a parent and its child, or a program and its Workers. No name, nothing to unlink, and nobody else can come in.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { Struct } from "../memory/struct.ts";
import { socketPair } from "../socket/socket_pair.ts";
import { Deadline, type WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { isProbed, publish } from "../sys/probe.ts";
import { objectOf } from "../sys/probe_object.ts";
import { KernelByteRoad } from "./byte_road.ts";
import type { Channel, MessageOptions } from "./channel.ts";
import { type ChannelTerms, channelTerms } from "./channel_terms.ts";
import type { StructValues } from "./codec.ts";
import { transportOver } from "./fd_transport.ts";
import { FramedTransport } from "./framed_transport.ts";
import { MessageChannel } from "./message_channel.ts";
import { adopt, type ChildEnd, childEnd, type PairRoad, readEnd, variableOf } from "./pair_end.ts";
import { LEAST_MESSAGE_BYTES, PairRingTransport } from "./pair_ring.ts";
import { capacityFor, createLink, openLink } from "./shm_link.ts";
import type { Transport } from "./transport.ts";

/** How {@linkcode channelPair} makes a pair. */
export interface ChannelPairOptions<In = unknown, Out = unknown> extends MessageOptions<In, Out> {
  /**
   * `"socket"`: frames over a Unix stream socket, for a program in any language. `"ring"`: shared memory, for programs that know the ring (docs/layouts.md),
   * and for Workers, whose `terminate()` it notices.
   * @default {"socket"}
   */
  road?: PairRoad | undefined;
  /** For a child with several channels: capital letters, digits and underscores. The child says the same. */
  name?: string | undefined;
}

/** How {@linkcode parentChannel} opens. `signal` and `timeoutMs` end the wait for the parent's hello. */
export interface ParentChannelOptions<In = unknown, Out = unknown> extends MessageOptions<In, Out>, WaitOptions {
  /** What the parent called the channel. */
  name?: string | undefined;
  /** In a Worker: what `child.handOver()` returned. */
  end?: string | undefined;
}

/** Two ends of a channel, one of them to give away. */
export interface ChannelPair<In, Out> extends Disposable {
  /** The end that stays here. */
  readonly parent: Channel<In, Out>;
  /** The end for a child or a Worker. */
  readonly child: ChildEnd;
  /** Closes what is still here of both. */
  [Symbol.dispose](): void;
}

/**
 * `channelPair<Out, In>()`: makes a channel between this program and a child that it is about to start, or a Worker.
 *
 * `parent` can be used at once: what is sent before the child is there waits for it, as much as there is room for. The child calls
 * {@linkcode parentChannel}; a child in another language finds `socket:N` in the environment variable `CAUSEWAY_CHANNEL`, where N is a descriptor of a
 * stream socket, and speaks the frames of docs/layouts.md. When the two do not agree on codec and type, the first receive of each throws `ProtocolError`.
 *
 * The end of either process is noticed by the other: clean when it closed its end (`receive()` is `null`), a death otherwise. Giving the child's end to a
 * child moves it: nothing of it is left here.
 *
 * @typeParam Out What the parent sends.
 * @typeParam In What the parent receives.
 * @throws {PosixError} EMFILE, ENOMEM.
 *
 * @example A child that doubles numbers
 * ```ts
 * import { channelPair, command } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const script = `
 *   import { parentChannel } from "${import.meta.resolve("@causeway/causeway")}";
 *   const parent = await parentChannel<number>();
 *   for await (const n of parent) await parent.send(2 * n);
 *   parent.close();
 * `;
 * const { parent, child } = channelPair<number, number>();
 * await using _running = await command("deno", ["run", "-A", "--no-check", "--ext=ts", "-"], {
 *   stdin: { text: script },
 *   inherit: [child],
 * }).spawn();
 * await parent.send(21);
 * assertEquals(await parent.receive(), 42);
 * parent.closeSending();
 * assertEquals(await parent.receive(), null);
 * parent.close();
 * ```
 *
 * @tags allow-ffi
 */
export function channelPair(
  options: ChannelPairOptions<string, string> & { codec: "text" },
): ChannelPair<string, string>;
/** `channelPair({ codec: "bytes" })`: messages are bytes. */
export function channelPair(
  options: ChannelPairOptions<Uint8Array, Uint8Array> & { codec: "bytes" },
): ChannelPair<Uint8Array<ArrayBuffer>, Uint8Array>;
/** `channelPair({ codec: Shared })`: messages are structs. */
export function channelPair<View>(
  options: Omit<ChannelPairOptions<View, StructValues<View>>, "codec"> & { codec: Struct<View> },
): ChannelPair<View, StructValues<View>>;
/** `channelPair<Out, In>()`: messages are JSON, or what a codec of one's own makes of them. */
export function channelPair<Out = unknown, In = Out>(options?: ChannelPairOptions<In, Out>): ChannelPair<In, Out>;
export function channelPair(options: ChannelPairOptions = {}): ChannelPair<unknown, unknown> {
  const { road = "socket", name } = options;
  if (road !== "socket" && road !== "ring") {
    throw new TypeError(`road is "socket" or "ring", got ${Deno.inspect(road)}`);
  }
  const terms = channelTerms(options);
  const variable = variableOf(name);
  const { transport, child } = road === "socket" ? socketEnds(variable, terms) : ringEnds(variable, terms);
  const told = toldRoad(road, child.descriptors);
  const parent = new MessageChannel<unknown, unknown>(transport, terms, told);
  publish(() => ({
    kind: "channel.open",
    address: transport.address,
    mode: "pair",
    codec: terms.codec.name,
    road: told,
  }));
  return {
    parent,
    child,
    [Symbol.dispose]() {
      parent.close();
      child[Symbol.dispose]();
    },
  };
}

/** What both ends call the road in what they tell: by the socket that the child has, which both know. `undefined` when nobody listens. */
function toldRoad(road: PairRoad, descriptors: readonly Fd[]): string | undefined {
  const last = isProbed() ? descriptors.at(-1) : undefined;
  return last === undefined ? undefined : objectOf(last)?.replace(/^socket/, road);
}

/** What each end is called. */
const CHILD = "child";
const PARENT = "parent";

function socketEnds(variable: string, { hello }: ChannelTerms): { transport: Transport; child: ChildEnd } {
  const [ours, theirs] = socketPair("stream");
  const road = new KernelByteRoad(ours[moveDescriptor](), "both");
  const child = childEnd(variable, "socket", [theirs[moveDescriptor]()], []);
  return { transport: FramedTransport.begin(CHILD, road, hello), child };
}

function ringEnds(variable: string, { hello, spins }: ChannelTerms): { transport: Transport; child: ChildEnd } {
  const maxMessageBytes = Math.max(hello.maxMessageBytes, LEAST_MESSAGE_BYTES);
  const capacity = capacityFor(maxMessageBytes);
  const { link, inherited } = createLink({ address: CHILD, rings: 2, capacity, maxMessageBytes, spins });
  const child = childEnd(variable, "ring", inherited, [capacity, maxMessageBytes]);
  try {
    return { transport: new PairRingTransport(link, "first", hello), child };
  } catch (error) {
    child[Symbol.dispose]();
    throw error;
  }
}

/**
 * `parentChannel<In, Out>()`: in a child, or a Worker, the channel to whoever made it with {@linkcode channelPair}.
 *
 * It takes the descriptors over, marks them close-on-exec, and removes the variable: programs that this one starts inherit neither. So it can be called
 * once. A parent that has closed, or died, before this is called is received from all the same: what it had sent, and then how it ended.
 *
 * @returns When the parent's hello was heard (over a socket), or at once (over a ring).
 * @throws {PosixError} ENOENT when there is no such variable: nobody gave this process a channel.
 * @throws {TypeError} When the variable says something else. EBADF when its descriptors are not open, or not inherited.
 * @throws {ProtocolError} When the two do not agree.
 * @throws {Deno.errors.NotCapable} Without `--allow-env=CAUSEWAY_CHANNEL`.
 *
 * @tags allow-ffi
 */
export function parentChannel(
  options: ParentChannelOptions<string, string> & { codec: "text" },
): Promise<Channel<string>>;
/** `parentChannel({ codec: "bytes" })`: messages are bytes. */
export function parentChannel(
  options: ParentChannelOptions<Uint8Array, Uint8Array> & { codec: "bytes" },
): Promise<Channel<Uint8Array<ArrayBuffer>, Uint8Array>>;
/** `parentChannel({ codec: Shared })`: messages are structs. */
export function parentChannel<View>(
  options: Omit<ParentChannelOptions<View, StructValues<View>>, "codec"> & { codec: Struct<View> },
): Promise<Channel<View, StructValues<View>>>;
/** `parentChannel<In, Out>()`: messages are JSON, or what a codec of one's own makes of them. */
export function parentChannel<In = unknown, Out = In>(
  options?: ParentChannelOptions<In, Out>,
): Promise<Channel<In, Out>>;
export async function parentChannel(options: ParentChannelOptions = {}): Promise<Channel<unknown, unknown>> {
  const terms = channelTerms(options);
  options.signal?.throwIfAborted();
  const { end = takeVariable(variableOf(options.name)) } = options;
  const facts = readEnd(end);
  const descriptors = adopt(facts.descriptors, options.end === undefined ? "parent" : "thread");
  const [first] = descriptors;
  const told = toldRoad(facts.road, descriptors);
  let transport: Transport;
  if (facts.road === "ring") {
    const { capacity, maxMessageBytes } = facts;
    const { spins } = terms;
    const link = openLink(descriptors, { address: PARENT, rings: 2, capacity, maxMessageBytes, spins });
    transport = new PairRingTransport(link, "second", terms.hello);
  } else {
    const deadline = new Deadline("Waiting for the parent", options.timeoutMs);
    transport = await transportOver(first!, { shown: PARENT, hello: terms.hello, signal: options.signal, deadline });
  }
  publish(() => ({ kind: "channel.open", address: PARENT, mode: "pair", codec: terms.codec.name, road: told }));
  return new MessageChannel<unknown, unknown>(transport, terms, told);
}

/** Reads the variable and removes it. */
function takeVariable(variable: string): string {
  const text = Deno.env.get(variable);
  if (text === undefined) {
    const hint = "this process was not started with the child's end of a channelPair";
    throw new PosixError({ code: "ENOENT", syscall: "getenv", target: variable, hint });
  }
  Deno.env.delete(variable);
  return text;
}
