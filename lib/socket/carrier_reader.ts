/**
 * Reading a stream that carries descriptors.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import { EPOLL, MSGHDR } from "../sys/linux.ts";
import { isProbed } from "../sys/probe.ts";
import { lookAhead, receiveWithDescriptors, refuse } from "./ancillary.ts";
import {
  descriptorLimit,
  type DescriptorMessage,
  descriptorMessage,
  type ReceiveDescriptorsOptions,
  type ReceiveDescriptorsSyncOptions,
} from "./descriptors.ts";
import { receiveNow } from "./kernel_socket.ts";
import { Lane } from "./lane.ts";
import { bufferFor, messageFrom } from "./message_buffer.ts";
import { tellSocket } from "./tell.ts";

/** Most bytes that one receive takes singly: the event loop must go on when a peer puts much before a descriptor. */
const MOST_SINGLY = 1024;

const oneByte = new Uint8Array(1);

/** A byte that has been taken from the kernel, and the descriptors that were attached to it. */
interface Taken {
  readonly byte: number;
  readonly descriptors: Fd[];
}

/**
 * Reads bytes and the descriptors attached to them, and keeps them together.
 *
 * On a stream the kernel hands out plain bytes together with the first bytes that descriptors are attached to (`unix(7)`: ancillary data
 * ends a receive, it does not begin one), so that nobody could tell which byte they belong to. A look ahead does not tell either: it goes
 * through the whole queue. So while descriptors are somewhere ahead, bytes are taken singly, until one comes with its descriptors; a byte
 * that came with some while others were before it is kept for the next receive.
 */
export class CarrierReader {
  readonly #fd: Fd;
  readonly #lane: Lane;
  readonly #what: string;
  #kept: Taken | undefined;
  /** What went wrong after bytes had been taken: they were given out first, and the next call learns it. */
  #failure: { readonly error: unknown } | undefined;

  constructor(fd: Fd) {
    this.#fd = fd;
    this.#lane = new Lane(fd, EPOLL.IN);
    this.#what = `Reading from ${fd.what}`;
  }

  /** Bytes that were taken from the kernel and not yet given out. */
  get buffered(): number {
    return this.#kept === undefined ? 0 : 1;
  }

  receive(options: ReceiveDescriptorsOptions): Promise<DescriptorMessage | null> {
    return this.#lane.run(this.#what, options, () => this.#receive(options));
  }

  receiveSync(options: ReceiveDescriptorsSyncOptions): DescriptorMessage | null {
    return this.#lane.runSync(this.#what, options, () => this.#receive(options));
  }

  tryReceive(options: ReceiveDescriptorsSyncOptions): DescriptorMessage | null | undefined {
    return this.#lane.taken ? undefined : this.#receive(options);
  }

  read(into: Uint8Array, options: WaitOptions): Promise<number | null> {
    return this.#lane.run(this.#what, options, () => this.#read(into));
  }

  readSync(into: Uint8Array, options: SyncWaitOptions): number | null {
    return this.#lane.runSync(this.#what, options, () => this.#read(into));
  }

  tryRead(into: Uint8Array): number | null | undefined {
    return this.#lane.taken ? undefined : this.#read(into);
  }

  /** Closes what nobody has taken. */
  close(): void {
    for (const descriptor of this.#kept?.descriptors ?? []) descriptor.close();
    this.#kept = undefined;
  }

  /** Bytes only: the kernel closes the descriptors that came with them. */
  #read(into: Uint8Array): number | null | undefined {
    if (into.byteLength === 0) return 0;
    if (this.#kept !== undefined) {
      into[0] = this.#kept.byte;
      this.close();
      return 1;
    }
    this.#throwFailure();
    const count = receiveNow(this.#fd, into);
    if (count !== undefined && isProbed()) tellSocket("read", this.#fd, count === 0 ? null : count);
    return count === 0 ? null : count;
  }

  #receive(options: ReceiveDescriptorsSyncOptions): DescriptorMessage | null | undefined {
    const limit = descriptorLimit(options);
    const buffer = bufferFor(options);
    if (this.#kept === undefined) this.#throwFailure();
    let descriptors: Fd[] = [];
    let length = 0;
    try {
      let mustLook = true;
      for (let turns = 0; length < buffer.byteLength && turns < MOST_SINGLY; turns++) {
        if (mustLook && this.#kept === undefined) {
          const rest = buffer.subarray(length);
          const look = lookAhead(this.#fd, rest);
          if (look?.byteLength === 0 && length === 0) return null;
          if (look === undefined || look.byteLength === 0) break;
          if (!look.descriptors) {
            length += receiveNow(this.#fd, rest.subarray(0, look.byteLength)) ?? 0;
            break;
          }
        }
        const taken = this.#kept ?? takeOne(this.#fd);
        if (taken === undefined) break;
        if (taken.descriptors.length > 0 && length > 0) {
          this.#kept = taken;
          break;
        }
        this.#kept = undefined;
        if (taken.descriptors.length > limit) refuse(taken.descriptors, limit, this.#fd.what);
        if (length === 0) descriptors = taken.descriptors;
        // Once the descriptors that were ahead are here, the rest may be plain.
        mustLook = taken.descriptors.length > 0;
        buffer[length++] = taken.byte;
      }
    } catch (error) {
      if (length === 0) throw error;
      this.#failure = { error };
    }
    if (length > 0 && isProbed()) tellSocket("read", this.#fd, length);
    return length === 0 ? undefined : descriptorMessage(messageFrom(buffer, length, options), descriptors);
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }
}

/** Takes one byte and its descriptors; `undefined` when there is none. */
function takeOne(socket: Fd): Taken | undefined {
  const received = receiveWithDescriptors(socket, oneByte, MSGHDR.maxDescriptors);
  if (received === undefined || received.byteLength === 0) return undefined;
  return { byte: oneByte[0]!, descriptors: received.descriptors };
}
