/**
 * Where a Unix socket can be found: a path, or an abstract name of the kernel.
 *
 * @module
 */

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

/** A checked address. */
export interface UnixAddress {
  /** The name as the caller gave it. */
  readonly name: string;
  /** Where the name is. */
  readonly namespace: SocketNamespace;
  /** `struct sockaddr_un { sa_family_t family; char path[108]; }`, cut to the length that counts. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For people: an abstract name begins with `@`, as in `ss(8)`. */
  readonly shown: string;
}

/** Most bytes of a name: a path ends with a NUL, an abstract name begins with one. */
const MAX_NAME_BYTES = SOCKADDR_UN_PATH_BYTES - 1;

/**
 * Checks a name and builds its address.
 *
 * @throws {TypeError} When it is no string, or has a NUL.
 * @throws {RangeError} When it is empty or longer than 107 bytes: the kernel would cut it or take another name.
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
