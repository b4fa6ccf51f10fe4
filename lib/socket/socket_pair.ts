/**
 * Sockets without a name: two connected ends.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { SOCK } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import { objectOf } from "../sys/probe_object.ts";
import { KernelMessageSocket } from "./kernel_message_socket.ts";
import { BIRTH_FLAGS, socketName } from "./kernel_socket.ts";
import { KernelStreamSocket } from "./kernel_stream_socket.ts";
import type { MessageSocket } from "./message_socket.ts";
import { type SocketType, typeNumber } from "./socket_type.ts";
import type { StreamSocket } from "./stream_socket.ts";

/** Options of {@linkcode socketPair}. */
export interface SocketPairOptions {
  /**
   * Whether descriptors may travel through the sockets.
   * @default {false}
   */
  descriptors?: boolean | undefined;
}

/**
 * `socketPair("stream")`: makes two connected ends for bytes. Like two pipes, one each way, in one object per side.
 *
 * Nothing to unlink, nobody else can connect, and the kernel takes both back when their processes end. Give one end to a child and keep
 * the other. Both are close-on-exec from birth.
 *
 * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 *
 * @example Half-close ends one direction
 * ```ts
 * import { socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = socketPair("stream");
 * using _left = left;
 * using _right = right;
 * left.writeSync(new Uint8Array([1, 2, 3]));
 * left.closeWrite();
 * const buffer = new Uint8Array(8);
 * assertEquals(right.readSync(buffer), 3);
 * assertEquals(right.readSync(buffer), null);
 * right.writeSync(new Uint8Array([4]));
 * assertEquals(left.readSync(buffer), 1);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/socketpair.2.html socketpair(2)}
 *
 * @tags allow-ffi
 */
export function socketPair(type?: "stream", options?: SocketPairOptions): [StreamSocket, StreamSocket];
/**
 * `socketPair("seqpacket")`, or `"datagram"`: makes two connected ends for messages.
 *
 * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 *
 * @example Messages stay whole
 * ```ts
 * import { socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = socketPair("seqpacket");
 * using _left = left;
 * using _right = right;
 * left.sendSync(new Uint8Array([1]));
 * left.sendSync(new Uint8Array([2, 3]));
 * left.close();
 * const lengths = [];
 * for await (const message of right) lengths.push(message.byteLength);
 * assertEquals(lengths, [1, 2]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/socketpair.2.html socketpair(2)}
 *
 * @tags allow-ffi
 */
export function socketPair(type: "seqpacket" | "datagram", options?: SocketPairOptions): [MessageSocket, MessageSocket];
export function socketPair(
  type: SocketType = "stream",
  { descriptors = false }: SocketPairOptions = {},
): [StreamSocket, StreamSocket] | [MessageSocket, MessageSocket] {
  const number = typeNumber(type);
  const raws = new Int32Array(2);
  check(libc().socketpair(SOCK.AF_UNIX, number | BIRTH_FLAGS, 0, raws), "socketpair", type);
  const left = Fd.own(raws[0]!, socketName(type));
  const right = Fd.own(raws[1]!, socketName(type));
  publish(() => ({ kind: "socketpair", type, objects: [objectOf(left), objectOf(right)] }));
  if (type === "stream") return [new KernelStreamSocket(left, descriptors), new KernelStreamSocket(right, descriptors)];
  return [new KernelMessageSocket(left, type, descriptors), new KernelMessageSocket(right, type, descriptors)];
}
