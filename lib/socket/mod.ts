/**
 * Unix sockets: bytes, messages, and open files, between processes of one machine.
 *
 * The synchronous model, through the kernel: two copies per message, who reads waits while there is nothing, who writes waits while the
 * peer's buffer is full. {@linkcode socketPair} joins relatives without a name; {@linkcode listenUnix} and {@linkcode connectUnix} let
 * strangers meet at a path; {@linkcode bindUnix} receives datagrams there from anybody; {@linkcode inheritedSockets} takes over what a service
 * manager has made. What only a socket can do: messages with boundaries and an end (`"seqpacket"`), passing open files (`sendDescriptors`),
 * and knowing who is at the other end (`peer`, `peerPidFd`, `credentials`).
 *
 * Stream sockets from `listenUnix` and `connectUnix` work without `--allow-ffi`; everything else needs it.
 *
 * @module
 */

export {
  type InheritedFacts,
  type InheritedSocket,
  inheritedSockets,
  type InheritedSocketsOptions,
  socketsToInherit,
} from "./activation.ts";
export { type SocketNamespace, type UnixAddress, unixAddress } from "./address.ts";
export { bindUnix, type BindUnixOptions } from "./bind.ts";
export type {
  Datagram,
  DatagramDestination,
  DatagramSender,
  DatagramSocket,
  DescriptorDatagram,
  ReceiveDatagramDescriptorsOptions,
  ReceiveDatagramDescriptorsSyncOptions,
  ReceiveDatagramOptions,
  ReceiveDatagramSyncOptions,
  SendDatagramOptions,
  SendDatagramSyncOptions,
} from "./datagram_socket.ts";
export type {
  DescriptorLimit,
  DescriptorMessage,
  ReceiveDescriptorsOptions,
  ReceiveDescriptorsSyncOptions,
} from "./descriptors.ts";
export {
  datagramSocketFromDescriptor,
  listenerFromDescriptor,
  socketFromDescriptor,
  type SocketFromDescriptorOptions,
} from "./from_descriptor.ts";
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
export type { Inheritable, Movable, moveDescriptor } from "../sys/inheritable.ts";
