/**
 * Descriptors as ancillary data: `sendmsg(2)` and `recvmsg(2)` with SCM_RIGHTS.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { MSGHDR, SOCK, SOCKADDR_UN_PATH_BYTES } from "../sys/linux.ts";
import { addressOf } from "../sys/memory.ts";
import { isProbed, startedNs } from "../sys/probe.ts";
import { addressIn, type UnixAddress } from "./address.ts";
import type { PeerCredentials } from "./peer.ts";
import { tellSocket } from "./tell.ts";

/** What a sender can do about it. */
const SEND_HINTS = {
  EMSGSIZE: "a message must fit into the sending buffer (sysctl net.core.wmem_default)",
  ECONNREFUSED: "nobody has the socket there open",
  EPROTOTYPE: "the socket there is no datagram socket",
  EPERM: "the socket there is connected to somebody else",
  ETOOMANYREFS: "too many descriptors are under way, unread: their number is limited as that of open files is",
};

/** What one `recvmsg` took. */
export interface Received {
  /** Bytes of the message; more than were offered when it was truncated. 0 at the end. */
  readonly byteLength: number;
  /** Descriptors that came with it. */
  readonly descriptors: Fd[];
}

const { offset: OFFSET, cmsg: CMSG } = MSGHDR;
const header = new DataView(new ArrayBuffer(MSGHDR.byteLength));
const iovec = new BigUint64Array(2);
/** `struct ucred { pid_t pid; uid_t uid; gid_t gid; }` with its header: the kernel puts it before the descriptors. */
const CREDENTIALS_BYTES = aligned(CMSG.data + 12);
/** Room for the control data of the most descriptors that one message can have, and for credentials. */
const control = new Uint8Array(new ArrayBuffer(CREDENTIALS_BYTES + aligned(CMSG.data + 4 * MSGHDR.maxDescriptors)));
/** `struct sockaddr_un` of a sender. */
const sender = new Uint8Array(new ArrayBuffer(2 + SOCKADDR_UN_PATH_BYTES));

/**
 * Sends bytes with descriptors attached to the first of them. Never waits.
 *
 * @param to Where to, on a socket that is not connected.
 * @returns How many bytes went, all descriptors with the first; `undefined` when it would wait.
 */
export function sendWithDescriptors(
  socket: Fd,
  bytes: Uint8Array,
  descriptors: readonly Fd[],
  to?: UnixAddress,
): number | undefined {
  const rights = descriptors.length === 0 ? undefined : rightsFrom(descriptors);
  const hint = {
    ...SEND_HINTS,
    EINVAL: `at most ${MSGHDR.maxDescriptors} descriptors go with one message, got ${descriptors.length}`,
  };
  const started = startedNs();
  while (true) {
    describe(bytes as Uint8Array<ArrayBuffer>, rights, rights?.byteLength ?? 0, to?.bytes);
    const sent = libc().sendmsg(socket.raw, header, SOCK.MSG_NOSIGNAL | SOCK.MSG_DONTWAIT);
    if (sent !== -1) {
      if (isProbed()) tellSocket("write", socket, sent, started);
      return sent;
    }
    const number = errno();
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "sendmsg", to?.shown ?? socket.what, hint);
  }
}

/** One datagram, as `recvmsg` took it. */
export interface ReceivedFrom extends Received {
  /** The sender's name; `undefined` when it has none. */
  readonly from: UnixAddress | undefined;
  /** Who the sender is, where the socket asks for it (SO_PASSCRED). */
  readonly credentials: PeerCredentials | undefined;
}

/**
 * Receives one datagram, its sender's name and credentials, and at most `limit` descriptors. Never waits.
 *
 * @param limit 0 for none: the kernel closes those that came.
 * @returns `undefined` when it would wait.
 * @throws {ProtocolError} When more descriptors came than a limit above 0: all have been closed.
 */
export function receiveFrom(socket: Fd, into: Uint8Array, limit: number): ReceivedFrom | undefined {
  const controlBytes = CREDENTIALS_BYTES + (limit === 0 ? 0 : CMSG.data + 4 * limit);
  const flags = SOCK.MSG_TRUNC | SOCK.MSG_DONTWAIT | SOCK.MSG_CMSG_CLOEXEC;
  const byteLength = receiveMessage(socket, into, control, controlBytes, flags, sender);
  if (byteLength === undefined) return undefined;
  const from = addressIn(sender, header.getUint32(OFFSET.namelen, true));
  const found = controlReceived();
  const all = found === undefined ? [] : rightsIn(found);
  const credentials = found === undefined ? undefined : credentialsIn(found);
  const truncated = (header.getInt32(OFFSET.flags, true) & SOCK.MSG_CTRUNC) !== 0;
  // Without credentials before them, more descriptors fit than were asked for.
  if (all.length > limit || (truncated && limit > 0)) {
    if (limit > 0) refuse(all, limit, socket.what);
    for (const descriptor of all.splice(0)) descriptor.close();
  }
  return { byteLength, from, credentials, descriptors: all };
}

/**
 * Receives bytes and at most `limit` descriptors, close-on-exec from birth. Never waits.
 *
 * @param flags More `SOCK.MSG_*` flags.
 * @returns `undefined` when it would wait.
 * @throws {ProtocolError} When the control data was truncated: what was received of it has been closed.
 */
export function receiveWithDescriptors(socket: Fd, into: Uint8Array, limit: number, flags = 0): Received | undefined {
  // CMSG_LEN, not CMSG_SPACE: the kernel counts what fits by bytes, and the padding of an odd limit would admit one descriptor more.
  const controlBytes = CMSG.data + 4 * limit;
  const byteLength = receiveMessage(
    socket,
    into,
    control,
    controlBytes,
    flags | SOCK.MSG_DONTWAIT | SOCK.MSG_CMSG_CLOEXEC,
  );
  if (byteLength === undefined) return undefined;
  const found = controlReceived();
  const descriptors = found === undefined ? [] : rightsIn(found);
  if ((header.getInt32(OFFSET.flags, true) & SOCK.MSG_CTRUNC) !== 0) refuse(descriptors, limit, socket.what);
  return { byteLength, descriptors };
}

/**
 * Closes what came.
 *
 * @throws {ProtocolError} Always.
 */
export function refuse(descriptors: readonly Fd[], limit: number, what: string): never {
  for (const descriptor of descriptors) descriptor.close();
  throw new ProtocolError(
    `${what} received more descriptors than the ${limit} allowed, or than this process may open: all have been closed`,
  );
}

/** What a look at the bytes that are there tells. */
export interface Look {
  /** How many of them fit; 0 at the end. */
  readonly byteLength: number;
  /** Whether descriptors are attached to any byte that is there, also beyond those that fit: the kernel looks through its whole queue. */
  readonly descriptors: boolean;
}

/** Looks without taking anything (MSG_PEEK). A look that offers no room for descriptors is told that some are there. Never waits. */
export function lookAhead(socket: Fd, into: Uint8Array): Look | undefined {
  const byteLength = receiveMessage(socket, into, undefined, 0, SOCK.MSG_DONTWAIT | SOCK.MSG_PEEK);
  if (byteLength === undefined) return undefined;
  return { byteLength, descriptors: (header.getInt32(OFFSET.flags, true) & SOCK.MSG_CTRUNC) !== 0 };
}

function receiveMessage(
  socket: Fd,
  into: Uint8Array,
  control: Uint8Array<ArrayBuffer> | undefined,
  controlBytes: number,
  flags: number,
  name?: Uint8Array<ArrayBuffer>,
): number | undefined {
  while (true) {
    describe(into as Uint8Array<ArrayBuffer>, control, controlBytes, name);
    const count = libc().recvmsg(socket.raw, header, flags);
    if (count !== -1) return count;
    const number = errno();
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "recvmsg", socket.what);
  }
}

/** Fills in `struct msghdr`; the kernel changes it at every call. */
function describe(
  bytes: Uint8Array<ArrayBuffer>,
  control: Uint8Array<ArrayBuffer> | undefined,
  controlBytes: number,
  name?: Uint8Array<ArrayBuffer>,
): void {
  // Asking for .buffer moves a small array out of the garbage collector's reach, so that its address stays true.
  iovec[0] = bytes.buffer.byteLength === 0 ? 0n : addressOf(bytes);
  iovec[1] = BigInt(bytes.byteLength);
  header.setBigUint64(OFFSET.name, name === undefined ? 0n : addressOf(name), true);
  header.setUint32(OFFSET.namelen, name?.byteLength ?? 0, true);
  header.setBigUint64(OFFSET.iov, addressOf(new Uint8Array(iovec.buffer)), true);
  header.setBigUint64(OFFSET.iovlen, 1n, true);
  header.setBigUint64(OFFSET.control, control === undefined ? 0n : addressOf(control), true);
  header.setBigUint64(OFFSET.controllen, BigInt(controlBytes), true);
  header.setInt32(OFFSET.flags, 0, true);
}

/** One `struct cmsghdr` with SCM_RIGHTS. */
function rightsFrom(descriptors: readonly Fd[]): Uint8Array<ArrayBuffer> {
  const byteLength = CMSG.data + 4 * descriptors.length;
  const view = new DataView(new ArrayBuffer(aligned(byteLength)));
  view.setBigUint64(CMSG.len, BigInt(byteLength), true);
  view.setInt32(CMSG.level, SOCK.SOL_SOCKET, true);
  view.setInt32(CMSG.type, SOCK.SCM_RIGHTS, true);
  descriptors.forEach((descriptor, index) => view.setInt32(CMSG.data + 4 * index, descriptor.raw, true));
  return new Uint8Array(view.buffer);
}

/** The control data of the message that was just received; `undefined` when it has none. */
function controlReceived(): DataView | undefined {
  const length = Math.min(Number(header.getBigUint64(OFFSET.controllen, true)), control.byteLength);
  return length === 0 ? undefined : new DataView(control.buffer, 0, length);
}

/** The descriptors in all control messages, each with its owner. */
function rightsIn(control: DataView): Fd[] {
  const found: Fd[] = [];
  for (const { type, at, end } of controlMessages(control)) {
    if (type !== SOCK.SCM_RIGHTS) continue;
    for (let data = at; data + 4 <= end; data += 4) {
      const raw = control.getInt32(data, true);
      found.push(Fd.own(raw, `Received descriptor ${raw}`));
    }
  }
  return found;
}

/** The credentials among the control messages. */
function credentialsIn(control: DataView): PeerCredentials | undefined {
  for (const { type, at, end } of controlMessages(control)) {
    if (type !== SOCK.SCM_CREDENTIALS || end - at < 12) continue;
    return {
      pid: control.getInt32(at, true),
      uid: control.getUint32(at + 4, true),
      gid: control.getUint32(at + 8, true),
    };
  }
  return undefined;
}

/** Where the data of each control message of the socket level lies. */
function* controlMessages(control: DataView): Generator<{ type: number; at: number; end: number }> {
  for (let at = 0; at + CMSG.data <= control.byteLength;) {
    const length = Number(control.getBigUint64(at + CMSG.len, true));
    if (length < CMSG.data || at + length > control.byteLength) return;
    const type = control.getInt32(at + CMSG.type, true);
    if (control.getInt32(at + CMSG.level, true) === SOCK.SOL_SOCKET) {
      yield { type, at: at + CMSG.data, end: at + length };
    }
    at += aligned(length);
  }
}

function aligned(byteLength: number): number {
  return Math.ceil(byteLength / CMSG.alignment) * CMSG.alignment;
}
