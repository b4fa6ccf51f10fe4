/**
 * Unix sockets with a name: listening and connecting.
 *
 * @module
 */

import { Deadline, type WaitOptions } from "../sys/clock.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { hasFfi } from "../sys/platform.ts";
import { publish } from "../sys/probe.ts";
import { objectOf } from "../sys/probe_object.ts";
import { type SocketNamespace, type UnixAddress, unixAddress } from "./address.ts";
import { backOff } from "../sys/back_off.ts";
import { autobind } from "./bind.ts";
import { denoConnect, denoListen } from "./deno_listener.ts";
import { kernelListen } from "./kernel_listener.ts";
import { KernelMessageSocket } from "./kernel_message_socket.ts";
import { makeSocket, socketName } from "./kernel_socket.ts";
import { KernelStreamSocket } from "./kernel_stream_socket.ts";
import { listenRequest, type ListenUnixOptions, type UnixListener } from "./listener.ts";
import type { MessageSocket } from "./message_socket.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { type SocketType, typeNumber } from "./socket_type.ts";
import type { StreamSocket } from "./stream_socket.ts";

/**
 * `listenUnix(path)`: makes a socket to which others connect by its name.
 *
 * The name appears with its exact mode, never wider, on a socket that listens already. A name that somebody has open is never replaced; a
 * stale one is, in one step, so that connecting processes always find a name. Replacing works on a second name in the same directory
 * (`.causeway-listen`) under an advisory lock on the directory. A symbolic link is never followed: it is a name in use. Leaving a `using`
 * block removes the name; a crash leaves it stale.
 *
 * Without `--allow-ffi` it works for streams with `--allow-read --allow-write --allow-net` (Deno counts Unix sockets as network), with a
 * few bytes less for the path, and with two races less closed: a socket that a foreign program binds in the instant of the replacement
 * loses its name, and one that is bound but does not listen yet counts as stale.
 *
 * @param path At most 107 bytes. Relative to the working directory.
 * @returns The listener, when the name is there.
 * @throws {RangeError} For a path of 108 bytes or more.
 * @throws {PosixError} EADDRINUSE when somebody has the name open or it is no socket's; EACCES, ENOENT, ENOTDIR, EROFS as `bind(2)` says.
 * @throws {Deno.errors.NotCapable} Without read and write access to the path; for `"seqpacket"`, abstract names or descriptors without
 *   `--allow-ffi`.
 *
 * @example Serve bytes
 * ```ts
 * import { connectUnix, listenUnix } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * {
 *   using listener = await listenUnix(`${directory}/echo`);
 *   using client = await connectUnix(listener.path);
 *   using server = await listener.accept();
 *   await client.write(new TextEncoder().encode("hello"));
 *   const buffer = new Uint8Array(16);
 *   assertEquals(await server.read(buffer), 5);
 * }
 * await Deno.remove(directory); // empty again
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/unix.7.html unix(7)}
 */
export function listenUnix(
  path: string,
  options?: ListenUnixOptions & { type?: "stream" | undefined },
): Promise<UnixListener<StreamSocket>>;
/**
 * `listenUnix(path, { type: "seqpacket" })`: the same, for connections that carry messages.
 *
 * @example Serve messages
 * ```ts
 * import { connectUnix, listenUnix } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const name = `causeway-example-${Deno.pid}`;
 * using listener = await listenUnix(name, { type: "seqpacket", namespace: "abstract" });
 * using client = await connectUnix(name, { type: "seqpacket", namespace: "abstract" });
 * using server = await listener.accept();
 * await client.send(new Uint8Array([1, 2, 3]));
 * assertEquals((await server.receive())?.byteLength, 3);
 * ```
 *
 * @tags allow-ffi
 */
export function listenUnix(
  path: string,
  options: ListenUnixOptions & { type: "seqpacket" },
): Promise<UnixListener<MessageSocket>>;
export async function listenUnix(
  path: string,
  options: ListenUnixOptions = {},
): Promise<UnixListener<StreamSocket> | UnixListener<MessageSocket>> {
  options.signal?.throwIfAborted();
  const address = unixAddress(path, options.namespace);
  const request = listenRequest(path, options);
  typeNumber(request.type, ["stream", "seqpacket"]);
  if (useFfi("listenUnix()", request.type, address, request.descriptors)) {
    const listener = request.type === "stream"
      ? await kernelListen(address, request, (fd) => new KernelStreamSocket(fd, request.descriptors))
      : await kernelListen(address, request, (fd) => new KernelMessageSocket(fd, "seqpacket", request.descriptors));
    publish(() => ({ kind: "listen", path: address.shown, type: request.type }));
    return listener;
  }
  const listener = await denoListen(path, request);
  publish(() => ({ kind: "listen", path, type: "stream" }));
  return listener;
}

/** How {@linkcode connectUnix} connects. */
export interface ConnectUnixOptions extends WaitOptions {
  /**
   * What the socket carries: it must be what the listener, or the bound datagram socket, carries.
   * @default {"stream"}
   */
  type?: SocketType | undefined;
  /**
   * Whether the name is a path or an abstract name of the kernel (`--allow-ffi`).
   * @default {"path"}
   */
  namespace?: SocketNamespace | undefined;
  /**
   * Whether descriptors may travel through the socket (`--allow-ffi`).
   * @default {false}
   */
  descriptors?: boolean | undefined;
  /**
   * Whether a datagram socket gets a name of its own, an abstract one that the kernel chooses: without it the other side cannot answer.
   * Others in the network namespace see the name, but only the peer can send to it.
   * @default {false}
   */
  autobind?: boolean | undefined;
}

/**
 * `connectUnix(path)`: connects to a socket by its name.
 *
 * It is connected as soon as the listener has room for it, before anybody accepts. While the listener's queue is full it tries again, with
 * pauses of at most 50 ms (the kernel announces no room), until the deadline. A listener that does not exist yet is not waited for. A
 * symbolic link is followed, as `connect(2)` does; `peer` tells who answered.
 *
 * Without `--allow-ffi` it works for streams, with `--allow-read --allow-write --allow-net`.
 *
 * @param path At most 107 bytes. Relative to the working directory.
 * @throws {RangeError} For a path of 108 bytes or more.
 * @throws {PosixError} ECONNREFUSED when nobody listens there; ENOENT when there is no such name; EACCES without write permission on it;
 *   EPROTOTYPE when the listener carries something else; EPERM when the datagram socket there is connected to somebody else.
 * @throws {DOMException} `TimeoutError` when the listener's queue stays full for `timeoutMs`.
 * @throws {Deno.errors.NotCapable} Without read and write access to the path; for messages, abstract names or descriptors without
 *   `--allow-ffi`.
 *
 * @example Who answers
 * ```ts
 * import { connectUnix, listenUnix } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * {
 *   using listener = await listenUnix(`${directory}/who`);
 *   using client = await connectUnix(listener.path, { timeoutMs: 1000 });
 *   assertEquals(client.peer.pid, Deno.pid);
 * }
 * await Deno.remove(directory);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/connect.2.html connect(2)}
 */
export function connectUnix(
  path: string,
  options?: ConnectUnixOptions & { type?: "stream" | undefined },
): Promise<StreamSocket>;
/**
 * `connectUnix(path, { type: "seqpacket" })`, or `"datagram"`: the same, for messages.
 *
 * @example Nobody there
 * ```ts
 * import { connectUnix, PosixError } from "@causeway/causeway";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(() => connectUnix("/no/such/socket", { type: "datagram" }), PosixError);
 * assertEquals(error.code, "ENOENT");
 * ```
 *
 * @tags allow-ffi
 */
export function connectUnix(
  path: string,
  options: ConnectUnixOptions & { type: "seqpacket" | "datagram" },
): Promise<MessageSocket>;
export async function connectUnix(
  path: string,
  options: ConnectUnixOptions = {},
): Promise<StreamSocket | MessageSocket> {
  options.signal?.throwIfAborted();
  const { type = "stream", namespace, descriptors = false } = options;
  if ((options.autobind ?? false) && type !== "datagram") {
    throw new TypeError(`autobind is for datagram sockets, got type "${type}"`);
  }
  const address = unixAddress(path, namespace);
  typeNumber(type);
  if (!useFfi("connectUnix()", type, address, descriptors)) {
    const socket = await denoConnect(path, options);
    publish(() => ({ kind: "connect", path: address.shown, type }));
    return socket;
  }
  const fd = await kernelConnect(type, address, options);
  publish(() => ({ kind: "connect", path: address.shown, type, object: objectOf(fd) }));
  return socketOver(fd, type, descriptors);
}

function socketOver(fd: Fd, type: SocketType, carries: boolean): StreamSocket | MessageSocket {
  return type === "stream" ? new KernelStreamSocket(fd, carries) : new KernelMessageSocket(fd, type, carries);
}

/**
 * Whether the kernel is asked directly. Then Deno is asked first for what its own functions would have needed.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, for what only FFI can do.
 */
function useFfi(caller: string, type: SocketType, address: UnixAddress, descriptors: boolean): boolean {
  if (!hasFfi()) {
    if (type !== "stream") throw needsFfi(`${caller} with type ${JSON.stringify(type)}`);
    if (address.namespace !== "path") throw needsFfi(`${caller} with an abstract name`);
    if (descriptors) throw needsFfi(`${caller} with descriptors`);
    return false;
  }
  if (address.namespace === "path") {
    requireRead(address.name);
    requireWrite(address.name);
  }
  return true;
}

async function kernelConnect(
  type: SocketType,
  { bytes, shown }: UnixAddress,
  options: ConnectUnixOptions,
): Promise<Fd> {
  const what = `Connecting to ${JSON.stringify(shown)}`;
  const deadline = new Deadline(what, options.timeoutMs);
  const fd = makeSocket(type, socketName(type));
  const hint = {
    ECONNREFUSED: "nobody listens there",
    EPROTOTYPE: `the socket there is of another type than ${type}`,
    EPERM: "the socket there is connected to somebody else",
  };
  try {
    if (options.autobind ?? false) autobind(fd);
    await backOff(what, options, deadline, () => {
      const failure = libc().connect(fd.raw, bytes, bytes.byteLength) === -1 ? errno() : 0;
      // EAGAIN: the listener's queue is full.
      if (failure !== 0 && failure !== ERRNO.EAGAIN) fail(failure, "connect", shown, hint);
      return failure === 0 ? true : undefined;
    });
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}
