/**
 * How much of the limits is used now: the texts of /proc, read once.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { sysvMemoryUsage } from "../../memory/sysv_list.ts";
import { listMessageQueues } from "../../queue/posix_list.ts";
import { fileSystemSpace } from "../../sys/capacity.ts";
import { directoryNames } from "../../sys/directory.ts";
import { realUser } from "../../sys/process_list.ts";
import { kernelFile, missingForLooking } from "./kernel_file.ts";
import { lockedBytesOf, openFilesOf, queuedSignalsOf, rowsOf, sumOf, tasksOf, threadsOf } from "./limit_use.ts";

/** By the name of the limit; what cannot be told is left out. */
export function limitUse(): ReadonlyMap<string, number> {
  const used = new Map<string, number>();
  if (missingForLooking() !== undefined) return used;
  const note = (name: string, path: string, measure: (text: string) => number | null) => {
    const { text } = kernelFile(path);
    const value = text === undefined ? null : measure(text);
    if (value !== null) used.set(name, value);
  };
  for (const name of ["kernel.pid_max", "kernel.threads-max"]) note(name, "/proc/loadavg", tasksOf);
  note("fs.file-max", "/proc/sys/fs/file-nr", openFilesOf);
  note("RLIMIT_SIGPENDING", "/proc/self/status", queuedSignalsOf);
  note("RLIMIT_MEMLOCK", "/proc/self/status", lockedBytesOf);
  note("vm.max_map_count", "/proc/self/maps", (text) => text.split("\n").length);
  note("kernel.shmmni", "/proc/sysvipc/shm", rowsOf);
  attempt(() => used.set("kernel.shmall", Number(sysvMemoryUsage().pages)));
  note("kernel.sem SEMMNI", "/proc/sysvipc/sem", rowsOf);
  note("kernel.sem SEMMNS", "/proc/sysvipc/sem", (text) => sumOf("nsems", text));
  note("kernel.msgmni", "/proc/sysvipc/msg", rowsOf);
  attempt(() => used.set("RLIMIT_NOFILE", directoryNames("/proc/self/fd").length - 1));
  attempt(() => used.set("RLIMIT_NPROC", threadsOf(realUser(), statuses())));
  attempt(() => {
    const queues = listMessageQueues();
    if (queues !== undefined) used.set("fs.mqueue.queues_max", queues.length);
  });
  attempt(() => {
    const { totalBytes, freeBytes } = fileSystemSpace("/dev/shm");
    used.set("/dev/shm", totalBytes - freeBytes);
  });
  return used;
}

function* statuses(): Generator<string> {
  for (const name of directoryNames("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // One that has ended meanwhile counts no more.
    const { text } = kernelFile(`/proc/${name}/status`);
    if (text !== undefined) yield text;
  }
}

/** What is hidden, not mounted or not there is unknown. */
function attempt(measure: () => void): void {
  try {
    measure();
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
  }
}
