/**
 * Views of messages in a ring, made once: in every lap messages of one size lie at the same offsets.
 *
 * @module
 */

/** At most so many views are kept, however large the ring is. */
const MOST_BITS = 14;

/** At most one view for so many bytes of data. */
const LEAST_BITS = 6;

/** Views by offset and length. A place keeps the last one that was asked for. */
export class ViewCache {
  readonly #data: Uint8Array<ArrayBuffer>;
  readonly #shift: number;
  readonly #views: (Uint8Array<ArrayBuffer> | undefined)[];
  /** Offset and length of the view of each place. */
  readonly #keys: Int32Array<ArrayBuffer>;

  constructor(data: Uint8Array<ArrayBuffer>) {
    this.#data = data;
    const bits = Math.ceil(Math.log2(data.byteLength));
    this.#shift = Math.max(LEAST_BITS, bits - MOST_BITS);
    const places = Math.max(1, 1 << Math.max(0, bits - this.#shift));
    this.#views = new Array(places).fill(undefined);
    this.#keys = new Int32Array(2 * places);
  }

  /** The view of some bytes, which the caller has checked to be inside. */
  at(offset: number, byteLength: number): Uint8Array<ArrayBuffer> {
    const place = offset >> this.#shift;
    const known = this.#views[place];
    if (known !== undefined && this.#keys[2 * place] === offset && this.#keys[2 * place + 1] === byteLength) {
      return known;
    }
    this.#keys[2 * place] = offset;
    this.#keys[2 * place + 1] = byteLength;
    const { buffer, byteOffset } = this.#data;
    return this.#views[place] = new Uint8Array(buffer, byteOffset + offset, byteLength);
  }
}
