/**
 * Seqpacket and datagram sockets.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { closeWaited } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { EPOLL, POLL, SOCK } from "../sys/linux.ts";
import { pollNow } from "../sys/poll.ts";
import { isProbed } from "../sys/probe.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "./ancillary.ts";
import {
  descriptorLimit,
  type DescriptorMessage,
  descriptorMessage,
  type ReceiveDescriptorsOptions,
  type ReceiveDescriptorsSyncOptions,
} from "./descriptors.ts";
import { closedForWriting, descriptorsToSend, noCarrier, receiveNow, sendNow, shutDown } from "./kernel_socket.ts";
import { tellSocket } from "./tell.ts";
import { Lane } from "./lane.ts";
import { bufferFor, messageFrom } from "./message_buffer.ts";
import type {
  MessageBuffer,
  MessageSocket,
  ReceiveMessageOptions,
  ReceiveMessageSyncOptions,
  SocketMessage,
} from "./message_socket.ts";
import { type PeerCredentials, peerCredentials, peerPidFd } from "./peer.ts";

/** A message socket of the kernel. */
export class KernelMessageSocket implements MessageSocket {
  readonly type: "seqpacket" | "datagram";
  readonly #fd: Fd;
  readonly #carries: boolean;
  readonly #incoming: Lane;
  readonly #outgoing: Lane;
  readonly #sending: string;
  readonly #receiving: string;
  #writeClosed = false;

  /** @param fd A connected socket, which this object owns from now on. @param carries Whether descriptors may travel through it. */
  constructor(fd: Fd, type: "seqpacket" | "datagram", carries: boolean) {
    this.#fd = fd;
    this.type = type;
    this.#carries = carries;
    this.#incoming = new Lane(fd, EPOLL.IN);
    this.#outgoing = new Lane(fd, EPOLL.OUT);
    this.#sending = `Sending to ${fd.what}`;
    this.#receiving = `Receiving from ${fd.what}`;
  }

  get closed(): boolean {
    return this.#fd.closed;
  }

  get peer(): PeerCredentials {
    return peerCredentials(this.#fd);
  }

  peerPidFd(): Fd {
    return peerPidFd(this.#fd);
  }

  async send(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    this.#checkLength(bytes);
    await this.#outgoing.run(this.#sending, options, () => this.#send(bytes));
  }

  sendSync(bytes: Uint8Array, options: SyncWaitOptions = {}): void {
    this.#checkLength(bytes);
    this.#outgoing.runSync(this.#sending, options, () => this.#send(bytes));
  }

  trySend(bytes: Uint8Array): boolean {
    this.#checkLength(bytes);
    return !this.#outgoing.taken && this.#send(bytes) === true;
  }

  receive(options: ReceiveMessageOptions = {}): Promise<SocketMessage | null> {
    return this.#incoming.run(this.#receiving, options, () => this.#receive(options));
  }

  receiveSync(options: ReceiveMessageSyncOptions = {}): SocketMessage | null {
    return this.#incoming.runSync(this.#receiving, options, () => this.#receive(options));
  }

  tryReceive(options: MessageBuffer = {}): SocketMessage | null | undefined {
    return this.#incoming.taken ? undefined : this.#receive(options);
  }

  closeWrite(): void {
    if (this.closed) throw new ClosedError(this.#fd.what);
    if (this.#writeClosed) return;
    this.#writeClosed = true;
    shutDown(this.#fd, SOCK.SHUT_WR);
  }

  async sendDescriptors(
    bytes: Uint8Array,
    descriptors: readonly (Fd | Movable)[],
    options: WaitOptions = {},
  ): Promise<void> {
    this.#checkSend(bytes);
    using held = descriptorsToSend(descriptors);
    await this.#outgoing.run(this.#sending, options, () => this.#send(bytes, held.all));
  }

  sendDescriptorsSync(bytes: Uint8Array, descriptors: readonly (Fd | Movable)[], options: SyncWaitOptions = {}): void {
    this.#checkSend(bytes);
    using held = descriptorsToSend(descriptors);
    this.#outgoing.runSync(this.#sending, options, () => this.#send(bytes, held.all));
  }

  trySendDescriptors(bytes: Uint8Array, descriptors: readonly Fd[]): boolean {
    this.#checkSend(bytes);
    return !this.#outgoing.taken && this.#send(bytes, descriptors) === true;
  }

  async receiveDescriptors(options: ReceiveDescriptorsOptions = {}): Promise<DescriptorMessage | null> {
    if (!this.#carries) noCarrier(this.#fd.what);
    return await this.#incoming.run(this.#receiving, options, () => this.#receiveDescriptors(options));
  }

  receiveDescriptorsSync(options: ReceiveDescriptorsSyncOptions = {}): DescriptorMessage | null {
    if (!this.#carries) noCarrier(this.#fd.what);
    return this.#incoming.runSync(this.#receiving, options, () => this.#receiveDescriptors(options));
  }

  tryReceiveDescriptors(options: ReceiveDescriptorsSyncOptions = {}): DescriptorMessage | null | undefined {
    if (!this.#carries) noCarrier(this.#fd.what);
    return this.#incoming.taken ? undefined : this.#receiveDescriptors(options);
  }

  duplicate(): MessageSocket {
    return new KernelMessageSocket(this.#fd.duplicate(), this.type, this.#carries);
  }

  close(): void {
    closeWaited(this.#fd);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<SocketMessage> {
    for (let message = await this.receive(); message !== null; message = await this.receive()) yield message;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [moveDescriptor](): Fd {
    const moved = this.#fd.duplicate();
    this.close();
    return moved;
  }

  #send(bytes: Uint8Array, descriptors?: readonly Fd[]): true | undefined {
    if (this.#writeClosed) throw closedForWriting(this.#fd.what);
    const sent = descriptors === undefined
      ? sendNow(this.#fd, bytes)
      : sendWithDescriptors(this.#fd, bytes, descriptors);
    return sent === undefined ? undefined : true;
  }

  #receive(options: MessageBuffer): SocketMessage | null | undefined {
    const buffer = bufferFor(options);
    const byteLength = receiveNow(this.#fd, buffer, SOCK.MSG_TRUNC);
    if (byteLength === undefined) return undefined;
    const isEnd = byteLength === 0 && this.#ended();
    if (isProbed()) tellSocket("read", this.#fd, isEnd ? null : byteLength);
    return isEnd ? null : messageFrom(buffer, byteLength, options);
  }

  #receiveDescriptors(options: ReceiveDescriptorsSyncOptions): DescriptorMessage | null | undefined {
    const limit = descriptorLimit(options);
    const buffer = bufferFor(options);
    const received = receiveWithDescriptors(this.#fd, buffer, limit, SOCK.MSG_TRUNC);
    if (received === undefined) return undefined;
    const { byteLength, descriptors } = received;
    const isEnd = byteLength === 0 && descriptors.length === 0 && this.#ended();
    if (isProbed()) tellSocket("read", this.#fd, isEnd ? null : byteLength);
    if (isEnd) return null;
    return descriptorMessage(messageFrom(buffer, byteLength, options), descriptors);
  }

  /**
   * Whether the zero that was just received is the end, and not an empty message. The kernel returns 0 for both; it is a message when more
   * can be received after it, or when the peer has not ended its direction.
   */
  #ended(): boolean {
    if (this.type === "datagram") return false;
    const next = receiveNow(this.#fd, new Uint8Array(1), SOCK.MSG_PEEK);
    return next === 0 && (pollNow(this.#fd, POLL.RDHUP) & (POLL.RDHUP | POLL.HUP)) !== 0;
  }

  #checkSend(bytes: Uint8Array): void {
    if (!this.#carries) noCarrier(this.#fd.what);
    this.#checkLength(bytes);
  }

  #checkLength(bytes: Uint8Array): void {
    if (this.type === "seqpacket" && bytes.byteLength === 0) {
      throw new RangeError("A message on a seqpacket socket must not be empty: every reader would take it for the end");
    }
  }
}
