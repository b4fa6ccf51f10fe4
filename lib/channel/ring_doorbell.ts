/**
 * How a ring's end sleeps on the event loop, and how the other end wakes it: a descriptor, rung only when somebody sleeps.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { ByteReader } from "../sys/byte_reader.ts";
import { type Fd, setNonblocking } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { POLL, SOCK } from "../sys/linux.ts";
import { pollNow } from "../sys/poll.ts";

/** A way to be woken, and to wake the peer. One doorbell can serve both rings of a pair: whoever is woken looks again. */
export interface RingDoorbell {
  /** Wakes the peer's waits. Never blocks, and a peer that is gone is no error. */
  ring(): void;
  /**
   * Calls back once, when the peer rings or is gone. What the peer has rung since the last callback counts.
   *
   * @returns How to withdraw.
   */
  listen(listener: DoorbellListener): () => void;
  /** Whether the peer has let go of its side of the descriptor: seen by a wait or a look, and final. */
  readonly hungUp: boolean;
  /** Looks whether the peer has let go, without waiting: for who blocks its thread, and has no wait on the event loop. Returns `hungUp`. */
  look(): boolean;
}

/** Who waits for a doorbell. One of the two is called, once. */
export interface DoorbellListener {
  /** The peer has rung, or is gone. */
  resolve(): void;
  /** The descriptor was closed here, or failed. */
  reject(reason: unknown): void;
}

/** A doorbell that somebody must close. */
export interface SocketDoorbell extends RingDoorbell, Disposable {
  /** Closes the descriptor; pending waits reject with `ClosedError`. May be called twice. */
  close(): void;
}

/**
 * `socketDoorbell(fd)`: a doorbell over one end of a stream socket pair, whose other end the peer has. To ring is to write one byte; the event loop reads
 * (no pool thread). The end of the socket tells that the peer is gone, also a peer that has not opened its end of the ring yet.
 *
 * @param fd Becomes the doorbell's. Nothing else may go through the socket.
 *
 * @example Asleep on the event loop, without a pool thread
 * ```ts
 * import { createAnonymousMemory, createRing, moveDescriptor, openRingReceiver, openRingSender, ringByteLength, socketDoorbell, socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using memory = createAnonymousMemory({ size: ringByteLength(4096) });
 * createRing(memory, { capacity: 4096 });
 * const [mine, theirs] = socketPair("stream");
 * using near = socketDoorbell(mine[moveDescriptor]());
 * using far = socketDoorbell(theirs[moveDescriptor]());
 * using sender = openRingSender(memory, { doorbell: near });
 * using receiver = openRingReceiver(memory, { doorbell: far });
 * const waiting = receiver.receive();
 * await sender.send(Uint8Array.of(1));
 * assertEquals(await waiting, Uint8Array.of(1));
 * ```
 *
 * @tags allow-ffi
 */
export function socketDoorbell(fd: Fd): SocketDoorbell {
  return new StreamDoorbell(fd);
}

const RING = Uint8Array.of(1);

class StreamDoorbell implements SocketDoorbell {
  readonly #fd: Fd;
  readonly #reader: ByteReader;
  readonly #heard = new Uint8Array(64);
  readonly #listeners = new Set<DoorbellListener>();
  /** Whether a read is under way. When nobody waits any more it stays, and does not keep the process alive. */
  #reading = false;
  #hungUp = false;

  constructor(fd: Fd) {
    setNonblocking(fd);
    this.#fd = fd;
    this.#reader = new ByteReader(fd, { writable: true });
  }

  get hungUp(): boolean {
    return this.#hungUp;
  }

  look(): boolean {
    if (!this.#hungUp && !this.#fd.closed) {
      this.#hungUp = (pollNow(this.#fd, POLL.RDHUP) & (POLL.RDHUP | POLL.HUP | POLL.ERR)) !== 0;
    }
    return this.#hungUp;
  }

  ring(): void {
    // Full means that the peer has enough to read; gone means that nobody sleeps there.
    // Whoever made the pair could make our end block.
    if (!this.#fd.closed) libc().send(this.#fd.raw, RING, 1, SOCK.MSG_NOSIGNAL | SOCK.MSG_DONTWAIT);
  }

  listen(listener: DoorbellListener): () => void {
    this.#listeners.add(listener);
    this.#reader.keepsAlive = true;
    if (!this.#reading) void this.#read();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#reader.keepsAlive = false;
    };
  }

  close(): void {
    this.#reader.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** One read for all who wait: whoever is woken looks, and waits again. */
  async #read(): Promise<void> {
    this.#reading = true;
    try {
      this.#hungUp = await this.#reader.read(this.#heard) === null || this.#hungUp;
      this.#reading = false;
      for (const { resolve } of this.#take()) resolve();
    } catch (error) {
      this.#reading = false;
      // A peer that is killed with bytes unread resets the connection.
      this.#hungUp = error instanceof PosixError && error.code === "ECONNRESET";
      for (const { resolve, reject } of this.#take()) this.#hungUp ? resolve() : reject(error);
    }
  }

  #take(): DoorbellListener[] {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    this.#reader.keepsAlive = false;
    return listeners;
  }
}
