/**
 * The two outputs of `causeway each`: one piece after another, however many jobs speak, and without stopping the clock while a reader is
 * slow.
 *
 * @module
 */

import { OutputClosed } from "../output.ts";
import { concat } from "../../sys/concat.ts";
import type { StreamName } from "./capture.ts";

/** A line at the bottom of the terminal that makes room for output. */
export interface StatusLine {
  /** Takes the line away. */
  erase(): void;
  /** Puts it there again. */
  draw(): void;
}

const NEWLINE = 10;

/** After so long, a terminal or pipe that another process made non-blocking is asked again. */
const RETRY_MS = 5;

/** Writes to standard output and standard error. */
export class Printer {
  readonly #statusLine: StatusLine | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(statusLine: StatusLine | undefined) {
    this.#statusLine = statusLine;
  }

  /**
   * Does a piece of printing when those before are done. `write` hands bytes over; they are not used any more when it resolves.
   *
   * @throws {OutputClosed} When nobody reads standard output any more.
   */
  async print(
    work: (write: (stream: StreamName, bytes: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const before = this.#last;
    const mine = Promise.withResolvers<void>();
    this.#last = mine.promise;
    await before;
    let erased = false;
    try {
      await work((stream, bytes) => {
        if (!erased) this.#statusLine?.erase();
        erased = true;
        return writeAll(stream, bytes);
      });
    } finally {
      if (erased) this.#statusLine?.draw();
      mine.resolve();
    }
  }

  /** Prints bytes. */
  async write(stream: StreamName, bytes: Uint8Array): Promise<void> {
    await this.print((write) => write(stream, bytes));
  }
}

async function writeAll(stream: StreamName, all: Uint8Array): Promise<void> {
  for (let bytes = all; bytes.byteLength > 0;) {
    try {
      bytes = bytes.subarray(await Deno[stream].write(bytes));
    } catch (error) {
      if (error instanceof Deno.errors.WouldBlock) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      else if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      else if (stream === "stdout") throw new OutputClosed("Standard output was closed", { cause: error });
      else return;
    }
  }
}

/** Puts something before every line, and a newline after a last line without one. */
export class LinePrefix {
  readonly #prefix: Uint8Array;
  #inLine = false;

  constructor(prefix: string) {
    this.#prefix = new TextEncoder().encode(prefix);
  }

  /** The next bytes with their prefixes. */
  add(bytes: Uint8Array): Uint8Array {
    if (this.#prefix.byteLength === 0) {
      if (bytes.byteLength > 0) this.#inLine = bytes.at(-1) !== NEWLINE;
      return bytes;
    }
    const parts: Uint8Array[] = [];
    for (let start = 0; start < bytes.byteLength;) {
      const newline = bytes.indexOf(NEWLINE, start);
      const end = newline === -1 ? bytes.byteLength : newline + 1;
      if (!this.#inLine) parts.push(this.#prefix);
      parts.push(bytes.subarray(start, end));
      this.#inLine = newline === -1;
      start = end;
    }
    return concat(parts);
  }

  /** What ends the last line; empty when it has an end, or was not prefixed. */
  end(): Uint8Array {
    const isOpen = this.#inLine && this.#prefix.byteLength > 0;
    this.#inLine = false;
    return isOpen ? new Uint8Array([NEWLINE]) : new Uint8Array();
  }
}

/** Cuts bytes into whole lines. */
export class WholeLines {
  #rest: Uint8Array[] = [];

  /** All lines that are whole by now; empty when there is none. */
  add(bytes: Uint8Array): Uint8Array {
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const whole = end === 0 ? [] : [...this.#rest, bytes.subarray(0, end)];
    if (end > 0) this.#rest = [];
    if (end < bytes.byteLength) this.#rest.push(bytes.slice(end));
    return concat(whole);
  }

  /** The last line, when it has no end. */
  end(): Uint8Array {
    return concat(this.#rest);
  }
}
