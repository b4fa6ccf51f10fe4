/**
 * System V message queues of this IPC namespace, whoever made them: what there is, how much of it, the limits, and removing.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC, MSG } from "../sys/linux.ts";
import { kernelNumbers, type SysvEntry, sysvTable } from "../sys/sysv_table.ts";

/** A queue, as the kernel lists it. Times are whole seconds since 1970, 0 for never. */
export interface SysvQueueEntry extends SysvEntry {
  /** Bytes of all messages in it, and how many there are. */
  readonly bytes: number;
  readonly messages: number;
  /** Pid of the last sender and receiver; 0 when there was none. */
  readonly lastSender: number;
  readonly lastReceiver: number;
  /** When something was last sent, received, and changed. */
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly changedAt: number;
}

/** Every queue, by id. @throws {PosixError} ENOENT without System V IPC. */
export function listSysvQueues(): SysvQueueEntry[] {
  return sysvTable("msg").map(({ entry, column }) => ({
    ...entry,
    bytes: column("cbytes"),
    messages: column("qnum"),
    lastSender: column("lspid"),
    lastReceiver: column("lrpid"),
    sentAt: column("stime"),
    receivedAt: column("rtime"),
    changedAt: column("ctime"),
  }));
}

/** `msgctl(MSG_INFO)`: queues, messages and bytes of all of them together. */
export function sysvQueueUsage(): { queues: number; messages: number; bytes: number } {
  const { info } = MSG;
  const data = new DataView(new ArrayBuffer(info.byteLength));
  check(libc().msgctl(0, MSG.INFO, data), "msgctl(MSG_INFO)");
  const int = (offset: number) => data.getInt32(offset, true);
  return { queues: int(info.pool), messages: int(info.map), bytes: int(info.tql) };
}

/** The limits: queues, bytes of one message, bytes of a queue. */
export function sysvQueueLimits(): { queues: bigint; messageBytes: bigint; queueBytes: bigint } {
  const first = (name: string) => kernelNumbers(name)[0] ?? 0n;
  return { queues: first("msgmni"), messageBytes: first("msgmax"), queueBytes: first("msgmnb") };
}

/** `msgctl(IPC_STAT)`: whether this user may look at a queue. */
export function isReadableSysvQueue(id: number): boolean {
  return libc().msgctl(id, IPC.STAT, new Uint8Array(MSG.msqidDs.byteLength)) !== -1;
}

/** `msgget(key, 0)`: the id of a queue. @throws {PosixError} ENOENT, EACCES. */
export function sysvQueueId(key: number): number {
  return check(libc().msgget(key | 0, 0), "msgget", key);
}

/** `msgctl(IPC_RMID)`: removes a queue, whoever made it. @throws {PosixError} EINVAL, EIDRM, EPERM. */
export function removeSysvQueue(id: number): void {
  check(libc().msgctl(id, IPC.RMID, null), "msgctl(IPC_RMID)", `Queue ${id}`);
}
