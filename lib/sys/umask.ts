/**
 * The umask, without changing it: `umask(2)` can only be asked by setting it, and a file that another thread creates meanwhile would be
 * open to all.
 *
 * @module
 */

import { readProcFile } from "./proc.ts";

/**
 * The permission bits that new files do not get.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc/self/status.
 */
export function currentUmask(): number {
  const octal = /^Umask:\t([0-7]+)$/m.exec(readProcFile("/proc/self/status"))?.[1];
  if (octal === undefined) throw new Error("/proc/self/status has no Umask line: Linux 4.7 or later is needed");
  return parseInt(octal, 8);
}
