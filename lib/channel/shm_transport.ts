/**
 * The road through shared memory: two rings, one each way, in one memfd that the listener made and passed over a socket.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { AnonymousMemory } from "../memory/anonymous_memory.ts";
import type { Struct } from "../memory/struct.ts";
import type { PeerCredentials } from "../socket/peer.ts";
import { cancellable, Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { goTo, type Guest, Rendezvous, type Welcoming } from "./rendezvous.ts";
import { keepDoor } from "./rendezvous_door.ts";
import type { Terms } from "./rendezvous_terms.ts";
import { openRingReceiver, openRingSender, type RingReceiver, type RingSender } from "./ring.ts";
import { type SocketDoorbell, socketDoorbell } from "./ring_doorbell.ts";
import { capacityFor, createLink, openLink, requireAgreed, type RingLink } from "./shm_link.ts";
import { type InPlace, RingInPlace } from "./shm_in_place.ts";
import type { Transport } from "./transport.ts";

/** How {@linkcode openShm} opens an end. */
export interface ShmOptions extends WaitOptions, Welcoming {
  /** Whether this end makes the name, or goes to it. */
  mode: "listen" | "connect";
  /** What both ends must say alike. */
  codec: string;
  /** The same, of the struct or the type that is sent; 0 for none. */
  fingerprint: bigint;
  /** The longest message. */
  maxMessageBytes: number;
  /** How often a blocking wait looks before it sleeps; the ring's own default when left out. */
  spins?: number | undefined;
}

/** So long a guest is welcomed alone. After that the next is welcomed beside him: one who says nothing keeps nobody waiting for long. */
const TURN_MS = 100;

/** A transport whose messages can be written and read in place. */
export interface ShmTransport extends Transport {
  /** The ring that this end writes. */
  readonly sender: RingSender;
  /** The ring that this end reads. */
  readonly receiver: RingReceiver;
}

/**
 * Opens one end of `shm:name`: the listener makes the memory and waits for one connector, the connector waits for a listener. Then the name is free
 * again.
 *
 * @throws {ProtocolError} The two sides do not agree about codec, type or longest message: on both sides.
 * @throws {PosixError} EADDRINUSE when somebody listens there already.
 */
export async function openShm(name: string, options: ShmOptions): Promise<ShmTransport> {
  const { codec, fingerprint, maxMessageBytes } = options;
  const terms: Terms = { kind: "channel", codec, fingerprint, maxMessageBytes };
  return options.mode === "listen" ? await listen(name, terms, options) : await connect(name, terms, options);
}

async function listen(name: string, terms: Terms, options: ShmOptions): Promise<ShmTransport> {
  const what = `Waiting for a connector at shm:${name}`;
  const deadline = new Deadline(what, options.timeoutMs);
  const rendezvous = await Rendezvous.listen(name, terms, options);
  const arrived = Promise.withResolvers<ShmTransport>();
  // The first who has mapped the memory is the one. Each has a short time for himself, so that two honest ones do not both believe it.
  let turns: Promise<void> = Promise.resolve();
  let taken = false;
  const door = keepDoor(rendezvous, async (guest) => {
    const turn = Promise.withResolvers<void>();
    const before = turns;
    turns = turn.promise;
    await before;
    const overdue = setTimeout(turn.resolve, TURN_MS);
    try {
      // Who comes too late is sent away without a word, and waits for the next listener.
      if (taken) return;
      const transport = await welcome(guest, terms, { name, spins: options.spins });
      if (taken) return transport.close();
      taken = true;
      arrived.resolve(transport);
    } finally {
      clearTimeout(overdue);
      turn.resolve();
    }
  }, arrived.reject);
  door.catch(arrived.reject);
  try {
    return await cancellable(what, options, (resolve, reject) => {
      arrived.promise.then(resolve, reject);
      return () => {};
    }, deadline);
  } catch (error) {
    // It may have come all the same.
    arrived.promise.then((transport) => transport.close(), () => {});
    throw error;
  } finally {
    rendezvous.close();
    await door.catch(() => {});
  }
}

/** Makes the memory for a guest, and passes it. */
export async function welcome(
  guest: Guest,
  terms: Terms,
  { name, spins }: { name: string; spins: number | undefined },
): Promise<ShmTransport> {
  const maxMessageBytes = Math.min(terms.maxMessageBytes, guest.terms.maxMessageBytes);
  const capacity = capacityFor(maxMessageBytes);
  const { link, inherited } = createLink({ address: `shm:${name}`, rings: 2, capacity, maxMessageBytes, spins });
  try {
    const transport = new RingTransport(link, "first", guest.peer);
    try {
      await guest.welcome([capacity, maxMessageBytes], inherited);
      return transport;
    } catch (error) {
      transport.close();
      throw error;
    }
  } finally {
    for (const fd of inherited) fd.close();
  }
}

async function connect(name: string, terms: Terms, options: ShmOptions): Promise<ShmTransport> {
  using welcome = await goTo(name, terms, [], options);
  const [capacity = 0, maxMessageBytes = 0] = welcome.facts;
  const address = `shm:${name}`;
  if (maxMessageBytes > terms.maxMessageBytes) {
    throw new ProtocolError(`${address}: the listener has messages of up to ${maxMessageBytes} bytes`);
  }
  const { spins } = options;
  const link = openLink(welcome.descriptors.splice(0), { address, rings: 2, capacity, maxMessageBytes, spins });
  const transport = new RingTransport(link, "second", welcome.peer);
  try {
    await welcome.acknowledge({ signal: options.signal });
    return transport;
  } catch (error) {
    transport.close();
    throw error;
  }
}

/** Two rings as one road. */
export class RingTransport implements ShmTransport {
  readonly address: string;
  readonly directions = "both";
  readonly maxMessageBytes: number;
  readonly peer: PeerCredentials | undefined;
  readonly sender: RingSender;
  readonly receiver: RingReceiver;
  readonly #doorbell: SocketDoorbell;
  /** That of both rings. */
  protected readonly memory: AnonymousMemory;

  /**
   * @param link Becomes the transport's.
   * @param side Whoever made the memory writes the first ring and reads the second.
   */
  constructor(link: RingLink, side: "first" | "second", peer?: PeerCredentials) {
    const { address, memory, ringBytes } = link;
    this.address = address;
    this.peer = peer;
    this.maxMessageBytes = link.maxMessageBytes;
    this.memory = memory;
    this.#doorbell = socketDoorbell(link.doorbell);
    const [sending, receiving] = side === "first" ? [0, ringBytes] : [ringBytes, 0];
    const options = { name: address, doorbell: this.#doorbell, spins: link.spins };
    try {
      this.sender = openRingSender(memory, { ...options, offset: sending });
      try {
        this.receiver = openRingReceiver(memory, { ...options, offset: receiving });
        requireAgreed(this.sender, link);
        requireAgreed(this.receiver, link);
      } catch (error) {
        this.sender.close();
        throw error;
      }
    } catch (error) {
      this.#doorbell.close();
      memory.close();
      throw error;
    }
  }

  send(message: Uint8Array, options?: WaitOptions): Promise<void> {
    return this.sender.send(message, options);
  }

  sendSync(message: Uint8Array, options?: SyncWaitOptions): void {
    this.sender.sendSync(message, options);
  }

  trySend(message: Uint8Array): boolean {
    return this.sender.trySend(message);
  }

  trySendMany(messages: readonly Uint8Array[]): number {
    return this.sender.trySendMany(messages);
  }

  receive(options?: WaitOptions): Promise<Uint8Array | null> {
    return this.receiver.receive(options);
  }

  receiveSync(options?: SyncWaitOptions): Uint8Array | null {
    return this.receiver.receiveSync(options);
  }

  tryReceive(): Uint8Array | null | undefined {
    return this.receiver.tryReceive();
  }

  inPlace<View>(struct: Struct<unknown> | undefined): InPlace<View> {
    return new RingInPlace(this.sender, this.receiver, this.memory, struct);
  }

  closeSending(): void {
    this.sender.close();
  }

  close(): void {
    this.sender.close();
    this.receiver.close();
    this.#doorbell.close();
    this.memory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
