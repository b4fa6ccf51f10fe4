/**
 * Datagram sockets with a name.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { backOff, backOffSync } from "../sys/back_off.ts";
import { Deadline, nextTurn, turnIsDue } from "../sys/clock.ts";
import { closeWaited } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { EPOLL } from "../sys/linux.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { type UnixAddress, unixAddress } from "./address.ts";
import { receiveFrom, sendWithDescriptors } from "./ancillary.ts";
import type {
  Datagram,
  DatagramDestination,
  DatagramSocket,
  DescriptorDatagram,
  ReceiveDatagramDescriptorsOptions,
  ReceiveDatagramDescriptorsSyncOptions,
  ReceiveDatagramOptions,
  ReceiveDatagramSyncOptions,
  SendDatagramOptions,
  SendDatagramSyncOptions,
} from "./datagram_socket.ts";
import { descriptorLimit, descriptorMessage } from "./descriptors.ts";
import { descriptorsToSend, noCarrier } from "./kernel_socket.ts";
import { Lane } from "./lane.ts";
import { bufferFor, messageFrom } from "./message_buffer.ts";
import type { MessageBuffer } from "./message_socket.ts";
import { type SocketName, unlinkName } from "./socket_name.ts";

/** A bound datagram socket of the kernel. */
export class KernelDatagramSocket implements DatagramSocket {
  readonly type = "bound-datagram";
  readonly address: UnixAddress;
  readonly #fd: Fd;
  readonly #carries: boolean;
  readonly #incoming: Lane;
  readonly #receiving: string;
  readonly #sending: string;
  #name: SocketName | undefined;

  /**
   * @param fd A bound datagram socket, which this object owns from now on.
   * @param carries Whether descriptors may travel through it.
   * @param name The name to remove when the object is disposed of.
   */
  constructor(fd: Fd, address: UnixAddress, carries: boolean, name?: SocketName) {
    this.#fd = fd;
    this.address = address;
    this.#carries = carries;
    this.#name = name;
    this.#incoming = new Lane(fd, EPOLL.IN);
    this.#receiving = `Receiving from ${fd.what}`;
    this.#sending = `Sending from ${fd.what}`;
  }

  get closed(): boolean {
    return this.#fd.closed;
  }

  send(bytes: Uint8Array, options: SendDatagramOptions): Promise<void> {
    return this.#sendOn(bytes, options, []);
  }

  sendSync(bytes: Uint8Array, options: SendDatagramSyncOptions): void {
    this.#sendOnSync(bytes, options, []);
  }

  trySend(bytes: Uint8Array, options: DatagramDestination): boolean {
    return this.#send(bytes, destination(options), []) === true;
  }

  receive(options: ReceiveDatagramOptions = {}): Promise<Datagram> {
    return this.#incoming.run(this.#receiving, options, () => this.#receive(options));
  }

  receiveSync(options: ReceiveDatagramSyncOptions = {}): Datagram {
    return this.#incoming.runSync(this.#receiving, options, () => this.#receive(options));
  }

  tryReceive(options: MessageBuffer = {}): Datagram | undefined {
    return this.#incoming.taken ? undefined : this.#receive(options);
  }

  async sendDescriptors(
    bytes: Uint8Array,
    options: SendDatagramOptions & { descriptors: readonly (Fd | Movable)[] },
  ): Promise<void> {
    if (!this.#carries) noCarrier(this.#fd.what);
    destination(options);
    using held = descriptorsToSend(options.descriptors);
    await this.#sendOn(bytes, options, held.all);
  }

  sendDescriptorsSync(
    bytes: Uint8Array,
    options: SendDatagramSyncOptions & { descriptors: readonly (Fd | Movable)[] },
  ): void {
    if (!this.#carries) noCarrier(this.#fd.what);
    destination(options);
    using held = descriptorsToSend(options.descriptors);
    this.#sendOnSync(bytes, options, held.all);
  }

  trySendDescriptors(bytes: Uint8Array, options: DatagramDestination & { descriptors: readonly Fd[] }): boolean {
    if (!this.#carries) noCarrier(this.#fd.what);
    return this.#send(bytes, destination(options), options.descriptors) === true;
  }

  async receiveDescriptors(options: ReceiveDatagramDescriptorsOptions = {}): Promise<DescriptorDatagram> {
    if (!this.#carries) noCarrier(this.#fd.what);
    return await this.#incoming.run(this.#receiving, options, () => this.#receiveDescriptors(options));
  }

  receiveDescriptorsSync(options: ReceiveDatagramDescriptorsSyncOptions = {}): DescriptorDatagram {
    if (!this.#carries) noCarrier(this.#fd.what);
    return this.#incoming.runSync(this.#receiving, options, () => this.#receiveDescriptors(options));
  }

  tryReceiveDescriptors(options: ReceiveDatagramDescriptorsSyncOptions = {}): DescriptorDatagram | undefined {
    if (!this.#carries) noCarrier(this.#fd.what);
    return this.#incoming.taken ? undefined : this.#receiveDescriptors(options);
  }

  duplicate(): DatagramSocket {
    return new KernelDatagramSocket(this.#fd.duplicate(), this.address, this.#carries);
  }

  unlink(): void {
    if (this.closed) throw new ClosedError(this.#fd.what);
    if (this.#name === undefined) return;
    unlinkName(this.#name);
    this.#name = undefined;
  }

  close(): void {
    closeWaited(this.#fd);
  }

  [Symbol.dispose](): void {
    if (this.closed) return;
    try {
      this.unlink();
    } finally {
      this.close();
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Datagram> {
    while (!this.closed) {
      let datagram: Datagram;
      try {
        datagram = await this.receive();
      } catch (error) {
        if (this.closed) return;
        throw error;
      }
      yield datagram;
    }
  }

  [moveDescriptor](): Fd {
    const moved = this.#fd.duplicate();
    this.close();
    return moved;
  }

  async #sendOn(bytes: Uint8Array, options: SendDatagramOptions, descriptors: readonly Fd[]): Promise<void> {
    options.signal?.throwIfAborted();
    const to = destination(options);
    const deadline = new Deadline(this.#sending, options.timeoutMs);
    if (turnIsDue()) await nextTurn();
    await backOff(this.#sending, options, deadline, () => this.#send(bytes, to, descriptors));
  }

  #sendOnSync(bytes: Uint8Array, options: SendDatagramSyncOptions, descriptors: readonly Fd[]): void {
    const to = destination(options);
    const deadline = new Deadline(this.#sending, options.timeoutMs);
    backOffSync(deadline, () => this.#send(bytes, to, descriptors));
  }

  #send(bytes: Uint8Array, to: UnixAddress, descriptors: readonly Fd[]): true | undefined {
    return sendWithDescriptors(this.#fd, bytes, descriptors, to) === undefined ? undefined : true;
  }

  #receive(options: MessageBuffer): Datagram | undefined {
    const buffer = bufferFor(options);
    const received = receiveFrom(this.#fd, buffer, 0);
    if (received === undefined) return undefined;
    const { byteLength, from, credentials } = received;
    return { ...messageFrom(buffer, byteLength, options), from, credentials };
  }

  #receiveDescriptors(options: ReceiveDatagramDescriptorsSyncOptions): DescriptorDatagram | undefined {
    const limit = descriptorLimit(options);
    const buffer = bufferFor(options);
    const received = receiveFrom(this.#fd, buffer, limit);
    if (received === undefined) return undefined;
    const { byteLength, from, credentials, descriptors } = received;
    return { ...descriptorMessage(messageFrom(buffer, byteLength, options), descriptors), from, credentials };
  }
}

/**
 * Where to.
 *
 * @throws {TypeError | RangeError} When it is no address.
 * @throws {Deno.errors.NotCapable} Without read and write access to a path.
 */
function destination({ to }: DatagramDestination): UnixAddress {
  const address = typeof to === "string" ? unixAddress(to) : to;
  if (!(address?.bytes instanceof Uint8Array)) {
    throw new TypeError(`to must be a path or an address, got ${to === null ? "null" : typeof to}`);
  }
  if (address.namespace === "path") {
    requireRead(address.name);
    requireWrite(address.name);
  }
  return address;
}
