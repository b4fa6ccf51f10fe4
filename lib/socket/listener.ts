/**
 * A listening socket, as a program sees it, and how one is asked for.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Movable } from "../sys/inheritable.ts";
import type { SocketNamespace } from "./address.ts";
import type { MessageSocket } from "./message_socket.ts";
import type { StreamSocket } from "./stream_socket.ts";

/** How {@linkcode listenUnix} makes its socket. `signal` and `timeoutMs` end the wait for another process that replaces a stale name. */
export interface ListenUnixOptions extends WaitOptions {
  /**
   * What the connections carry: bytes, or messages (`--allow-ffi`).
   * @default {"stream"}
   */
  type?: "stream" | "seqpacket" | undefined;
  /**
   * Permission bits of the name; whoever may write to it may connect. Exact, whatever the umask, and never wider at any instant.
   * @default {0o600}
   */
  mode?: number | undefined;
  /**
   * Most connections that wait for `accept`; the kernel cuts it at `net.core.somaxconn`. Connecting waits while so many do. Without
   * `--allow-ffi` it is Deno's own 1024.
   * @default {511}
   */
  backlog?: number | undefined;
  /**
   * What to do when the name belongs to a socket that nobody has open any more (its process was killed): replace it, or throw EADDRINUSE.
   * A name that somebody has open, and a name of anything but a socket, is never replaced.
   * @default {"replace"}
   */
  whenStale?: "replace" | "throw" | undefined;
  /**
   * Whether the name is a path or an abstract name of the kernel (`--allow-ffi`).
   * @default {"path"}
   */
  namespace?: SocketNamespace | undefined;
  /**
   * Whether descriptors may travel through the connections (`--allow-ffi`).
   * @default {false}
   */
  descriptors?: boolean | undefined;
}

/**
 * A socket that waits for others to connect.
 *
 * Connections are complete before they are accepted: the peer may write at once. They are handed out in their order, each once. When the
 * process dies, the kernel ends it and its connections, and the name stays, stale; the next `listenUnix` replaces it.
 *
 * `close()` ends the listening and leaves the name; `unlink()` removes the name and listens on. Leaving a `using` block does both.
 *
 * **Without `--allow-ffi`** it has `accept`, iteration, `unlink` and `close`; the rest throws `NotCapable`.
 *
 * @example Answer whoever connects, until somebody says so
 * ```ts
 * import { connectUnix, listenUnix } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * {
 *   using listener = await listenUnix(`${directory}/clock`);
 *   const clients = [await connectUnix(listener.path), await connectUnix(listener.path)];
 *   let served = 0;
 *   for await (const connection of listener) {
 *     using socket = connection;
 *     await socket.write(new Uint8Array([served]));
 *     if (++served === clients.length) listener[Symbol.dispose]();
 *   }
 *   assertEquals(await clients[1]!.read(new Uint8Array(8)), 1);
 *   for (const client of clients) client.close();
 * }
 * await Deno.remove(directory);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/accept.2.html accept(2)}
 */
export interface UnixListener<Socket extends StreamSocket | MessageSocket = StreamSocket>
  extends Disposable, Movable, AsyncIterable<Socket> {
  /** What the connections carry. */
  readonly type: "stream" | "seqpacket";
  /** The name, as it was given. */
  readonly path: string;
  /** Whether `close()` was called, or the listener was given away. */
  readonly closed: boolean;
  /**
   * Waits on the event loop for a connection. A wait that is aborted or timed out loses none.
   *
   * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left; the connection waits on.
   * @throws {ClosedError} After `close()`, also when it comes during the wait.
   */
  accept(options?: WaitOptions): Promise<Socket>;
  /**
   * Accepts like `accept`, blocking this thread.
   *
   * @tags allow-ffi
   */
  acceptSync(options?: SyncWaitOptions): Socket;
  /**
   * Accepts a connection that is there, never waiting.
   *
   * @returns `undefined` when there is none, or when another `accept` waits.
   *
   * @tags allow-ffi
   */
  tryAccept(): Socket | undefined;
  /**
   * `unlink(2)`: removes the name, if it is still this socket's: never that of a successor. May be called twice. Nothing happens for an
   * abstract name, which goes with its socket.
   *
   * @throws {ClosedError} After `close()`: whose the name is can be told only while the socket is open.
   */
  unlink(): void;
  /**
   * A second object for the same socket: each connection goes to whoever accepts it first. Only the first object owns the name.
   *
   * @throws {PosixError} EMFILE when the process has no descriptor left.
   *
   * @tags allow-ffi
   */
  duplicate(): UnixListener<Socket>;
  /** Ends the listening and leaves the name. Pending accepts reject with `ClosedError`, an iteration ends. May be called twice. */
  close(): void;
  /** `unlink()` and `close()`. Nothing after `close()`. */
  [Symbol.dispose](): void;
  /** The connections until `close()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Socket>;
}

/** How a name is taken. */
export interface NameRequest {
  /** For the only thing that can wait: replacing a stale name. */
  readonly waiting: { readonly what: string; readonly options: WaitOptions; readonly deadline: Deadline };
  readonly mode: number;
  readonly replaceStale: boolean;
  /** How many connections may wait; `undefined` for a socket that does not listen. */
  readonly backlog: number | undefined;
}

/** {@linkcode ListenUnixOptions}, checked and complete. */
export interface ListenRequest extends NameRequest {
  readonly type: "stream" | "seqpacket";
  readonly backlog: number;
  readonly descriptors: boolean;
}

/**
 * Checks what was asked for and fills in the rest.
 *
 * @throws {TypeError | RangeError} For what makes no sense.
 */
export function listenRequest(path: string, options: ListenUnixOptions): ListenRequest {
  const { backlog = 511, type = "stream", descriptors = false } = options;
  if (!Number.isInteger(backlog) || backlog < 0 || backlog > 0x7fffffff) {
    throw new RangeError(`Backlog must be an integer of at least 0, got ${Deno.inspect(backlog)}`);
  }
  return { ...nameRequest(path, options), type, backlog, descriptors };
}

/**
 * Checks how a name is to be taken and fills in the rest.
 *
 * @throws {TypeError | RangeError} For what makes no sense.
 */
export function nameRequest(
  path: string,
  options: Pick<ListenUnixOptions, "mode" | "whenStale" | keyof WaitOptions>,
): NameRequest {
  const { mode = 0o600, whenStale = "replace" } = options;
  const what = `Replacing the stale socket ${JSON.stringify(path)}`;
  const waiting = { what, options, deadline: new Deadline(what, options.timeoutMs) };
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(
      `Mode must be in 0..0o777, got ${typeof mode === "number" ? "0o" + mode.toString(8) : Deno.inspect(mode)}`,
    );
  }
  if (whenStale !== "replace" && whenStale !== "throw") {
    throw new TypeError(`whenStale must be "replace" or "throw", got ${JSON.stringify(whenStale)}`);
  }
  return { mode, backlog: undefined, replaceStale: whenStale === "replace", waiting };
}

/** The error of a name that is taken. */
export function addressInUse(name: string, hint: string): PosixError {
  return new PosixError({ code: "EADDRINUSE", syscall: "bind", target: name, hint });
}

/** The connections of a listener, until it is closed. */
export async function* acceptUntilClosed<Socket>(
  listener: { readonly closed: boolean; accept(): Promise<Socket> },
): AsyncIterableIterator<Socket> {
  while (!listener.closed) {
    let socket: Socket;
    try {
      socket = await listener.accept();
    } catch (error) {
      if (listener.closed) return;
      throw error;
    }
    yield socket;
  }
}
