/**
 * What a program has written to its terminal, and waiting until it has written something in particular.
 *
 * @module
 */

import { cancellable, Deadline, type WaitOptions } from "../sys/clock.ts";

/** What was waited for, and what came before it. */
export interface TranscriptMatch {
  /** The text from the last match, or the start, up to this one. */
  readonly before: string;
  /** The text that matched. */
  readonly text: string;
  /** The groups of a regular expression. */
  readonly groups: readonly (string | undefined)[];
}

/** Most characters that are kept of what nobody has waited for yet. */
const MAX_CHARACTERS = 1 << 20;

/** Characters that an error shows. */
const SHOWN_CHARACTERS = 200;

/**
 * Control sequences of terminals: CSI, OSC and other strings, and the short ones.
 *
 * @see {@link https://ecma-international.org/publications-and-standards/standards/ecma-48/ ECMA-48, 5.3 to 5.6}
 */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const CONTROL = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-OQ-WYZ`-~])/g;

/** A control sequence whose end has not come yet. */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const CUT = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?$/;

interface Waiter {
  readonly pattern: string | RegExp;
  readonly resolve: (match: TranscriptMatch) => void;
  readonly reject: (reason: unknown) => void;
}

/** Text that grows, without the control sequences of terminals, and who waits for a part of it. */
export class Transcript {
  readonly #decoder = new TextDecoder();
  readonly #what: string;
  /** A sequence of which only the beginning has come. */
  #cut = "";
  /** What came after the last match. */
  #text = "";
  #ended = false;
  #waiter: Waiter | undefined;

  /** @param what Who writes, for errors. */
  constructor(what: string) {
    this.#what = what;
  }

  /** What has been written since the last match, as far as it is kept. */
  get text(): string {
    return this.#text;
  }

  /** More has been written. A character may be cut anywhere. */
  add(bytes: Uint8Array): void {
    const raw = this.#cut + this.#decoder.decode(bytes, { stream: true });
    const cut = CUT.exec(raw)?.index ?? raw.length;
    this.#cut = raw.slice(cut);
    this.#text = (this.#text + raw.slice(0, cut).replace(CONTROL, "")).slice(-MAX_CHARACTERS);
    this.#look();
  }

  /** Nothing will be written any more. */
  end(): void {
    this.#ended = true;
    this.#text += this.#cut + this.#decoder.decode();
    this.#cut = "";
    this.#look();
  }

  /**
   * Waits until the text matches, and takes everything up to the end of the match. One wait at a time.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; the message shows the end of what was written.
   * @throws {Deno.errors.UnexpectedEof} When nothing can come any more.
   * @throws {Deno.errors.Busy} When somebody waits already.
   */
  async waitFor(pattern: string | RegExp, options: WaitOptions = {}): Promise<TranscriptMatch> {
    const what = `Waiting for ${typeof pattern === "string" ? JSON.stringify(pattern) : pattern}`;
    const deadline = new Deadline(what, options.timeoutMs);
    if (this.#waiter !== undefined) throw new Deno.errors.Busy(`${this.#what} is waited for already`);
    try {
      return await cancellable<TranscriptMatch>(what, options, (resolve, reject) => {
        this.#waiter = { pattern, resolve, reject };
        this.#look();
        return () => this.#waiter = undefined;
      }, deadline);
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "TimeoutError" || error === options.signal?.reason) {
        throw error;
      }
      throw new DOMException(`${error.message}; ${this.#shown()}`, "TimeoutError");
    } finally {
      this.#waiter = undefined;
    }
  }

  #look(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    const match = find(this.#text, waiter.pattern);
    if (match !== undefined) {
      this.#waiter = undefined;
      this.#text = this.#text.slice(match.before.length + match.text.length);
      waiter.resolve(match);
    } else if (this.#ended) {
      this.#waiter = undefined;
      const { pattern } = waiter;
      const wanted = typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern);
      waiter.reject(new Deno.errors.UnexpectedEof(`${this.#what} ended without ${wanted}; ${this.#shown()}`));
    }
  }

  #shown(): string {
    if (this.#text === "") return "it wrote nothing since";
    return `it wrote ${JSON.stringify(this.#text.slice(-SHOWN_CHARACTERS))}`;
  }
}

function find(text: string, pattern: string | RegExp): TranscriptMatch | undefined {
  if (typeof pattern === "string") {
    const index = text.indexOf(pattern);
    return index === -1 ? undefined : { before: text.slice(0, index), text: pattern, groups: [] };
  }
  // A sticky or global expression keeps a place of its own.
  const found = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")).exec(text);
  if (found === null) return undefined;
  const [matched, ...groups] = found;
  return { before: text.slice(0, found.index), text: matched, groups };
}
