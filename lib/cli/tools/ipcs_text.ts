/**
 * Pieces of the text that ipcs(1) prints.
 *
 * @module
 */

import { groupName, userName } from "../../sys/user_names.ts";

/** How sizes are shown: as each table is used to, in bytes, or rounded with a letter. */
export type Unit = "default" | "bytes" | "human";

const NEVER = "Not set";
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Cells, each padded to its width, a space between them. */
export function line(cells: readonly (readonly [text: string | number, width: number])[]): string {
  return `${cells.map(([text, width]) => String(text).padEnd(width)).join(" ")}\n`;
}

/** Local time as `ctime(3)` writes it, `Sun Nov 22 17:46:41 2026`. */
export function fullTime(seconds: number): string {
  if (seconds === 0) return NEVER;
  const date = new Date(seconds * 1000);
  return `${DAYS[date.getDay()]} ${dayAndTime(date)} ${date.getFullYear()}`;
}

/** The same without weekday and year, `Nov 22 17:46:41`. */
export function shortTime(seconds: number): string {
  return seconds === 0 ? NEVER : dayAndTime(new Date(seconds * 1000));
}

/** The name of a user, or the number of one without a name. */
export function user(uid: number): string {
  return userName(uid) ?? String(uid);
}

/** The name of a group, or the number of one without a name. */
export function group(gid: number): string {
  return groupName(gid) ?? String(gid);
}

/** The name of an owner in a narrow column. A number is never cut. */
export function owner(uid: number): string {
  return userName(uid)?.slice(0, 10) ?? String(uid);
}

/** `0x0000002a`. */
export function hexKey(key: number): string {
  return `0x${(key >>> 0).toString(16).padStart(8, "0")}`;
}

/** Octal, with the 0 in front that says so. */
export function octal(mode: number): string {
  return mode === 0 ? "0" : `0${mode.toString(8)}`;
}

/** Permission bits as a column shows them. */
export function permissions(mode: number): string {
  return (mode & 0o777).toString(8);
}

/** `5120`, or `5K`. */
export function size(bytes: number | bigint, unit: Unit): string {
  return unit === "human" ? humanSize(BigInt(bytes)) : String(bytes);
}

/** The largest unit that leaves at least 1, and one decimal unless it is 0. */
function humanSize(bytes: bigint): string {
  let power = 0;
  while (power < 6 && bytes >> BigInt(10 * (power + 1)) > 0n) power++;
  const shift = BigInt(10 * power);
  const whole = bytes >> shift;
  const thousandths = ((bytes - (whole << shift)) * 1000n) >> shift;
  const tenths = (thousandths + 50n) / 100n;
  const letter = "BKMGTPE"[power];
  if (tenths === 10n) return `${whole + 1n}${letter}`;
  return tenths === 0n ? `${whole}${letter}` : `${whole}.${tenths}${letter}`;
}

function dayAndTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${time}`;
}
