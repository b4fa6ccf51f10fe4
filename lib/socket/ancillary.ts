/**
 * Descriptors as ancillary data: `sendmsg(2)` and `recvmsg(2)` with SCM_RIGHTS.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { MSGHDR, SOCK } from "../sys/linux.ts";
import { addressOf } from "../sys/memory.ts";

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
/** Room for the control data of the most descriptors that one message can have. */
const control = new Uint8Array(new ArrayBuffer(aligned(CMSG.data + 4 * MSGHDR.maxDescriptors)));

/**
 * Sends bytes with descriptors attached to the first of them. Never waits.
 *
 * @returns How many bytes went, all descriptors with the first; `undefined` when it would wait.
 */
export function sendWithDescriptors(socket: Fd, bytes: Uint8Array, descriptors: readonly Fd[]): number | undefined {
  const rights = descriptors.length === 0 ? undefined : rightsFrom(descriptors);
  const hint = {
    EINVAL: `at most ${MSGHDR.maxDescriptors} descriptors go with one message, got ${descriptors.length}`,
  };
  while (true) {
    describe(bytes as Uint8Array<ArrayBuffer>, rights, rights?.byteLength ?? 0);
    const sent = libc().sendmsg(socket.raw, header, SOCK.MSG_NOSIGNAL | SOCK.MSG_DONTWAIT);
    if (sent !== -1) return sent;
    const number = errno();
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "sendmsg", socket.what, hint);
  }
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
  const length = Math.min(Number(header.getBigUint64(OFFSET.controllen, true)), control.byteLength);
  const descriptors = length === 0 ? [] : rightsIn(new DataView(control.buffer, 0, length));
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
): number | undefined {
  while (true) {
    describe(into as Uint8Array<ArrayBuffer>, control, controlBytes);
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
): void {
  // Asking for .buffer moves a small array out of the garbage collector's reach, so that its address stays true.
  iovec[0] = bytes.buffer.byteLength === 0 ? 0n : addressOf(bytes);
  iovec[1] = BigInt(bytes.byteLength);
  header.setBigUint64(OFFSET.name, 0n, true);
  header.setUint32(OFFSET.namelen, 0, true);
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

/** The descriptors in all control messages, each with its owner. */
function rightsIn(control: DataView): Fd[] {
  const found: Fd[] = [];
  for (let at = 0; at + CMSG.data <= control.byteLength;) {
    const length = Number(control.getBigUint64(at + CMSG.len, true));
    if (length < CMSG.data || at + length > control.byteLength) break;
    const level = control.getInt32(at + CMSG.level, true);
    const type = control.getInt32(at + CMSG.type, true);
    if (level === SOCK.SOL_SOCKET && type === SOCK.SCM_RIGHTS) {
      for (let data = at + CMSG.data; data + 4 <= at + length; data += 4) {
        const raw = control.getInt32(data, true);
        found.push(Fd.own(raw, `Received descriptor ${raw}`));
      }
    }
    at += aligned(length);
  }
  return found;
}

function aligned(byteLength: number): number {
  return Math.ceil(byteLength / CMSG.alignment) * CMSG.alignment;
}
