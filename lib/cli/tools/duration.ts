/**
 * Durations as coreutils reads them.
 *
 * @module
 */

import { ClassicUsageError } from "./classic.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const DECIMAL = /^\s*\+?(?<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|0x[\da-f]+)(?<unit>[smhd]?)$/i;

/**
 * Milliseconds of `1.5s`, `2m`, `.5`, `1h`, `1d`; seconds without a unit. A time that no clock could tell from none counts as the shortest
 * one, not as none.
 *
 * @throws {ClassicUsageError} When it is no duration.
 */
export function parseDuration(text: string): number {
  const { number, unit } = DECIMAL.exec(text)?.groups ?? {};
  const factor = UNITS[unit ?? "none"];
  if (number === undefined || factor === undefined) throw new ClassicUsageError(`invalid time interval '${text}'`);
  return /^inf/i.test(number) ? Infinity : Number(number) * factor;
}
