/**
 * What a listing reads.
 *
 * @module
 */

import { messageQueueDirectory } from "../../queue/posix_list.ts";
import { isGranted } from "../../sys/permission.ts";
import { runtimeDirectory } from "../../sys/runtime_directory.ts";

/** Directories that must be readable for a listing of everything, as far as they can be known without permission. */
export function listedPlaces(): string[] {
  const places = ["/proc", "/dev/shm"];
  if (!isGranted({ name: "ffi" })) return places;
  const queues = isGranted({ name: "read", path: "/proc" }) ? messageQueueDirectory() : undefined;
  return [...places, ...(queues === undefined ? [] : [queues]), runtimeDirectory()];
}
