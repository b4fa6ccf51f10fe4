/**
 * How far the bytes of a pipeline have come.
 *
 * @module
 */

import type { Tap } from "../pipe/tap.ts";

/** How far the bytes between two programs have come. */
export interface Progress {
  /** Bytes that went from the first program that feeds another to the next. */
  readonly byteLength: number;
  /** Bytes a second since the last report. */
  readonly bytesPerSecond: number;
  /** Milliseconds since the start. */
  readonly elapsedMs: number;
  /** Whether this is the last report: there is nothing to come. */
  readonly done: boolean;
}

/** How often a report is made when nothing was said. */
export const PROGRESS_EVERY_MS = 1000;

/** Reports what a tap counts, now and then and at the end. Returns how to stop. */
export function reportProgress(
  meter: Tap,
  startedAt: number,
  { report, everyMs }: { readonly report: (progress: Progress) => void; readonly everyMs: number },
): () => void {
  let before = { byteLength: 0, at: startedAt };
  const tell = (done: boolean) => {
    const [{ byteLength }, at] = [meter, performance.now()];
    const seconds = (at - before.at) / 1000;
    const bytesPerSecond = seconds > 0 ? (byteLength - before.byteLength) / seconds : 0;
    before = { byteLength, at };
    report({ byteLength, bytesPerSecond, elapsedMs: at - startedAt, done });
  };
  const timer = setInterval(() => tell(false), everyMs);
  return () => {
    clearInterval(timer);
    tell(true);
  };
}
