/**
 * The CPU, as far as waiting and locking depend on it.
 *
 * @module
 */

import { type Files, type Finding, fine } from "./finding.ts";

/** The CPU. */
export interface ProcessorReport {
  /** CPUs that this process may run on; `null` when that cannot be told. */
  readonly cpus: number | null;
  /** Whether it can wait for a word of memory in user space (WAITPKG); `null` when that cannot be told. */
  readonly waitpkg: boolean | null;
  /** Whether its time-stamp counter runs evenly; `null` when that cannot be told. */
  readonly steadyClock: boolean | null;
}

/** Looks at it. */
export function processorReport(read: Files): ProcessorReport {
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(read("/proc/self/status") ?? "")?.[1];
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(read("/proc/cpuinfo") ?? "")?.[1]?.trim().split(/\s+/);
  return {
    cpus: allowed === undefined ? null : countOf(allowed),
    waitpkg: flags?.includes("waitpkg") ?? null,
    steadyClock: flags === undefined || flags.includes("fp") && !flags.includes("fpu")
      ? null
      : flags.includes("constant_tsc"),
  };
}

/** What of it matters. */
export function processorFindings({ cpus, waitpkg }: ProcessorReport): Finding[] {
  if (cpus === null) return [];
  const waiting = waitpkg === true ? ", with WAITPKG" : "";
  if (cpus > 1) return [fine("cpu", `${cpus} CPUs to run on${waiting}`)];
  return [{
    level: "note",
    area: "cpu",
    what: `one CPU to run on${waiting}`,
    breaks:
      "spinning for a word that another process stores: it cannot store while this one spins; locks sleep at once then",
    fix: "taskset -p ff PID, or docker run --cpuset-cpus=…, where the machine has more",
  }];
}

/** `0-3,8` are five. */
export function countOf(list: string): number {
  return list.split(",").reduce((sum, part) => {
    const [first = NaN, last = first] = part.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
}
