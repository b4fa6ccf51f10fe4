/**
 * Roads that carry bytes: sockets and pipes of the kernel.
 *
 * @module
 */

import type { PeerCredentials } from "../socket/peer.ts";
import type { Waiter } from "../sys/adopted.ts";
import { ByteReader } from "../sys/byte_reader.ts";
import { Deadline, type SyncWaitOptions, turned, type WaitOptions } from "../sys/clock.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { closeWaited, waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, IO_MAX_BYTES, POLL, SOCK } from "../sys/linux.ts";
import { pollSync } from "../sys/poll.ts";
import { publish, startedNs } from "../sys/probe.ts";
import { objectOf } from "../sys/probe_object.ts";

/** How long a goodbye may wait for room after `close()`. */
export const LINGER_MS = 1000;

/** Bytes in order, in one direction or two. */
export interface ByteRoad {
  /** Which way bytes go. */
  readonly directions: "both" | "send" | "receive";
  /** Who made the other end, where the kernel knows. */
  readonly peer: PeerCredentials | undefined;
  /** Reads at least one byte, waiting on the event loop; `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>, options: WaitOptions): Promise<number | null>;
  /** Whether `whenArrived` may be called. Roads without it only `read`. */
  readonly quiet?: boolean;
  /** Tells the waiter, later and once, when there may be something to read, or the road was closed: a wait without a promise. */
  whenArrived?(waiter: Waiter): void;
  /** Reads like `read`, blocking this thread. */
  readSync(into: Uint8Array<ArrayBuffer>, options: SyncWaitOptions): number | null;
  /** Reads what is there; `undefined` for nothing. */
  tryRead(into: Uint8Array<ArrayBuffer>): number | null | undefined;
  /** What there is to be read, without taking it, also while a read waits. Where the kernel can say. */
  peek?(into: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** Writes what there is room for; `undefined` for nothing. The bytes may change when it has returned. */
  tryWrite(bytes: Uint8Array<ArrayBuffer>): number | undefined;
  /** Waits until there may be room. */
  room(options: WaitOptions, deadline: Deadline): Promise<unknown>;
  /** Waits like `room`, blocking this thread. */
  roomSync(deadline: Deadline): void;
  /** Where nobody can say goodbye on the road itself: whether the other end went without one. */
  readonly died?: boolean;
  /** Closes; before, what is left to write is written in the background, for at most {@linkcode LINGER_MS}. */
  close(left: Uint8Array<ArrayBuffer>): Promise<void> | undefined;
}

/** A stream socket or a pipe end, with FFI. */
export class KernelByteRoad implements ByteRoad {
  readonly directions: "both" | "send" | "receive";
  readonly peer: PeerCredentials | undefined;
  readonly #fd: Fd;
  readonly #isSocket: boolean;
  readonly #reader: ByteReader | undefined;

  /** @param fd Non-blocking. The road owns it from now on. @param directions A socket has both, a pipe end one. */
  constructor(fd: Fd, directions: "both" | "send" | "receive", peer?: PeerCredentials) {
    this.#fd = fd;
    this.#isSocket = directions === "both";
    this.directions = directions;
    this.peer = peer;
    if (directions === "both") this.#reader = new ByteReader(fd, { writable: true, call: recv });
    else if (directions === "receive") this.#reader = new ByteReader(fd);
  }

  read(into: Uint8Array<ArrayBuffer>, options: WaitOptions): Promise<number | null> {
    return this.#reading.read(into, options);
  }

  get quiet(): boolean {
    return this.#reader?.quiet === true;
  }

  whenArrived(waiter: Waiter): void {
    this.#reading.whenArrived(waiter);
  }

  readSync(into: Uint8Array<ArrayBuffer>, options: SyncWaitOptions): number | null {
    return this.#reading.readSync(into, options);
  }

  tryRead(into: Uint8Array<ArrayBuffer>): number | null | undefined {
    return this.#reading.tryRead(into);
  }

  peek(into: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const front = this.#reading.front.subarray(0, into.byteLength);
    into.set(front);
    const { byteLength } = front;
    if (!this.#isSocket || byteLength === into.byteLength) return into.subarray(0, byteLength);
    const count = libc().recv(
      this.#fd.raw,
      into.subarray(byteLength),
      into.byteLength - byteLength,
      SOCK.MSG_PEEK | SOCK.MSG_DONTWAIT,
    );
    return into.subarray(0, byteLength + Math.max(count, 0));
  }

  tryWrite(bytes: Uint8Array<ArrayBuffer>): number | undefined {
    return writeNow(this.#fd, bytes, this.#isSocket);
  }

  async room(options: WaitOptions, deadline: Deadline): Promise<void> {
    await waitFor(this.#fd, EPOLL.OUT, options, deadline);
    turned();
  }

  roomSync(deadline: Deadline): void {
    pollSync(this.#fd, POLL.OUT, deadline);
  }

  /** A receiver that closes takes the permission bits of its pipe away: the only thing that it can tell its sender. */
  get died(): boolean {
    return fileFacts(this.#fd).mode !== 0;
  }

  close(left: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.directions === "receive" && !this.#fd.closed && libc().fchmod(this.#fd.raw, 0) === -1) void errno();
    // The number here is closed at once, which ends the waits; the goodbye has one of its own.
    const own = left.byteLength > 0 && !this.#fd.closed ? this.#fd.duplicate() : undefined;
    this.#reader?.close();
    closeWaited(this.#fd);
    return own && lingering(own, left, this.#isSocket);
  }

  get #reading(): ByteReader {
    if (this.#reader === undefined) throw new TypeError(`${this.#fd.what} is not open for reading`);
    return this.#reader;
  }
}

async function lingering(fd: Fd, left: Uint8Array<ArrayBuffer>, isSocket: boolean): Promise<void> {
  const deadline = new Deadline("Saying goodbye", LINGER_MS);
  try {
    for (let rest = left; rest.byteLength > 0;) {
      const count = writeNow(fd, rest, isSocket);
      if (count === undefined) await waitFor(fd, EPOLL.OUT, {}, deadline);
      else rest = rest.subarray(count);
    }
  } catch {
    // The peer has gone, or reads no more: nobody is left to be told.
  } finally {
    closeWaited(fd);
  }
}

function writeNow(fd: Fd, bytes: Uint8Array<ArrayBuffer>, isSocket: boolean): number | undefined {
  const started = startedNs();
  const count = writeUntold(fd, bytes, isSocket);
  if (started !== undefined && count !== undefined) tellWritten(fd, count, started);
  return count;
}

function tellWritten(fd: Fd, bytes: number, started: number): void {
  publish(() => ({
    kind: "write",
    what: fd.what,
    id: fd.generation,
    object: objectOf(fd),
    bytes,
    startedNs: started,
  }));
}

function writeUntold(fd: Fd, bytes: Uint8Array<ArrayBuffer>, isSocket: boolean): number | undefined {
  const raw = fd.raw;
  const byteLength = Math.min(bytes.byteLength, IO_MAX_BYTES);
  while (true) {
    const count = isSocket
      ? libc().send(raw, bytes, byteLength, SOCK.MSG_NOSIGNAL | SOCK.MSG_DONTWAIT)
      : libc().write(raw, bytes, byteLength);
    if (count !== -1) return count;
    const number = errno();
    if (number === ERRNO.EAGAIN) return undefined;
    if (number !== ERRNO.EINTR) fail(number, isSocket ? "send" : "write", fd.what);
  }
}

/** One read of a {@linkcode ByteReader}. */
function recv(raw: number, into: Uint8Array<ArrayBuffer>): number {
  return libc().recv(raw, into, Math.min(into.byteLength, IO_MAX_BYTES), SOCK.MSG_DONTWAIT);
}
