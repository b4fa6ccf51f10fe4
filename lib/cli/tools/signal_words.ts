/**
 * Signals as the classic tools write and read them: `TERM`, `SIGTERM`, `term`, `RTMIN+1`, `RTMAX-2`, `15`.
 *
 * @module
 */

import { parseSignal, signalNumber, SIGNALS } from "../../signal/names.ts";

/** Other names of signals. */
const ALIASES: Readonly<Record<string, string>> = { ABRT: "IOT", CHLD: "CLD", IO: "POLL" };

const RTMIN = 34;
const RTMAX = 64;

/** The standard signals under all their names, in the order of kill(1). */
export const SIGNAL_WORDS: readonly (readonly [word: string, number: number])[] = SIGNALS
  .filter(({ kind }) => kind === "standard")
  .flatMap(({ name, number }) => {
    const word = name.slice(3);
    const alias = ALIASES[word];
    const own = [word, number] as const;
    return alias === undefined ? [own] : [own, [alias, number] as const];
  });

/** The number of a word; 0 is no signal, but may be sent. `undefined` when there is no such signal. */
export function signalOfWord(word: string): number | undefined {
  if (/^(0+|(sig)?exit)$/i.test(word)) return 0;
  const signal = parseSignal(word);
  return signal === undefined ? undefined : signalNumber(signal);
}

/** What a shell reports for a death by a signal, 128 and its number, as the signal's number; other numbers as they are. */
export function signalOfStatus(word: string): number | undefined {
  const number = /^\d+$/.test(word) ? Number(word) : undefined;
  return number !== undefined && number > RTMAX && (number & 128) !== 0 ? usable(number - 128) : signalOfWord(word);
}

/** The word for a number, as coreutils has it: `EXIT` for 0, `RTMAX-n` for the upper half of the real-time signals. */
export function wordOfSignal(number: number): string {
  if (number === 0) return "EXIT";
  if (number < RTMIN) return SIGNAL_WORDS.find(([, each]) => each === number)?.[0] ?? String(number);
  const nearer = number <= (RTMIN + RTMAX) / 2
    ? ["RTMIN", number - RTMIN] as const
    : ["RTMAX", number - RTMAX] as const;
  const [anchor, distance] = nearer;
  return distance === 0 ? anchor : `${anchor}${distance > 0 ? "+" : ""}${distance}`;
}

/** The C library keeps 32 and 33 for itself. */
function usable(number: number): number | undefined {
  return number < 32 || (number >= RTMIN && number <= RTMAX) ? number : undefined;
}
