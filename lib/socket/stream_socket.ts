/**
 * A socket for bytes, as a program sees it.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import type { Movable } from "../sys/inheritable.ts";
import type { DescriptorMessage, ReceiveDescriptorsOptions, ReceiveDescriptorsSyncOptions } from "./descriptors.ts";
import type { PeerCredentials } from "./peer.ts";

/**
 * One end of a Unix stream socket: bytes in both directions, in order, without boundaries.
 *
 * The kernel copies every byte twice, in and out. A writer waits while the peer's buffer (about 200 KiB) is full, a reader while it is
 * empty. Each direction ends by itself (`closeWrite`); closing the socket ends both. When either process dies, by whatever signal, the
 * kernel closes its end, and the peer sees the end of the bytes, or ECONNRESET where bytes that it had written were never read.
 *
 * Reading waits on Deno's event loop, writing on Causeway's one epoll thread; neither blocks a thread of the pool. One `read` at a time;
 * writes queue up.
 *
 * **Without `--allow-ffi`** a socket from `listenUnix` or `connectUnix` has `read`, `readable`, `write`, `writable`, `closeWrite` and
 * `close`. Everything else (the sync and try forms, `peer`, descriptors, `duplicate`, giving it to a child) throws `NotCapable`.
 *
 * @example Ask and answer
 * ```ts
 * import { socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = socketPair("stream");
 * using _client = client;
 * using _server = server;
 * await client.write(new TextEncoder().encode("ping"));
 * client.closeWrite();
 * assertEquals(await new Response(server.readable).text(), "ping");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/unix.7.html unix(7)}
 */
export interface StreamSocket extends Disposable, Movable {
  /** Tells the kinds of socket apart. */
  readonly type: "stream";
  /** Whether `close()` was called, or the socket was given away. */
  readonly closed: boolean;
  /**
   * Who made the other end. From the kernel only.
   *
   * @throws {ClosedError} After `close()`.
   *
   * @tags allow-ffi
   */
  readonly peer: PeerCredentials;
  /**
   * `getsockopt(SO_PEERPIDFD)`: a descriptor of the process that made the other end, which never comes to stand for another one. The caller
   * owns it; `openPidFd` makes something to wait for and to signal of it.
   *
   * @throws {PosixError} ENOSYS before Linux 6.5; ENODATA for a datagram socket from `connectUnix`; ESRCH when the process has been reaped
   *   and the kernel keeps no trace of it.
   * @throws {ClosedError} After `close()`.
   *
   * @tags allow-ffi
   */
  peerPidFd(): Fd;
  /** The bytes as a web stream, until the end. Cancelling it shuts this direction down: the peer's writes then fail with EPIPE. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** A web stream whose chunks are written. Closing or aborting it does what `closeWrite()` does. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Reads at least one byte, waiting on the event loop. An aborted or timed-out read loses nothing.
   *
   * @param into Where to; what does not fit is read next time.
   * @returns How many bytes, `null` at the end.
   * @throws {PosixError} ECONNRESET when the peer closed with bytes of ours unread.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  read(into: Uint8Array, options?: WaitOptions): Promise<number | null>;
  /**
   * Reads like `read`, blocking this thread.
   *
   * @tags allow-ffi
   */
  readSync(into: Uint8Array, options?: SyncWaitOptions): number | null;
  /**
   * Reads what is there, never waiting.
   *
   * @returns `undefined` when there is nothing yet, `null` at the end.
   *
   * @tags allow-ffi
   */
  tryRead(into: Uint8Array): number | null | undefined;

  /**
   * Writes everything, waiting on the event loop where the peer's buffer is full. How much of an aborted or timed-out write has gone is not
   * known: close the socket then.
   *
   * @throws {PosixError} EPIPE when the peer has closed or reads no more.
   * @throws {ClosedError} After `close()` or `closeWrite()`.
   */
  write(bytes: Uint8Array, options?: WaitOptions): Promise<void>;
  /**
   * Writes like `write`, blocking this thread. It goes before writes that wait.
   *
   * @tags allow-ffi
   */
  writeSync(bytes: Uint8Array, options?: SyncWaitOptions): void;
  /**
   * Writes what fits, never waiting.
   *
   * @returns How many bytes went; `undefined` when none could.
   *
   * @tags allow-ffi
   */
  tryWrite(bytes: Uint8Array): number | undefined;

  /**
   * `shutdown(SHUT_WR)`: ends the direction from here. The peer reads what was written and then the end; reading goes on here. May be
   * called twice.
   *
   * @throws {ClosedError} After `close()`.
   */
  closeWrite(): void;

  /**
   * `sendmsg(SCM_RIGHTS)`: writes bytes with open files attached to the first of them, waiting on the event loop. The peer gets
   * descriptors of its own of the same open files. An `Fd` stays open here; any other end (a pipe end, a socket) is moved: it is closed
   * here, whatever comes of the send.
   *
   * @param bytes At least one: descriptors do not travel alone.
   * @param descriptors At most 253.
   * @throws {TypeError} When the socket was not made with `{ descriptors: true }`.
   * @throws {PosixError} EINVAL for more than 253 descriptors; EPIPE; ETOOMANYREFS when too many are under way.
   *
   * @tags allow-ffi
   */
  sendDescriptors(bytes: Uint8Array, descriptors: readonly (Fd | Movable)[], options?: WaitOptions): Promise<void>;
  /**
   * Sends like `sendDescriptors`, blocking this thread.
   *
   * @tags allow-ffi
   */
  sendDescriptorsSync(bytes: Uint8Array, descriptors: readonly (Fd | Movable)[], options?: SyncWaitOptions): void;
  /**
   * Sends like `sendDescriptors`, never waiting.
   *
   * @returns How many bytes went, and all descriptors with them; `undefined` when nothing could.
   *
   * @tags allow-ffi
   */
  trySendDescriptors(bytes: Uint8Array, descriptors: readonly Fd[]): number | undefined;
  /**
   * `recvmsg(MSG_CMSG_CLOEXEC)`: reads bytes and the open files that came with them, waiting on the event loop. It stops before a byte
   * that has descriptors attached, so what it returns always belongs to the first byte it returns. (`read` on such a socket takes bytes
   * only, and the kernel closes the descriptors that came with them.)
   *
   * @returns `null` at the end.
   * @throws {TypeError} When the socket was not made with `{ descriptors: true }`.
   * @throws {ProtocolError} When more came than `maxDescriptors`, or than this process may open: all of them have been closed.
   *
   * @tags allow-ffi
   */
  receiveDescriptors(options?: ReceiveDescriptorsOptions): Promise<DescriptorMessage | null>;
  /**
   * Receives like `receiveDescriptors`, blocking this thread.
   *
   * @tags allow-ffi
   */
  receiveDescriptorsSync(options?: ReceiveDescriptorsSyncOptions): DescriptorMessage | null;
  /**
   * Receives like `receiveDescriptors`, never waiting.
   *
   * @returns `undefined` when there is nothing yet, `null` at the end.
   *
   * @tags allow-ffi
   */
  tryReceiveDescriptors(options?: ReceiveDescriptorsSyncOptions): DescriptorMessage | null | undefined;

  /**
   * A second object for the same end: what one reads, the other does not see, and the peer sees the end when both are closed.
   *
   * @throws {PosixError} EMFILE when the process has no descriptor left.
   *
   * @tags allow-ffi
   */
  duplicate(): StreamSocket;
  /** Ends both directions. Waits that are pending reject with `ClosedError`. May be called twice. */
  close(): void;
}
