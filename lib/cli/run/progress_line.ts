/**
 * How far the bytes are: on a terminal one line that is drawn again and again, and everywhere one line at the end.
 *
 * @module
 */

import type { Progress } from "../../process/mod.ts";
import { printError } from "../output.ts";

/** How often the line is drawn. */
export const REDRAW_MS = 500;

const ERASE = "\r\x1b[K";

/** Shows a report on standard error. */
export function showProgress(progress: Progress): void {
  const erase = Deno.stderr.isTerminal() ? ERASE : "";
  if (progress.done) printError(`${erase}${finalText(progress)}\n`);
  else if (erase !== "") printError(`${erase}${progressText(progress)}`);
}

/** For example `1.50 GB  12.0 s  412 MB/s`: the rate is that of the last moment. */
export function progressText({ byteLength, elapsedMs, bytesPerSecond }: Progress): string {
  return `${bytesText(byteLength)}  ${timeText(elapsedMs)}  ${bytesText(bytesPerSecond)}/s`;
}

/** For example `1500000000 bytes (1.50 GB) in 12.0 s, 125 MB/s`: the rate is that of the whole. */
export function finalText({ byteLength, elapsedMs }: Progress): string {
  const rate = elapsedMs > 0 ? byteLength * 1000 / elapsedMs : 0;
  const short = byteLength < 1000 ? "" : ` (${bytesText(byteLength)})`;
  return `${byteLength} bytes${short} in ${timeText(elapsedMs)}, ${bytesText(rate)}/s`;
}

/** Bytes in three digits and a unit: multiples of 1000. */
export function bytesText(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let [value, unit] = [count, 0];
  // 999.6 would be written as 1000.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

function timeText(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return (parts[0] === 0 ? parts.slice(1) : parts)
    .map((part, index) => index === 0 ? String(part) : String(part).padStart(2, "0")).join(":");
}
