/**
 * The writer of a `latest` value: codec and rendezvous around the slots.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import type { Struct } from "../memory/struct.ts";
import type { ResolvedCodec } from "./codec.ts";
import type { LatestStructWriter, LatestWriter } from "./latest_ends.ts";
import { letReadersIn, type SlotWriter } from "./latest_writer.ts";
import type { Rendezvous } from "./rendezvous.ts";

/** A writer of either kind. */
export type LatestWriterOver = LatestWriter<unknown> & LatestStructWriter<unknown>;

/** A writer. */
export class LatestWriterEnd implements LatestWriterOver {
  readonly address: string;
  readonly #rendezvous: Rendezvous;
  readonly #slots: SlotWriter;
  readonly #codec: ResolvedCodec<unknown, unknown>;
  readonly #layout: Struct<unknown> | undefined;
  /** Views of the slots, made once. */
  readonly #views: object[] = [];
  readonly #door: Promise<void>;
  #version = 0;
  #closed = false;

  constructor(
    address: string,
    rendezvous: Rendezvous,
    slots: SlotWriter,
    codec: ResolvedCodec<unknown, unknown>,
    layout: Struct<unknown> | undefined,
  ) {
    this.address = address;
    this.#rendezvous = rendezvous;
    this.#slots = slots;
    this.#codec = codec;
    this.#layout = layout;
    this.#door = letReadersIn(rendezvous, slots);
  }

  get version(): number {
    return this.#closed ? this.#version : this.#slots.version;
  }

  get readers(): number {
    return this.#closed ? 0 : this.#slots.readers;
  }

  get closed(): boolean {
    return this.#closed;
  }

  set(value: unknown): void {
    this.#requireOpen();
    if (this.#layout !== undefined) {
      const { offsets } = this.#layout;
      const fields = Object.entries(value ?? {});
      const stranger = fields.find(([name]) => !Object.hasOwn(offsets, name));
      if (stranger !== undefined) throw new TypeError(`The struct has no field ${JSON.stringify(stranger[0])}`);
      return this.update((view) => void Object.assign(Object(view), Object.fromEntries(fields)));
    }
    const bytes = this.#codec.encode(value);
    // A codec, or a toJSON, may have closed this writer.
    this.#requireOpen();
    const { values } = this.#slots;
    const { maxBytes } = values.division;
    if (bytes.byteLength > maxBytes) {
      throw new RangeError(`A value of ${this.address} has at most ${maxBytes} bytes, this one ${bytes.byteLength}`);
    }
    const slot = this.#slots.free();
    values.room(slot).set(bytes);
    this.#slots.post(slot, bytes.byteLength);
  }

  update(change: (value: unknown) => void): void {
    this.#requireOpen();
    const layout = this.#layout;
    if (layout === undefined) throw new TypeError("update() is for structs; set() takes a whole value");
    const { values, current } = this.#slots;
    const slot = this.#slots.free();
    const room = values.room(slot);
    if (current === undefined) room.fill(0);
    else room.set(values.room(current));
    change(this.#views[slot] ??= Object(layout.at(values.memory, values.offsetOf(slot))));
    // `change` may have closed this writer, or set another value.
    this.#requireOpen();
    if (this.#slots.current !== current) throw new TypeError("update() must not set a value of its own meanwhile");
    this.#slots.post(slot, layout.size);
  }

  close(): void {
    if (this.#closed) return;
    this.#version = this.#slots.version;
    this.#closed = true;
    this.#rendezvous.close();
    this.#slots.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#door;
  }

  #requireOpen(): void {
    if (this.#closed) throw new ClosedError(`Writer of ${this.address}`);
  }
}
