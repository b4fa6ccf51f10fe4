/**
 * The last value wins: one writer, many readers, and nobody waits for anybody.
 *
 * @module
 */

import type { Struct } from "../memory/struct.ts";
import type { WaitOptions } from "../sys/clock.ts";
import { parseChannelAddress } from "./address.ts";
import { type Codec, resolveCodec, type ResolvedCodec } from "./codec.ts";
import { createValues } from "./latest_memory.ts";
import { LatestFollower } from "./latest_follower.ts";
import { LatestReaderEnd } from "./latest_reader_end.ts";
import { SlotReader } from "./latest_reader.ts";
import { SlotWriter } from "./latest_writer.ts";
import { LatestWriterEnd } from "./latest_writer_end.ts";
import type { LatestReader, LatestStructWriter, LatestWriter } from "./latest_ends.ts";
import { goTo, Rendezvous, type Welcoming } from "./rendezvous.ts";
import type { Terms } from "./rendezvous_terms.ts";

/** What writer and readers must say alike, for {@linkcode latest}. `signal` and `timeoutMs` end the opening. */
export interface LatestOptions<T> extends WaitOptions, Welcoming {
  /**
   * Whether this end writes or reads.
   * @default {"read"}
   */
  mode?: "write" | "read" | undefined;
  /**
   * How a value becomes bytes. A struct is written and read in place, without any encoding.
   * @default {"json"}
   */
  codec?: "json" | "text" | "bytes" | Codec<T, T> | undefined;
  /** A name for the type of the values: ends that name different ones do not meet. A struct needs none. */
  type?: string | undefined;
  /**
   * The longest encoded value. Of a struct it is its size.
   * @default {65_536}
   */
  maxMessageBytes?: number | undefined;
  /**
   * Writer: how many readers there can be at a time, 1 to 1024. The memory is (this + 2) × `maxMessageBytes`.
   * @default {16}
   */
  maxReaders?: number | undefined;
  /**
   * Reader: whether it goes on with the next writer of the name when its own has closed or died. Then `next()` waits for that one in place of ending, and `get()` and
   * `tryNext()` look for it in passing; the last value stays until there is a newer one, and `version` counts on. `nextSync` blocks the thread on which a
   * successor would be found, and ends as it does without.
   * @default {false}
   */
  follow?: boolean | undefined;
}

/** The same, for values that are structs: they lie in the memory as they are. */
export interface LatestStructOptions<View, ReadOnlyView> extends Omit<LatestOptions<View>, "codec"> {
  /** The layout. */
  codec: Struct<View, ReadOnlyView>;
}

/** As `channel` does. */
const CONNECT_MS = 10_000;
const MAX_READERS = 16;
const MAX_BYTES = 65_536;
/** A word of each mailbox is exchanged with every value. */
const MOST_READERS = 1024;
const MOST_BYTES = 2 ** 30;

/**
 * `latest("shm:price", { mode: "write" })`: publishes a value under a name, of which readers always find the newest, whole.
 *
 * In shared memory, no copy but the writer's own: setting a value is one exchange of a word for each reader, reading it is two steps. Both are
 * wait-free: neither waits for the other, whatever that does (is slow, is stopped, dies). Values in between are skipped. No system call is made but
 * to wake a reader that sleeps.
 *
 * The writer lets readers in on its event loop, and keeps the process alive until `close()`. When it dies, readers keep the last value and are told;
 * another writer can take the name at once, and readers that open it then, or that `follow`, read that one. A live writer's name is never taken: EADDRINUSE.
 *
 * @param address `shm:name`. The name is in this user's runtime directory; its memory has none, so that a killed process leaves nothing behind.
 * @throws {PosixError} EADDRINUSE when there is a writer; ENOMEM.
 * @throws {TypeError} For an address of another road.
 *
 * @example The newest of many
 * ```ts
 * import { latest } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const address = `shm:example-latest-${Deno.pid}`;
 * await using writer = await latest<{ price: number }>(address, { mode: "write" });
 * await using reader = await latest<{ price: number }>(address);
 * assertEquals(reader.get(), undefined);
 * for (let price = 1; price <= 100; price++) writer.set({ price });
 * assertEquals(await reader.next(), { price: 100 });
 * assertEquals(reader.version, 100);
 * ```
 *
 * @example A struct, in place
 * ```ts
 * import { f64, latest, struct, u32 } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Price = struct({ bid: f64, ask: f64, size: u32 });
 * const address = `shm:example-struct-${Deno.pid}`;
 * await using writer = await latest(address, { mode: "write", codec: Price });
 * await using reader = await latest(address, { codec: Price });
 * writer.set({ bid: 1, ask: 2, size: 3 });
 * writer.update((price) => price.size += 1);
 * const seen = reader.get();
 * assertEquals([seen?.bid, seen?.ask, seen?.size], [1, 2, 4]);
 * ```
 *
 * @see {@link https://doi.org/10.1016/j.jpdc.2016.10.006 Anonymous readers counting: a wait-free multi-word atomic register}, for the family of algorithms
 * @tags allow-ffi
 */
export function latest<View, ReadOnlyView>(
  address: string,
  options: LatestStructOptions<View, ReadOnlyView> & { mode: "write" },
): Promise<LatestStructWriter<View>>;
/** `latest("shm:price", { mode: "write" })`: publishes values of any codec. */
export function latest<T>(address: string, options: LatestOptions<T> & { mode: "write" }): Promise<LatestWriter<T>>;
/**
 * `latest("shm:price", { codec: Price })`: reads a struct in place.
 *
 * @throws {ProtocolError} The writer has other terms, or as many readers as it can have.
 * @throws {DOMException} `TimeoutError` when there is no writer within `timeoutMs`, 10 seconds when left out.
 */
export function latest<View, ReadOnlyView>(
  address: string,
  options: LatestStructOptions<View, ReadOnlyView> & { mode?: "read" | undefined },
): Promise<LatestReader<ReadOnlyView>>;
/**
 * `latest("shm:price")`: reads a value that another process publishes; waits until it does.
 *
 * @throws {ProtocolError} The writer has other terms, or as many readers as it can have.
 * @throws {DOMException} `TimeoutError` when there is no writer within `timeoutMs`, 10 seconds when left out.
 */
export function latest<T>(
  address: string,
  options?: LatestOptions<T> & { mode?: "read" | undefined },
): Promise<LatestReader<T>>;
export async function latest(
  address: string,
  options: LatestOptions<unknown> | LatestStructOptions<unknown, unknown> = {},
): Promise<LatestWriter<unknown> | LatestStructWriter<unknown> | LatestReader<unknown>> {
  const { mode = "read" } = options;
  if (mode !== "read" && mode !== "write") throw new TypeError(`mode is "read" or "write", got ${Deno.inspect(mode)}`);
  const parsed = parseChannelAddress(address);
  if (parsed.road !== "shm") throw new TypeError(`latest is for addresses such as "shm:name", got "${address}"`);
  const { codec, layout, terms } = understanding(options);
  if (mode === "read") {
    const open = async (waiting: WaitOptions) => {
      using welcome = await goTo(parsed.name, terms, [], { owner: options.owner, ...waiting });
      const reader = SlotReader.open(welcome, address);
      try {
        await welcome.acknowledge({ signal: waiting.signal });
      } catch (error) {
        reader.close();
        throw error;
      }
      return new LatestReaderEnd(address, reader, codec, layout);
    };
    const first = await open({ signal: options.signal, timeoutMs: options.timeoutMs ?? CONNECT_MS });
    return options.follow === true ? new LatestFollower(first, open) : first;
  }
  const maxReaders = requireCount(options.maxReaders ?? MAX_READERS, "maxReaders", MOST_READERS);
  const rendezvous = await Rendezvous.listen(parsed.name, terms, options);
  try {
    const values = createValues({ slots: maxReaders + 2, maxBytes: terms.maxMessageBytes }, parsed.name);
    return new LatestWriterEnd(address, rendezvous, new SlotWriter(values, address), codec, layout);
  } catch (error) {
    rendezvous.close();
    throw error;
  }
}

interface Understanding {
  codec: ResolvedCodec<unknown, unknown>;
  /** The struct, where the values are one. */
  layout: Struct<unknown> | undefined;
  terms: Terms;
}

function understanding(options: LatestOptions<unknown> | LatestStructOptions<unknown, unknown>): Understanding {
  const { codec: chosen = "json", maxMessageBytes } = options;
  const layout = typeof chosen === "object" && "layout" in chosen ? chosen : undefined;
  const codec = resolveCodec(chosen, options.type);
  if (layout !== undefined && maxMessageBytes !== undefined && maxMessageBytes !== layout.size) {
    throw new TypeError(`The values are structs of ${layout.size} bytes; maxMessageBytes cannot be ${maxMessageBytes}`);
  }
  const maxBytes = layout?.size ?? requireCount(maxMessageBytes ?? MAX_BYTES, "maxMessageBytes", MOST_BYTES);
  const { name, fingerprint } = codec;
  return { codec, layout, terms: { kind: "latest", codec: name, fingerprint, maxMessageBytes: maxBytes } };
}

function requireCount(count: number, what: string, most: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= most) return count;
  throw new RangeError(`${what} must be an integer in 1..${most}, got ${Deno.inspect(count)}`);
}
