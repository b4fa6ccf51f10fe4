/**
 * The three kinds of Unix socket.
 *
 * @module
 */

import { SOCK } from "../sys/linux.ts";

/**
 * What a Unix socket carries:
 *
 * - `"stream"`: bytes, in order, without boundaries, like a pipe in both directions
 * - `"seqpacket"`: messages, in order, each received whole; the end is seen
 * - `"datagram"`: messages, in order and never lost between Unix sockets, but without a connection: the end is not seen
 */
export type SocketType = "stream" | "seqpacket" | "datagram";

const NUMBERS: Readonly<Record<SocketType, number>> = {
  stream: SOCK.STREAM,
  seqpacket: SOCK.SEQPACKET,
  datagram: SOCK.DGRAM,
};

/**
 * The kernel's number of a type.
 *
 * @throws {TypeError} For anything but `allowed`.
 */
export function typeNumber(
  type: SocketType,
  allowed: readonly SocketType[] = ["stream", "seqpacket", "datagram"],
): number {
  if (allowed.includes(type)) return NUMBERS[type];
  throw new TypeError(`Socket type must be one of ${allowed.join(", ")}, got ${JSON.stringify(type)}`);
}

/** The type of a kernel's number; `undefined` when it is none of the three. */
export function typeOfNumber(number: number): SocketType | undefined {
  if (number === SOCK.STREAM) return "stream";
  if (number === SOCK.SEQPACKET) return "seqpacket";
  return number === SOCK.DGRAM ? "datagram" : undefined;
}
