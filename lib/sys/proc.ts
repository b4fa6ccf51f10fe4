/**
 * Small files of /proc, read through libc: Deno's own functions need `--allow-all` for them.
 *
 * @module
 */

import { check } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { O } from "./linux.ts";
import { cString } from "./memory.ts";
import { requireRead } from "./permission.ts";

/**
 * The whole text of a file whose size the kernel does not tell beforehand.
 *
 * @throws {PosixError} ENOENT, EACCES … as `open(2)` and `read(2)` say.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for the path.
 */
export function readProcFile(path: string): string {
  requireRead(path);
  using file = Fd.own(check(libc().open(cString(path, "path"), O.RDONLY | O.CLOEXEC, 0), "open", path), path);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  for (let text = "";;) {
    const count = check(libc().read(file.raw, buffer, buffer.byteLength), "read", path);
    if (count === 0) return text + decoder.decode();
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
}
