/**
 * Sockets that whoever started this program has made for it: the LISTEN_FDS convention of systemd.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { Fd } from "../sys/fd.ts";
import { ownPid } from "../sys/identity.ts";
import { type Inheritable, isMovable, type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { inheritedDescriptor, requireInherited } from "../sys/inherited.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import {
  datagramSocketFromDescriptor,
  kindOf,
  listenerFromDescriptor,
  socketFromDescriptor,
  type SocketFromDescriptorOptions,
} from "./from_descriptor.ts";
import type { UnixListener } from "./listener.ts";
import type { MessageSocket } from "./message_socket.ts";
import type { StreamSocket } from "./stream_socket.ts";

/** The first descriptor of the convention (`SD_LISTEN_FDS_START`). */
const FIRST = 3;

/** What every descriptor has that was given by the convention. Disposing it closes the object. */
export interface InheritedFacts extends Disposable {
  /** Its name from LISTEN_FDNAMES (`FileDescriptorName=`); `"unknown"` where nobody named it. */
  readonly name: string;
  /** The number that it was given by. */
  readonly number: number;
}

/** A descriptor that this program was given, as the object that the kernel says it is. */
export type InheritedSocket =
  & InheritedFacts
  & (
    /** A listening Unix socket. Its name in the file system stays its maker's. */
    | { readonly kind: "listener"; readonly listener: UnixListener<StreamSocket> | UnixListener<MessageSocket> }
    /** A connected Unix socket. */
    | { readonly kind: "socket"; readonly socket: StreamSocket | MessageSocket }
    /** A Unix datagram socket with a name and without a peer. */
    | { readonly kind: "datagram"; readonly socket: DatagramSocket }
    /** Anything else: a FIFO, a file, an Internet socket, a message queue. */
    | { readonly kind: "descriptor"; readonly descriptor: Fd }
  );

/** How {@linkcode inheritedSockets} takes them. */
export interface InheritedSocketsOptions extends SocketFromDescriptorOptions {
  /**
   * Whether LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are removed from the environment (`unset_environment` of `sd_listen_fds(3)`), whatever
   * comes of the call. The next call then finds nothing, and children do not see them.
   * @default {true}
   */
  unset?: boolean | undefined;
}

/**
 * `inheritedSockets()`: takes over the descriptors that whoever started this program passed by the LISTEN_FDS convention: systemd's socket
 * units, `systemd-socket-activate(1)`, or another Causeway program ({@linkcode socketsToInherit}).
 *
 * LISTEN_PID must be this process's pid; otherwise the variables are meant for somebody else, and there is nothing here. Each of the
 * LISTEN_FDS descriptors, from 3 on, must be open and must have come through `exec`: nothing is taken unless all did. What each one is, is
 * asked of the kernel. They become close-on-exec; sockets become non-blocking, for every process that shares them.
 *
 * @returns What was passed, in its order; empty when nothing was. The caller closes them.
 * @throws {PosixError} EINVAL when a variable makes no sense, or the names are not as many as the descriptors; EBADF when a descriptor is not
 *   open, or did not come through `exec`.
 * @throws {Deno.errors.NotCapable} Without `--allow-env` for the three variables; without `--allow-ffi` when there is something to take.
 *
 * @example A service that works with and without systemd
 * ```ts
 * import { inheritedSockets, listenUnix } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const given = inheritedSockets().find((socket) => socket.kind === "listener");
 * using listener = given?.listener ?? await listenUnix(`causeway-example-${Deno.pid}`, { namespace: "abstract" });
 * assertEquals(listener.type, "stream");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html sd_listen_fds(3)}
 *
 * @tags allow-ffi
 */
export function inheritedSockets(options: InheritedSocketsOptions = {}): InheritedSocket[] {
  const [pid, fds, names] = VARIABLES.map((name) => Deno.env.get(name));
  if (options.unset ?? true) { for (const name of VARIABLES) Deno.env.delete(name); }
  if (pid === undefined || fds === undefined) return [];
  if (wholeNumber("LISTEN_PID", pid) !== ownPid()) return [];
  const count = wholeNumber("LISTEN_FDS", fds);
  const named = names?.split(":") ?? [];
  if (names !== undefined && named.length !== count && !(count === 0 && names === "")) {
    throw invalid("LISTEN_FDNAMES", names, `there are ${count} descriptors`);
  }
  for (let number = FIRST; number < FIRST + count; number++) requireInherited(number);
  using taken = new DisposableStack();
  const all: InheritedSocket[] = [];
  for (let index = 0; index < count; index++) {
    const fd = taken.use(inheritedDescriptor(FIRST + index));
    all.push(taken.use(typed(fd, FIRST + index, named[index] || "unknown", options)));
  }
  taken.move();
  return all;
}

const VARIABLES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] as const;

/**
 * `socketsToInherit({ name: end })`: what a child must get to find these ends by the LISTEN_FDS convention, for the `inherit` option of
 * `command`. It must come first there, so that the ends get the descriptors from 3 on. They are moved: closed here.
 *
 * The variable LISTEN_PID is not among them: it is the child's pid, which is known only after the child exists. A shell can tell it, on the way
 * into the program, because it keeps its pid: `command("sh", ["-c", 'LISTEN_PID=$$ exec "$@"', "sh", program, ...args])`.
 *
 * @param ends By name: no `:` and no control characters, at most 255 bytes.
 * @throws {TypeError} For a name that cannot be passed, or what is no end.
 *
 * @example Give a listener to a program that was made for systemd
 * ```ts
 * import { listenUnix, socketsToInherit } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = await listenUnix(`causeway-given-${Deno.pid}`, { namespace: "abstract" });
 * const { descriptors, env } = socketsToInherit({ http: listener });
 * assertEquals(env, { LISTEN_FDS: "1", LISTEN_FDNAMES: "http" });
 * for (const descriptor of descriptors) descriptor.close(); // or: command("sh", […], { inherit: [{ descriptors, env }] })
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html sd_listen_fds(3)}
 *
 * @tags allow-ffi
 */
export function socketsToInherit(ends: Readonly<Record<string, Movable>>): Inheritable {
  for (const [name, end] of Object.entries(ends)) {
    // deno-lint-ignore no-control-regex -- control characters are what is refused
    if (name === "" || /[:\x00-\x1f\x7f]/.test(name) || new TextEncoder().encode(name).byteLength > 255) {
      throw new TypeError(`The name of a descriptor must be 1..255 bytes without ":", got ${JSON.stringify(name)}`);
    }
    if (!isMovable(end)) throw new TypeError(`${JSON.stringify(name)} must be an end that can be given away`);
  }
  const descriptors = Object.values(ends).map((end) => end[moveDescriptor]());
  return {
    descriptors,
    env: { LISTEN_FDS: String(descriptors.length), LISTEN_FDNAMES: Object.keys(ends).join(":") },
  };
}

function typed(fd: Fd, number: number, name: string, options: InheritedSocketsOptions): InheritedSocket {
  const facts = (object: Disposable) => ({ name, number, [Symbol.dispose]: () => object[Symbol.dispose]() });
  const kind = kindOf(fd);
  if (kind === "listener") {
    const listener = listenerFromDescriptor(fd, options);
    return { ...facts(listener), kind, listener };
  }
  if (kind === "socket") {
    const socket = socketFromDescriptor(fd, options);
    return { ...facts(socket), kind, socket };
  }
  if (kind === "datagram") {
    const socket = datagramSocketFromDescriptor(fd, options);
    return { ...facts(socket), kind, socket };
  }
  return { ...facts(fd), kind, descriptor: fd };
}

function wholeNumber(variable: string, text: string): number {
  const number = Number(text);
  if (!/^\d{1,10}$/.test(text) || number > 0x7fffffff - FIRST) {
    throw invalid(variable, text, "a whole number is needed");
  }
  return number;
}

function invalid(variable: string, value: string, hint: string): PosixError {
  return new PosixError({ code: "EINVAL", syscall: "sd_listen_fds", target: `${variable}=${value}`, hint });
}
