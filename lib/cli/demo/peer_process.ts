/**
 * A child of a demonstration that is Deno too, as its parent sees it.
 *
 * @module
 */

import type { Child } from "../../process/child.ts";
import type { Status } from "../../process/status.ts";
import { TextLineStream } from "../../std/streams.ts";
import { parseReported } from "./peer_report.ts";

/** One event of the child. */
export interface PeerEvent {
  /** When, in nanoseconds of CLOCK_MONOTONIC, by the child's own reading. */
  readonly atNs: bigint;
  /** What it did. */
  readonly did: string;
}

/** A running child that reports. */
export class Peer implements AsyncDisposable {
  readonly #child: Child;
  readonly #onEvent: (event: PeerEvent) => void;
  readonly #said: PeerEvent[] = [];
  readonly #waiters = new Set<() => void>();
  readonly #reading: Promise<void>;
  #isOver = false;

  /** @param onEvent Called for every event, in the order in which the child reported them. */
  constructor(child: Child, onEvent: (event: PeerEvent) => void) {
    this.#child = child;
    this.#onEvent = onEvent;
    this.#reading = this.#read();
    // Whoever waits for something learns of it.
    this.#reading.catch(() => {});
  }

  /** The child's pid. */
  get pid(): number {
    return this.#child.pid;
  }

  /** What it has reported so far. */
  get told(): readonly string[] {
    return this.#said.map(({ did }) => did);
  }

  /** Sends a signal. */
  kill(signal: "SIGKILL"): void {
    this.#child.kill(signal);
  }

  /**
   * Waits until the child reports something that begins so.
   *
   * @throws {Error} When the child ends before.
   */
  async said(beginning: string): Promise<PeerEvent> {
    while (true) {
      const event = this.#said.find(({ did }) => did.startsWith(beginning));
      if (event !== undefined) return event;
      if (this.#isOver) {
        await this.#reading;
        throw new Error(`The child ended before it said ${JSON.stringify(beginning)}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
      this.#waiters.delete(resolve);
    }
  }

  /** Waits for everything that the child has to say, and its end. */
  async finished(): Promise<Status> {
    await this.#reading;
    return await this.#child.status;
  }

  /** Ends the child. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    try {
      const decoder: TransformStream<Uint8Array<ArrayBuffer>, string> = new TextDecoderStream();
      for await (const line of this.#child.stdout.pipeThrough(decoder).pipeThrough(new TextLineStream())) {
        const event = parseReported(line);
        this.#said.push(event);
        this.#onEvent(event);
        this.#wake();
      }
    } finally {
      this.#isOver = true;
      this.#wake();
    }
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }
}
