/**
 * What an open descriptor is to the whole machine, for events of the probe: two processes that have the same pipe call it by the same name.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { cString } from "./memory.ts";
import { hasFfi } from "./platform.ts";

const known = new WeakMap<Fd, string>();
const buffer = new Uint8Array(4096);

/**
 * `readlink("/proc/self/fd/N")`: `pipe:[8123]`, `socket:[8124]`, or the path of a FIFO. Remembered, so that a name that is unlinked stays what it was.
 *
 * @returns `undefined` without `--allow-ffi`, without /proc, and for a descriptor that is closed.
 */
export function objectOf(fd: Fd): string | undefined {
  const found = known.get(fd);
  if (found !== undefined || fd.closed || !hasFfi()) return found;
  const length = libc().readlink(cString(`/proc/self/fd/${fd.raw}`, "path"), buffer, buffer.byteLength);
  if (length <= 0) return undefined;
  const object = new TextDecoder().decode(buffer.subarray(0, length));
  known.set(fd, object);
  return object;
}
