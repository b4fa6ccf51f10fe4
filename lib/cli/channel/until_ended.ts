/**
 * Work that goes on until its end, a signal, a time limit, or until nobody reads what it prints.
 *
 * @module
 */

import { CommandError } from "../command_line.ts";
import { Interruption } from "../interruption.ts";
import { OutputClosed } from "../output.ts";
import { ReaderWatch } from "../up/reader_watch.ts";

/** What timeout(1) exits with when the time is over. */
const TIMED_OUT = 124;

/** How long work may take to end after a signal. */
const LAST_WORDS_MS = 1000;

/** How {@linkcode untilEnded} runs. */
export interface UntilEndedOptions {
  /** Whether the work is pointless without a reader of standard output. @default {false} */
  readonly prints?: boolean;
}

/**
 * Runs a command's work. Its signal aborts when the program has to end.
 *
 * @returns The exit code. After SIGINT, SIGTERM or SIGHUP it does not return: the process dies of the signal.
 * @throws {CommandError} With exit code 124 when a time limit was reached.
 */
export async function untilEnded(
  command: string,
  work: (signal: AbortSignal) => Promise<number>,
  { prints = false }: UntilEndedOptions = {},
): Promise<number> {
  const over = new AbortController();
  const late = Promise.withResolvers<undefined>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  await using interruption = new Interruption(() => {
    over.abort(new DOMException("Interrupted by a signal", "AbortError"));
    // Whoever does not read must not keep the program from ending.
    timer ??= setTimeout(() => late.resolve(undefined), LAST_WORDS_MS);
  });
  await using _watch = prints
    ? new ReaderWatch(() => over.abort(new OutputClosed("Standard output was closed")))
    : null;
  const working = work(over.signal).then((code) => () => code, (error: unknown) => () => {
    throw explained(command, error);
  });
  const outcome = await Promise.race([working, late.promise]);
  clearTimeout(timer);
  if (interruption.received !== undefined || outcome === undefined) return await interruption.dieOfIt();
  return outcome();
}

function explained(command: string, error: unknown): unknown {
  if (!(error instanceof DOMException && error.name === "TimeoutError")) return error;
  // The time that it tells is what was left of the limit by then.
  const what = error.message.replace(/ timed out after \S+ ms$/, "");
  return new CommandError(`${command}: time limit reached: ${what}`, TIMED_OUT, { cause: error });
}
