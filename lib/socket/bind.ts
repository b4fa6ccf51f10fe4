/**
 * Datagram sockets with a name.
 *
 * @module
 */

import type { WaitOptions } from "../sys/clock.ts";
import { check } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { SOCK } from "../sys/linux.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { publish } from "../sys/probe.ts";
import { ownAddress, type SocketNamespace, type UnixAddress, unixAddress } from "./address.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import { KernelDatagramSocket } from "./kernel_datagram_socket.ts";
import { makeSocket } from "./kernel_socket.ts";
import { nameRequest } from "./listener.ts";
import { takePath } from "./socket_name.ts";

/** How {@linkcode bindUnix} makes its socket. `signal` and `timeoutMs` end the wait for another process that replaces a stale name. */
export interface BindUnixOptions extends WaitOptions {
  /**
   * Permission bits of the name; whoever may write to it may send. Exact, whatever the umask, and never wider at any instant.
   * @default {0o600}
   */
  mode?: number | undefined;
  /**
   * What to do when the name belongs to a socket that nobody has open any more: replace it, or throw EADDRINUSE. A name that somebody has
   * open, and a name of anything but a socket, is never replaced.
   * @default {"replace"}
   */
  whenStale?: "replace" | "throw" | undefined;
  /**
   * Whether the name is a path or an abstract name of the kernel.
   * @default {"path"}
   */
  namespace?: SocketNamespace | undefined;
  /**
   * Whether descriptors may travel through the socket.
   * @default {false}
   */
  descriptors?: boolean | undefined;
  /**
   * Whether the kernel says with each message who sent it (SO_PASSCRED).
   * @default {false}
   */
  credentials?: boolean | undefined;
}

/**
 * `bindUnix(path)`: makes a datagram socket to which others send by its name.
 *
 * The name is taken as {@linkcode listenUnix} takes it: it appears with its exact mode, never wider; one that somebody has open is never
 * replaced, and a stale one is, in one step. Leaving a `using` block removes the name; a crash leaves it stale.
 *
 * @param path At most 107 bytes. Relative to the working directory.
 * @throws {RangeError} For a path of 108 bytes or more.
 * @throws {PosixError} EADDRINUSE when somebody has the name open or it is no socket's; EACCES, ENOENT, ENOTDIR, EROFS as `bind(2)` says.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read and write access to the path.
 *
 * @example A log that anybody may write to
 * ```ts
 * import { bindUnix, connectUnix } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const name = `causeway-log-${Deno.pid}`;
 * using log = await bindUnix(name, { namespace: "abstract" });
 * using program = await connectUnix(name, { type: "datagram", namespace: "abstract" });
 * await program.send(new TextEncoder().encode("started"));
 * assertEquals(new TextDecoder().decode((await log.receive()).bytes), "started");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/bind.2.html bind(2)}
 *
 * @tags allow-ffi
 */
export async function bindUnix(path: string, options: BindUnixOptions = {}): Promise<DatagramSocket> {
  options.signal?.throwIfAborted();
  const address = unixAddress(path, options.namespace);
  const request = nameRequest(path, options);
  if (address.namespace === "path") {
    requireRead(path);
    requireWrite(path);
  }
  const fd = makeSocket("datagram", `Unix datagram socket at ${JSON.stringify(address.shown)}`);
  try {
    if (options.credentials ?? false) askForCredentials(fd);
    const name = address.namespace === "path" ? await takePath(fd, address, request) : undefined;
    if (name === undefined) bindTo(fd, address.bytes, address.shown);
    publish(() => ({ kind: "bind", path: address.shown, type: "datagram" }));
    return new KernelDatagramSocket(fd, address, options.descriptors ?? false, name);
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** `bind(2)` without a name: the kernel chooses an abstract one. */
export function autobind(fd: Fd): UnixAddress | undefined {
  const family = new Uint8Array(2);
  new DataView(family.buffer).setUint16(0, SOCK.AF_UNIX, true);
  bindTo(fd, family, fd.what);
  return ownAddress(fd);
}

function bindTo(fd: Fd, bytes: Uint8Array<ArrayBuffer>, shown: string): void {
  check(libc().bind(fd.raw, bytes, bytes.byteLength), "bind", shown);
}

function askForCredentials(fd: Fd): void {
  const on = new Int32Array([1]);
  check(libc().setsockopt(fd.raw, SOCK.SOL_SOCKET, SOCK.SO_PASSCRED, on, 4), "setsockopt(SO_PASSCRED)", fd.what);
}
