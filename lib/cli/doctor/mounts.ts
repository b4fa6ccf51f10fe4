/**
 * The file systems that shared memory and queues live in.
 *
 * @module
 */

import { type Finding, fine } from "./finding.ts";

/** A line of /proc/self/mounts. */
export interface Mount {
  /** Where. */
  readonly path: string;
  /** Which kind. */
  readonly type: string;
  /** With which options. */
  readonly options: readonly string[];
}

/** What docker and podman give a container that did not ask. */
const CONTAINER_DEFAULT = 64 * 1024 * 1024;

/** Less than this share is left: it is going to be full. */
const NEARLY_FULL = 0.1;

/** The mounts; of several at one place the last one is seen. */
export function mountsOf(text: string): Mount[] {
  const unescaped = (path: string) =>
    path.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(parseInt(digits, 8)));
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [, path = "", type = "", options = ""] = line.split(" ");
    return { path: unescaped(path), type, options: options.split(",") };
  });
}

/** What is wrong with them. @param space Bytes of /dev/shm, where that could be told. */
export function mountFindings(text: string, space: { totalBytes: number; freeBytes: number } | undefined): Finding[] {
  const mounts = mountsOf(text);
  return [
    ...sharedMemory(mounts.findLast(({ path }) => path === "/dev/shm"), space),
    messageQueues(mounts),
    ...processes(mounts),
  ];
}

function sharedMemory(
  mount: Mount | undefined,
  space: { totalBytes: number; freeBytes: number } | undefined,
): Finding[] {
  const area = "mounts";
  const breaks = "POSIX shared memory, named semaphores, and what is built on them";
  if (mount === undefined) {
    return [{
      level: "error",
      area,
      what: "/dev/shm is not mounted",
      breaks,
      fix: "mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm",
    }];
  }
  if (mount.options.includes("ro")) {
    return [{ level: "error", area, what: "/dev/shm is read-only", breaks, fix: "mount -o remount,rw /dev/shm" }];
  }
  const findings: Finding[] = [];
  if (mount.options.includes("noexec")) {
    const what = "/dev/shm is mounted noexec";
    findings.push({ level: "note", area, what, breaks: "mapping shared memory as code; nothing here does", fix: null });
  }
  if (!mount.options.includes("nosuid")) {
    const fix = "mount -o remount,nosuid,nodev /dev/shm";
    findings.push({ level: "note", area, what: "/dev/shm is mounted without nosuid", breaks: null, fix });
  }
  if (space === undefined) return findings;
  const { totalBytes, freeBytes } = space;
  if (totalBytes <= CONTAINER_DEFAULT) {
    findings.push({
      level: "warning",
      area,
      what: `/dev/shm has ${megabytes(totalBytes)}${
        totalBytes === CONTAINER_DEFAULT ? ", what docker gives when nothing is said" : ""
      }`,
      breaks: "shared memory of more than that in all processes of the container together: ENOSPC",
      fix: "docker run --shm-size=1g …, or mount -o remount,size=1g /dev/shm",
    });
  }
  if (freeBytes === 0 || freeBytes < totalBytes * NEARLY_FULL) {
    findings.push({
      level: freeBytes === 0 ? "error" : "warning",
      area,
      what: `/dev/shm has ${megabytes(freeBytes)} left of ${megabytes(totalBytes)}`,
      breaks: "creating shared memory: ENOSPC",
      fix: "causeway gc, or mount -o remount,size=N /dev/shm",
    });
  } else {
    findings.push(fine(area, `/dev/shm has ${megabytes(freeBytes)} left of ${megabytes(totalBytes)}`));
  }
  return findings;
}

function messageQueues(mounts: readonly Mount[]): Finding {
  const mount = mounts.find(({ type }) => type === "mqueue");
  if (mount !== undefined) return fine("mounts", `the mqueue file system is mounted at ${mount.path}`);
  return {
    level: "note",
    area: "mounts",
    what: "the mqueue file system is not mounted",
    breaks: "listing POSIX message queues; the queues themselves work",
    fix: "mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue",
  };
}

function processes(mounts: readonly Mount[]): Finding[] {
  const options = mounts.findLast(({ path }) => path === "/proc")?.options ?? [];
  const hidden = options.find((option) => /^hidepid=(?!0$|off$)/.test(option));
  if (hidden === undefined) return [];
  return [{
    level: "note",
    area: "mounts",
    what: `/proc is mounted with ${hidden}`,
    breaks: "seeing who of other users holds an object; whether its creator is dead",
    fix: "mount -o remount,hidepid=0 /proc, or membership in the group of gid=",
  }];
}

function megabytes(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.floor(bytes / 1024)} KiB` : `${Math.floor(bytes / 1024 / 1024)} MiB`;
}
