/**
 * How much there is: resource limits of this process, space of a file system.
 *
 * @module
 */

import { check } from "./errno.ts";
import { libc } from "./libc.ts";
import { RLIMIT, STATVFS } from "./linux.ts";
import { cString } from "./memory.ts";
import { requireRead } from "./permission.ts";

/** A resource that `getrlimit(2)` knows. */
export type Resource = "NOFILE" | "SIGPENDING" | "MSGQUEUE";

/** `getrlimit(2)`: a limit of this process; `Infinity` where there is none. `hard` is how far it may be raised. */
export function resourceLimit(resource: Resource): { soft: number; hard: number } {
  const limits = new BigUint64Array(2);
  check(libc().getrlimit(RLIMIT[resource], limits), "getrlimit", `RLIMIT_${resource}`);
  const [soft = 0, hard = 0] = Array.from(limits, (limit) => limit === RLIMIT.INFINITY ? Infinity : Number(limit));
  return { soft, hard };
}

/**
 * `statvfs(3)`: bytes of the file system that holds a path, and those of them that this user can still have.
 *
 * @throws {PosixError} ENOENT when there is no such path.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for the path.
 */
export function fileSystemSpace(path: string): { totalBytes: number; freeBytes: number } {
  requireRead(path);
  const buffer = new ArrayBuffer(STATVFS.byteLength);
  check(libc().statvfs(cString(path, "path"), buffer), "statvfs", path);
  const fields = new DataView(buffer);
  const blockBytes = Number(fields.getBigUint64(STATVFS.frsize, true));
  return {
    totalBytes: blockBytes * Number(fields.getBigUint64(STATVFS.blocks, true)),
    freeBytes: blockBytes * Number(fields.getBigUint64(STATVFS.bavail, true)),
  };
}
