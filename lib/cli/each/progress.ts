/**
 * How far the jobs are: one line at the bottom of a terminal, on standard error.
 *
 * @module
 */

import { printError } from "../output.ts";
import type { StatusLine } from "./printer.ts";

const REFRESH_MS = 500;

/** What the line tells. */
export interface ProgressFacts {
  /** All jobs, if their number is known. */
  readonly total: number | undefined;
  /** Jobs that are over, those included that the log says were over before. */
  readonly over: number;
  /** Of these, jobs that were run now. */
  readonly overNow: number;
  /** Jobs that failed. */
  readonly failed: number;
  /** Jobs that run. */
  readonly running: number;
}

/** The line. Nothing is shown when standard error is no terminal. */
export class Progress implements StatusLine, Disposable {
  readonly #facts: () => ProgressFacts;
  readonly #eta: boolean;
  readonly #startedAt = performance.now();
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(eta: boolean, facts: () => ProgressFacts) {
    this.#facts = facts;
    this.#eta = eta;
    if (Deno.stderr.isTerminal()) this.#timer = setInterval(() => this.draw(), REFRESH_MS);
  }

  draw(): void {
    if (this.#timer === undefined) return;
    printError(`\r\x1b[K${progressText(this.#facts(), performance.now() - this.#startedAt, this.#eta)}`);
  }

  erase(): void {
    if (this.#timer !== undefined) printError("\r\x1b[K");
  }

  /** Leaves the last state there. */
  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.draw();
    printError("\n");
  }
}

/** For example `12/100 jobs, 2 running, 1 failed, 3.4 a second, 26 s left`. */
export function progressText(facts: ProgressFacts, elapsedMs: number, eta: boolean): string {
  const { total, over, overNow, failed, running } = facts;
  const rate = elapsedMs > 0 ? overNow * 1000 / elapsedMs : 0;
  const parts = [
    total === undefined ? `${over} jobs` : `${over}/${total} jobs`,
    `${running} running`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(rate > 0 ? [`${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a second`] : []),
    ...(eta && rate > 0 && total !== undefined ? [`${durationText((total - over) / rate)} left`] : []),
  ];
  return parts.join(", ");
}

function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
}
