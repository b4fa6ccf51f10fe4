/**
 * One to many: a publisher, and subscribers that come and go.
 *
 * @module
 */

import type { Struct } from "../memory/struct.ts";
import type { WaitOptions } from "../sys/clock.ts";
import { parseChannelAddress } from "./address.ts";
import type { WhenFull } from "./channel.ts";
import { type Codec, resolveCodec, type StructValues } from "./codec.ts";
import { goTo, ListenerGoneError, Rendezvous, type Welcoming } from "./rendezvous.ts";
import type { Terms } from "./rendezvous_terms.ts";
import { capacityFor, openLink } from "./shm_link.ts";
import type { TopicPublisher, TopicSubscriber } from "./topic_ends.ts";
import { POLICIES, wishesToFacts } from "./topic_lane.ts";
import { TopicPublisherEnd } from "./topic_publisher.ts";
import { TopicSubscriberEnd } from "./topic_subscriber.ts";

/** What publisher and subscribers must say alike, for {@linkcode topic}. `signal` and `timeoutMs` end the opening. */
export interface TopicOptions<T> extends WaitOptions, Welcoming {
  /**
   * How a value becomes bytes; a struct's are sent as they lie in memory.
   * @default {"json"}
   */
  codec?: "json" | "text" | "bytes" | Codec<T, T> | undefined;
  /** A name for the type of the messages: ends that name different ones do not meet. A struct needs none. */
  type?: string | undefined;
  /**
   * The longest encoded message.
   * @default {65_536}
   */
  maxMessageBytes?: number | undefined;
}

/** How a topic is published. */
export interface PublishOptions<T> extends TopicOptions<T> {
  /** This end publishes. */
  mode: "publish";
  /**
   * How many of the last messages are kept for those who come late.
   * @default {0}
   */
  history?: number | undefined;
  /**
   * How many subscribers there can be at a time.
   * @default {64}
   */
  maxSubscribers?: number | undefined;
  /**
   * How many bytes of memory one subscriber may ask for.
   * @default {16_777_216}
   */
  maxBufferBytes?: number | undefined;
}

/** How a topic is subscribed to. */
export interface SubscribeOptions<T> extends TopicOptions<T> {
  /**
   * This end subscribes.
   * @default {"subscribe"}
   */
  mode?: "subscribe" | undefined;
  /**
   * What happens when this subscriber is slow and its buffer is full: the publisher waits (`"block"`), the message that waits longest or the new one is
   * lost and counted in `dropped`, or the subscription ends with an error.
   * @default {"block"}
   */
  whenFull?: WhenFull | undefined;
  /**
   * How many of the last messages to begin with: at most as many as the publisher keeps. Those for which the buffer is too small count as dropped.
   * @default {0}
   */
  history?: number | undefined;
  /**
   * Bytes that may wait for this subscriber, at least; at least two messages of the longest kind fit.
   * @default {65_536}
   */
  bufferBytes?: number | undefined;
}

/** The same options, for messages that are structs. */
export type TopicStructOptions<View, Options extends TopicOptions<never>> = Omit<Options, "codec"> & {
  /** The layout. */
  codec: Struct<View>;
};

/** As `channel` does. */
const CONNECT_MS = 10_000;
const MAX_BYTES = 65_536;
const MAX_SUBSCRIBERS = 64;
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
const BUFFER_BYTES = 65_536;
const MOST_BYTES = 2 ** 28;

/**
 * `topic("shm:prices", { mode: "publish" })`: publishes messages under a name, to everybody who subscribes.
 *
 * Each subscriber has a ring in shared memory of its own: a message is copied once for each, whole and in order, and no system call is made while
 * everybody is awake. A subscriber that is slow, stopped or dead concerns no other, unless it asked to `"block"`; a dead one never does. The
 * publisher lets subscribers in on its event loop, and keeps the process alive until `close()`. When it dies, subscribers receive what it had published
 * and are told, and another publisher can take the name. A topic has one publisher: its messages have one order. Many who publish send to one that does, over a
 * channel each, or have a topic each.
 *
 * @param address `shm:name`. The name is in this user's runtime directory; its memory has none, so that a killed process leaves nothing behind.
 * @throws {PosixError} EADDRINUSE when there is a publisher.
 * @throws {TypeError} For an address of another road.
 *
 * @example Two who listen, one of whom came late
 * ```ts
 * import { topic } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const address = `shm:example-topic-${Deno.pid}`;
 * await using prices = await topic<number>(address, { mode: "publish", history: 2 });
 * await using early = await topic<number>(address);
 * for (const price of [1, 2, 3]) await prices.publish(price);
 * await using late = await topic<number>(address, { history: 2 });
 * await prices.publish(4);
 * prices.close();
 * assertEquals(await Array.fromAsync(early), [1, 2, 3, 4]);
 * assertEquals(await Array.fromAsync(late), [2, 3, 4]);
 * ```
 *
 * @tags allow-ffi
 */
export function topic<View>(
  address: string,
  options: TopicStructOptions<View, PublishOptions<never>>,
): Promise<TopicPublisher<StructValues<View>>>;
/** `topic("shm:prices", { mode: "publish" })`: publishes messages of any codec. */
export function topic<T>(address: string, options: PublishOptions<T>): Promise<TopicPublisher<T>>;
/** `topic("shm:prices", { codec: Price })`: subscribes to structs. They are received as views over the bytes that came. */
export function topic<View>(
  address: string,
  options: TopicStructOptions<View, SubscribeOptions<never>>,
): Promise<TopicSubscriber<View>>;
/**
 * `topic("shm:prices")`: subscribes; waits until there is a publisher.
 *
 * @throws {ProtocolError} The publisher has other terms, or refuses.
 * @throws {DOMException} `TimeoutError` when there is no publisher within `timeoutMs`, 10 seconds when left out.
 *
 * @example Only the newest ten, whoever is slow
 * ```ts
 * import { topic } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const address = `shm:example-slow-${Deno.pid}`;
 * await using prices = await topic<string>(address, { mode: "publish", codec: "text", maxMessageBytes: 1000 });
 * await using slow = await topic<string>(address, { codec: "text", maxMessageBytes: 1000, whenFull: "drop-oldest" });
 * for (let n = 0; n < 1000; n++) await prices.publish(String(n).padEnd(1000));
 * assertEquals((await slow.receive())?.trim(), String(slow.dropped));
 * ```
 */
export function topic<T>(address: string, options?: SubscribeOptions<T>): Promise<TopicSubscriber<T>>;
export async function topic(
  address: string,
  options:
    | PublishOptions<unknown>
    | SubscribeOptions<unknown>
    | TopicStructOptions<unknown, PublishOptions<never> | SubscribeOptions<never>> = {},
): Promise<TopicPublisher<unknown> | TopicSubscriber<unknown>> {
  const parsed = parseChannelAddress(address);
  if (parsed.road !== "shm") throw new TypeError(`topic is for addresses such as "shm:name", got "${address}"`);
  const codec = resolveCodec(options.codec ?? "json", options.type);
  const maxMessageBytes = count(
    options,
    "maxMessageBytes",
    1,
    Math.max(MAX_BYTES, codec.messageBytes ?? 0),
    MOST_BYTES,
  );
  const { name, fingerprint } = codec;
  const terms: Terms = { kind: "topic", codec: name, fingerprint, maxMessageBytes };
  const { mode = "subscribe" } = options;
  if (mode === "publish") {
    const limits = {
      maxMessageBytes,
      history: count(options, "history", 0, 0, 2 ** 20),
      maxSubscribers: count(options, "maxSubscribers", 1, MAX_SUBSCRIBERS, 1024),
      maxBufferBytes: count(options, "maxBufferBytes", 1, MAX_BUFFER_BYTES, 2 ** 30),
    };
    return new TopicPublisherEnd(address, await Rendezvous.listen(parsed.name, terms, options), codec, limits);
  }
  if (mode !== "subscribe") throw new TypeError(`mode is "publish" or "subscribe", got ${Deno.inspect(mode)}`);
  const { whenFull = "block" } = options as SubscribeOptions<unknown>;
  if (!POLICIES.includes(whenFull)) {
    throw new TypeError(`whenFull must be ${POLICIES.join(", ")}, got ${Deno.inspect(whenFull)}`);
  }
  const history = count(options, "history", 0, 0, 2 ** 20);
  const bufferBytes = count(options, "bufferBytes", 1, BUFFER_BYTES, 2 ** 30);
  const wishes = wishesToFacts({ whenFull, history, bufferBytes });
  using welcome = await goTo(parsed.name, terms, wishes, { ...options, timeoutMs: options.timeoutMs ?? CONNECT_MS });
  const capacity = capacityFor(maxMessageBytes, bufferBytes);
  const link = openLink(welcome.descriptors.splice(0), { address, rings: 1, capacity, maxMessageBytes });
  // Of the history: that is no slowness.
  const [, , missed = 0] = welcome.facts;
  const subscriber = new TopicSubscriberEnd(link, codec, { whenFull, missed });
  try {
    await welcome.acknowledge({ signal: options.signal });
    return subscriber;
  } catch (error) {
    // A publisher may close, or die, as soon as it has given the lane away. The lane has what it published until then, and says how it ended.
    if (error instanceof ListenerGoneError) return subscriber;
    subscriber.close();
    throw error;
  }
}

/** A number among the options, or what it is when left out. */
function count(options: object, name: string, least: number, otherwise: number, most: number): number {
  const value: unknown = Reflect.get(options, name) ?? otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be an integer in ${least}..${most}, got ${Deno.inspect(value)}`);
}
