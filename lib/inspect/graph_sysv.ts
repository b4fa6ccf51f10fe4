/**
 * Who is at the System V queues and semaphores of this IPC namespace, as far as that can be proved. Nobody has them open, so the kernel knows no holders;
 * it keeps who did something last, and shows who sleeps in a call at this moment.
 *
 * @see {@link https://man7.org/linux/man-pages/man2/semctl.2.html semctl(2): GETPID}
 * @module
 */

import { PosixError } from "../errors.ts";
import { listSysvQueues } from "../queue/sysv_list.ts";
import { listSysvSemaphores } from "../sync/sysv_list.ts";
import { libc } from "../sys/libc.ts";
import { SEM } from "../sys/linux.ts";
import type { SysvEntry } from "../sys/sysv_table.ts";
import { blockedCall } from "./deadlock_calls.ts";
import type { ChannelKind, EndRole } from "./graph_model.ts";
import { readLink } from "./proc.ts";
import { type ProcessInfo, threadsOf } from "./processes.ts";
import type { Snapshot } from "./snapshot.ts";

/** A process at a queue or a set of semaphores. */
export interface SysvEnd {
  /** Of the channel. */
  readonly id: string;
  /** Of the channel. */
  readonly kind: ChannelKind;
  /** Of the channel. */
  readonly name: string;
  readonly pid: number;
  readonly role: EndRole;
}

/** What was found. */
export interface SysvEnds {
  readonly ends: readonly SysvEnd[];
  /** Sets of semaphores of which this user may not ask who operated on them last. */
  readonly hidden: number;
}

/** So many semaphores of a set are asked who operated on them last. */
const MOST_SEMAPHORES = 1024;

/** Whoever is, or was last, at a queue or a set. */
export function readSysvEnds({ processes }: Snapshot): SysvEnds {
  const queues = wherePossible(listSysvQueues);
  const sets = wherePossible(listSysvSemaphores);
  if (queues.length + sets.length === 0) return { ends: [], hidden: 0 };
  const ends: SysvEnd[] = [];
  const known = new Map<string, Omit<SysvEnd, "pid" | "role">>();
  for (const entry of queues) known.set(`queue ${entry.id}`, channelOf("sysv-queue", entry));
  for (const entry of sets) known.set(`set ${entry.id}`, channelOf("sysv-semaphores", entry));
  const add = (key: string, pid: number, role: EndRole) => {
    const channel = known.get(key);
    if (channel !== undefined && processes.has(pid)) ends.push({ ...channel, pid, role });
  };
  // The time is of whole seconds: a process that began in a later one has only got the number of another that has ended.
  const wasThere = (pid: number, seconds: number) => {
    const process = processes.get(pid);
    return process !== undefined && process.startedAt < (seconds + 1) * 1000;
  };
  for (const { id, lastSender, lastReceiver, sentAt, receivedAt } of queues) {
    if (wasThere(lastSender, sentAt)) add(`queue ${id}`, lastSender, "sent-last");
    if (wasThere(lastReceiver, receivedAt)) add(`queue ${id}`, lastReceiver, "received-last");
  }
  let hidden = 0;
  for (const { id, length, operatedAt, changedAt } of sets) {
    const pids = lastOperators(id, length);
    if (pids === undefined) hidden++;
    // Who sets a value has operated last, too.
    const usedAt = Math.max(operatedAt, changedAt);
    for (const pid of pids ?? []) if (wasThere(pid, usedAt)) add(`set ${id}`, pid, "used-last");
  }
  for (const { pid, key, role } of sleepers(processes)) add(key, pid, role);
  return { ends, hidden };
}

/** A kernel without System V IPC has none. */
function wherePossible<Entry>(list: () => Entry[]): Entry[] {
  try {
    return list();
  } catch (error) {
    if (error instanceof PosixError && error.code === "ENOENT") return [];
    throw error;
  }
}

function channelOf(kind: "sysv-queue" | "sysv-semaphores", { id, key }: SysvEntry): Omit<SysvEnd, "pid" | "role"> {
  const suffix = key === 0 ? "" : ` (key 0x${(key >>> 0).toString(16).padStart(8, "0")})`;
  return { id: `${kind}:${id}`, kind, name: `${id}${suffix}` };
}

/** `semctl(GETPID)` of each; `undefined` where this user may not read the set, or it has just been removed. */
function lastOperators(id: number, length: number): Set<number> | undefined {
  const pids = new Set<number>();
  for (let number = 0; number < Math.min(length, MOST_SEMAPHORES); number++) {
    const pid = libc().semctl(id, number, SEM.GETPID, null);
    if (pid === -1) return undefined;
    if (pid > 0) pids.add(pid);
  }
  return pids;
}

/** Who sleeps in a call on a queue or a set; only of this IPC namespace, because elsewhere the same number is another object. */
function* sleepers(
  processes: ReadonlyMap<number, ProcessInfo>,
): Generator<{ pid: number; key: string; role: EndRole }> {
  const own = readLink("/proc/self/ns/ipc");
  for (const { pid, isKernel, state } of processes.values()) {
    if (isKernel || state === "Z" || readLink(`/proc/${pid}/ns/ipc`) !== own) continue;
    for (const tid of threadsOf(pid)) {
      const call = blockedCall(pid, tid);
      if (typeof call !== "object") continue;
      if (call.kind === "sysv-receive") yield { pid, key: `queue ${call.id}`, role: "reads" };
      if (call.kind === "sysv-send") yield { pid, key: `queue ${call.id}`, role: "writes" };
      if (call.kind === "sysv-semaphore") yield { pid, key: `set ${call.id}`, role: "waits" };
    }
  }
}
