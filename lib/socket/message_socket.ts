/**
 * A socket for messages, as a program sees it.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import type { Movable } from "../sys/inheritable.ts";
import type { DescriptorMessage, ReceiveDescriptorsOptions, ReceiveDescriptorsSyncOptions } from "./descriptors.ts";
import type { PeerCredentials } from "./peer.ts";

/** A message as it was received. */
export interface SocketMessage {
  /** What arrived of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How long the message was when it was sent. */
  readonly byteLength: number;
  /** Whether the message was longer than what was offered for it; the rest of it is gone. */
  readonly truncated: boolean;
}

/** Where a message is received to. */
export interface MessageBuffer {
  /**
   * Most bytes of a message to take.
   * @default {65536}
   */
  maxBytes?: number | undefined;
  /** Memory of the caller's: `bytes` is then a part of it, nothing is allocated, and `maxBytes` is its length. */
  into?: Uint8Array<ArrayBuffer> | undefined;
}

/** Options of `receive`. */
export interface ReceiveMessageOptions extends WaitOptions, MessageBuffer {}

/** Options of `receiveSync`. */
export interface ReceiveMessageSyncOptions extends SyncWaitOptions, MessageBuffer {}

/**
 * One end of a Unix seqpacket or datagram socket: messages in both directions, each received whole, in the order in which they were sent.
 * None is lost, doubled or merged; a sender waits while the peer's queue is full.
 *
 * The kernel copies every message twice, in and out. Sends are served in the order of their calls, and so are receives. Async waiting
 * costs about 35 µs a wake (the one epoll thread); the sync forms are as fast as C.
 *
 * `"seqpacket"` sees the end: when the peer closes or dies, `receive` gives the messages that were sent before and then `null`, and `send`
 * throws EPIPE. `"datagram"` does not: `receive` goes on waiting, and `send` throws ECONNREFUSED.
 *
 * An empty message is lawful between datagram sockets. On a seqpacket socket it looks like the end to every reader, so `send` refuses it;
 * empty ones that a foreign peer sends are delivered, except right before it closes, where the kernel shows no difference.
 *
 * @example Boundaries are kept, and what does not fit is flagged
 * ```ts
 * import { socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = socketPair("seqpacket");
 * using _left = left;
 * using _right = right;
 * await left.send(new Uint8Array([1, 2, 3]));
 * await left.send(new Uint8Array([4]));
 * assertEquals(await right.receive({ maxBytes: 2 }), { bytes: new Uint8Array([1, 2]), byteLength: 3, truncated: true });
 * assertEquals((await right.receive())?.bytes, new Uint8Array([4]));
 * left.close();
 * assertEquals(await right.receive(), null);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/unix.7.html unix(7)}
 *
 * @tags allow-ffi
 */
export interface MessageSocket extends Disposable, Movable, AsyncIterable<SocketMessage> {
  /** Tells the kinds of socket apart. */
  readonly type: "seqpacket" | "datagram";
  /** Whether `close()` was called, or the socket was given away. */
  readonly closed: boolean;
  /**
   * Who made the other end. From the kernel only.
   *
   * @throws {PosixError} ENODATA for a datagram socket from `connectUnix`: the kernel records none there.
   * @throws {ClosedError} After `close()`.
   */
  readonly peer: PeerCredentials;
  /**
   * `getsockopt(SO_PEERPIDFD)`: a descriptor of the process that made the other end, which never comes to stand for another one. The caller
   * owns it; `openPidFd` makes something to wait for and to signal of it.
   *
   * @throws {PosixError} ENOSYS before Linux 6.5; ENODATA for a datagram socket from `connectUnix`; ESRCH when the process has been reaped
   *   and the kernel keeps no trace of it.
   * @throws {ClosedError} After `close()`.
   */
  peerPidFd(): Fd;

  /**
   * Sends one message, waiting on the event loop while the peer's queue is full. A send that was aborted or timed out sent nothing.
   *
   * @throws {RangeError} For an empty message on a seqpacket socket.
   * @throws {PosixError} EMSGSIZE when it is larger than the sending buffer; EPIPE or ECONNREFUSED when the peer has closed.
   * @throws {ClosedError} After `close()` or `closeWrite()`.
   */
  send(bytes: Uint8Array, options?: WaitOptions): Promise<void>;
  /** Sends like `send`, blocking this thread. It goes before sends that wait. */
  sendSync(bytes: Uint8Array, options?: SyncWaitOptions): void;
  /**
   * Sends one message, never waiting.
   *
   * @returns Whether it was sent: `false` when the peer's queue is full, or when another send waits.
   */
  trySend(bytes: Uint8Array): boolean;

  /**
   * Receives one message, waiting on the event loop. A receive that was aborted or timed out took nothing.
   *
   * @returns `null` at the end of a seqpacket socket.
   * @throws {PosixError} ECONNRESET when the peer closed with messages of ours unread.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  receive(options?: ReceiveMessageOptions): Promise<SocketMessage | null>;
  /** Receives like `receive`, blocking this thread. It goes before receives that wait. */
  receiveSync(options?: ReceiveMessageSyncOptions): SocketMessage | null;
  /**
   * Receives one message, never waiting.
   *
   * @returns `undefined` when there is none, or when another receive waits; `null` at the end.
   */
  tryReceive(options?: MessageBuffer): SocketMessage | null | undefined;

  /**
   * `shutdown(SHUT_WR)`: ends the direction from here. A seqpacket peer receives what was sent and then `null`; receiving goes on here.
   * May be called twice.
   *
   * @throws {ClosedError} After `close()`.
   */
  closeWrite(): void;

  /**
   * `sendmsg(SCM_RIGHTS)`: sends one message with open files attached. The peer gets descriptors of its own of the same open files. An
   * `Fd` stays open here; any other end (a pipe end, a socket) is moved: it is closed here, whatever comes of the send.
   *
   * @param descriptors At most 253.
   * @throws {TypeError} When the socket was not made with `{ descriptors: true }`.
   * @throws {PosixError} EINVAL for more than 253 descriptors; ETOOMANYREFS when too many are under way; and those of `send`.
   */
  sendDescriptors(bytes: Uint8Array, descriptors: readonly (Fd | Movable)[], options?: WaitOptions): Promise<void>;
  /** Sends like `sendDescriptors`, blocking this thread. */
  sendDescriptorsSync(bytes: Uint8Array, descriptors: readonly (Fd | Movable)[], options?: SyncWaitOptions): void;
  /** Sends like `sendDescriptors`, never waiting. @returns Whether it was sent. */
  trySendDescriptors(bytes: Uint8Array, descriptors: readonly Fd[]): boolean;
  /**
   * `recvmsg(MSG_CMSG_CLOEXEC)`: receives one message and the open files that came with it, waiting on the event loop. (`receive` takes the
   * bytes only, and the kernel closes the descriptors that came with them.)
   *
   * @returns `null` at the end of a seqpacket socket.
   * @throws {TypeError} When the socket was not made with `{ descriptors: true }`.
   * @throws {ProtocolError} When more came than `maxDescriptors`, or than this process may open: all of them have been closed.
   */
  receiveDescriptors(options?: ReceiveDescriptorsOptions): Promise<DescriptorMessage | null>;
  /** Receives like `receiveDescriptors`, blocking this thread. */
  receiveDescriptorsSync(options?: ReceiveDescriptorsSyncOptions): DescriptorMessage | null;
  /** Receives like `receiveDescriptors`, never waiting. @returns `undefined` when there is none, `null` at the end. */
  tryReceiveDescriptors(options?: ReceiveDescriptorsSyncOptions): DescriptorMessage | null | undefined;

  /**
   * A second object for the same end: each message goes to whoever takes it first, and the peer sees the end when both are closed.
   *
   * @throws {PosixError} EMFILE when the process has no descriptor left.
   */
  duplicate(): MessageSocket;
  /** Ends both directions. Waits that are pending reject with `ClosedError`. May be called twice. */
  close(): void;
  /** The messages until the end. */
  [Symbol.asyncIterator](): AsyncIterableIterator<SocketMessage>;
}
