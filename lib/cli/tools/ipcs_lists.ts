/**
 * The tables of ipcs(1): a line for each object.
 *
 * @module
 */

import type { SysvMemoryEntry } from "../../memory/sysv_list.ts";
import type { SysvQueueEntry } from "../../queue/sysv_list.ts";
import type { SysvSemaphoresEntry } from "../../sync/sysv_list.ts";
import type { SysvEntry } from "../../sys/sysv_table.ts";
import { fullTime, group, hexKey, line, owner, permissions, shortTime, size, type Unit, user } from "./ipcs_text.ts";

/** Which columns a table has. */
export type ListFormat = "default" | "time" | "pid" | "creator";

/** Message queues. */
export function queueTable(queues: readonly SysvQueueEntry[], format: ListFormat, unit: Unit): string {
  switch (format) {
    case "creator":
      return creatorTable("Message Queues", "msqid", queues);
    case "time":
      return title("Message Queues Send/Recv/Change Times") +
        line([["msqid", 8], ["owner", 10], ["send", 20], ["recv", 20], ["change", 20]]) +
        lines(queues, ({ id, uid, sentAt, receivedAt, changedAt }) => [
          [id, 8],
          [owner(uid), 10],
          [shortTime(sentAt), 20],
          [shortTime(receivedAt), 20],
          [shortTime(changedAt), 20],
        ]);
    case "pid":
      return title("Message Queues PIDs") +
        line([["msqid", 10], ["owner", 10], ["lspid", 10], ["lrpid", 10]]) +
        lines(queues, ({ id, uid, lastSender, lastReceiver }) => [
          [id, 8],
          [owner(uid), 10],
          [` ${String(lastSender).padStart(5)}    `, 0],
          [String(lastReceiver).padStart(5), 0],
        ]);
    case "default":
      return title("Message Queues") +
        line([["key", 10], ["msqid", 10], ["owner", 10], ["perms", 10], sizeTitle("used-bytes", 12, unit), [
          "messages",
          12,
        ]]) +
        lines(queues, ({ key, id, uid, mode, bytes, messages }) => [
          [hexKey(key), 10],
          [id, 10],
          [owner(uid), 10],
          [permissions(mode), 10],
          [sizeCell(bytes, unit), 12],
          [messages, 12],
        ]);
  }
}

/** Shared memory segments. */
export function memoryTable(segments: readonly SysvMemoryEntry[], format: ListFormat, unit: Unit): string {
  switch (format) {
    case "creator":
      return creatorTable("Shared Memory Segment", "shmid", segments);
    case "time":
      return title("Shared Memory Attach/Detach/Change Times") +
        line([["shmid", 10], ["owner", 10], ["attached", 20], ["detached", 20], ["changed", 20]]) +
        lines(segments, ({ id, uid, attachedAt, detachedAt, changedAt }) => [
          [id, 10],
          [owner(uid), 10],
          [shortTime(attachedAt), 20],
          [shortTime(detachedAt), 20],
          [shortTime(changedAt), 20],
        ]);
    case "pid":
      return title("Shared Memory Creator/Last-op PIDs") +
        line([["shmid", 10], ["owner", 10], ["cpid", 10], ["lpid", 10]]) +
        lines(segments, ({ id, uid, creatorPid, lastPid }) => [
          [id, 10],
          [owner(uid), 10],
          [creatorPid, 10],
          [lastPid, 10],
        ]);
    case "default":
      return title("Shared Memory Segments") +
        line([["key", 10], ["shmid", 10], ["owner", 10], ["perms", 10], sizeTitle("bytes", 10, unit), ["nattch", 10], [
          "status",
          12,
        ]]) +
        lines(segments, (segment) => [
          [hexKey(segment.key), 10],
          [segment.id, 10],
          [owner(segment.uid), 10],
          [permissions(segment.mode), 10],
          [sizeCell(segment.byteLength, unit), 10],
          [segment.attached, 10],
          [segment.removed ? "dest" : "", 6],
          [segment.locked ? "locked" : "", 6],
        ]);
  }
}

/** Semaphore sets. The kernel knows pids of single semaphores only: with `"pid"` there is no table. */
export function semaphoreTable(sets: readonly SysvSemaphoresEntry[], format: ListFormat): string {
  switch (format) {
    case "creator":
      return creatorTable("Semaphore Arrays", "semid", sets);
    case "time":
      return title("Semaphore Operation/Change Times") +
        line([["semid", 8], ["owner", 10], ["last-op", 26], ["last-changed", 26]]) +
        lines(sets, ({ id, uid, operatedAt, changedAt }) => [
          [id, 8],
          [owner(uid), 10],
          [` ${fullTime(operatedAt)}`, 27],
          [fullTime(changedAt), 26],
        ]);
    case "pid":
      return "";
    case "default":
      return title("Semaphore Arrays") +
        line([["key", 10], ["semid", 10], ["owner", 10], ["perms", 10], ["nsems", 10]]) +
        lines(sets, ({ key, id, uid, mode, length }) => [
          [hexKey(key), 10],
          [id, 10],
          [owner(uid), 10],
          [permissions(mode), 10],
          [length, 10],
        ]);
  }
}

/** The line above every table. */
export function title(text: string): string {
  return `------ ${text} --------\n`;
}

function creatorTable(kind: string, idTitle: string, entries: readonly SysvEntry[]): string {
  return title(`${kind} Creators/Owners`) +
    line([idTitle, "perms", "cuid", "cgid", "uid", "gid"].map((text) => [text, 10])) +
    lines(entries, ({ id, mode, uid, gid, creatorUid, creatorGid }) => [
      [id, 10],
      [permissions(mode), 10],
      [user(creatorUid), 10],
      [group(creatorGid), 10],
      [user(uid), 10],
      [group(gid), 10],
    ]);
}

function lines<Entry>(entries: readonly Entry[], cells: (entry: Entry) => Parameters<typeof line>[0]): string {
  return entries.map((entry) => line(cells(entry))).join("");
}

function sizeTitle(text: string, width: number, unit: Unit): [string, number] {
  return [unit === "human" ? "size" : text, width];
}

/** Rounded sizes stand to the right, in a column of six. */
function sizeCell(bytes: number, unit: Unit): string {
  return unit === "human" ? `${size(bytes, unit).padStart(6)}    ` : String(bytes);
}
