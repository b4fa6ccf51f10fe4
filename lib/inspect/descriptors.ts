/**
 * The open descriptors of processes: what each is open on, and in which direction.
 *
 * Two descriptors with the same `object` are open on the same object, whichever processes have them. Pipes and sockets are known by inode number, files
 * by device and inode, eventfds by the kernel's id, pidfds by the process. What the kernel has no number for (epoll, timers, inotify) is
 * known by its descriptor alone, so that two processes that share one do not look so.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html proc_pid_fd(5)}
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html proc_pid_fdinfo(5)}
 * @module
 */

import { STATX } from "../sys/linux.ts";
import { type FileStatus, isDenied, OpenDirectory, readStart, readText } from "./proc.ts";

/** What a descriptor is open on. `"socket"` is a socket that is none of this network namespace's Unix sockets. */
export type DescriptorKind =
  | "pipe"
  | "fifo"
  | "unix-socket"
  | "socket"
  | "memfd"
  | "shared-memory"
  | "message-queue"
  | "eventfd"
  | "epoll"
  | "pidfd"
  | "timerfd"
  | "signalfd"
  | "inotify"
  | "file"
  | "directory"
  | "device"
  | "other";

/** How a descriptor, or a mapping, is open. `"none"`: it only stands for the file (`O_PATH`). */
export type Direction = "read" | "write" | "both" | "none";

/** An open descriptor of a process. */
export interface Descriptor {
  /** The process. */
  readonly pid: number;
  /** Its number there. */
  readonly number: number;
  /** What it is open on. */
  readonly kind: DescriptorKind;
  /** In which direction. */
  readonly direction: Direction;
  /** What /proc shows: a path, `pipe:[123]`, `/memfd:name`, `anon_inode:[eventpoll]`. */
  readonly target: string;
  /** Whether the path is no name of it any more. Always so for a memfd. */
  readonly deleted: boolean;
  /** Equal for two descriptors of one object: `pipe:INODE`, `socket:INODE`, `MAJOR:MINOR:INODE`, `eventfd:ID`, `process:PID`. */
  readonly object: string;
  /** Of a pipe or socket: its inode number. Of a pidfd: the process. */
  readonly inode?: number;
}

/**
 * The descriptors of a process, by number.
 *
 * @returns `"hidden"` when this user may not look; an empty list when the process is gone, or a zombie.
 */
export function readDescriptors(pid: number): Descriptor[] | "hidden" {
  const directory = OpenDirectory.open(`/proc/${pid}/fd`);
  if (typeof directory === "number") return isDenied(directory) ? "hidden" : [];
  using _closed = directory;
  const entries = directory.entries();
  if (typeof entries === "number") return isDenied(entries) ? "hidden" : [];
  const found: Descriptor[] = [];
  const own = pid === Deno.pid ? `/proc/${pid}/fd` : undefined;
  for (const { name } of entries) {
    const descriptor = readDescriptor(pid, name, directory);
    // The descriptor with which the directory is read is none.
    if (descriptor !== undefined && descriptor.target !== own) found.push(descriptor);
  }
  return found;
}

/** One descriptor; `undefined` when it is closed. */
function readDescriptor(pid: number, name: string, directory: OpenDirectory): Descriptor | undefined {
  const target = directory.readLink(name);
  if (typeof target === "number") return undefined;
  const number = Number(name);
  if (target.startsWith("socket:[")) return unnamed({ pid, number, direction: "both" }, "socket", target);
  const mode = directory.linkMode(name);
  if (mode < 0) return undefined;
  const base = { pid, number, direction: directionOf(mode) };
  if (target.startsWith("pipe:[")) return unnamed(base, "pipe", target);
  if (!target.startsWith("/")) return anonymous(base, target);
  return file(base, target, directory);
}

/** What `/proc/PID/fdinfo/NUMBER` says; `undefined` when it is closed. */
export function descriptorInfo(pid: number, number: number): string | undefined {
  const text = readText(`/proc/${pid}/fdinfo/${number}`);
  return typeof text === "number" ? undefined : text;
}

type Base = Pick<Descriptor, "pid" | "number" | "direction">;

/** `/proc/PID/fd/3` is a link whose owner may read it when the descriptor is open for reading, and so on. */
function directionOf(mode: number): Direction {
  const reads = (mode & 0o400) !== 0;
  const writes = (mode & 0o200) !== 0;
  return reads ? (writes ? "both" : "read") : writes ? "write" : "none";
}

function unnamed(base: Base, kind: "pipe" | "socket", target: string): Descriptor {
  const inode = Number(target.slice(kind.length + 2, -1));
  return { ...base, kind, target, deleted: false, object: `${kind}:${inode}`, inode };
}

const ANONYMOUS: Readonly<Record<string, DescriptorKind>> = {
  "[eventfd]": "eventfd",
  "[eventpoll]": "epoll",
  "[pidfd]": "pidfd",
  "[timerfd]": "timerfd",
  "[signalfd]": "signalfd",
  inotify: "inotify",
  "[inotify]": "inotify",
};

function anonymous(base: Base, target: string): Descriptor {
  const kind = ANONYMOUS[target.replace(/^anon_inode:/, "")] ?? "other";
  const alone = { ...base, kind, target, deleted: false, object: `${base.pid}/fd/${base.number}` };
  if (kind === "pidfd") {
    const inode = numberIn(base, /^Pid:\t(-?\d+)$/m);
    return inode === undefined || inode <= 0 ? alone : { ...alone, object: `process:${inode}`, inode };
  }
  if (kind === "eventfd") {
    const id = numberIn(base, /^eventfd-id: *(\d+)$/m);
    return id === undefined ? alone : { ...alone, object: `eventfd:${id}` };
  }
  return alone;
}

function numberIn({ pid, number }: Base, pattern: RegExp): number | undefined {
  const text = pattern.exec(descriptorInfo(pid, number) ?? "")?.[1];
  return text === undefined ? undefined : Number(text);
}

const statuses = new WeakMap<Descriptor, FileStatus>();

/** What was found out about the file of a descriptor when that was looked at: of what has no name, that is all that there will be. */
export function statusOf(descriptor: Descriptor): FileStatus | undefined {
  return statuses.get(descriptor);
}

function file(base: Base, shown: string, directory: OpenDirectory): Descriptor | undefined {
  const facts = directory.status(String(base.number), true);
  if (typeof facts === "number") return undefined;
  const deleted = facts.links === 0;
  const target = shown.endsWith(DELETED) ? shown.slice(0, -DELETED.length) : shown;
  const kind = fileKind(facts.type, facts.size, target, `/proc/${base.pid}/fd/${base.number}`, facts.identity);
  // A file that is really called "x (deleted)" keeps its name.
  const found = { ...base, kind, target: deleted ? target : shown, deleted, object: facts.identity };
  statuses.set(found, facts);
  return found;
}

/** What /proc shows behind a path that is none any more. */
const DELETED = " (deleted)";

function fileKind(type: number, size: number, target: string, path: string, identity: string): DescriptorKind {
  switch (type) {
    case STATX.S_IFIFO:
      return "fifo";
    case STATX.S_IFDIR:
      return "directory";
    case STATX.S_IFCHR:
    case STATX.S_IFBLK:
      return "device";
    case STATX.S_IFREG:
      if (target.startsWith("/memfd:")) return "memfd";
      if (target.startsWith("/dev/shm/")) return "shared-memory";
      return isMessageQueue(size, target, path, identity) ? "message-queue" : "file";
    default:
      return "other";
  }
}

/** Devices on which message queues were found, and were not. */
const queueDevices = new Map<string, boolean>();

/** How many bytes the mqueue file system says that each of its files has (`FILENT_SIZE`). */
const QUEUE_FILE_BYTES = 80;

/**
 * Whether a file is a message queue: the mqueue file system need not be mounted, so the path (`/name`, from its own root) proves nothing. Its
 * files say `QSIZE:`.
 */
function isMessageQueue(size: number, target: string, path: string, identity: string): boolean {
  if (size !== QUEUE_FILE_BYTES || !(target.lastIndexOf("/") === 0 || target.startsWith("/dev/mqueue/"))) return false;
  const device = identity.slice(0, identity.lastIndexOf(":"));
  const known = queueDevices.get(device);
  if (known !== undefined) return known;
  const start = readStart(path, 6);
  if (typeof start === "number") return false;
  const isQueue = new TextDecoder().decode(start) === "QSIZE:";
  queueDevices.set(device, isQueue);
  return isQueue;
}
