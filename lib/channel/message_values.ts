/**
 * Values and their bytes: a channel's codec with its validators.
 *
 * @module
 */

import type { ChannelTerms } from "./channel_terms.ts";
import { validate } from "./schema.ts";

/** Makes values bytes, and bytes values, checked. */
export class MessageValues<In> {
  readonly #address: string;
  readonly #terms: ChannelTerms;

  /** @param address For messages. */
  constructor(address: string, terms: ChannelTerms) {
    this.#address = address;
    this.#terms = terms;
  }

  /** The bytes of a valid value. @throws {RangeError} There are too many. */
  encode(value: unknown, maxMessageBytes: number): Uint8Array {
    const message = this.#terms.codec.encode(value);
    if (message.byteLength <= maxMessageBytes) return message;
    throw new RangeError(
      `A message to ${this.#address} has at most ${maxMessageBytes} bytes, got ${message.byteLength}: raise maxMessageBytes at both ends`,
    );
  }

  /** The value of a message: a promise when its validator is asynchronous. The message's bytes are no longer needed. */
  read(message: Uint8Array): In | Promise<In> {
    const value = this.#terms.codec.decode(message);
    const { schema } = this.#terms;
    // What the codec makes is an In, as the options that go with it say; a schema says so itself.
    return (schema === undefined ? value : validate(schema, value, `Message from ${this.#address}`)) as
      | In
      | Promise<In>;
  }

  /** Whether what was read is still to be validated. */
  isPending(value: In | Promise<In>): value is Promise<In> {
    return this.#terms.schema !== undefined && value instanceof Promise;
  }

  /** What is sent for a value: what its validator makes of it. */
  valid(value: unknown): unknown {
    const { sendSchema } = this.#terms;
    return sendSchema === undefined ? value : validate(sendSchema, value, `Message to ${this.#address}`);
  }

  /** The same, at once. */
  validSync(value: unknown): unknown {
    const valid = this.valid(value);
    if (this.#terms.sendSchema === undefined || !(valid instanceof Promise)) return valid;
    valid.catch(() => {});
    throw asynchronous("sendSchema", "send()");
  }
}

/** The error of a blocking form whose validator takes its time. */
export function asynchronous(option: string, form: string): TypeError {
  return new TypeError(`The validator of ${option} is asynchronous: use ${form}`);
}
