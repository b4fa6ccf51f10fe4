/**
 * Everything about one object: `ipcs -i ID`.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { listSysvMemory } from "../../memory/sysv_list.ts";
import { listSysvQueues } from "../../queue/sysv_list.ts";
import { openSysvQueue } from "../../queue/sysv.ts";
import { listSysvSemaphores } from "../../sync/sysv_list.ts";
import { openSysvSemaphoresSync } from "../../sync/sysv_semaphore.ts";
import type { SysvEntry } from "../../sys/sysv_table.ts";
import { fullTime, line, octal, permissions, size, type Unit } from "./ipcs_text.ts";

/** A queue; `undefined` when there is none with the id. */
export function queueDetails(id: number, unit: Unit): string | undefined {
  const entry = listSysvQueues().find((each) => each.id === id);
  if (entry === undefined) return undefined;
  const prefix = unit === "human" ? ["csize", "qsize"] : ["cbytes", "qbytes"];
  return `\nMessage Queue msqid=${id}\n` +
    `${owners(entry, "\t")}\tmode=${octal(entry.mode)}\n` +
    `${prefix[0]}=${size(entry.bytes, unit)}\t${prefix[1]}=${size(capacityOf(id), unit)}\t` +
    `qnum=${entry.messages}\tlspid=${entry.lastSender}\tlrpid=${entry.lastReceiver}\n` +
    `send_time=${time(entry.sentAt)}\nrcv_time=${time(entry.receivedAt)}\nchange_time=${time(entry.changedAt)}\n\n`;
}

/** A segment; `undefined` when there is none with the id. */
export function memoryDetails(id: number, unit: Unit): string | undefined {
  const entry = listSysvMemory().find((each) => each.id === id);
  if (entry === undefined) return undefined;
  const bytes = `${unit === "human" ? "size" : "bytes"}=${size(entry.byteLength, unit)}`;
  return `\nShared memory Segment shmid=${id}\n${owners(entry, "\t")}\n` +
    `mode=${octal(entry.mode)}\taccess_perms=0${permissions(entry.mode).replace(/^0$/, "")}\n` +
    `${bytes}\tlpid=${entry.lastPid}\tcpid=${entry.creatorPid}\tnattch=${entry.attached}\n` +
    `att_time=${time(entry.attachedAt)}\ndet_time=${time(entry.detachedAt)}\nchange_time=${time(entry.changedAt)}\n\n`;
}

/** A semaphore set, with every semaphore; `undefined` when there is none with the id. */
export function semaphoreDetails(id: number): string | undefined {
  const entry = listSysvSemaphores().find((each) => each.id === id);
  if (entry === undefined) return undefined;
  using set = openSysvSemaphoresSync({ id }, { owner: "any", uninitialized: "accept" });
  const rows = Array.from({ length: entry.length }, (_, index) => {
    const { value, waitingForMore, waitingForZero, lastPid } = set.status(index);
    return line([index, value, waitingForMore, waitingForZero, lastPid].map((cell) => [cell, 10]));
  });
  return `\nSemaphore Array semid=${id}\n${owners(entry, "\t ")}\n` +
    `mode=${octal(entry.mode)}, access_perms=0${permissions(entry.mode).replace(/^0$/, "")}\n` +
    `nsems = ${entry.length}\notime = ${time(entry.operatedAt)}\nctime = ${time(entry.changedAt)}\n` +
    `${line(["semnum", "value", "ncount", "zcount", "pid"].map((cell) => [cell, 10]))}${rows.join("")}\n`;
}

/** What the list does not tell, and the kernel only to who may read the queue; 0 for others, as util-linux has it. */
function capacityOf(id: number): number {
  try {
    using queue = openSysvQueue({ id }, { owner: "any" });
    return queue.attributes.maxBytes;
  } catch (error) {
    if (error instanceof PosixError && error.code === "EACCES") return 0;
    throw error;
  }
}

function owners({ uid, gid, creatorUid, creatorGid }: SysvEntry, separator: string): string {
  return [`uid=${uid}`, `gid=${gid}`, `cuid=${creatorUid}`, `cgid=${creatorGid}`].join(separator);
}

function time(seconds: number): string {
  return fullTime(seconds).padEnd(26);
}
