/**
 * Sizes, ages and names for people.
 *
 * @module
 */

import { displayText } from "../../process/display.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `0 B`, `1.5 KiB`. */
export function bytesText(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${UNITS[unit]}`;
}

/** `3s`, `12m`, `5h`, `9d`: rounded down. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

// deno-lint-ignore no-control-regex -- control characters are what must not be there
const HARMLESS = /^[^\x00-\x1f\x7f-\x9f]*$/;

/** A name that anybody may have chosen, on one line and without power over a terminal. */
export function nameText(name: string): string {
  if (HARMLESS.test(name)) return name;
  return displayText(name).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}
