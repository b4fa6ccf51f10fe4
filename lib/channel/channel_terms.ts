/**
 * The options of a channel, checked and complete.
 *
 * @module
 */

import type { MessageOptions, WhenFull } from "./channel.ts";
import { resolveCodec, type ResolvedCodec } from "./codec.ts";
import type { Hello } from "./frame.ts";
import type { Validator } from "./schema.ts";

/** {@linkcode MessageOptions}, checked and complete. */
export interface ChannelTerms {
  readonly codec: ResolvedCodec<unknown, unknown>;
  readonly schema: Validator | undefined;
  readonly sendSchema: Validator | undefined;
  readonly whenFull: WhenFull;
  readonly highWaterMark: number;
  readonly spins: number | undefined;
  /** What the other end is told, and has to agree with. */
  readonly hello: Hello;
}

/** The longest message unless something else is said. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** What a length of 32 bits can say, and one array can hold. */
const LONGEST = 2 ** 31 - 64;

const POLICIES: readonly WhenFull[] = ["block", "drop-oldest", "drop-newest", "error"];

/**
 * @throws {TypeError} For options of another form.
 * @throws {RangeError} For numbers that cannot be.
 */
export function channelTerms<In, Out>(options: MessageOptions<In, Out>): ChannelTerms {
  const { schema, sendSchema, whenFull = "block", highWaterMark = 16, spins } = options;
  const codec = resolveCodec(options.codec, options.type);
  const maxMessageBytes = options.maxMessageBytes ?? Math.max(MAX_MESSAGE_BYTES, codec.messageBytes ?? 0);
  requireInteger("maxMessageBytes", maxMessageBytes, 1, LONGEST);
  requireInteger("highWaterMark", highWaterMark, 1, 2 ** 31);
  if (spins !== undefined) requireInteger("spins", spins, 0, 2 ** 31);
  if (!POLICIES.includes(whenFull)) {
    throw new TypeError(`whenFull must be ${POLICIES.join(", ")}, got ${Deno.inspect(whenFull)}`);
  }
  for (const [name, one] of Object.entries({ schema, sendSchema })) {
    if (one !== undefined && typeof one?.["~standard"]?.validate !== "function") {
      throw new TypeError(`${name} must speak Standard Schema, got ${Deno.inspect(one, { depth: 0 })}`);
    }
  }
  const hello = { codec: codec.name, fingerprint: codec.fingerprint, maxMessageBytes };
  return { codec, schema, sendSchema, whenFull, highWaterMark, spins, hello };
}

function requireInteger(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${what} must be an integer in ${least}..${most}, got ${Deno.inspect(value)}`);
}
