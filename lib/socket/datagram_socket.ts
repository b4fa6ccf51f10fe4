/**
 * A datagram socket with a name, as a program sees it.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import type { Movable } from "../sys/inheritable.ts";
import type { UnixAddress } from "./address.ts";
import type { DescriptorLimit, DescriptorMessage } from "./descriptors.ts";
import type { MessageBuffer, SocketMessage } from "./message_socket.ts";
import type { PeerCredentials } from "./peer.ts";

/** Who sent a datagram. */
export interface DatagramSender {
  /** Where to answer: what `to` takes. `undefined` when the sender has no name. */
  readonly from: UnixAddress | undefined;
  /** The sending process at the time of the send, from the kernel; only on a socket made with `{ credentials: true }`. */
  readonly credentials: PeerCredentials | undefined;
}

/** A datagram as it was received. */
export interface Datagram extends SocketMessage, DatagramSender {}

/** A datagram and the open files that came with it. Disposing it closes the descriptors that are still in `descriptors`. */
export interface DescriptorDatagram extends DescriptorMessage, DatagramSender {}

/** Where a datagram goes. */
export interface DatagramDestination {
  /** The receiver: a path, an address from {@linkcode unixAddress}, or the `from` of a datagram. */
  to: string | UnixAddress;
}

/** Options of `send` and `sendDescriptors`. */
export interface SendDatagramOptions extends DatagramDestination, WaitOptions {}

/** Options of `sendSync` and `sendDescriptorsSync`. */
export interface SendDatagramSyncOptions extends DatagramDestination, SyncWaitOptions {}

/** Options of `receive`. */
export interface ReceiveDatagramOptions extends WaitOptions, MessageBuffer {}

/** Options of `receiveSync`. */
export interface ReceiveDatagramSyncOptions extends SyncWaitOptions, MessageBuffer {}

/** Options of `receiveDescriptors`. */
export interface ReceiveDatagramDescriptorsOptions extends ReceiveDatagramOptions, DescriptorLimit {}

/** Options of `receiveDescriptorsSync` and `tryReceiveDescriptors`. */
export interface ReceiveDatagramDescriptorsSyncOptions extends ReceiveDatagramSyncOptions, DescriptorLimit {}

/**
 * A Unix datagram socket with a name: anybody who may write to the name sends to it, each message is received whole with its sender's
 * address, and messages of one sender come in their order. None is lost or doubled: a sender waits while the queue is full.
 *
 * The kernel copies every message twice. The queue holds `net.unix.max_dgram_qlen` messages (10 on most systems) and one more. Receiving
 * waits on the one epoll thread. **Sending polls** while a receiver's queue is full (pauses of at most 20 ms): the kernel announces room only
 * to a socket that is connected, so who sends much to one receiver uses `connectUnix(path, { type: "datagram" })`.
 *
 * Nobody sees an end: `receive` waits on after all senders are gone. What was not received is lost when the socket is closed.
 *
 * `close()` ends it and leaves the name; `unlink()` removes the name; leaving a `using` block does both.
 *
 * @example Answer whoever asks
 * ```ts
 * import { bindUnix, connectUnix } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * {
 *   using server = await bindUnix(`${directory}/echo`, { credentials: true });
 *   using client = await connectUnix(server.address.name, { type: "datagram", autobind: true });
 *   await client.send(new TextEncoder().encode("ping"));
 *   const { bytes, from, credentials } = await server.receive();
 *   assertEquals(credentials?.pid, Deno.pid);
 *   if (from !== undefined) await server.send(bytes, { to: from });
 *   assertEquals(new TextDecoder().decode((await client.receive())?.bytes), "ping");
 * }
 * await Deno.remove(directory); // empty again
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/unix.7.html unix(7)}
 *
 * @tags allow-ffi
 */
export interface DatagramSocket extends Disposable, Movable, AsyncIterable<Datagram> {
  /** Tells the kinds of socket apart. */
  readonly type: "bound-datagram";
  /** The socket's name. */
  readonly address: UnixAddress;
  /** Whether `close()` was called, or the socket was given away. */
  readonly closed: boolean;

  /**
   * Sends one message, polling while the receiver's queue is full. A send that was aborted or timed out sent nothing.
   *
   * @throws {PosixError} ECONNREFUSED when nobody has the receiver's socket open, ENOENT when there is no such path; EACCES without write
   *   permission on it; EMSGSIZE when the message is larger than the sending buffer; EPROTOTYPE when the receiver is no datagram socket;
   *   EPERM when it is connected to somebody else.
   * @throws {Deno.errors.NotCapable} Without read and write access to a path.
   * @throws {ClosedError} After `close()`.
   */
  send(bytes: Uint8Array, options: SendDatagramOptions): Promise<void>;
  /** Sends like `send`, blocking this thread. */
  sendSync(bytes: Uint8Array, options: SendDatagramSyncOptions): void;
  /** Sends one message, never waiting. @returns Whether it was sent: `false` when the receiver's queue is full. */
  trySend(bytes: Uint8Array, options: DatagramDestination): boolean;

  /**
   * Receives one message, waiting on the event loop. A receive that was aborted or timed out took nothing. Descriptors that came with it
   * are closed.
   *
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  receive(options?: ReceiveDatagramOptions): Promise<Datagram>;
  /** Receives like `receive`, blocking this thread. It goes before receives that wait. */
  receiveSync(options?: ReceiveDatagramSyncOptions): Datagram;
  /** Receives one message, never waiting. @returns `undefined` when there is none, or when another receive waits. */
  tryReceive(options?: MessageBuffer): Datagram | undefined;

  /**
   * `sendmsg(SCM_RIGHTS)`: sends one message with open files attached. An `Fd` stays open here; any other end is moved: it is closed here,
   * whatever comes of the send.
   *
   * @param descriptors At most 253.
   * @throws {TypeError} When the socket was not made with `{ descriptors: true }`.
   * @throws {PosixError} EINVAL for more than 253 descriptors; ETOOMANYREFS when too many are under way; and those of `send`.
   */
  sendDescriptors(
    bytes: Uint8Array,
    options: SendDatagramOptions & { descriptors: readonly (Fd | Movable)[] },
  ): Promise<void>;
  /** Sends like `sendDescriptors`, blocking this thread. */
  sendDescriptorsSync(
    bytes: Uint8Array,
    options: SendDatagramSyncOptions & { descriptors: readonly (Fd | Movable)[] },
  ): void;
  /** Sends like `sendDescriptors`, never waiting. @returns Whether it was sent. */
  trySendDescriptors(bytes: Uint8Array, options: DatagramDestination & { descriptors: readonly Fd[] }): boolean;
  /**
   * Receives one message and the open files that came with it, close-on-exec, waiting on the event loop.
   *
   * @throws {TypeError} When the socket was not made with `{ descriptors: true }`.
   * @throws {ProtocolError} When more came than `maxDescriptors`, or than this process may open: all of them have been closed.
   */
  receiveDescriptors(options?: ReceiveDatagramDescriptorsOptions): Promise<DescriptorDatagram>;
  /** Receives like `receiveDescriptors`, blocking this thread. */
  receiveDescriptorsSync(options?: ReceiveDatagramDescriptorsSyncOptions): DescriptorDatagram;
  /** Receives like `receiveDescriptors`, never waiting. @returns `undefined` when there is none. */
  tryReceiveDescriptors(options?: ReceiveDatagramDescriptorsSyncOptions): DescriptorDatagram | undefined;

  /**
   * A second object for the same socket: each message goes to whoever takes it first. Only the first object owns the name.
   *
   * @throws {PosixError} EMFILE when the process has no descriptor left.
   */
  duplicate(): DatagramSocket;
  /**
   * `unlink(2)`: removes the name, if it is still this socket's: never that of a successor. May be called twice. Nothing happens for an
   * abstract name, which goes with its socket.
   *
   * @throws {ClosedError} After `close()`: whose the name is can be told only while the socket is open.
   */
  unlink(): void;
  /** Ends the socket and leaves the name. Waits that are pending reject with `ClosedError`. May be called twice. */
  close(): void;
  /** `unlink()` and `close()`. Nothing after `close()`. */
  [Symbol.dispose](): void;
  /** The messages, until `close()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Datagram>;
}
