/**
 * How a child of a demonstration tells its parent what it did when: a line of JSON per event on its standard output, with the time of the
 * clock that both share.
 *
 * @module
 */

import { monotonicNanoseconds } from "../../sys/clock.ts";

/** One event of a child, as it travels. */
export interface ReportedEvent {
  /** Nanoseconds of CLOCK_MONOTONIC, in decimal. */
  readonly at: string;
  /** What the child did. */
  readonly did: string;
}

/** What a child has to tell. Nothing is written before it is asked for, so that telling does not disturb what is timed. */
export class PeerReport {
  #events: ReportedEvent[] = [];

  /** Notes what was just done. */
  did(what: string): void {
    this.#events.push({ at: String(monotonicNanoseconds()), did: what });
  }

  /** Writes what was noted. */
  send(): void {
    const lines = this.#events.map((event) => `${JSON.stringify(event)}\n`).join("");
    this.#events = [];
    for (let bytes = new TextEncoder().encode(lines); bytes.byteLength > 0;) {
      bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
    }
  }
}

/** Reads one line of a report. @throws {SyntaxError | TypeError} When it is none. */
export function parseReported(line: string): { atNs: bigint; did: string } {
  const event: unknown = JSON.parse(line);
  if (typeof event !== "object" || event === null || !("at" in event) || !("did" in event)) {
    throw new TypeError(`Not a report: ${line}`);
  }
  return { atNs: BigInt(String(event.at)), did: String(event.did) };
}
