/**
 * How much of everything there is, and what raises it.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { fileSystemSpace, type Resource, resourceLimit } from "../../sys/capacity.ts";
import { PIPE_BUF, SOCKADDR_UN_PATH_BYTES } from "../../sys/linux.ts";
import { hasFfi } from "../../sys/platform.ts";
import { type Finding, fine } from "./finding.ts";
import { softLimitOf } from "./limit_use.ts";
import { limitUse } from "./current_use.ts";
import { kernelFile, missingFlag, missingForReading } from "./kernel_file.ts";

/** One limit. */
export interface LimitReport {
  /** Its name, as the kernel's documentation has it. */
  readonly name: string;
  /** What it is; `null` when that cannot be told. */
  readonly value: number | "unlimited" | null;
  /** What it counts. */
  readonly unit: "bytes" | "count";
  /** What it limits. */
  readonly about: string;
  /** How much of it is used now, for this user or machine as the limit counts; `null` when that cannot be told. */
  readonly used: number | null;
  /** What raises it, or what would tell it; `null` when it is fixed. */
  readonly hint: string | null;
}

/** Where a limit comes from. */
type Source =
  | { readonly fixed: number }
  | { readonly sysctl: string; readonly column?: number }
  | { readonly resource: Resource; readonly ulimit: string }
  | { readonly line: string; readonly ulimit: string }
  | { readonly space: "totalBytes" | "freeBytes" };

const LIMITS: readonly (readonly [name: string, unit: LimitReport["unit"], about: string, source: Source])[] = [
  ["PIPE_BUF", "bytes", "largest write to a pipe that never interleaves", { fixed: PIPE_BUF }],
  ["fs.pipe-max-size", "bytes", "largest capacity of a pipe", { sysctl: "fs.pipe-max-size" }],
  ["fs.pipe-user-pages-soft", "count", "pages in all pipes of a user before new ones get one page", {
    sysctl: "fs.pipe-user-pages-soft",
  }],
  ["RLIMIT_NOFILE", "count", "descriptors of a process", { resource: "NOFILE", ulimit: "ulimit -n" }],
  ["SCM_MAX_FD", "count", "descriptors in one socket message", { fixed: 253 }],
  ["sun_path", "bytes", "path of a Unix socket, its final NUL included", { fixed: SOCKADDR_UN_PATH_BYTES }],
  ["net.core.somaxconn", "count", "connections that wait to be accepted", { sysctl: "net.core.somaxconn" }],
  ["RLIMIT_SIGPENDING", "count", "queued signals of a user", { resource: "SIGPENDING", ulimit: "ulimit -i" }],
  ["/dev/shm", "bytes", "all POSIX shared memory together", { space: "totalBytes" }],
  ["/dev/shm free", "bytes", "POSIX shared memory that can still be had", { space: "freeBytes" }],
  ["kernel.shmmax", "bytes", "one System V segment", { sysctl: "kernel.shmmax" }],
  ["kernel.shmall", "count", "pages of all System V segments together", { sysctl: "kernel.shmall" }],
  ["kernel.shmmni", "count", "System V segments", { sysctl: "kernel.shmmni" }],
  ["RLIMIT_MEMLOCK", "bytes", "memory that is kept out of swap", { line: "Max locked memory", ulimit: "ulimit -l" }],
  ["RLIMIT_NPROC", "count", "processes and threads of a user", { line: "Max processes", ulimit: "ulimit -u" }],
  ["kernel.pid_max", "count", "processes and threads of the machine, by number", { sysctl: "kernel.pid_max" }],
  ["kernel.threads-max", "count", "processes and threads of the machine, by memory", { sysctl: "kernel.threads-max" }],
  ["fs.file-max", "count", "open files of the machine", { sysctl: "fs.file-max" }],
  ["vm.max_map_count", "count", "mappings of a process", { sysctl: "vm.max_map_count" }],
  ["kernel.sem SEMMSL", "count", "semaphores in one System V set", { sysctl: "kernel.sem", column: 0 }],
  ["kernel.sem SEMMNS", "count", "System V semaphores in all sets", { sysctl: "kernel.sem", column: 1 }],
  ["kernel.sem SEMMNI", "count", "System V semaphore sets", { sysctl: "kernel.sem", column: 3 }],
  ["fs.mqueue.queues_max", "count", "POSIX message queues", { sysctl: "fs.mqueue.queues_max" }],
  ["fs.mqueue.msg_max", "count", "messages in one POSIX queue", { sysctl: "fs.mqueue.msg_max" }],
  ["fs.mqueue.msgsize_max", "bytes", "one message of a POSIX queue", { sysctl: "fs.mqueue.msgsize_max" }],
  ["RLIMIT_MSGQUEUE", "bytes", "all POSIX queues of a user", { resource: "MSGQUEUE", ulimit: "ulimit -q" }],
  ["kernel.msgmni", "count", "System V message queues", { sysctl: "kernel.msgmni" }],
  ["kernel.msgmnb", "bytes", "one System V queue", { sysctl: "kernel.msgmnb" }],
  ["kernel.msgmax", "bytes", "one message of a System V queue", { sysctl: "kernel.msgmax" }],
  ["fs.inotify.max_user_instances", "count", "waits for the other end of a FIFO", {
    sysctl: "fs.inotify.max_user_instances",
  }],
];

/** What is too large to be meant as a limit. */
const AS_GOOD_AS_UNLIMITED = 2 ** 53;

/** The limits that something here can meet. Never prompts, and never throws for what is missing. */
export function limitReports(): LimitReport[] {
  const use = limitUse();
  return LIMITS.map(([name, unit, about, source]) => ({
    name,
    unit,
    about,
    used: use.get(name) ?? null,
    ...measure(source),
  }));
}

/** The limits that are near, and what reaching them breaks. */
export function limitFindings(limits: readonly LimitReport[]): Finding[] {
  // How full /dev/shm is belongs to its mount.
  const counted = limits.filter(({ name, value, used }) =>
    typeof value === "number" && used !== null && name !== "/dev/shm"
  );
  const near = counted.flatMap(({ name, value, used, about, hint }): Finding[] => {
    const share = typeof value === "number" && used !== null && value > 0 ? used / value : 0;
    if (share < NEAR) return [];
    return [{
      level: share >= 1 ? "error" : "warning",
      area: "limits",
      what: `${name}: ${used} of ${value} are used`,
      breaks: `more ${about}`,
      fix: hint,
    }];
  });
  const found = [...limits.filter(isNone).map(none), ...near, ...unread(limits)];
  if (counted.length === 0 || near.length > 0) return found;
  return [...found, fine("limits", `none of ${counted.length} limits whose use is known is near`)];
}

/** Whether there can be none at all. Elsewhere 0 may mean that there is no limit. */
function isNone({ name, value }: LimitReport): boolean {
  return value === 0 && /^(RLIMIT_|kernel\.|fs\.mqueue\.|fs\.inotify\.)/.test(name);
}

/** Nothing of this library locks memory. */
function none({ name, about, hint }: LimitReport): Finding {
  const level = name === "RLIMIT_MEMLOCK" ? "note" : "error";
  return { level, area: "limits", what: `${name} is 0`, breaks: about, fix: hint };
}

/** What the kernel, rather than a missing flag, keeps from being read. */
function unread(limits: readonly LimitReport[]): Finding[] {
  const hidden = limits.filter(({ value, hint }) => value === null && /\(E[A-Z0-9]+\)$/.test(hint ?? ""));
  const [first] = hidden;
  if (first === undefined) return [];
  const what = `${hidden.length} ${hidden.length === 1 ? "limit" : "limits"} cannot be read: ${first.hint}`;
  return [{
    level: "note",
    area: "limits",
    what,
    breaks: "telling how near these limits are",
    fix: "a container that shows /proc/sys",
  }];
}

/** From this share on a limit is near. */
const NEAR = 0.8;

/** A limit's value for people: `64 KiB`, `1024`, `unlimited`, `unknown`. */
export function limitText({ value, unit }: Pick<LimitReport, "value" | "unit">): string {
  if (value === null) return "unknown";
  if (value === "unlimited" || unit === "count") return String(value);
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, value)) / 10));
  const scaled = value / 1024 ** power;
  return `${Number.isInteger(scaled) ? scaled : scaled.toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

function measure(source: Source): Pick<LimitReport, "value" | "hint"> {
  if ("fixed" in source) return { value: source.fixed, hint: null };
  if ("sysctl" in source) return measureSysctl(source.sysctl, source.column ?? 0);
  if ("space" in source) return measureSpace(source.space);
  if ("line" in source) return measureLine(source.line, source.ulimit);
  if (!hasFfi()) return { value: null, hint: missingFlag("ffi") };
  const { soft, hard } = resourceLimit(source.resource);
  const furthest = hard === soft ? "" : ` up to ${hard === Infinity ? "any number" : hard}`;
  return { value: reported(soft), hint: `${source.ulimit}${furthest}` };
}

function measureSysctl(name: string, column: number): Pick<LimitReport, "value" | "hint"> {
  // Some containers hide a part of /proc/sys; then the kernel's error is the hint.
  const { text, hint = null } = kernelFile(`/proc/sys/${name.replaceAll(".", "/")}`);
  if (text === undefined) return { value: null, hint };
  return { value: reported(Number(text.split(/\s+/)[column])), hint: `sysctl -w ${name}=N` };
}

function measureLine(line: string, ulimit: string): Pick<LimitReport, "value" | "hint"> {
  const { text, hint = null } = kernelFile("/proc/self/limits");
  if (text === undefined) return { value: null, hint };
  const soft = softLimitOf(line, text);
  return { value: soft === null ? null : reported(soft), hint: ulimit };
}

function measureSpace(which: "totalBytes" | "freeBytes"): Pick<LimitReport, "value" | "hint"> {
  const hint = missingForReading("/dev/shm");
  if (hint !== undefined) return { value: null, hint };
  try {
    return { value: fileSystemSpace("/dev/shm")[which], hint: "mount -o remount,size=N /dev/shm" };
  } catch (error) {
    if (error instanceof PosixError) return { value: null, hint: error.message };
    throw error;
  }
}

function reported(value: number): LimitReport["value"] {
  if (Number.isNaN(value)) return null;
  return value >= AS_GOOD_AS_UNLIMITED ? "unlimited" : value;
}
