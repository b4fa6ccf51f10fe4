/**
 * Unix sockets: bytes, messages, and open files, between processes of one machine.
 *
 * The synchronous model, through the kernel: two copies per message, who reads waits while there is nothing, who writes waits while the
 * peer's buffer is full. {@linkcode socketPair} joins relatives without a name; {@linkcode listenUnix} and {@linkcode connectUnix} let
 * strangers meet at a path. What only a socket can do: messages with boundaries and an end (`"seqpacket"`), passing open files
 * (`sendDescriptors`), and knowing who is at the other end (`peer`).
 *
 * Stream sockets from `listenUnix` and `connectUnix` work without `--allow-ffi`; everything else needs it.
 *
 * @module
 */

export type { SocketNamespace } from "./address.ts";
export type {
  DescriptorLimit,
  DescriptorMessage,
  ReceiveDescriptorsOptions,
  ReceiveDescriptorsSyncOptions,
} from "./descriptors.ts";
export { listenerFromDescriptor, socketFromDescriptor, type SocketFromDescriptorOptions } from "./from_descriptor.ts";
export type { ListenUnixOptions, UnixListener } from "./listener.ts";
export type {
  MessageBuffer,
  MessageSocket,
  ReceiveMessageOptions,
  ReceiveMessageSyncOptions,
  SocketMessage,
} from "./message_socket.ts";
export type { PeerCredentials } from "./peer.ts";
export { socketPair, type SocketPairOptions } from "./socket_pair.ts";
export type { SocketType } from "./socket_type.ts";
export type { StreamSocket } from "./stream_socket.ts";
export { connectUnix, type ConnectUnixOptions, listenUnix } from "./unix.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export type { Fd } from "../sys/fd.ts";
export type { Movable, moveDescriptor } from "../sys/inheritable.ts";
