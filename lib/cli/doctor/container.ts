/**
 * Walls around this process: control groups, namespaces, filters of system calls.
 *
 * @see {@link https://docs.kernel.org/admin-guide/cgroup-v2.html Control Group v2}
 * @module
 */

import { type Files, type Finding, fine } from "./finding.ts";

/** A limit of a control group. */
export interface GroupLimit {
  /** The most; `null` when there is no limit. */
  readonly most: number | null;
  /** How much is used. */
  readonly used: number | null;
}

/** What surrounds this process. */
export interface ContainerReport {
  /** Which container, as far as it can be told: `"docker"`, `"podman"` …; `null` when nothing says so. */
  readonly kind: string | null;
  /** Bytes of memory of the control group. */
  readonly memory: GroupLimit;
  /** Processes and threads of the control group. */
  readonly tasks: GroupLimit;
  /** CPUs' worth of time; `null` when there is no limit. */
  readonly cpus: number | null;
  /** Which namespaces are not the machine's own; `null` when that cannot be told. */
  readonly namespaces: readonly string[] | null;
  /** Whether system calls are filtered; `null` when that cannot be told. */
  readonly filtered: boolean | null;
}

/** Inode numbers of the first namespaces, fixed in the kernel's source (include/linux/proc_ns.h). */
const FIRST: Readonly<Record<string, string>> = { ipc: "4026531839", user: "4026531837", pid: "4026531836" };

/** More than this share is used: it is nearly over. */
const NEAR = 0.9;

/** Looks around. @param link Where a symbolic link of /proc leads. */
export function containerReport(read: Files, link: Files): ContainerReport {
  const group = groupReader(read);
  const kinds = Object.entries(FIRST).map(([name, inode]) => [name, inode, link(`/proc/self/ns/${name}`)] as const);
  const seccomp = /^Seccomp:\s*(\d)/m.exec(read("/proc/self/status") ?? "")?.[1];
  return {
    kind: containerKind(read),
    memory: {
      most: group("memory.max", "memory", "memory.limit_in_bytes"),
      used: group("memory.current", "memory", "memory.usage_in_bytes"),
    },
    tasks: { most: group("pids.max", "pids", "pids.max"), used: group("pids.current", "pids", "pids.current") },
    cpus: cpuQuota(read),
    namespaces: kinds.some(([, , target]) => target === undefined)
      ? null
      : kinds.filter(([, inode, target]) => !target?.includes(inode)).map(([name]) => name),
    filtered: seccomp === undefined ? null : seccomp !== "0",
  };
}

/** What of it breaks something. */
export function containerFindings({ kind, memory, tasks, cpus, namespaces, filtered }: ContainerReport): Finding[] {
  const area = "container";
  const findings: Finding[] = [];
  if (kind !== null) {
    findings.push({ level: "note", area, what: `this is a container (${kind})`, breaks: null, fix: null });
  }
  if (memory.most !== null) {
    findings.push(groupFinding("memory", memory, `${Math.floor(memory.most / 1024 / 1024)} MiB of memory`, {
      breaks: "shared memory counts in it; above it the kernel kills a process, whatever lock it holds",
      fix: "raise memory.max of the control group (docker run --memory=…)",
    }));
  }
  if (tasks.most !== null) {
    findings.push(groupFinding("tasks", tasks, `${tasks.most} processes and threads`, {
      breaks: "starting a program: EAGAIN",
      fix: "raise pids.max of the control group (docker run --pids-limit=…)",
    }));
  }
  if (cpus !== null && cpus < 1) {
    findings.push({
      level: "note",
      area,
      what: `the control group has ${cpus} of a CPU`,
      breaks: "whoever holds a lock may be stopped for most of every 100 ms",
      fix: "raise cpu.max of the control group (docker run --cpus=…)",
    });
  }
  if (namespaces !== null && namespaces.length > 0) {
    findings.push({
      level: "note",
      area,
      what: `${namespaces.join(", ")} namespace${namespaces.length > 1 ? "s" : ""} of its own`,
      breaks: namespaces.includes("ipc")
        ? "System V objects and message queues of the host, and of other containers, are out of sight"
        : null,
      fix: namespaces.includes("ipc") ? "docker run --ipc=host, or --ipc=container:NAME" : null,
    });
  }
  if (filtered === true) {
    findings.push({
      level: "note",
      area,
      what: "a seccomp filter refuses some system calls; what was tried above says which of these",
      breaks: null,
      fix: "docker run --security-opt seccomp=… where one is missing",
    });
  }
  return findings.length > 0 ? findings : [fine(area, "no container: no namespaces, limits or filters of its own")];
}

function groupFinding(
  what: string,
  { most, used }: GroupLimit,
  limit: string,
  help: { breaks: string; fix: string },
): Finding {
  const share = most === null || used === null ? 0 : used / most;
  const found = `the control group may have ${limit}${used === null ? "" : `, ${Math.round(100 * share)} % is used`}`;
  if (share < NEAR) return { level: "note", area: "container", what: found, breaks: null, fix: null };
  return { level: share >= 1 && what === "tasks" ? "error" : "warning", area: "container", what: found, ...help };
}

function containerKind(read: Files): string | null {
  if (read("/.dockerenv") !== undefined) return "docker";
  const podman = read("/run/.containerenv");
  if (podman !== undefined) return /^engine="podman/m.test(podman) ? "podman" : "container";
  const systemd = read("/run/systemd/container")?.trim();
  return systemd === undefined || systemd === "" ? null : systemd;
}

/** Reads a number of the control group, or of the nearest one above that has it: version 2, and else version 1. */
function groupReader(read: Files): (file: string, controller: string, fileOfV1: string) => number | null {
  const groups = read("/proc/self/cgroup") ?? "";
  return (file, controller, fileOfV1) => {
    const v2 = /^0::(\/.*)$/m.exec(groups)?.[1];
    const v1 = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(/.*)$`, "m").exec(groups)?.[1];
    return tightest(v2 === undefined ? [] : upwards("/sys/fs/cgroup", v2, file), read) ??
      tightest(v1 === undefined ? [] : upwards(`/sys/fs/cgroup/${controller}`, v1, fileOfV1), read);
  };
}

/** The file in a group, and in those above it. In a container the path may be the host's: only the root is seen then. */
function upwards(root: string, path: string, file: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return Array.from(
    { length: parts.length + 1 },
    (_, n) => [root, ...parts.slice(0, parts.length - n), file].join("/"),
  );
}

/** The first that is a number. `max`, and what version 1 writes for it, is none. */
function tightest(paths: readonly string[], read: Files): number | null {
  for (const path of paths) {
    const text = read(path)?.trim();
    if (text !== undefined && /^\d+$/.test(text) && Number(text) < NO_LIMIT) return Number(text);
  }
  return null;
}

/** Version 1 writes the largest number of pages instead of "none". */
const NO_LIMIT = 2 ** 60;

function cpuQuota(read: Files): number | null {
  const path = /^0::(\/.*)$/m.exec(read("/proc/self/cgroup") ?? "")?.[1];
  for (const file of path === undefined ? [] : upwards("/sys/fs/cgroup", path, "cpu.max")) {
    const [, quota, period] = /^(\d+) (\d+)/.exec(read(file) ?? "") ?? [];
    if (quota !== undefined) return Number(quota) / Number(period);
  }
  const quota = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") ?? -1);
  const period = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_period_us") ?? 0);
  return quota > 0 && period > 0 ? quota / period : null;
}
