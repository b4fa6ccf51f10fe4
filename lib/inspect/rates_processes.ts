/**
 * What the kernel counts for a process: processor time, and what its `read` and `write` calls moved.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_io.5.html proc_pid_io(5)}
 * @module
 */

import { readText } from "./proc.ts";

/** Counters of a process since it started. */
export interface ProcessCounters {
  /** The process. */
  readonly pid: number;
  /** When it started: with another start time it is another process. */
  readonly startTime: string;
  /** Seconds of processor time, of all its threads, children left out. */
  readonly cpuSeconds: number;
  /** What it moved by `read(2)`, `write(2)` and their like; `undefined` when this user may not look. */
  readonly io: IoCounters | undefined;
}

/** What a process moved. `recv`, `send`, `splice` and shared memory are not counted by the kernel. */
export interface IoCounters {
  /** Bytes that `read` calls returned. */
  readonly readBytes: number;
  /** Bytes that `write` calls took. */
  readonly writtenBytes: number;
  /** How many calls read. */
  readonly readCalls: number;
  /** How many calls wrote. */
  readonly writeCalls: number;
}

/** `USER_HZ`: what the kernel tells times in, on both CPUs. */
const TICKS_PER_SECOND = 100;

/** The counters of a process; `undefined` when it is gone. */
export function processCounters(pid: number): ProcessCounters | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (typeof stat === "number") return undefined;
  // The name, in parentheses, may contain anything; `state` comes behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { pid, startTime: fields[19] ?? "", cpuSeconds: ticks / TICKS_PER_SECOND, io: ioCounters(pid) };
}

function ioCounters(pid: number): IoCounters | undefined {
  const text = readText(`/proc/${pid}/io`);
  if (typeof text === "number") return undefined;
  const value = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1]);
  return {
    readBytes: value("rchar"),
    writtenBytes: value("wchar"),
    readCalls: value("syscr"),
    writeCalls: value("syscw"),
  };
}
