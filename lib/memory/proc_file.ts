/**
 * What the kernel tells about this process and machine in /proc. No read permission is asked for, unlike in `lib/sys/proc.ts`: the paths are
 * fixed, and memory needs `--allow-ffi` only.
 *
 * @module
 */

import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";

const decoder = new TextDecoder();

/** The beginning of a file of /proc, at most 8 KiB; `undefined` where /proc is not mounted or hidden. */
export function readProcFile(path: string): string | undefined {
  const raw = libc().open(cString(path, "path"), O.RDONLY | O.CLOEXEC, 0);
  if (raw === -1) return undefined;
  using _file = Fd.own(raw, path);
  const buffer = new Uint8Array(8192);
  const count = libc().read(raw, buffer, buffer.byteLength);
  return count === -1 ? undefined : decoder.decode(buffer.subarray(0, count));
}
