/**
 * How much of each limit is used already, as the kernel tells it. The functions here get texts, and measure nothing themselves.
 *
 * @module
 */

/** The largest pid, and how many tasks there are: `0.20 0.18 0.12 1/80 11206`. */
export function tasksOf(loadavg: string): number | null {
  return numberIn(/\d+\/(\d+)/, loadavg);
}

/** `/proc/sys/fs/file-nr`: allocated, unused (always 0), and the most. */
export function openFilesOf(fileNr: string): number | null {
  return numberIn(/^(\d+)/, fileNr);
}

/** `SigQ:	3/96365` in `/proc/self/status`: signals that are queued for this user. */
export function queuedSignalsOf(status: string): number | null {
  return numberIn(/^SigQ:\s*(\d+)\//m, status);
}

/** `VmLck:	 64 kB`: bytes that this process has locked. */
export function lockedBytesOf(status: string): number | null {
  const kibibytes = numberIn(/^VmLck:\s*(\d+) kB/m, status);
  return kibibytes === null ? null : 1024 * kibibytes;
}

/** Threads of a user, of the `status` files of all processes: that is what RLIMIT_NPROC counts. */
export function threadsOf(uid: number, statuses: Iterable<string>): number {
  let threads = 0;
  for (const status of statuses) {
    if (numberIn(/^Uid:\s*(\d+)/m, status) === uid) threads += numberIn(/^Threads:\s*(\d+)/m, status) ?? 0;
  }
  return threads;
}

/** A line of `/proc/self/limits`: `Max processes   96365   96365   processes`. */
export function softLimitOf(name: string, limits: string): number | null {
  const line = limits.split("\n").find((each) => each.startsWith(`${name} `));
  const [soft] = line?.slice(name.length).trim().split(/\s+/) ?? [];
  if (soft === undefined) return null;
  return soft === "unlimited" ? Infinity : Number(soft);
}

/** Lines of a list with a heading, as those of /proc/sysvipc are. */
export function rowsOf(list: string): number {
  return Math.max(0, list.trimEnd().split("\n").length - 1);
}

/** The sum of a column of such a list. */
export function sumOf(column: string, list: string): number {
  const [head = "", ...rows] = list.trimEnd().split("\n");
  const at = head.trim().split(/\s+/).indexOf(column);
  return rows.reduce((sum, row) => sum + Number(row.trim().split(/\s+/)[at] ?? 0), 0);
}

function numberIn(pattern: RegExp, text: string): number | null {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}
