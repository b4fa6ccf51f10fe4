/**
 * Stream sockets with FFI.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { ByteReader } from "../sys/byte_reader.ts";
import { type SyncWaitOptions, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { closeWaited } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, IO_MAX_BYTES, SOCK } from "../sys/linux.ts";
import { sendWithDescriptors } from "./ancillary.ts";
import { CarrierReader } from "./carrier_reader.ts";
import type { DescriptorMessage, ReceiveDescriptorsOptions, ReceiveDescriptorsSyncOptions } from "./descriptors.ts";
import { closedForWriting, descriptorsToSend, noCarrier, sendNow, shutDown } from "./kernel_socket.ts";
import { Lane } from "./lane.ts";
import { type PeerCredentials, peerCredentials, peerPidFd } from "./peer.ts";
import type { StreamSocket } from "./stream_socket.ts";
import { readableFrom, writableTo } from "./web_streams.ts";

/** The ways to read bytes. */
type Reader = Pick<StreamSocket, "read" | "readSync" | "tryRead"> & { readonly buffered: number; close(): void };

/** The result of a write that did not have to wait. */
const DONE = Promise.resolve();

/** A stream socket of the kernel. */
export class KernelStreamSocket implements StreamSocket {
  readonly type = "stream";
  readonly #fd: Fd;
  readonly #carrier: CarrierReader | undefined;
  readonly #reader: Reader;
  readonly #outgoing: Lane;
  #writeClosed = false;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /** @param fd A connected stream socket, which this object owns from now on. @param carries Whether descriptors may travel through it. */
  constructor(fd: Fd, carries: boolean) {
    this.#fd = fd;
    this.#outgoing = new Lane(fd, EPOLL.OUT);
    // What the event loop reads ahead would lose the descriptors that come with it: a carrier waits on the epoll thread.
    this.#carrier = carries ? new CarrierReader(fd) : undefined;
    this.#reader = this.#carrier ?? new ByteReader(fd, { writable: true, call: recv });
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

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= readableFrom((into) => this.read(into), () => {
      if (!this.closed) shutDown(this.#fd, SOCK.SHUT_RD);
    });
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableTo((bytes) => this.write(bytes), () => {
      if (!this.closed) this.closeWrite();
    });
  }

  read(into: Uint8Array, options: WaitOptions = {}): Promise<number | null> {
    return this.#reader.read(into, options);
  }

  readSync(into: Uint8Array, options: SyncWaitOptions = {}): number | null {
    return this.#reader.readSync(into, options);
  }

  tryRead(into: Uint8Array): number | null | undefined {
    return this.#reader.tryRead(into);
  }

  write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    const plain = options.signal === undefined && options.timeoutMs === undefined;
    if (!plain || this.#outgoing.taken || turnIsDue()) return this.#write(bytes, options);
    // Most writes find room: they are over before anything that a wait needs has been made.
    try {
      const count = this.tryWrite(bytes);
      if (count === bytes.byteLength) return DONE;
      return this.#write(count === undefined ? bytes : bytes.subarray(count), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #write(bytes: Uint8Array, options: WaitOptions): Promise<void> {
    await this.#outgoing.run(this.#writing(), options, this.#untilAll(bytes));
  }

  writeSync(bytes: Uint8Array, options: SyncWaitOptions = {}): void {
    this.#outgoing.runSync(this.#writing(), options, this.#untilAll(bytes));
  }

  tryWrite(bytes: Uint8Array): number | undefined {
    if (this.#writeClosed) throw closedForWriting(this.#fd.what);
    if (bytes.byteLength === 0) return 0;
    return this.#outgoing.taken ? undefined : sendNow(this.#fd, bytes);
  }

  closeWrite(): void {
    const fd = this.#fd;
    if (fd.closed) throw new ClosedError(fd.what);
    if (this.#writeClosed) return;
    this.#writeClosed = true;
    shutDown(fd, SOCK.SHUT_WR);
  }

  async sendDescriptors(
    bytes: Uint8Array,
    descriptors: readonly (Fd | Movable)[],
    options: WaitOptions = {},
  ): Promise<void> {
    this.#checkSend(bytes);
    using held = descriptorsToSend(descriptors);
    await this.#outgoing.run(this.#writing(), options, this.#untilAll(bytes, held.all));
  }

  sendDescriptorsSync(bytes: Uint8Array, descriptors: readonly (Fd | Movable)[], options: SyncWaitOptions = {}): void {
    this.#checkSend(bytes);
    using held = descriptorsToSend(descriptors);
    this.#outgoing.runSync(this.#writing(), options, this.#untilAll(bytes, held.all));
  }

  trySendDescriptors(bytes: Uint8Array, descriptors: readonly Fd[]): number | undefined {
    this.#checkSend(bytes);
    if (this.#writeClosed) throw closedForWriting(this.#fd.what);
    return this.#outgoing.taken ? undefined : sendWithDescriptors(this.#fd, bytes, descriptors);
  }

  async receiveDescriptors(options: ReceiveDescriptorsOptions = {}): Promise<DescriptorMessage | null> {
    return await this.#requireCarrier().receive(options);
  }

  receiveDescriptorsSync(options: ReceiveDescriptorsSyncOptions = {}): DescriptorMessage | null {
    return this.#requireCarrier().receiveSync(options);
  }

  tryReceiveDescriptors(options: ReceiveDescriptorsSyncOptions = {}): DescriptorMessage | null | undefined {
    return this.#requireCarrier().tryReceive(options);
  }

  duplicate(): StreamSocket {
    this.#requireNothingBuffered("duplicated");
    return new KernelStreamSocket(this.#fd.duplicate(), this.#carrier !== undefined);
  }

  close(): void {
    closeWaited(this.#fd);
    this.#reader.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [moveDescriptor](): Fd {
    this.#requireNothingBuffered("given away");
    const moved = this.#fd.duplicate();
    this.close();
    return moved;
  }

  /** An attempt that has sent everything when it returns; the descriptors go with the first byte. */
  #untilAll(bytes: Uint8Array, descriptors: readonly Fd[] = []): () => true | undefined {
    let rest = bytes;
    let attached = descriptors;
    return () => {
      if (this.#writeClosed) throw closedForWriting(this.#fd.what);
      if (rest.byteLength > 0) {
        const sent = attached.length > 0 ? sendWithDescriptors(this.#fd, rest, attached) : sendNow(this.#fd, rest);
        if (sent === undefined) return undefined;
        rest = rest.subarray(sent);
        attached = [];
      }
      return rest.byteLength === 0 ? true : undefined;
    };
  }

  #checkSend(bytes: Uint8Array): void {
    this.#requireCarrier();
    // The kernel would send nothing, drop the descriptors, and report success.
    if (bytes.byteLength === 0) throw new RangeError("Descriptors need at least one byte to travel with, got 0");
  }

  #requireCarrier(): CarrierReader {
    return this.#carrier ?? noCarrier(this.#fd.what);
  }

  #requireNothingBuffered(fate: string): void {
    const { buffered } = this.#reader;
    if (buffered > 0) throw new TypeError(`${this.#fd.what} cannot be ${fate}: ${buffered} bytes were read ahead`);
  }

  #writing(): string {
    return `Writing to ${this.#fd.what}`;
  }
}

/** One read of a {@linkcode ByteReader}. */
function recv(raw: number, into: Uint8Array<ArrayBuffer>): number {
  return libc().recv(raw, into, Math.min(into.byteLength, IO_MAX_BYTES), SOCK.MSG_DONTWAIT);
}
