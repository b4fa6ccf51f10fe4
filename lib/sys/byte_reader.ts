/**
 * Reading bytes from a descriptor in three ways: on the event loop, blocking this thread, and never waiting.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { AdoptedReader, type Waiter } from "./adopted.ts";
import { Deadline, nextTurn, type SyncWaitOptions, turned, turnIsDue, type WaitOptions } from "./clock.ts";
import { ERRNO, errno, fail } from "./errno.ts";
import { closeWaited, waitFor } from "./event_loop.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { EPOLL, IO_MAX_BYTES, POLL } from "./linux.ts";
import { pollNow, pollSync } from "./poll.ts";
import { isProbed, publish } from "./probe.ts";
import { objectOf } from "./probe_object.ts";

/** Bytes of one chunk of `readable`: the capacity of a pipe. */
const CHUNK_BYTES = 65536;

/** Makes one `read(2)`-like call on a number: `read`, or `recv` for sockets. */
export type ReadCall = (raw: number, into: Uint8Array<ArrayBuffer>) => number;

const plainRead: ReadCall = (raw, into) => libc().read(raw, into, Math.min(into.byteLength, IO_MAX_BYTES));

/** What a {@linkcode ByteReader} has to know of its descriptor. */
export interface ByteReaderOptions {
  /** How bytes are read where this object reads by itself; `read(2)` when left out. */
  call?: ReadCall;
  /**
   * The descriptor is a socket that is written too: it stays open after end of file.
   * @default {false}
   */
  writable?: boolean;
  /** Bytes that were read before, and come first. */
  head?: Uint8Array;
  /**
   * One read is one packet. The event loop reads as much as it can, so these waits take the epoll thread instead.
   * @default {false}
   */
  packets?: boolean;
}

/** The two ends of a promise of a read. */
interface Settlers {
  readonly resolve: (count: number | null | Promise<number | null>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Reads a non-blocking pipe, FIFO or stream socket. */
export class ByteReader implements Disposable {
  readonly #fd: Fd;
  readonly #writable: boolean;
  readonly #packets: boolean;
  readonly #call: ReadCall;
  #adopted: AdoptedReader | undefined;
  #ended = false;
  #gone: string | undefined;
  #busy = false;
  #waited = false;
  /** What {@linkcode #readStraight} needs, made once: to make it for each read would cost more than the read. */
  #settle: Settlers | undefined;
  readonly #keepSettlers = (resolve: Settlers["resolve"], reject: Settlers["reject"]): void => {
    this.#settle = { resolve, reject };
  };
  #into: Uint8Array = new Uint8Array();
  readonly #straight: Waiter = {
    resolve: (): void => this.#finishStraight(this.#into),
    reject: (reason: unknown): void => this.#settle?.reject(reason),
  };
  /** Who is told of an arrival, and what tells it. */
  #waiter: Waiter | undefined;
  readonly #arrival: Waiter = {
    resolve: (): void => {
      this.#busy = false;
      turned();
      this.#waiter?.resolve();
    },
    reject: (reason: unknown): void => {
      this.#busy = false;
      this.#waiter?.reject(reason);
    },
  };
  #head: Uint8Array | undefined;
  /** A FIFO that nobody has had open for writing since we opened it: a read gives 0 bytes, and that is not the end. */
  #peerless = false;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #keepsAlive = true;

  /** @param fd A non-blocking pipe, FIFO or stream socket. The reader owns it, unless a writer shares it. */
  constructor(fd: Fd, options: ByteReaderOptions = {}) {
    this.#fd = fd;
    this.#writable = options.writable ?? false;
    this.#packets = options.packets ?? false;
    this.#call = options.call ?? plainRead;
    this.#head = options.head;
  }

  /**
   * The descriptor that is read.
   *
   * @throws {ClosedError} After `close()`, and when it was given away.
   */
  get fd(): Fd {
    this.#mustBeHere();
    return this.#fd;
  }

  /** Whether `close()` was called, or the descriptor was given away. */
  get closed(): boolean {
    return this.#gone !== undefined;
  }

  /** Bytes that were read ahead and not yet taken: they would be lost with the descriptor. */
  get buffered(): number {
    return (this.#head?.byteLength ?? 0) + (this.#adopted?.buffered ?? 0);
  }

  /** Whether a read of a pipe or stream socket keeps the process alive while it waits. It may be changed during one. `true` at first. */
  set keepsAlive(keepsAlive: boolean) {
    this.#keepsAlive = keepsAlive;
    if (this.#adopted !== undefined) this.#adopted.keepsAlive = keepsAlive;
  }

  /** Those bytes, not taken; some of them, when they lie in two places. */
  get front(): Uint8Array {
    return this.#head ?? this.#adopted?.front ?? new Uint8Array();
  }

  /** Whether the end of file was read, and everything before it taken. */
  get ended(): boolean {
    return this.buffered === 0 && (this.#ended || this.#adopted?.ended === true);
  }

  /** Whether what is read is packets. */
  get packets(): boolean {
    return this.#packets;
  }

  /**
   * Keeps reads out while somebody else reads the descriptor (`splice(2)`), who takes the bytes that are {@linkcode front} first.
   *
   * @throws {Deno.errors.Busy} While a read is pending.
   * @throws {ClosedError} After `close()`.
   */
  reserve(): Disposable {
    this.#mustBeHere();
    if (this.#busy) throw new Deno.errors.Busy(`A read of ${this.#fd.what} is pending already`);
    this.#busy = true;
    return { [Symbol.dispose]: () => void (this.#busy = false) };
  }

  /** Waits on the event loop. One read at a time. A read that ends early has taken nothing. */
  read(into: Uint8Array, options: WaitOptions = {}): Promise<number | null> {
    const plain = options.signal === undefined && options.timeoutMs === undefined && into.byteLength > 0;
    return plain && this.quiet ? this.#readStraight(into) : this.#read(into, options);
  }

  /**
   * Whether {@linkcode whenArrived} may be called. Who answers messages finds nothing there, each time: after a read that had to wait, the next one begins
   * with waiting. That costs one call less. Should something be there, the wait ends at once.
   */
  get quiet(): boolean {
    return this.#waited && !this.#busy && this.#adopted?.ready === false && !isProbed();
  }

  /**
   * Tells the waiter, later and once, when there may be something to read. For a wait that nothing can end early but `close()`, in a {@linkcode quiet}
   * reader: it makes no promise, timer or listener.
   */
  whenArrived(waiter: Waiter): void {
    this.#busy = true;
    this.#waiter = waiter;
    this.#adopted?.readOnce(this.#arrival);
  }

  /** One promise in all. */
  #readStraight(into: Uint8Array): Promise<number | null> {
    const promise = new Promise<number | null>(this.#keepSettlers);
    this.#into = into;
    this.whenArrived(this.#straight);
    return promise;
  }

  #finishStraight(into: Uint8Array): void {
    try {
      const count = this.tryRead(into);
      this.#settle?.resolve(count === undefined ? this.#read(into, {}) : count);
    } catch (error) {
      this.#settle?.reject(error);
    }
  }

  async #read(into: Uint8Array, options: WaitOptions): Promise<number | null> {
    options.signal?.throwIfAborted();
    const what = `Reading from ${this.#fd.what}`;
    const deadline = new Deadline(what, options.timeoutMs);
    if (this.#busy) throw new Deno.errors.Busy(`A read of ${this.#fd.what} is pending already`);
    this.#busy = true;
    try {
      if (turnIsDue()) {
        await nextTurn();
        options.signal?.throwIfAborted();
      }
      let count = this.tryRead(into);
      this.#waited = count === undefined;
      while (count === undefined) {
        await this.#wait(what, options, deadline);
        turned();
        count = this.tryRead(into);
      }
      return count;
    } finally {
      this.#busy = false;
    }
  }

  /** Blocks this thread. */
  readSync(into: Uint8Array, options: SyncWaitOptions = {}): number | null {
    const deadline = new Deadline(`Reading from ${this.#fd.what}`, options.timeoutMs);
    while (true) {
      const count = this.tryRead(into);
      if (count !== undefined) return count;
      pollSync(this.#fd, POLL.IN, deadline);
    }
  }

  /** Never waits: `undefined` when it would. */
  tryRead(into: Uint8Array): number | null | undefined {
    this.#mustBeHere();
    if (into.byteLength === 0) return 0;
    const bytes = this.#take(into);
    if (bytes !== undefined && isProbed()) this.#tell(bytes);
    return bytes;
  }

  /** The bytes as a web stream, until end of file. Cancelling it closes the reader. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: CHUNK_BYTES,
      pull: async (controller) => {
        const request = controller.byobRequest;
        const view = request?.view;
        if (!request || !view) return;
        const count = await this.read(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
        if (count === null) {
          controller.close();
          request.respond(0);
          this.close();
        } else request.respond(count);
      },
      cancel: () => this.close(),
    }) as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  /**
   * Gives the descriptor away. What the event loop has adopted cannot be given back, so then a duplicate goes.
   *
   * @throws {TypeError} When bytes were read ahead: they would be lost.
   */
  move(): Fd {
    this.#mustBeHere();
    if (this.buffered > 0) {
      throw new TypeError(`${this.#fd.what} cannot be given away: ${this.buffered} bytes were read ahead`);
    }
    const shared = this.#adopted !== undefined || this.#busy || this.#writable;
    const moved = shared ? this.#fd.duplicate() : this.#fd;
    this.#gone = "was given away";
    if (shared) closeWaited(this.#fd);
    return moved;
  }

  /** Closes the descriptor; a pending read rejects with `ClosedError`. */
  close(): void {
    if (this.#gone !== undefined) return;
    this.#gone = "is closed";
    this.#head = undefined;
    closeWaited(this.#fd);
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #tell(bytes: number | null): void {
    const { what, generation: id } = this.#fd;
    publish(() => ({ kind: "read", what, id, object: objectOf(this.#fd), bytes }));
  }

  #mustBeHere(): void {
    if (this.#gone !== undefined) throw new ClosedError(this.#fd.what, this.#gone);
  }

  #wait(what: string, options: WaitOptions, deadline: Deadline): Promise<unknown> {
    if (this.#peerless || this.#packets) return waitFor(this.#fd, EPOLL.IN, options, deadline);
    if (this.#adopted === undefined) {
      this.#adopted = new AdoptedReader(this.#fd, this.#writable);
      this.#adopted.keepsAlive = this.#keepsAlive;
    }
    return this.#adopted.wait(what, options, deadline);
  }

  #take(into: Uint8Array): number | null | undefined {
    if (this.#head !== undefined) return this.#takeHead(this.#head, into);
    if (this.#adopted !== undefined) {
      const taken = this.#adopted.take(into);
      if (taken > 0) return taken;
      if (this.#adopted.ended) this.#ended = true;
    }
    if (this.#ended) return null;
    return this.#readOnce(into);
  }

  #readOnce(into: Uint8Array): number | null | undefined {
    const raw = this.#fd.raw;
    while (true) {
      const count = this.#call(raw, into as Uint8Array<ArrayBuffer>);
      if (count === 0) return this.#readNothing();
      const number = count === -1 ? errno() : 0;
      this.#peerless = false;
      if (count > 0) return count;
      if (number === ERRNO.EAGAIN) return undefined;
      if (number !== ERRNO.EINTR) fail(number, "read", this.#fd.what);
    }
  }

  /** 0 bytes: the end, except on a FIFO that has had no writer since it was opened. `poll(2)` tells them apart. */
  #readNothing(): null | undefined {
    this.#peerless = pollNow(this.#fd, POLL.IN) === 0;
    if (this.#peerless) return undefined;
    this.#ended = true;
    return null;
  }

  #takeHead(head: Uint8Array, into: Uint8Array): number {
    const count = Math.min(head.byteLength, into.byteLength);
    into.set(head.subarray(0, count));
    this.#head = count === head.byteLength ? undefined : head.subarray(count);
    return count;
  }
}
