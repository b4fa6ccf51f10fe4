/**
 * What a person types, line by line.
 *
 * @module
 */

/** Lines of standard input. A read that nobody waits for any more ends with the program. */
export class Keyboard {
  readonly #source: { read(into: Uint8Array): Promise<number | null> };
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** Reads from standard input. */
  constructor(source: { read(into: Uint8Array): Promise<number | null> } = Deno.stdin) {
    this.#source = source;
  }

  /** The next line without its newline; `null` at the end, and when the signal aborts. */
  async line(signal: AbortSignal): Promise<string | null> {
    const aborted = Promise.withResolvers<null>();
    const onAbort = () => aborted.resolve(null);
    if (signal.aborted) return null;
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#next(), aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #next(): Promise<string | null> {
    const buffer = new Uint8Array(1024);
    while (!this.#rest.includes("\n")) {
      const count = await this.#source.read(buffer);
      if (count === null) return null;
      this.#rest += this.#decoder.decode(buffer.subarray(0, count), { stream: true });
    }
    const [line = ""] = this.#rest.split("\n", 1);
    this.#rest = this.#rest.slice(line.length + 1);
    return line;
  }
}
