/**
 * Where a Unix socket can be found: a path, or an abstract name of the kernel.
 *
 * @module
 */

import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { SOCK, SOCKADDR_UN_PATH_BYTES } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";

/**
 * What a socket's name is:
 *
 * - `"path"`: a name in the file system, guarded by its mode and its directory; it outlives its socket until it is unlinked
 * - `"abstract"`: a name that only the kernel keeps (Linux, `unix(7)`): it is gone with its socket, and **anybody** in the same network
 *   namespace may connect to it or take it first, so check `peer`
 */
export type SocketNamespace = "path" | "abstract";

/**
 * Where a socket can be found. Made by {@linkcode unixAddress}, and by the kernel for the sender of a datagram.
 */
export interface UnixAddress {
  /** The name, as text. */
  readonly name: string;
  /** Where the name is. */
  readonly namespace: SocketNamespace;
  /**
   * `struct sockaddr_un { sa_family_t family; char path[108]; }`, cut to the length that counts. It is what is used: a name need not be
   * text.
   */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For people: an abstract name begins with `@`, as in `ss(8)`. */
  readonly shown: string;
}

/** Most bytes of a name: a path ends with a NUL, an abstract name begins with one. */
const MAX_NAME_BYTES = SOCKADDR_UN_PATH_BYTES - 1;

/**
 * `unixAddress(name)`: makes the address of a socket. Nothing is looked up.
 *
 * @param name A path, or an abstract name without the `@` that `ss(8)` shows before it; at most 107 bytes.
 * @param namespace Which of the two it is. A path unless said otherwise.
 * @throws {TypeError} When it is no string, or has a NUL.
 * @throws {RangeError} When it is empty or longer than 107 bytes: the kernel would cut it or take another name.
 *
 * @example An abstract name begins with a NUL
 * ```ts
 * import { unixAddress } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(unixAddress("ab", "abstract").bytes.subarray(2), new Uint8Array([0, 97, 98]));
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/unix.7.html unix(7)}
 */
export function unixAddress(name: string, namespace: SocketNamespace = "path"): UnixAddress {
  if (namespace !== "path" && namespace !== "abstract") {
    throw new TypeError(`Socket namespace must be "path" or "abstract", got ${JSON.stringify(namespace)}`);
  }
  const what = namespace === "path" ? "Socket path" : "Abstract socket name";
  const withNul = cString(name, what);
  const byteLength = withNul.byteLength - 1;
  if (byteLength === 0) throw new RangeError(`${what} must not be empty`);
  if (byteLength > MAX_NAME_BYTES) {
    throw new RangeError(
      `${what} must be at most ${MAX_NAME_BYTES} bytes long, got ${byteLength}: ${JSON.stringify(name)}`,
    );
  }
  const bytes = new Uint8Array(2 + byteLength + 1);
  new DataView(bytes.buffer).setUint16(0, SOCK.AF_UNIX, true);
  if (namespace === "path") bytes.set(withNul, 2);
  else bytes.set(withNul.subarray(0, byteLength), 3);
  return { name, namespace, bytes, shown: namespace === "path" ? name : `@${name}` };
}

/**
 * The address that the kernel has written; `undefined` for a socket without a name.
 *
 * @param bytes `struct sockaddr_un`.
 * @param byteLength How much of it counts.
 */
export function addressIn(bytes: Uint8Array<ArrayBuffer>, byteLength: number): UnixAddress | undefined {
  if (byteLength <= 2) return undefined;
  const own = bytes.slice(0, Math.min(byteLength, bytes.byteLength));
  if (own[2] === 0) {
    const name = new TextDecoder().decode(own.subarray(3));
    return { name, namespace: "abstract", bytes: own, shown: `@${name}` };
  }
  const nul = own.indexOf(0, 2);
  const name = new TextDecoder().decode(own.subarray(2, nul === -1 ? undefined : nul));
  return { name, namespace: "path", bytes: own, shown: name };
}

const buffer = new Uint8Array(2 + SOCKADDR_UN_PATH_BYTES);
const length = new Uint32Array(1);

/** `getsockname(2)`: the socket's own address; `undefined` when it has no name. */
export function ownAddress(fd: Fd): UnixAddress | undefined {
  length[0] = buffer.byteLength;
  check(libc().getsockname(fd.raw, buffer, length), "getsockname", fd.what);
  return addressIn(buffer, length[0]);
}

/** `getpeername(2)`: whether the socket is connected. */
export function hasPeer(fd: Fd): boolean {
  length[0] = buffer.byteLength;
  const failure = libc().getpeername(fd.raw, buffer, length) === -1 ? errno() : 0;
  if (failure !== 0 && failure !== ERRNO.ENOTCONN) fail(failure, "getpeername", fd.what);
  return failure === 0;
}
