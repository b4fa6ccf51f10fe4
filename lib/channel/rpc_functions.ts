/**
 * Functions that were sent: the other side calls them back by number, and says when it has forgotten them.
 *
 * @module
 */

/** A function of the peer's, as it is called here. */
export type RemoteFunction = (...args: unknown[]) => Promise<unknown>;

interface Sent {
  readonly work: (...args: never[]) => unknown;
  readonly id: number;
  /** How often its number was sent, less how often the peer said that it had let go. */
  count: number;
}

/** Functions of this side that the peer may call. */
export class SentFunctions {
  readonly #byId = new Map<number, Sent>();
  readonly #byWork = new Map<(...args: never[]) => unknown, Sent>();

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }

  /** Its number. A function that is sent twice is one function there, too. */
  add(work: (...args: never[]) => unknown, newId: () => number): number {
    let sent = this.#byWork.get(work);
    if (sent === undefined) {
      sent = { work, id: newId(), count: 0 };
      this.#byWork.set(work, sent);
      this.#byId.set(sent.id, sent);
    }
    sent.count++;
    return sent.id;
  }

  /** Calls one. @throws {TypeError} When it is not known, or not any more. */
  call(id: number, args: unknown[]): unknown {
    const sent = this.#byId.get(id);
    if (sent === undefined) throw new TypeError(`There is no function ${id}, or it was released`);
    return Reflect.apply(sent.work, undefined, args);
  }

  /** The peer has let go of it so many times. */
  release(id: number, count: number): void {
    const sent = this.#byId.get(id);
    if (sent === undefined) return;
    sent.count -= count;
    if (sent.count <= 0) this.#forget(sent);
  }

  /** The peer is gone. */
  clear(): void {
    this.#byId.clear();
    this.#byWork.clear();
  }

  #forget(sent: Sent): void {
    this.#byId.delete(sent.id);
    this.#byWork.delete(sent.work);
  }
}

/** Functions of the peer's that this side has. When one is garbage here, the peer is told. */
export class ReceivedFunctions {
  readonly #byId = new Map<
    number,
    { readonly stub: WeakRef<RemoteFunction>; readonly seen: { id: number; count: number } }
  >();
  readonly #garbage: FinalizationRegistry<{ id: number; count: number }>;

  constructor(onReleased: (id: number, count: number) => void) {
    this.#garbage = new FinalizationRegistry((seen) => {
      if (this.#byId.get(seen.id)?.seen === seen) this.#byId.delete(seen.id);
      onReleased(seen.id, seen.count);
    });
  }

  /** The function of that number: the same one as long as somebody has it. */
  get(id: number, make: () => RemoteFunction): RemoteFunction {
    const known = this.#byId.get(id);
    const stub = known?.stub.deref();
    if (known !== undefined && stub !== undefined) {
      known.seen.count++;
      return stub;
    }
    const made = make();
    const seen = { id, count: 1 };
    this.#byId.set(id, { stub: new WeakRef(made), seen });
    this.#garbage.register(made, seen);
    return made;
  }
}
