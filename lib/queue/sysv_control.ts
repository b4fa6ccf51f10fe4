/**
 * `msgctl(2)`: what the kernel says of a System V queue, and what its owner can change.
 *
 * @module
 */

import { check, errno, fail } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC, MSG } from "../sys/linux.ts";
import { sysvChangeHints } from "./limits.ts";

/** What the kernel says of a System V queue. */
export interface SysvQueueAttributes {
  /** The key; `"private"` for a queue that only its id leads to. */
  readonly key: number | "private";
  /** User id of the owner. */
  readonly uid: number;
  /** Group id of the owner. */
  readonly gid: number;
  /** User id of the creator, who keeps an owner's rights. */
  readonly creator: number;
  /** Permission bits. */
  readonly mode: number;
  /** Messages in the queue now. */
  readonly messages: number;
  /** Bytes of all messages in the queue now. */
  readonly bytes: number;
  /** Most bytes of all messages together. */
  readonly maxBytes: number;
  /** Pid of the last process that sent, as this pid namespace sees it; 0 when there was none. */
  readonly lastSender: number;
  /** Pid of the last process that received; 0 when there was none. */
  readonly lastReceiver: number;
  /** When a message was last sent, in whole seconds; `undefined` when none was. */
  readonly lastSent: Date | undefined;
  /** When a message was last received. */
  readonly lastReceived: Date | undefined;
  /** When the queue was created, or its owner, mode or `maxBytes` changed. */
  readonly changed: Date;
}

/** What the owner of a System V queue can change. */
export interface SysvQueueChanges {
  /** User id of the new owner. */
  uid?: number | undefined;
  /** Group id of the new owner. */
  gid?: number | undefined;
  /** Permission bits. */
  mode?: number | undefined;
  /** Most bytes of all messages together; more than `kernel.msgmnb` needs CAP_SYS_RESOURCE. */
  maxBytes?: number | undefined;
}

/** `msgctl(IPC_STAT)`. @throws {PosixError} EACCES without read permission; EINVAL, EIDRM when it is gone. */
export function queueFacts(id: number, target: string): SysvQueueAttributes {
  const { msqidDs: at } = MSG;
  const data = status(id, target);
  const word = (offset: number) => data.getUint32(offset, true);
  const long = (offset: number) => Number(data.getBigUint64(offset, true));
  const date = (offset: number) => new Date(long(offset) * 1000);
  return {
    key: data.getInt32(at.key, true) || "private",
    uid: word(at.uid),
    gid: word(at.gid),
    creator: word(at.cuid),
    mode: word(at.mode) & 0o777,
    messages: long(at.qnum),
    bytes: long(at.cbytes),
    maxBytes: long(at.qbytes),
    lastSender: word(at.lspid),
    lastReceiver: word(at.lrpid),
    lastSent: long(at.stime) === 0 ? undefined : date(at.stime),
    lastReceived: long(at.rtime) === 0 ? undefined : date(at.rtime),
    changed: date(at.ctime),
  };
}

/** `msgctl(IPC_SET)`: what is left out stays. @throws {PosixError} EPERM, EACCES, EINVAL, EIDRM. */
export function changeQueue(id: number, changes: SysvQueueChanges, target: string): void {
  const { msqidDs: at } = MSG;
  const data = status(id, target);
  const { uid, gid, mode, maxBytes } = changes;
  if (uid !== undefined) data.setUint32(at.uid, uid, true);
  if (gid !== undefined) data.setUint32(at.gid, gid, true);
  if (mode !== undefined) data.setUint32(at.mode, mode, true);
  if (maxBytes !== undefined) data.setBigUint64(at.qbytes, BigInt(maxBytes), true);
  const result = libc().msgctl(id, IPC.SET, data);
  const number = errno();
  if (result === -1) fail(number, "msgctl(IPC_SET)", target, sysvChangeHints());
}

/** The queue's `maxBytes`; `undefined` when the kernel does not tell this user. */
export function capacity(id: number): number | undefined {
  const data = new DataView(new ArrayBuffer(MSG.msqidDs.byteLength));
  if (libc().msgctl(id, IPC.STAT, data) === -1) return undefined;
  return Number(data.getBigUint64(MSG.msqidDs.qbytes, true));
}

function status(id: number, target: string): DataView<ArrayBuffer> {
  const data = new DataView(new ArrayBuffer(MSG.msqidDs.byteLength));
  check(libc().msgctl(id, IPC.STAT, data), "msgctl(IPC_STAT)", target);
  return data;
}
