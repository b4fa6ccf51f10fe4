/**
 * The birth of a System V semaphore set.
 *
 * `semget` makes a set of zeros, and only then can somebody give it values: who opens the key between the two takes the zeros for the real thing. (A
 * process that is killed there leaves them for good.) The kernel's mark of a set that has come to life is `sem_otime`, the time of the first
 * `semop`, 0 until then. So here one `semop` gives all values at once: values and mark appear together, and openers wait for the mark. It
 * adds, so that a post of somebody who did not wait is not lost. C programs that care end their initialising with a `semop` likewise.
 *
 * @module
 */

import { check, ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC, SEM } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { encodeOperations, failOnSet, operateNow, type SysvSemaphoreOperation } from "./sysv_operations.ts";

/** Gives a new set its values; when that fails, removes it. */
export function initialise(id: number, values: readonly number[], target: string): void {
  try {
    addAll(id, values, target);
  } catch (error) {
    libc().semctl(id, 0, IPC.RMID, null);
    throw error;
  }
}

function addAll(id: number, values: readonly number[], target: string): void {
  const operations = values.map((change, index) => ({ index, change })).filter(({ change }) => change !== 0);
  // When all are 0, the mark comes from waiting for 0. If that cannot be at once, somebody has posted, and the mark is there.
  if (operations.length === 0) operations.push({ index: 0, change: 0 });
  const encoded = encodeOperations(operations, values.length, IPC.NOWAIT);
  const result = libc().semtimedop(id, encoded, operations.length, null);
  if (result === 0) return;
  const number = errno();
  if (number === ERRNO.E2BIG) return setAll(id, values, target);
  if (number !== ERRNO.EAGAIN) failOnSet(number, "semop", target);
}

/** More values than one `semop` takes (SEMOPM, 500): they are stored, and a `semop` that changes nothing makes the mark. */
function setAll(id: number, values: readonly number[], target: string): void {
  check(libc().semctl(id, 0, SEM.SETALL, new Uint16Array(values)), "semctl(SETALL)", target);
  const first = values[0] ?? 0;
  const nothing: SysvSemaphoreOperation[] = first === 0
    ? [{ index: 0, change: 0 }]
    : [{ index: 0, change: -1 }, { index: 0, change: 1 }];
  // Not possible at once means that somebody has taken or posted: the mark is there.
  operateNow(id, encodeOperations(nothing, values.length, IPC.NOWAIT), target);
}

/** What the kernel says of a set. */
export interface SetFacts {
  readonly length: number;
  readonly uid: number;
  readonly creator: number;
  readonly marked: boolean;
}

/** `semctl(IPC_STAT)`. */
export function setFacts(id: number, target: string): SetFacts {
  const layout = platform().semidDs;
  const data = new DataView(new ArrayBuffer(layout.byteLength));
  check(libc().semctl(id, 0, IPC.STAT, data), "semctl(IPC_STAT)", target);
  return {
    length: Number(data.getBigUint64(layout.nsems, true)),
    uid: data.getUint32(layout.uid, true),
    creator: data.getUint32(layout.cuid, true),
    marked: data.getBigInt64(layout.otime, true) !== 0n,
  };
}

/** Whether a set has its values; `undefined`, to be asked again, when it may still be waiting for them. */
export function isInitialised(id: number, target: string): true | undefined {
  const { length, marked } = setFacts(id, target);
  if (marked) return true;
  // Many C programs stop after SETVAL. Where there is one semaphore, its value tells; 0 may be either.
  return length === 1 && libc().semctl_value(id, 0, SEM.GETVAL, 0) > 0 ? true : undefined;
}
