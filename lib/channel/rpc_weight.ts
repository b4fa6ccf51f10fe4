/**
 * How much memory the messages of a peer, and the answers to it, take here: both have a bound.
 *
 * @module
 */

/**
 * What may wait for one peer, in bytes, where nothing else was said: the arguments of its open calls, the same of the streams that were returned, and the answers
 * that it has not read. Who calls waits until less is open, and a call or an answer beyond it is replaced by an error.
 */
export const DEFAULT_WAITING_BYTES: number = 4 * 1024 * 1024;

const LEAST_WAITING_BYTES = 65_536;
const MOST_WAITING_BYTES = 2 ** 30;

/** @throws {RangeError} When a limit cannot be. */
export function requireWaitingBytes(bytes: number): number {
  if (Number.isInteger(bytes) && bytes >= LEAST_WAITING_BYTES && bytes <= MOST_WAITING_BYTES) return bytes;
  throw new RangeError(
    `maxWaitingBytes must be a whole number from ${LEAST_WAITING_BYTES} to ${MOST_WAITING_BYTES}, got ${
      Deno.inspect(bytes)
    }`,
  );
}

/** Bytes, about, of an object or an array itself, and of each of its places. */
const OBJECT_BYTES = 56;
const PLACE_BYTES = 16;

/** What is deeper is refused when it is decoded. */
const DEEPEST = 1000;

/** About how many bytes a value of JSON takes: the same on both sides, so that they agree on who may send more. */
export function weigh(value: unknown, depth = 0): number {
  if (typeof value === "string") return PLACE_BYTES + value.length;
  if (typeof value !== "object" || value === null || depth > DEEPEST) return PLACE_BYTES;
  let bytes = OBJECT_BYTES;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) bytes += PLACE_BYTES + weigh(value[index], depth + 1);
    return bytes;
  }
  // Faster than `Object.values`, and the same for what is JSON.
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in fields) {
    if (Object.hasOwn(fields, name)) bytes += PLACE_BYTES + weigh(fields[name], depth + 1);
  }
  return bytes;
}

/** The error of what would take too much. */
export function tooMuch(what: string): DOMException {
  return new DOMException(what, "QuotaExceededError");
}
