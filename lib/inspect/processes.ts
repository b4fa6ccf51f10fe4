/**
 * The processes that there are, each with what tells it from all others: pid and start time.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html proc_pid_stat(5)}
 * @module
 */

import { readNames, readText, requireProc } from "./proc.ts";
import { PosixError } from "../errors.ts";
import { errnoName } from "../sys/errno_table.ts";

/** A process, as /proc tells. */
export interface ProcessInfo {
  /** Its number in this pid namespace. */
  readonly pid: number;
  /** The number of its parent; 0 when the parent is outside this pid namespace. */
  readonly parent: number;
  /** When it started, in clock ticks since the machine did. Pid and start time together are one process, for ever. */
  readonly startTime: bigint;
  /** When it started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** The effective user. */
  readonly uid: number;
  /** What the kernel calls it: the first 15 bytes of the program's file name, or what it calls itself. */
  readonly name: string;
  /** Its words, as it shows them; empty for a thread of the kernel and for a zombie. */
  readonly commandLine: readonly string[];
  /** One letter: `R` running, `S` sleeping, `D` waiting for a device, `T` stopped, `Z` ended and not yet waited for. */
  readonly state: string;
  /** How many threads it has. */
  readonly threads: number;
  /** Whether it is a thread of the kernel, which has neither program nor descriptors. */
  readonly isKernel: boolean;
}

/** Among the flags of a process: a thread of the kernel (`linux/sched.h`, in no header for programs). */
const PF_KTHREAD = 0x0020_0000;

/** `USER_HZ`: what the kernel tells times in, on both CPUs. */
const TICKS_PER_SECOND = 100;

/**
 * `readProcesses()`: every process of this pid namespace, by pid. One that ends meanwhile is left out.
 *
 * @param only Pids to look at; all when left out.
 * @throws {PosixError} ENOENT where /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 *
 * @example This process
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readProcesses } from "@causeway/causeway/inspect";
 *
 * const own = readProcesses().get(Deno.pid);
 * assertEquals(own?.parent, Deno.ppid);
 * ```
 *
 * @tags allow-ffi
 */
export function readProcesses(only?: Iterable<number>): Map<number, ProcessInfo> {
  requireProc();
  const bootedAt = bootTime();
  const found = new Map<number, ProcessInfo>();
  for (const pid of only ?? allPids()) {
    const info = readProcess(pid, bootedAt);
    if (info !== undefined) found.set(pid, info);
  }
  return found;
}

/** One process; `undefined` when it is gone or hidden (a /proc mounted with `hidepid`). */
function readProcess(pid: number, bootedAt: number = bootTime()): ProcessInfo | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (typeof stat === "number") return undefined;
  const status = readText(`/proc/${pid}/status`);
  const words = readText(`/proc/${pid}/cmdline`);
  if (typeof status === "number" || typeof words === "number") return undefined;
  // The second field is the name in parentheses, which may contain anything; `state` is the third.
  const open = stat.indexOf("(");
  const close = stat.lastIndexOf(")");
  const fields = stat.slice(close + 2).split(" ");
  const startTime = BigInt(fields[19] ?? 0);
  return {
    pid,
    parent: Number(fields[1]),
    startTime,
    startedAt: bootedAt + Number(startTime) * (1000 / TICKS_PER_SECOND),
    uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1]),
    name: stat.slice(open + 1, close),
    commandLine: words === "" ? [] : words.replace(/\0$/, "").split("\0"),
    state: fields[0] ?? "?",
    threads: Number(fields[17]),
    isKernel: (Number(fields[6]) & PF_KTHREAD) !== 0,
  };
}

/** The pids of /proc, by number. */
function allPids(): number[] {
  const names = readNames("/proc");
  if (typeof names === "number") throw new PosixError({ code: errnoName(names), syscall: "open", target: "/proc" });
  return names.filter((name) => /^\d+$/.test(name)).map(Number).sort((left, right) => left - right);
}

/** The threads of a process; empty when it is gone. */
export function threadsOf(pid: number): number[] {
  const names = readNames(`/proc/${pid}/task`);
  return typeof names === "number" ? [] : names.map(Number);
}

/** When the machine started, in milliseconds since 1970: what start times count from. */
function bootTime(): number {
  const stat = readText("/proc/stat");
  return typeof stat === "number" ? NaN : Number(/^btime (\d+)$/m.exec(stat)?.[1]) * 1000;
}
