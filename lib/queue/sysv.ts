/**
 * System V message queues by key or id: creating and opening.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { type Owner, requireId, requireKey, requireMode, requireOwner } from "../memory/arguments.ts";
import { check, errno, fail } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import { LONGEST_MESSAGE, requireInteger } from "./arguments.ts";
import { sysvHints } from "./limits.ts";
import { changeQueue, queueFacts } from "./sysv_control.ts";
import { describe } from "./sysv_key.ts";
import { SysvQueue } from "./sysv_queue.ts";

/** How a System V queue is made. */
export interface CreateSysvQueueOptions {
  /**
   * Permission bits.
   * @default {0o600}
   */
  mode?: number | undefined;
  /**
   * Most bytes of all messages together. More than `kernel.msgmnb` (16,384, if nobody raised it) needs CAP_SYS_RESOURCE. When left out:
   * `kernel.msgmnb`.
   */
  maxBytes?: number | undefined;
}

/** How a System V queue is opened. */
export interface OpenSysvQueueOptions {
  /** Whose queue is accepted: a user id, or `"any"`. Keys are guessed easily. When left out: this user's or root's. */
  owner?: number | "any" | undefined;
}

/**
 * `createSysvQueue(key)`: creates a System V message queue, private to this user. For programs that speak it already; a new program is
 * better served by `createMessageQueue()`, whose waits are events and no polling.
 *
 * Of many creators of one key exactly one wins. The queue and its messages outlive their creator, until `remove()` or the end of the machine.
 *
 * @param key A 32-bit integer other than 0 (see `ftok()`), or `"private"` for a queue that only its id leads to.
 * @returns The queue. `close()` gives up the handle, `remove()` removes the queue.
 * @throws {PosixError} EEXIST; ENOSPC at kernel.msgmni, and EPERM above kernel.msgmnb, whose values the message tells; ENOMEM.
 * @throws {TypeError} For a key that cannot be.
 * @throws {RangeError} For a mode or size that cannot be.
 *
 * @example Take what is wanted first
 * ```ts
 * import { createSysvQueue } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using queue = createSysvQueue("private");
 * queue.trySend(new Uint8Array([1]), { type: 1 });
 * queue.trySend(new Uint8Array([2]), { type: 2 });
 * assertEquals(queue.tryReceive({ type: 2 })?.bytes, new Uint8Array([2]));
 * assertEquals(queue.tryReceive({ type: 2 }), undefined);
 * queue.remove();
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/msgget.2.html msgget(2)}
 * @tags allow-ffi
 */
export function createSysvQueue(key: number | "private", options: CreateSysvQueueOptions = {}): SysvQueue {
  const number = key === "private" ? IPC.PRIVATE : requireKey(key);
  const { mode = 0o600, maxBytes } = options;
  requireMode(mode);
  if (maxBytes !== undefined) requireInteger("maxBytes", maxBytes, 1, LONGEST_MESSAGE);
  const target = describe(key);
  const id = libc().msgget(number, IPC.CREAT | IPC.EXCL | mode);
  const failure = errno();
  if (id === -1) fail(failure, "msgget", target, sysvHints());
  try {
    if (maxBytes !== undefined) changeQueue(id, { maxBytes }, target);
  } catch (error) {
    libc().msgctl(id, IPC.RMID, null);
    throw error;
  }
  publish(() => ({ kind: "queue.create", queue: "sysv", name: String(key), id }));
  return new SysvQueue(key === "private" ? key : number, id, target);
}

/**
 * `openSysvQueue(key)`: opens a System V message queue that exists.
 *
 * Before anything is sent or received, the kernel is asked whose it is (which needs read permission): a queue that a stranger made under our
 * key is refused.
 *
 * @param key The key, or `{ id }`.
 * @throws {PosixError} ENOENT; EACCES (also for another user's queue); for an id EINVAL or EIDRM.
 * @throws {TypeError} For a key or id that cannot be.
 *
 * @example A queue without a key
 * ```ts
 * import { createSysvQueue, openSysvQueue } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using mine = createSysvQueue("private");
 * using theirs = openSysvQueue({ id: mine.id });
 * mine.sendSync(new Uint8Array([7]));
 * assertEquals(theirs.receiveSync().bytes, new Uint8Array([7]));
 * mine.remove();
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/msgget.2.html msgget(2)}
 * @tags allow-ffi
 */
export function openSysvQueue(key: number | { id: number }, options: OpenSysvQueueOptions = {}): SysvQueue {
  const { owner } = options;
  const target = describe(key);
  const id = typeof key === "object" ? requireId(key.id) : check(libc().msgget(requireKey(key), 0), "msgget", target);
  const found = keyOfTrusted(id, owner, target);
  publish(() => ({ kind: "queue.open", queue: "sysv", name: target, id }));
  return new SysvQueue(typeof key === "number" ? requireKey(key) : found, id, target);
}

/** Asks the kernel, and refuses a queue of a stranger. */
function keyOfTrusted(id: number, owner: Owner | undefined, target: string): number | "private" {
  try {
    const { key, uid, creator } = queueFacts(id, target);
    requireOwner(uid, owner, "msgget", target);
    // A creator keeps its rights over a queue that it gave away.
    if (creator !== owner) requireOwner(creator, owner === "any" ? owner : undefined, "msgget", target);
    return key;
  } catch (error) {
    // Whoever may only send cannot ask whose the queue is; who accepts anybody's need not ask.
    if (owner === "any" && error instanceof PosixError && error.code === "EACCES") return "private";
    throw error;
  }
}
