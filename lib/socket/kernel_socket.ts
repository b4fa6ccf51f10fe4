/**
 * What stream and message sockets of the kernel have in common.
 *
 * Every call says for itself that it must not wait and must not raise SIGPIPE (MSG_DONTWAIT, MSG_NOSIGNAL): O_NONBLOCK belongs to the open
 * socket, and a child that was given a duplicate may have cleared it.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { isMovable, type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { libc } from "../sys/libc.ts";
import { IO_MAX_BYTES, SOCK } from "../sys/linux.ts";
import { isProbed, startedNs } from "../sys/probe.ts";
import { type SocketType, typeNumber } from "./socket_type.ts";
import { tellSocket } from "./tell.ts";

/** Flags of a socket that is close-on-exec and non-blocking from birth. */
export const BIRTH_FLAGS: number = SOCK.CLOEXEC | SOCK.NONBLOCK;

/** What a socket is called in errors. */
export function socketName(type: SocketType): string {
  return `Unix ${type} socket`;
}

/**
 * `socket(2)`: a Unix socket without a peer or a name.
 *
 * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left.
 */
export function makeSocket(type: SocketType, what: string): Fd {
  return Fd.own(check(libc().socket(SOCK.AF_UNIX, typeNumber(type) | BIRTH_FLAGS, 0), "socket", what), what);
}

/** What limits the length of a message. */
const TOO_LONG = { EMSGSIZE: "a message must fit into the sending buffer (sysctl net.core.wmem_default)" };

/** `send(2)`, never waiting. @returns `undefined` when it would. */
export function sendNow(socket: Fd, bytes: Uint8Array): number | undefined {
  const raw = socket.raw;
  const byteLength = Math.min(bytes.byteLength, IO_MAX_BYTES);
  const started = startedNs();
  while (true) {
    const sent = libc().send(raw, bytes as Uint8Array<ArrayBuffer>, byteLength, SOCK.MSG_NOSIGNAL | SOCK.MSG_DONTWAIT);
    if (sent !== -1) {
      if (isProbed()) tellSocket("write", socket, sent, started);
      return sent;
    }
    const number = errno();
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "send", socket.what, TOO_LONG);
  }
}

/** `recv(2)`, never waiting. @returns `undefined` when it would, 0 at the end. */
export function receiveNow(socket: Fd, into: Uint8Array, flags = 0): number | undefined {
  const raw = socket.raw;
  const atMost = Math.min(into.byteLength, IO_MAX_BYTES);
  while (true) {
    const count = libc().recv(raw, into as Uint8Array<ArrayBuffer>, atMost, flags | SOCK.MSG_DONTWAIT);
    if (count !== -1) return count;
    const number = errno();
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, "recv", socket.what);
  }
}

/** `shutdown(2)` of one direction. A peer that is gone has done it already. */
export function shutDown(socket: Fd, how: number): void {
  const failure = libc().shutdown(socket.raw, how) === -1 ? errno() : 0;
  if (failure !== 0 && failure !== ERRNO.ENOTCONN) fail(failure, "shutdown", socket.what);
}

/**
 * The descriptors to send: an `Fd` stays open, any other end is moved. Disposing the result closes what was moved: the message has
 * duplicates of its own.
 *
 * @throws {TypeError} For anything else.
 */
export function descriptorsToSend(ends: readonly (Fd | Movable)[]): { readonly all: Fd[] } & Disposable {
  for (const end of ends) {
    if (!(end instanceof Fd) && !isMovable(end)) {
      throw new TypeError("Only a descriptor, a pipe end or a socket can be sent");
    }
  }
  using moved = new DisposableStack();
  const all = ends.map((end) => end instanceof Fd ? end : moved.use(end[moveDescriptor]()));
  const held = moved.move();
  return { all, [Symbol.dispose]: () => held.dispose() };
}

/** @throws {TypeError} Always: the socket was not made to carry descriptors. */
export function noCarrier(what: string): never {
  throw new TypeError(`${what} does not carry descriptors: make it with { descriptors: true }`);
}

/** The error of a write after `closeWrite()`. */
export function closedForWriting(what: string): ClosedError {
  return new ClosedError(what, "is closed for writing");
}
