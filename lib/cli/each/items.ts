/**
 * Where the items of `causeway each` come from: standard input, a file, or the command line.
 *
 * @module
 */

import { displayText } from "../../process/display.ts";
import { concat } from "../../sys/concat.ts";
import { CommandError } from "../command_line.ts";
import { FAILED } from "./exit_code.ts";

/** Something that bytes can be read from. */
export interface ByteSource {
  /** Reads some bytes; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

const CHUNK_BYTES = 65_536;

/**
 * The items in a stream of bytes, as they come.
 *
 * @param separator The byte that ends one; after the last it may be missing.
 * @throws {CommandError} For an item that is no UTF-8, or holds a NUL: no argument could be like that.
 */
export async function* itemsOf(source: ByteSource, separator: number): AsyncGenerator<string, void, void> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  let rest: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  for (let length = await source.read(chunk); length !== null; length = await source.read(chunk)) {
    let start = 0;
    for (let end = chunk.indexOf(separator); end !== -1 && end < length; end = chunk.indexOf(separator, start)) {
      rest.push(chunk.slice(start, end));
      yield decode(rest, ++count);
      rest = [];
      start = end + 1;
    }
    if (start < length) rest.push(chunk.slice(start, length));
  }
  if (rest.length > 0) yield decode(rest, ++count);
}

// An item may begin with the bytes of a byte order mark: they belong to it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(parts: readonly Uint8Array<ArrayBuffer>[], number: number): string {
  const bytes = concat(parts);
  if (bytes.includes(0)) {
    throw new CommandError(`each: item ${number} holds a NUL byte: with -0, items end with one`, FAILED);
  }
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const shown = displayText(new TextDecoder().decode(bytes.subarray(0, 80)));
    throw new CommandError(`each: item ${number} is not UTF-8: ${shown}`, FAILED, { cause: error });
  }
}

/** Groups of so many items; the last may have fewer. */
export async function* grouped(
  items: Iterable<string> | AsyncIterable<string>,
  size: number,
): AsyncGenerator<string[], void, void> {
  let group: string[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Every combination of one item of each list, the last list fastest. */
export function* combinations(lists: readonly (readonly string[])[]): Generator<string[], void, void> {
  const [first, ...others] = lists;
  if (first === undefined) return yield [];
  for (const item of first) {
    for (const rest of combinations(others)) yield [item, ...rest];
  }
}
