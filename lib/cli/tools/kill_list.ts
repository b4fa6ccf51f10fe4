/**
 * What `kill -l` and `kill -L` print.
 *
 * @module
 */

import { SIGNAL_WORDS } from "./signal_words.ts";

/** Columns of a line on a terminal. */
const LINE = 72;

const FIELD = 11;

const REALTIME = ["RT<N>", "RTMIN+<N>", "RTMAX-<N>"];

/** All names: one a line, or as many as fit on a terminal's line. */
export function signalList(isTerminal: boolean = Deno.stdout.isTerminal()): string {
  const words = [...SIGNAL_WORDS.map(([word]) => word), ...REALTIME];
  if (!isTerminal) return `${words.join("\n")}\n`;
  const lines = [""];
  for (const word of words) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length > LINE) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return `${lines.join("\n")}\n`;
}

/** All numbers with their names. */
export function signalTable(isTerminal: boolean = Deno.stdout.isTerminal()): string {
  const rows = [...SIGNAL_WORDS, ["RTMIN", 34] as const, ["RTMAX", 64] as const];
  const fields = rows.map(([word, number]) => `${String(number).padStart(2)} ${word.padEnd(8)}`);
  if (!isTerminal) return `${fields.join("\n")}\n`;
  const perLine = Math.floor(LINE / FIELD);
  const lines: string[] = [];
  for (let at = 0; at < fields.length; at += perLine) lines.push(fields.slice(at, at + perLine).join(""));
  return `${lines.join("\n")}\n`;
}

/** The name of one number. */
export function signalLine(number: number): string {
  return `${nameOf(number)}\n`;
}

/** The names of the bits of a mask, as /proc/PID/status has them. */
export function maskList(mask: bigint): string {
  const set = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (mask >> BigInt(bit) & 1n) === 1n);
  return set.map((bit) => signalLine(bit + 1)).join("");
}

function nameOf(number: number): string {
  const word = SIGNAL_WORDS.find(([, each]) => each === number)?.[0];
  if (word !== undefined) return word;
  return number >= 34 ? `RT${number - 34}` : String(number);
}
