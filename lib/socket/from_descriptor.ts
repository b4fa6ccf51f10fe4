/**
 * Sockets that this process was given: inherited from its parent, or received through another socket.
 *
 * @module
 */

import { fileFacts } from "../sys/file_facts.ts";
import { type Fd, setNonblocking } from "../sys/fd.ts";
import { SOCK } from "../sys/linux.ts";
import { socketOption } from "../sys/socket_option.ts";
import { hasPeer, ownAddress } from "./address.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import { KernelDatagramSocket } from "./kernel_datagram_socket.ts";
import { KernelListener } from "./kernel_listener.ts";
import { KernelMessageSocket } from "./kernel_message_socket.ts";
import { KernelStreamSocket } from "./kernel_stream_socket.ts";
import type { UnixListener } from "./listener.ts";
import type { MessageSocket } from "./message_socket.ts";
import { type SocketType, typeOfNumber } from "./socket_type.ts";
import type { StreamSocket } from "./stream_socket.ts";

/** Options of {@linkcode socketFromDescriptor} and {@linkcode listenerFromDescriptor}. */
export interface SocketFromDescriptorOptions {
  /**
   * Whether descriptors may travel through the socket.
   * @default {false}
   */
  descriptors?: boolean | undefined;
}

/**
 * `socketFromDescriptor(fd)`: takes over a connected Unix socket that this process was given. What it carries is asked of the kernel; look
 * at `type`. The descriptor belongs to the socket object from then on. It becomes non-blocking, for every process that shares it.
 *
 * @throws {TypeError} When it is no Unix socket, or a listening one.
 * @throws {PosixError} ENOTSOCK when it is no socket.
 *
 * @example What a parent gave
 * ```ts
 * import { socketFromDescriptor, socketPair } from "@causeway/causeway";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const [left, right] = socketPair("seqpacket", { descriptors: true });
 * const [given, kept] = socketPair("stream");
 * await left.sendDescriptors(new Uint8Array([0]), [given]);
 * const message = await right.receiveDescriptors();
 * using socket = socketFromDescriptor(message!.descriptors[0]!);
 * assert(socket.type === "stream");
 * kept.writeSync(new Uint8Array([7]));
 * assertEquals(socket.readSync(new Uint8Array(1)), 1);
 * for (const end of [left, right, kept]) end.close();
 * ```
 *
 * @tags allow-ffi
 */
export function socketFromDescriptor(fd: Fd, options: SocketFromDescriptorOptions = {}): StreamSocket | MessageSocket {
  const { type, listening } = facts(fd);
  if (listening) throw new TypeError(`${fd.what} is a listening socket: take it with listenerFromDescriptor`);
  setNonblocking(fd);
  const carries = options.descriptors ?? false;
  return type === "stream" ? new KernelStreamSocket(fd, carries) : new KernelMessageSocket(fd, type, carries);
}

/**
 * `listenerFromDescriptor(fd)`: takes over a listening Unix socket that this process was given. The descriptor belongs to the listener
 * from then on; the name does not: disposing leaves it to whoever made it. It becomes non-blocking, for every process that shares it.
 *
 * @throws {TypeError} When it is no listening Unix socket.
 * @throws {PosixError} ENOTSOCK when it is no socket.
 *
 * @example Accept from a listening socket that another process made
 * ```ts
 * import { connectUnix, listenerFromDescriptor, listenUnix, socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { namespace: "abstract" } as const;
 * const name = `causeway-handover-${Deno.pid}`;
 * const [left, right] = socketPair("seqpacket", { descriptors: true });
 * using _left = left;
 * using _right = right;
 * await left.sendDescriptors(new Uint8Array([0]), [await listenUnix(name, options)]);
 * const message = await right.receiveDescriptors();
 * using listener = listenerFromDescriptor(message!.descriptors[0]!);
 * using _client = await connectUnix(name, options);
 * using server = await listener.accept();
 * assertEquals(server.type, "stream");
 * ```
 *
 * @tags allow-ffi
 */
export function listenerFromDescriptor(
  fd: Fd,
  options: SocketFromDescriptorOptions = {},
): UnixListener<StreamSocket> | UnixListener<MessageSocket> {
  const { type, listening } = facts(fd);
  if (!listening || type === "datagram") throw new TypeError(`${fd.what} is no listening socket`);
  setNonblocking(fd);
  const carries = options.descriptors ?? false;
  const path = ownAddress(fd)?.name ?? fd.what;
  return type === "stream"
    ? new KernelListener(fd, type, path, (raw) => new KernelStreamSocket(raw, carries))
    : new KernelListener(fd, type, path, (raw) => new KernelMessageSocket(raw, type, carries));
}

/**
 * `datagramSocketFromDescriptor(fd)`: takes over a datagram socket with a name that this process was given. The descriptor belongs to the
 * socket object from then on; the name does not: disposing leaves it to whoever made it. It becomes non-blocking, for every process that
 * shares it. A connected datagram socket is taken with {@linkcode socketFromDescriptor}.
 *
 * @throws {TypeError} When it is no Unix datagram socket with a name.
 * @throws {PosixError} ENOTSOCK when it is no socket.
 *
 * @example Receive where another process bound
 * ```ts
 * import { bindUnix, connectUnix, datagramSocketFromDescriptor, socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { namespace: "abstract" } as const;
 * const name = `causeway-datagrams-${Deno.pid}`;
 * const [left, right] = socketPair("seqpacket", { descriptors: true });
 * using _left = left;
 * using _right = right;
 * await left.sendDescriptors(new Uint8Array([0]), [await bindUnix(name, options)]);
 * const message = await right.receiveDescriptors();
 * using server = datagramSocketFromDescriptor(message!.descriptors[0]!);
 * using client = await connectUnix(name, { ...options, type: "datagram" });
 * await client.send(new Uint8Array([7]));
 * assertEquals((await server.receive()).byteLength, 1);
 * ```
 *
 * @tags allow-ffi
 */
export function datagramSocketFromDescriptor(fd: Fd, options: SocketFromDescriptorOptions = {}): DatagramSocket {
  const { type } = facts(fd);
  const address = ownAddress(fd);
  if (type !== "datagram" || address === undefined) throw new TypeError(`${fd.what} is no datagram socket with a name`);
  setNonblocking(fd);
  return new KernelDatagramSocket(fd, address, options.descriptors ?? false);
}

/** What a descriptor is good for, as far as this room knows it: asked of the kernel. */
export type InheritedKind = "listener" | "socket" | "datagram" | "descriptor";

/**
 * Which of the functions above takes it.
 *
 * A datagram socket with a peer is a `"socket"`, one without is a server's; everything that is no Unix socket is a `"descriptor"`.
 */
export function kindOf(fd: Fd): InheritedKind {
  if (fileFacts(fd).kind !== "socket" || socketOption(fd, SOCK.SO_DOMAIN, "SO_DOMAIN") !== SOCK.AF_UNIX) {
    return "descriptor";
  }
  const type = typeOfNumber(socketOption(fd, SOCK.SO_TYPE, "SO_TYPE"));
  if (type === undefined) return "descriptor";
  if (socketOption(fd, SOCK.SO_ACCEPTCONN, "SO_ACCEPTCONN") !== 0) return "listener";
  if (hasPeer(fd)) return "socket";
  return type === "datagram" && ownAddress(fd) !== undefined ? "datagram" : "descriptor";
}

function facts(fd: Fd): { type: SocketType; listening: boolean } {
  const type = typeOfNumber(socketOption(fd, SOCK.SO_TYPE, "SO_TYPE"));
  if (type === undefined || socketOption(fd, SOCK.SO_DOMAIN, "SO_DOMAIN") !== SOCK.AF_UNIX) {
    throw new TypeError(`${fd.what} is no Unix socket`);
  }
  return { type, listening: socketOption(fd, SOCK.SO_ACCEPTCONN, "SO_ACCEPTCONN") !== 0 };
}
