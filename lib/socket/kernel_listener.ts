/**
 * Listening with FFI.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { ClosedError } from "../errors.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { closeWaited } from "../sys/event_loop.ts";
import { Fd, setNonblocking } from "../sys/fd.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import { objectOf } from "../sys/probe_object.ts";
import type { UnixAddress } from "./address.ts";
import { BIRTH_FLAGS, makeSocket, socketName } from "./kernel_socket.ts";
import { Lane } from "./lane.ts";
import { acceptUntilClosed, type ListenRequest, type UnixListener } from "./listener.ts";
import type { MessageSocket } from "./message_socket.ts";
import { type SocketName, takePath, unlinkName } from "./socket_name.ts";
import type { StreamSocket } from "./stream_socket.ts";

/** What listening is called in errors. */
const LISTENER = "Unix listener";

/** A listening socket of the kernel. */
export class KernelListener<Socket extends StreamSocket | MessageSocket> implements UnixListener<Socket> {
  readonly path: string;
  readonly type: "stream" | "seqpacket";
  readonly #fd: Fd;
  readonly #lane: Lane;
  readonly #wrap: (fd: Fd) => Socket;
  #name: SocketName | undefined;

  /**
   * @param fd A listening socket, which this object owns from now on.
   * @param wrap Makes the object of a connection.
   * @param name The name to remove when the object is disposed of.
   */
  constructor(fd: Fd, type: "stream" | "seqpacket", path: string, wrap: (fd: Fd) => Socket, name?: SocketName) {
    this.#fd = fd;
    this.type = type;
    this.path = path;
    this.#wrap = wrap;
    this.#name = name;
    this.#lane = new Lane(fd, EPOLL.IN);
  }

  get closed(): boolean {
    return this.#fd.closed;
  }

  accept(options: WaitOptions = {}): Promise<Socket> {
    return this.#lane.run(`Accepting from ${this.#fd.what}`, options, () => this.#accept());
  }

  acceptSync(options: SyncWaitOptions = {}): Socket {
    return this.#lane.runSync(`Accepting from ${this.#fd.what}`, options, () => this.#accept());
  }

  tryAccept(): Socket | undefined {
    return this.#lane.taken ? undefined : this.#accept();
  }

  unlink(): void {
    if (this.closed) throw new ClosedError(this.#fd.what);
    if (this.#name === undefined) return;
    unlinkName(this.#name);
    this.#name = undefined;
  }

  duplicate(): UnixListener<Socket> {
    return new KernelListener(this.#fd.duplicate(), this.type, this.path, this.#wrap);
  }

  close(): void {
    closeWaited(this.#fd);
  }

  [Symbol.dispose](): void {
    if (this.closed) return;
    try {
      this.unlink();
    } finally {
      this.close();
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Socket> {
    return acceptUntilClosed(this);
  }

  [moveDescriptor](): Fd {
    const moved = this.#fd.duplicate();
    this.close();
    return moved;
  }

  #accept(): Socket | undefined {
    // accept4 cannot be told not to wait: a child that was given a duplicate may have cleared O_NONBLOCK.
    setNonblocking(this.#fd);
    while (true) {
      const raw = libc().accept4(this.#fd.raw, null, null, BIRTH_FLAGS);
      if (raw !== -1) {
        const fd = Fd.own(raw, socketName(this.type));
        publish(() => ({ kind: "accept", path: this.path, object: objectOf(fd) }));
        return this.#wrap(fd);
      }
      const number = errno();
      if (number === ERRNO.EAGAIN) return undefined;
      if (number !== ERRNO.EINTR) fail(number, "accept4", this.path);
    }
  }
}

/** `socket`, `bind` and `listen`. */
export async function kernelListen<Socket extends StreamSocket | MessageSocket>(
  address: UnixAddress,
  request: ListenRequest,
  wrap: (fd: Fd) => Socket,
): Promise<UnixListener<Socket>> {
  const fd = makeSocket(request.type, `${LISTENER} at ${JSON.stringify(address.shown)}`);
  try {
    const name = address.namespace === "path" ? await takePath(fd, address, request) : undefined;
    if (name === undefined) {
      check(libc().bind(fd.raw, address.bytes, address.bytes.byteLength), "bind", address.shown);
      check(libc().listen(fd.raw, request.backlog), "listen", address.shown);
    }
    return new KernelListener(fd, request.type, address.name, wrap, name);
  } catch (error) {
    fd.close();
    throw error;
  }
}
