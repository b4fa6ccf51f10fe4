/**
 * TCP sockets of the kernel.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import { Deadline, type WaitOptions } from "../sys/clock.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { closeWaited, waitFor } from "../sys/event_loop.ts";
import { Fd, setNonblocking } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, SOCK, TCP } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { nodeDns } from "../sys/node.ts";
import { socketOption } from "../sys/socket_option.ts";
import { KernelByteRoad } from "./byte_road.ts";
import type { Door } from "./meeting.ts";

/** Where a host is: the family and the bytes of its address. */
export interface Place {
  readonly family: number;
  readonly address: Uint8Array<ArrayBuffer>;
}

/** Connections that wait to be accepted. */
const BACKLOG = 511;

/**
 * Where a host is. Names are resolved as every other program does it, `/etc/hosts` included.
 *
 * @throws {PosixError} ENOENT when there is no such host.
 */
export async function resolveHost(host: string): Promise<Place[]> {
  const literal = parse(host);
  if (literal !== undefined) return [literal];
  try {
    const found = await nodeDns().promises.lookup(host, { all: true });
    return found.flatMap(({ address }) => parse(address) ?? []);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new PosixError({ code: "EHOSTUNREACH", syscall: "getaddrinfo", target: host, hint: "no such host", cause });
  }
}

function parse(host: string): Place | undefined {
  const isIpv6 = host.includes(":");
  const family = isIpv6 ? TCP.AF_INET6 : TCP.AF_INET;
  const address = new Uint8Array(isIpv6 ? 16 : 4);
  return libc().inet_pton(family, cString(host, "host"), address) === 1 ? { family, address } : undefined;
}

/** `connect(2)`, at each of a host's addresses until somebody answers. */
export async function connectTcp(
  places: readonly Place[],
  port: number,
  shown: string,
  options: WaitOptions,
): Promise<KernelByteRoad> {
  let failure: unknown = new PosixError({ code: "EHOSTUNREACH", syscall: "connect", target: shown });
  for (const place of places) {
    const fd = makeSocket(place.family, shown);
    try {
      await connect(fd, sockaddr(place, port), shown, options);
      return roadOver(fd);
    } catch (error) {
      closeWaited(fd);
      failure = error;
      if (!(error instanceof PosixError)) break;
    }
  }
  throw failure;
}

async function connect(fd: Fd, name: Uint8Array<ArrayBuffer>, shown: string, options: WaitOptions): Promise<void> {
  const result = libc().connect(fd.raw, name, name.byteLength) === -1 ? errno() : 0;
  if (result === 0) return;
  if (result !== ERRNO.EINPROGRESS && result !== ERRNO.EINTR) fail(result, "connect", shown);
  await waitFor(fd, EPOLL.OUT, options, new Deadline(`Connecting to ${shown}`, options.timeoutMs));
  const late = socketOption(fd, SOCK.SO_ERROR, "SO_ERROR");
  if (late !== 0) fail(late, "connect", shown);
}

/** A listening TCP socket. */
export class TcpDoor implements Door {
  /** The port, also where the kernel has chosen it. */
  readonly port: number;
  readonly #fd: Fd;
  readonly #shown: string;

  /** @throws {PosixError} EADDRINUSE, EACCES, EADDRNOTAVAIL as `bind(2)` says. */
  constructor([place]: readonly Place[], port: number, shown: string) {
    if (place === undefined) throw new PosixError({ code: "EHOSTUNREACH", syscall: "bind", target: shown });
    this.#shown = shown;
    const fd = this.#fd = makeSocket(place.family, shown);
    try {
      setOption(fd, SOCK.SOL_SOCKET, TCP.SO_REUSEADDR);
      const name = sockaddr(place, port);
      check(libc().bind(fd.raw, name, name.byteLength), "bind", shown);
      check(libc().listen(fd.raw, BACKLOG), "listen", shown);
      const length = new Uint32Array([name.byteLength]);
      check(libc().getsockname(fd.raw, name, length), "getsockname", shown);
      this.port = new DataView(name.buffer).getUint16(TCP.sockaddrIn.port);
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#fd.closed;
  }

  async accept(options: WaitOptions): Promise<KernelByteRoad> {
    const deadline = new Deadline(`Accepting at ${this.#shown}`, options.timeoutMs);
    options.signal?.throwIfAborted();
    while (true) {
      const raw = libc().accept4(this.#fd.raw, null, null, SOCK.CLOEXEC | SOCK.NONBLOCK);
      const number = raw === -1 ? errno() : 0;
      if (number === 0) return roadOver(Fd.own(raw, "TCP socket"));
      if (number === ERRNO.EAGAIN) await waitFor(this.#fd, EPOLL.IN, options, deadline);
      // The one who came has gone already.
      else if (number !== ERRNO.EINTR && number !== ERRNO.ECONNABORTED) fail(number, "accept4", this.#shown);
      if (this.closed) throw new ClosedError("TCP listener");
    }
  }

  close(): void {
    closeWaited(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function makeSocket(family: number, shown: string): Fd {
  const type = SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK;
  return Fd.own(check(libc().socket(family, type, 0), "socket", shown), "TCP socket");
}

function roadOver(fd: Fd): KernelByteRoad {
  setNonblocking(fd);
  // A message is complete: there is nothing to wait for before it is sent.
  setOption(fd, TCP.IPPROTO_TCP, TCP.NODELAY);
  return new KernelByteRoad(fd, "both");
}

/** `struct sockaddr_in` or `sockaddr_in6`. */
function sockaddr({ family, address }: Place, port: number): Uint8Array<ArrayBuffer> {
  const layout = family === TCP.AF_INET6 ? TCP.sockaddrIn6 : TCP.sockaddrIn;
  const bytes = new Uint8Array(layout.byteLength);
  const data = new DataView(bytes.buffer);
  data.setUint16(0, family, true);
  data.setUint16(layout.port, port);
  bytes.set(address, layout.addr);
  return bytes;
}

const value = new Int32Array(1);

function setOption(fd: Fd, level: number, option: number): void {
  value[0] = 1;
  check(libc().setsockopt(fd.raw, level, option, value, value.byteLength), "setsockopt", fd.what);
}
