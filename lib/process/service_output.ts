/**
 * What a service prints, line by line.
 *
 * @module
 */

import type { Child } from "./child.ts";

/** The two outputs. */
export type OutputName = "stdout" | "stderr";

/** A line without an end comes in pieces of so many characters: memory stays bounded. */
const LONGEST_LINE = 65_536;

/** Lines of standard error that an error tells. */
const LAST_LINES = 10;

/** Hears of a line. A promise holds up the next ones of that output. */
export type LineListener = (stream: OutputName, text: string) => void | Promise<void>;

/** Reads the outputs of a child to their ends. */
export class ServiceOutput {
  /** Resolves when both are over, and every line was taken. */
  readonly over: Promise<void>;
  readonly #lastLines: string[] = [];
  readonly #listener: LineListener;

  /**
   * Begins to read.
   *
   * @param streams Those that are piped.
   * @param listener Is called in a later turn for the first time.
   */
  constructor(child: Child, streams: readonly OutputName[], listener: LineListener) {
    this.#listener = listener;
    this.over = Promise.all(streams.map((stream) => this.#read(child, stream))).then(() => {});
    // Whoever waits for it hears of a failure.
    this.over.catch(() => {});
  }

  /** The last lines of standard error. */
  get lastLines(): readonly string[] {
    return [...this.#lastLines];
  }

  async #read(child: Child, stream: OutputName): Promise<void> {
    const decoder = new TextDecoder();
    let open = "";
    for await (const chunk of child[stream]) {
      const [first = "", ...rest] = decoder.decode(chunk, { stream: true }).split("\n");
      open += first;
      for (const next of rest) {
        await this.#tell(stream, open);
        open = next;
      }
      while (open.length >= LONGEST_LINE) {
        await this.#tell(stream, open.slice(0, LONGEST_LINE));
        open = open.slice(LONGEST_LINE);
      }
    }
    open += decoder.decode();
    if (open !== "") await this.#tell(stream, open);
  }

  async #tell(stream: OutputName, line: string): Promise<void> {
    const text = line.replace(/\r$/, "");
    if (stream === "stderr") {
      this.#lastLines.push(text);
      if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
    }
    await this.#listener(stream, text);
  }
}
