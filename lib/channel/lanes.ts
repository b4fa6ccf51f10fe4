/**
 * Lanes: many rings in one memory, for many producers and one consumer, or one producer and many consumers.
 *
 * Synchronous model, in shared memory. Everybody but the hub has a lane of their own, so a process that dies spoils nobody else's; its lane is free for the
 * next one as soon as the kernel has released it. What is wrong in a lane costs that lane only, but all lanes are in one memory, which everybody can write:
 * they are for processes that mean each other no harm. (A `topic` gives each subscriber memory of its own.)
 *
 * @module
 */

import { ChannelClosedError, PosixError } from "../errors.ts";
import type { Memory } from "../memory/memory.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { hubSleep, laneOffset, lanesLayout, type LanesTable, readLanes, writeLanes } from "./lanes_layout.ts";
import { LanesReceiverHub } from "./lanes_receiver.ts";
import { LanesSenderHub } from "./lanes_sender.ts";
import type { RingReceiver, RingSender } from "./ring.ts";
import type { RingEndObject } from "./ring_end.ts";
import { CLOSED, CONSUMER, END, HEAD, PRODUCER, TAIL } from "./ring_layout.ts";
import { RingReceiverEnd } from "./ring_receiver.ts";
import { RingSenderEnd } from "./ring_sender.ts";

/** What becomes of a message when a subscriber's lane is full. `"error"`: the publisher's call throws, and nobody gets the message. */
export type LaneWhenFull = "block" | "drop-oldest" | "drop-newest" | "error";

/** Which way lanes go. */
export type LanesDirection = "many-to-one" | "one-to-many";

/** What lanes are like: said once, by whoever writes their header. */
export interface LanesOptions {
  /**
   * Who has a lane each: producers, or consumers.
   * @default {"many-to-one"}
   */
  direction?: LanesDirection | undefined;
  /**
   * How many there can be at a time: 1 to 120.
   * @default {16}
   */
  lanes?: number | undefined;
  /**
   * Bytes of the data of each lane: a power of two.
   * @default {65536}
   */
  capacity?: number | undefined;
  /**
   * The longest message.
   * @default {capacity / 2 - 8}
   */
  maxMessageBytes?: number | undefined;
}

/** How somebody takes part in lanes. */
export interface LanesEndOptions {
  /** What the lanes are called in errors. The memory's name when left out. */
  name?: string | undefined;
  /** How often a blocking wait looks before it sleeps in the kernel. */
  spins?: number | undefined;
}

/** How a subscriber takes its lane. */
export interface SubscriberOptions extends LanesEndOptions {
  /**
   * What becomes of a message when this subscriber's lane is full.
   * @default {"block"}
   */
  whenFull?: LaneWhenFull | undefined;
}

/** The one consumer of many producers. Every lane has its turn; within a lane messages come in order. */
export interface LanesReceiver extends Disposable {
  /** What the lanes are called. */
  readonly name: string;
  /** How many producers there are at this moment. */
  readonly producers: number;
  /** How many producers died, as far as this end has seen. What they had published was received. */
  readonly deaths: number;
  /** The lane of the message that was received last; -1 before the first. */
  readonly lane: number;
  /**
   * The next message of whichever lane's turn it is; waits on the event loop while there is none, also when there is no producer.
   *
   * @returns The bytes in their lane, valid until the next call.
   * @throws {ProtocolError} A producer wrote what cannot be; its lane is closed, and the others go on.
   */
  receive(options?: WaitOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** The same, blocking this thread. */
  receiveSync(options?: SyncWaitOptions): Uint8Array<ArrayBuffer>;
  /** The same, never waiting. */
  tryReceive(): Uint8Array<ArrayBuffer> | undefined;
  /** Gives the end up: producers see a clean close. May be called twice. */
  close(): void;
}

/** The one producer of many consumers. Each gets every message from when it joined on, but for those that its lane drops. */
export interface LanesSender extends Disposable {
  /** What the lanes are called. */
  readonly name: string;
  /** How many subscribers there are at this moment. */
  readonly subscribers: number;
  /** How many messages all lanes together have dropped, as their shared counters say. */
  readonly dropped: number;
  /**
   * Sends a message to every subscriber; waits on the event loop while the lane of one that blocks is full. A subscriber that dies ends the wait for it.
   *
   * @throws {DOMException} `QuotaExceededError` when the lane of a subscriber with `"error"` is full: nobody has got the message.
   */
  send(message: Uint8Array, options?: WaitOptions): Promise<void>;
  /** The same, blocking this thread. */
  sendSync(message: Uint8Array, options?: SyncWaitOptions): void;
  /** The same, never waiting: false when a lane that blocks is full, and then nobody has got the message. */
  trySend(message: Uint8Array): boolean;
  /** Gives the end up: subscribers see a clean close. May be called twice. */
  close(): void;
}

/**
 * `lanesByteLength(options)`: bytes of memory that lanes take.
 *
 * @throws {RangeError} For what cannot be.
 *
 * @example Lanes are rings, one behind the other
 * ```ts
 * import { lanesByteLength, ringByteLength } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(lanesByteLength({ lanes: 3, capacity: 4096 }), 128 + 3 * ringByteLength(4096));
 * ```
 *
 * @tags allow-ffi
 */
export function lanesByteLength(options: LanesOptions = {}): number {
  return lanesLayout(options).byteLength;
}

/**
 * `createLanes(memory, options)`: writes the headers of empty lanes. The memory must be nobody's meanwhile.
 *
 * @throws {RangeError} For what cannot be, and for memory that is too small.
 *
 * @example Two producers
 * ```ts
 * import { createAnonymousMemory, createLanes, joinLanesSender, lanesByteLength, openLanesReceiver } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { lanes: 2, capacity: 4096 };
 * using memory = createAnonymousMemory({ size: lanesByteLength(options) });
 * createLanes(memory, options);
 * using hub = openLanesReceiver(memory);
 * using one = joinLanesSender(memory);
 * using other = joinLanesSender(memory);
 * one.sendSync(Uint8Array.of(1));
 * other.sendSync(Uint8Array.of(2));
 * assertEquals((await hub.receive())[0], 1);
 * assertEquals((await hub.receive())[0], 2);
 * ```
 *
 * @tags allow-ffi
 */
export function createLanes(memory: Memory, options: LanesOptions = {}): void {
  writeLanes(memory, options);
}

/**
 * `openLanesReceiver(memory)`: takes the hub of many-to-one lanes. When a hub before died, messages that it had received and not given back come again.
 *
 * @throws {ProtocolError} There are no such lanes.
 * @throws {PosixError} EBUSY while somebody is the hub.
 *
 * @example Two producers
 * ```ts
 * import { createAnonymousMemory, createLanes, joinLanesSender, lanesByteLength, openLanesReceiver } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { lanes: 2, capacity: 4096 };
 * using memory = createAnonymousMemory({ size: lanesByteLength(options) });
 * createLanes(memory, options);
 * using hub = openLanesReceiver(memory);
 * using one = joinLanesSender(memory);
 * using other = joinLanesSender(memory);
 * one.sendSync(Uint8Array.of(1));
 * other.sendSync(Uint8Array.of(2));
 * assertEquals((await hub.receive())[0], 1);
 * assertEquals((await hub.receive())[0], 2);
 * ```
 *
 * @tags allow-ffi
 */
export function openLanesReceiver(memory: Memory, options: LanesEndOptions = {}): LanesReceiver {
  const table = readLanes(memory, "many-to-one", options.name);
  return new LanesReceiverHub(table, openAll(table, (place) => new RingReceiverEnd(memory, place)), options.spins);
}

/**
 * `openLanesSender(memory)`: takes the hub of one-to-many lanes.
 *
 * @throws {ProtocolError} There are no such lanes.
 * @throws {PosixError} EBUSY while somebody is the hub.
 *
 * @example A subscriber that may fall behind
 * ```ts
 * import { createAnonymousMemory, createLanes, joinLanesReceiver, lanesByteLength, openLanesSender } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { direction: "one-to-many", lanes: 4, capacity: 64 } as const;
 * using memory = createAnonymousMemory({ size: lanesByteLength(options) });
 * createLanes(memory, options);
 * using hub = openLanesSender(memory);
 * using subscriber = joinLanesReceiver(memory, { whenFull: "drop-oldest" });
 * for (let number = 0; number < 10; number++) hub.sendSync(Uint8Array.of(number));
 * assertEquals(subscriber.tryReceive(), Uint8Array.of(6));
 * assertEquals(subscriber.dropped, 6);
 * ```
 *
 * @tags allow-ffi
 */
export function openLanesSender(memory: Memory, options: LanesEndOptions = {}): LanesSender {
  const table = readLanes(memory, "one-to-many", options.name);
  return new LanesSenderHub(table, openAll(table, (place) => new RingSenderEnd(memory, place)), options.spins);
}

/**
 * `joinLanesSender(memory)`: takes a lane of many-to-one lanes, to send. A lane whose producer closed it or died is as good as a new one: what is left in
 * it is received first.
 *
 * @throws {PosixError} ENOSPC when every lane is a living producer's.
 * @throws {ChannelClosedError} The hub has closed its end.
 *
 * @example Two producers
 * ```ts
 * import { createAnonymousMemory, createLanes, joinLanesSender, lanesByteLength, openLanesReceiver } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { lanes: 2, capacity: 4096 };
 * using memory = createAnonymousMemory({ size: lanesByteLength(options) });
 * createLanes(memory, options);
 * using hub = openLanesReceiver(memory);
 * using one = joinLanesSender(memory);
 * using other = joinLanesSender(memory);
 * one.sendSync(Uint8Array.of(1));
 * other.sendSync(Uint8Array.of(2));
 * assertEquals((await hub.receive())[0], 1);
 * assertEquals((await hub.receive())[0], 2);
 * ```
 *
 * @tags allow-ffi
 */
export function joinLanesSender(memory: Memory, options: LanesEndOptions = {}): RingSender {
  const table = readLanes(memory, "many-to-one", options.name);
  return takeOne(table, "joinLanesSender", CONSUMER, (lane) =>
    new RingSenderEnd(memory, {
      ...options,
      offset: laneOffset(table, lane),
      peerSleep: hubSleep(table),
      rejoin: true,
    }));
}

/**
 * `joinLanesReceiver(memory)`: takes a lane of one-to-many lanes, to receive every message from now on. Messages are copied once on receiving: the lane
 * may be one that drops.
 *
 * @throws {PosixError} ENOSPC when every lane is a living subscriber's.
 * @throws {ChannelClosedError} The hub has closed its end.
 *
 * @example A subscriber that may fall behind
 * ```ts
 * import { createAnonymousMemory, createLanes, joinLanesReceiver, lanesByteLength, openLanesSender } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { direction: "one-to-many", lanes: 4, capacity: 64 } as const;
 * using memory = createAnonymousMemory({ size: lanesByteLength(options) });
 * createLanes(memory, options);
 * using hub = openLanesSender(memory);
 * using subscriber = joinLanesReceiver(memory, { whenFull: "drop-oldest" });
 * for (let number = 0; number < 10; number++) hub.sendSync(Uint8Array.of(number));
 * assertEquals(subscriber.tryReceive(), Uint8Array.of(6));
 * assertEquals(subscriber.dropped, 6);
 * ```
 *
 * @tags allow-ffi
 */
export function joinLanesReceiver(memory: Memory, options: SubscriberOptions = {}): RingReceiver {
  const { whenFull = "block" } = options;
  const policy = POLICIES.indexOf(whenFull);
  if (policy === -1) throw new TypeError(`whenFull must be one of ${POLICIES.join(", ")}, got ${String(whenFull)}`);
  const table = readLanes(memory, "one-to-many", options.name);
  return takeOne(table, "joinLanesReceiver", PRODUCER, (lane) =>
    new RingReceiverEnd(memory, {
      ...options,
      offset: laneOffset(table, lane),
      peerSleep: hubSleep(table),
      rejoin: true,
      beforeOpen: (header) => {
        Atomics.store(header, CONSUMER / 4 + END.policy, policy);
        // The hub sees a subscriber already, and may drop what is in the lane: the head never goes back.
        let head: number;
        do head = Atomics.load(header, HEAD); while (
          Atomics.compareExchange(header, HEAD, head, Atomics.load(header, TAIL)) !== head
        );
      },
    }));
}

/** As the lane's header has them: by index. */
const POLICIES: readonly LaneWhenFull[] = ["block", "drop-oldest", "drop-newest", "error"];

interface HubPlace {
  offset: number;
  name: string;
  ownSleep: ReturnType<typeof hubSleep>;
  rejoin: true;
}

function openAll<End extends RingEndObject>(table: LanesTable, open: (place: HubPlace) => End): End[] {
  const ends: End[] = [];
  try {
    for (let lane = 0; lane < table.lanes; lane++) {
      const offset = laneOffset(table, lane);
      ends.push(open({ offset, name: table.name, ownSleep: hubSleep(table), rejoin: true }));
    }
  } catch (error) {
    for (const end of ends) end.close();
    throw error;
  }
  return ends;
}

function takeOne<End extends RingEndObject>(
  table: LanesTable,
  call: string,
  hub: typeof PRODUCER | typeof CONSUMER,
  open: (lane: number) => End,
): End {
  for (let lane = 0; lane < table.lanes; lane++) {
    let end: End;
    try {
      end = open(lane);
    } catch (error) {
      if (error instanceof PosixError && error.code === "EBUSY") continue;
      throw error;
    }
    if (end.peer !== "closed") return end;
    // The hub gave up this lane (somebody spoilt it), or all of them.
    end.close();
  }
  if (hubHasClosed(table, hub)) throw new ChannelClosedError(table.name, "closed");
  throw new PosixError({
    code: "ENOSPC",
    syscall: call,
    target: table.name,
    hint: `all ${table.lanes} lanes are taken`,
  });
}

/** Whether the hub has closed its end of every lane. */
function hubHasClosed(table: LanesTable, hub: typeof PRODUCER | typeof CONSUMER): boolean {
  for (let lane = 0; lane < table.lanes; lane++) {
    const words = new Int32Array(table.mapping.buffer, laneOffset(table, lane) + hub, 2);
    if (Atomics.load(words, END.state) !== CLOSED) return false;
  }
  return true;
}
