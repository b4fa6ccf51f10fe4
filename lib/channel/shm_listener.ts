/**
 * The road through shared memory, for many connectors at one name.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { cancellable, type WaitOptions } from "../sys/clock.ts";
import { Rendezvous } from "./rendezvous.ts";
import { keepDoor } from "./rendezvous_door.ts";
import type { Terms } from "./rendezvous_terms.ts";
import type { TransportListener } from "./road.ts";
import { type ShmOptions, type ShmTransport, welcome } from "./shm_transport.ts";

/**
 * Listens at `shm:name` for many, each of which gets memory of its own.
 *
 * @throws {PosixError} EADDRINUSE when somebody listens there already.
 */
export async function listenShm(name: string, options: Omit<ShmOptions, "mode">): Promise<TransportListener> {
  const { codec, fingerprint, maxMessageBytes } = options;
  const terms: Terms = { kind: "channel", codec, fingerprint, maxMessageBytes };
  return new ShmListener(await Rendezvous.listen(name, terms, options), terms, options.spins);
}

/** So many may have come and not been accepted. */
const MOST_READY = 64;

class ShmListener implements TransportListener {
  readonly address: string;
  readonly #rendezvous: Rendezvous;
  readonly #ready: ShmTransport[] = [];
  readonly #door: Promise<void>;
  readonly #waiting = new Set<{ resolve(transport: ShmTransport): void; reject(reason: unknown): void }>();

  constructor(rendezvous: Rendezvous, terms: Terms, spins: number | undefined) {
    this.address = `shm:${rendezvous.name}`;
    this.#rendezvous = rendezvous;
    this.#door = keepDoor(rendezvous, async (guest) => {
      if (this.#ready.length >= MOST_READY) return guest.refuse("nobody accepts those who come");
      this.#arrived(await welcome(guest, terms, { name: rendezvous.name, spins }));
    }).catch((error) => this.#end(error));
  }

  get closed(): boolean {
    return this.#rendezvous.closed;
  }

  accept(options: WaitOptions): Promise<ShmTransport> {
    if (this.closed) return Promise.reject(this.#closedError());
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    return cancellable<ShmTransport>(`Accepting at ${this.address}`, options, (resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting.add(waiting);
      return () => void this.#waiting.delete(waiting);
    });
  }

  close(): void {
    this.#end(this.#closedError());
  }

  ended(): Promise<void> {
    return this.#door;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #arrived(transport: ShmTransport): void {
    if (this.closed) return transport.close();
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      return waiting.resolve(transport);
    }
    this.#ready.push(transport);
  }

  #end(reason: unknown): void {
    this.#rendezvous.close();
    for (const { reject } of this.#waiting) reject(reason);
    this.#waiting.clear();
    for (const transport of this.#ready.splice(0)) transport.close();
  }

  #closedError(): ClosedError {
    return new ClosedError(`Listener at ${this.address}`);
  }
}
