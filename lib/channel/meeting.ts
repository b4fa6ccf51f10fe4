/**
 * How two ends find each other where one has a name and the other comes to it: sockets of Unix and of TCP.
 *
 * @module
 */

import { ChannelClosedError, ClosedError, PosixError, ProtocolError } from "../errors.ts";
import { backOff } from "../sys/back_off.ts";
import type { WaitOptions } from "../sys/clock.ts";
import { cancellable, Deadline } from "../sys/clock.ts";
import type { ByteRoad } from "./byte_road.ts";
import { FramedTransport } from "./framed_transport.ts";
import { type RoadRequest, stepOf, type TransportListener } from "./road.ts";
import type { Transport } from "./transport.ts";

/** How long somebody who has come may take to say hello. */
const PATIENCE_MS = 10_000;

/** So many may be saying hello at once; others wait in the kernel's queue. */
const MOST_GUESTS = 64;

/** What accepts connections. */
export interface Door extends Disposable {
  readonly closed: boolean;
  /** The next connection. @throws {ClosedError} After `close()`. */
  accept(options: WaitOptions): Promise<ByteRoad>;
  close(): void;
}

/**
 * Takes the first who comes and agrees, and closes the door. Whoever leaves without a word, or says nothing, is passed over.
 *
 * @throws {ProtocolError} When somebody has come who does not agree.
 */
export async function meetOne(door: Door, request: RoadRequest): Promise<Transport> {
  using own = door;
  while (true) {
    const road = await own.accept(stepOf(request));
    try {
      return await FramedTransport.open(request.shown, road, request.hello, stepOf(request, PATIENCE_MS));
    } catch (error) {
      request.signal?.throwIfAborted();
      if (request.deadline.remainingMs === 0) throw request.deadline.timeoutError();
      if (!isNobody(error) && !isTimeout(error)) throw error;
    }
  }
}

/** Comes to a name, again and again until somebody is there who answers. */
export function come(connect: () => Promise<ByteRoad>, request: RoadRequest): Promise<Transport> {
  const what = `Connecting to ${request.shown}`;
  return backOff<Transport>(what, { signal: request.signal }, request.deadline, async () => {
    try {
      const road = await connect();
      return await FramedTransport.open(request.shown, road, request.hello, stepOf(request));
    } catch (error) {
      // Nobody there yet, or only until it had its one peer.
      if (isNobody(error)) return undefined;
      throw error;
    }
  });
}

/** Lets many in, and hears all of them at once: who says nothing keeps nobody waiting. */
export class Reception implements TransportListener {
  readonly #door: Door;
  readonly #request: RoadRequest;
  readonly #ready: Transport[] = [];
  readonly #closing = new AbortController();
  #guests = 0;
  /** What is being done at the door. */
  readonly #work = new Set<Promise<void>>();
  #waiting: { resolve: (transport: Transport) => void; reject: (reason: unknown) => void }[] = [];
  #accepting = false;

  constructor(door: Door, request: RoadRequest) {
    this.#door = door;
    this.#request = request;
  }

  get address(): string {
    return this.#request.shown;
  }

  get closed(): boolean {
    return this.#door.closed;
  }

  accept(options: WaitOptions): Promise<Transport> {
    if (this.closed) return Promise.reject(this.#closedError());
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    const what = `Accepting at ${this.#request.shown}`;
    return cancellable<Transport>(what, options, (resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting.push(waiting);
      this.#begin(this.#letIn());
      return () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        if (this.#waiting.length === 0) this.#pause.abort();
      };
    }, new Deadline(what, options.timeoutMs));
  }

  close(): void {
    if (this.closed) return;
    this.#door[Symbol.dispose]();
    this.#closing.abort(this.#closedError());
    this.#pause.abort();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closedError());
    for (const transport of this.#ready.splice(0)) transport.close();
  }

  async ended(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #begin(work: Promise<void>): void {
    const begun = work.finally(() => this.#work.delete(begun));
    this.#work.add(begun);
  }

  /** Ends the wait of the door, when nobody waits for whoever comes. */
  #pause = new AbortController();

  /** Opens the door while somebody waits. */
  async #letIn(): Promise<void> {
    if (this.#accepting) return;
    this.#accepting = true;
    try {
      while (this.#waiting.length > 0 && this.#guests < MOST_GUESTS && !this.closed) {
        this.#pause = new AbortController();
        const road = await this.#door.accept({ signal: this.#pause.signal });
        this.#guests++;
        this.#begin(this.#hear(road));
      }
    } catch (error) {
      if (!this.#pause.signal.aborted && !this.closed) {
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      }
    } finally {
      this.#accepting = false;
    }
    if (this.#waiting.length > 0 && this.#guests < MOST_GUESTS && !this.closed) this.#begin(this.#letIn());
  }

  async #hear(road: ByteRoad): Promise<void> {
    try {
      const { shown, hello } = this.#request;
      const waiting = { signal: this.#closing.signal, timeoutMs: PATIENCE_MS };
      const transport = await FramedTransport.open(shown, road, hello, waiting);
      const next = this.#waiting.shift();
      if (this.closed) transport.close();
      else if (next === undefined) this.#ready.push(transport);
      else next.resolve(transport);
      if (this.#waiting.length === 0) this.#pause.abort();
    } catch (error) {
      // Turned away: the others are not concerned.
      if (!isHisFault(error) && !this.closed) throw error;
    } finally {
      this.#guests--;
      if (this.#waiting.length > 0) this.#begin(this.#letIn());
    }
  }

  #closedError(): ClosedError {
    return new ClosedError(`Listener at ${this.#request.shown}`);
  }
}

/** Whether there is nobody (yet), or nobody any more. */
function isNobody(error: unknown): boolean {
  return error instanceof ChannelClosedError ||
    (error instanceof PosixError && ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(error.code));
}

/** Whatever the kernel says of a connection (a network that is down, a machine that does not answer) is about the one who has come. */
function isHisFault(error: unknown): boolean {
  return error instanceof PosixError || error instanceof ChannelClosedError || error instanceof ProtocolError ||
    isTimeout(error);
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
