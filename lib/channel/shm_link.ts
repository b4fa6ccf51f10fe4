/**
 * What two processes share: rings in one memfd, and a socket pair as their doorbell. Nothing of it has a name.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import { type AnonymousMemory, createAnonymousMemory, openAnonymousMemory } from "../memory/anonymous_memory.ts";
import type { ReadOnlyMemory } from "../memory/read_only.ts";
import { socketPair } from "../socket/socket_pair.ts";
import type { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { libc } from "../sys/libc.ts";
import { SOCK } from "../sys/linux.ts";
import { createRing, ringByteLength, type RingEnd } from "./ring.ts";

/** What both sides know of a link. */
export interface LinkFacts {
  /** What it is called in errors. */
  readonly address: string;
  /** One ring, or two, one each way. */
  readonly rings: 1 | 2;
  /** Bytes of each ring's data. */
  readonly capacity: number;
  /** The longest message. */
  readonly maxMessageBytes: number;
  /** How often a blocking wait of this side looks before it sleeps; the ring's own default when left out. */
  readonly spins?: number | undefined;
}

/** One side of a link. */
export interface RingLink extends LinkFacts {
  /** The rings, one behind the other. */
  readonly memory: AnonymousMemory;
  /** One end of a stream socket pair, for a doorbell. */
  readonly doorbell: Fd;
  /** Where the second ring begins. */
  readonly ringBytes: number;
}

/** How a link is made. */
export interface CreateLinkOptions extends LinkFacts {
  /**
   * Whether the producer may take back what was not received.
   * @default {false}
   */
  readonly overwrite?: boolean;
}

/** Makes a link. @returns Our side, and the two descriptors of the other: memory and doorbell. */
export function createLink(options: CreateLinkOptions): { link: RingLink; inherited: readonly [Fd, Fd] } {
  const { address, rings, capacity, maxMessageBytes, spins, overwrite = false } = options;
  const ringBytes = ringByteLength(capacity);
  // A name for people, in /proc; it is cut where it could be too long.
  const memory = createAnonymousMemory({ size: rings * ringBytes, name: address.replaceAll("/", "_").slice(0, 80) });
  let passed: Fd | undefined;
  try {
    for (let ring = 0; ring < rings; ring++) {
      createRing(memory, { offset: ring * ringBytes, capacity, maxMessageBytes, overwrite });
    }
    passed = memory.fd.duplicate();
    const [ours, theirs] = socketPair("stream");
    const link = {
      address,
      rings,
      capacity,
      maxMessageBytes,
      spins,
      memory,
      doorbell: ours[moveDescriptor](),
      ringBytes,
    };
    return { link, inherited: [passed, theirs[moveDescriptor]()] };
  } catch (error) {
    passed?.close();
    memory.close();
    throw error;
  }
}

/**
 * The other side, from the descriptors that it was given. What the rings say of themselves is checked when they are opened.
 *
 * @param descriptors Become the link's, and are closed when this throws.
 * @throws {ProtocolError} They are not what they should be.
 */
export function openLink(descriptors: readonly Fd[], facts: LinkFacts): RingLink {
  const { address, rings, capacity } = facts;
  const [fd, doorbell, ...more] = descriptors;
  try {
    if (fd === undefined || doorbell === undefined || more.length > 0) {
      throw new ProtocolError(`${address}: the peer passed ${descriptors.length} descriptors instead of 2`);
    }
    const ringBytes = ringBytesOf(address, capacity);
    requireStreamSocket(doorbell, address);
    const memory = openPassed(fd);
    if (memory.byteLength === rings * ringBytes) return { ...facts, memory, doorbell, ringBytes };
    const found = memory.byteLength;
    memory.close();
    throw new ProtocolError(`${address}: the peer passed ${found} bytes of memory instead of ${rings * ringBytes}`);
  } catch (error) {
    for (const descriptor of descriptors) descriptor.close();
    throw error;
  }
}

/**
 * What a ring says of itself must be what was agreed.
 *
 * @throws {ProtocolError} When whoever wrote its header wrote something else.
 */
export function requireAgreed(end: RingEnd, { address, capacity, maxMessageBytes }: LinkFacts): void {
  if (end.maxMessageBytes === maxMessageBytes && end.capacity === capacity) return;
  throw new ProtocolError(
    `${address}: a ring of ${end.capacity} bytes for messages of up to ${end.maxMessageBytes} was passed instead of ` +
      `one of ${capacity} for ${maxMessageBytes}`,
  );
}

/** The capacity of a ring that holds two messages of the longest kind at least. */
export function capacityFor(maxMessageBytes: number, least = 4096): number {
  const both = 2 * (Math.ceil(maxMessageBytes / 8) * 8 + 8);
  return 2 ** Math.ceil(Math.log2(Math.max(both, least)));
}

/** Anything else could block whoever rings it. */
function requireStreamSocket(fd: Fd, address: string): void {
  const isSocket = fileFacts(fd).kind === "socket";
  length[0] = type.byteLength;
  const known = isSocket && libc().getsockopt(fd.raw, SOCK.SOL_SOCKET, SOCK.SO_TYPE, type, length) === 0;
  if (!known || type[0] !== SOCK.STREAM) throw new ProtocolError(`${address}: the peer passed a doorbell that is none`);
}

const type = new Int32Array(1);
const length = new Uint32Array(1);

function ringBytesOf(address: string, capacity: number): number {
  try {
    return ringByteLength(capacity);
  } catch (error) {
    throw new ProtocolError(`${address}: the peer has rings of ${capacity} bytes`, { cause: error });
  }
}

/** Memory from a stranger. What the kernel has against it is the stranger's mistake. */
export function openPassed(fd: Fd): AnonymousMemory;
/** The same, for reading: nobody but who made it can write it. */
export function openPassed(fd: Fd, readOnly: true): ReadOnlyMemory;
export function openPassed(fd: Fd, readOnly = false): AnonymousMemory | ReadOnlyMemory {
  try {
    return readOnly ? openAnonymousMemory(fd, { readOnly: true, seal: "writes" }) : openAnonymousMemory(fd);
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    throw new ProtocolError(`${fd.what} is no memory that can be shared`, { cause: error });
  }
}
