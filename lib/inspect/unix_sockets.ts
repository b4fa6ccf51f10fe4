/**
 * The Unix sockets of this network namespace, each with its peer: `/proc/net/unix` has no peers, the kernel's `sock_diag` has, and asks for no
 * privilege.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/sock_diag.7.html sock_diag(7)}
 * @module
 */

import { check } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { MQ, SOCK, SOCK_DIAG } from "../sys/linux.ts";
import { fail } from "../sys/errno.ts";
import { requireProc } from "./proc.ts";

/** A Unix socket, whoever has it open. */
export interface UnixSocket {
  /** Its inode number: what a descriptor shows as `socket:[INODE]`. */
  readonly inode: number;
  /** Whether it carries a stream, datagrams, or both worlds. */
  readonly type: "stream" | "datagram" | "seqpacket";
  /** `"listening"` takes connections; `"connected"` has a peer, or had one. */
  readonly state: "listening" | "connected" | "unconnected";
  /** The path or the abstract name to which it is bound; an accepted socket shows its listener's. */
  readonly name: string | undefined;
  /** Whether the name is the kernel's own, and no path. */
  readonly abstract: boolean;
  /** `MAJOR:MINOR:INODE` of the path when it was bound; the kernel tells the lower 32 bits of the inode number. */
  readonly file: string | undefined;
  /** Inode number of the other end; `undefined` for none, and while a connection waits to be accepted. */
  readonly peer: number | undefined;
  /** Bytes that wait to be read; of a listening socket, the connections that wait to be accepted. */
  readonly queued: number;
  /** Of a listening socket: how many connections may wait. */
  readonly backlog: number | undefined;
  /** The user that made it. */
  readonly uid: number | undefined;
}

const { nlmsghdr: HEADER, message: MESSAGE, request: REQUEST } = SOCK_DIAG;
const SHOW = SOCK_DIAG.UDIAG_SHOW_NAME | SOCK_DIAG.UDIAG_SHOW_VFS | SOCK_DIAG.UDIAG_SHOW_PEER |
  SOCK_DIAG.UDIAG_SHOW_RQLEN | SOCK_DIAG.UDIAG_SHOW_UID;
/** The kernel never sends more than this at once. */
const BUFFER_BYTES = 65_536;

/**
 * `readUnixSockets()`: every Unix socket of this network namespace, by inode number.
 *
 * @throws {PosixError} What `socket(2)` and the kernel say where `sock_diag` is missing (EPROTONOSUPPORT, ENOENT) or forbidden (EPERM, EACCES).
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 *
 * @tags allow-ffi
 */
export function readUnixSockets(): Map<number, UnixSocket> {
  requireProc();
  const type = MQ.SOCK_RAW | SOCK.CLOEXEC | SOCK.NONBLOCK;
  const raw = check(libc().socket(MQ.AF_NETLINK, type, SOCK_DIAG.NETLINK_SOCK_DIAG), "socket", "NETLINK_SOCK_DIAG");
  using socket = Fd.own(raw, "Netlink socket");
  const request = dumpRequest();
  check(libc().send(socket.raw, request, request.byteLength, 0), "send", "NETLINK_SOCK_DIAG");
  const found = new Map<number, UnixSocket>();
  const buffer = new Uint8Array(BUFFER_BYTES);
  const view = new DataView(buffer.buffer);
  while (true) {
    // Never waits: the kernel makes each part of its answer while the one before is read.
    const count = check(libc().recv(socket.raw, buffer, buffer.byteLength, 0), "recv", "NETLINK_SOCK_DIAG");
    for (let at = 0; at + HEADER.byteLength <= count;) {
      const length = view.getUint32(at + HEADER.len, true);
      const type = view.getUint16(at + HEADER.type, true);
      if (type === SOCK_DIAG.NLMSG_DONE || length < HEADER.byteLength) return found;
      if (type === SOCK_DIAG.NLMSG_ERROR) {
        fail(-view.getInt32(at + HEADER.byteLength, true), "sock_diag", "Unix sockets");
      }
      const one = parse(buffer, view, at + HEADER.byteLength, Math.min(at + length, count));
      found.set(one.inode, one);
      at += aligned(length);
    }
    if (count === 0) return found;
  }
}

function dumpRequest(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER.byteLength + REQUEST.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(HEADER.len, bytes.byteLength, true);
  view.setUint16(HEADER.type, SOCK_DIAG.SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(HEADER.flags, SOCK_DIAG.NLM_F_REQUEST | SOCK_DIAG.NLM_F_DUMP, true);
  view.setUint8(HEADER.byteLength + REQUEST.sdiag_family, SOCK.AF_UNIX);
  view.setUint32(HEADER.byteLength + REQUEST.udiag_states, 0xffff_ffff, true);
  view.setUint32(HEADER.byteLength + REQUEST.udiag_show, SHOW, true);
  return bytes;
}

/** `struct unix_diag_msg` and its attributes, each of which has its length and kind in front. */
function parse(buffer: Uint8Array, view: DataView, start: number, end: number): UnixSocket {
  const state = stateOf(view.getUint8(start + MESSAGE.udiag_state));
  let name: string | undefined;
  let abstract = false;
  let file: string | undefined;
  let peer: number | undefined;
  let queued = 0;
  let backlog: number | undefined;
  let uid: number | undefined;
  for (let at = start + MESSAGE.byteLength; at + 4 <= end;) {
    const length = view.getUint16(at, true);
    if (length < 4) break;
    const data = at + 4;
    switch (view.getUint16(at + 2, true)) {
      case SOCK_DIAG.UNIX_DIAG_NAME:
        abstract = length > 4 && buffer[data] === 0;
        name = text(buffer.subarray(data + (abstract ? 1 : 0), at + length), abstract);
        break;
      case SOCK_DIAG.UNIX_DIAG_VFS: {
        const device = view.getUint32(data + 4, true);
        file = `${device >>> 20}:${device & 0xfffff}:${view.getUint32(data, true)}`;
        break;
      }
      case SOCK_DIAG.UNIX_DIAG_PEER:
        peer = view.getUint32(data, true) || undefined;
        break;
      case SOCK_DIAG.UNIX_DIAG_RQLEN:
        queued = view.getUint32(data, true);
        if (state === "listening") backlog = view.getUint32(data + 4, true);
        break;
      case SOCK_DIAG.UNIX_DIAG_UID:
        uid = view.getUint32(data, true);
        break;
    }
    at += aligned(length);
  }
  const type = typeOf(view.getUint8(start + MESSAGE.udiag_type));
  const inode = view.getUint32(start + MESSAGE.udiag_ino, true);
  return { inode, type, state, name, abstract, file, peer, queued, backlog, uid };
}

/** A path ends at its NUL; an abstract name has its length, and may hold NULs. */
function text(bytes: Uint8Array, abstract: boolean): string {
  const end = abstract ? -1 : bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}

function stateOf(state: number): UnixSocket["state"] {
  if (state === SOCK_DIAG.TCP_LISTEN) return "listening";
  return state === SOCK_DIAG.TCP_ESTABLISHED ? "connected" : "unconnected";
}

function typeOf(type: number): UnixSocket["type"] {
  if (type === SOCK.STREAM) return "stream";
  return type === SOCK.DGRAM ? "datagram" : "seqpacket";
}

/** `NLMSG_ALIGN`, `NLA_ALIGN`. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}
