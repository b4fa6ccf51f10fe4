/**
 * The name of a message queue on the road `mq:`: how a listener takes it, and gives it up, so that no death on the way leaves it in use for ever, and
 * nobody ever loses a queue that lives.
 *
 * Of each queue's file, the sticky bit says that a channel made it. It has that bit from birth on, because it is in the mode that `mq_open` is given.
 * One byte of the file is the lock of its name (`F_OFD_SETLK`): a listener holds it while it lives, whoever cleans up holds it meanwhile. The kernel
 * drops it with the process. Two rules make that enough:
 *
 * 1. Nobody removes a name without the lock of the very queue that has it.
 * 2. A queue without a name never gets one again (there is no `link` and no `rename` for queues). So who has the lock, and then sees that the queue
 *    has its name, has the name for as long as it holds the lock.
 *
 * | step | killed right after it, a process leaves | so that the next listener |
 * |---|---|---|
 * | 1. `mq_open(O_CREAT \| O_EXCL, 0o1600)` | a marked queue, its lock free | cleans up (a to c), and makes its own |
 * | 2. the lock of the name | the same, the lock fell free | the same |
 * | 3. the name is looked at | the same | the same |
 * | 4. the lock of the receiver | the same; a sender that has come sees that lock free: its receiver died | the same |
 * | 5. the permissions | the same | the same |
 * | 6. `mq_unlink`, by the one that has met its sender, or closes | no name | makes its own |
 * | a. a stale queue is opened, and its lock taken | the stale queue, its lock free | cleans up |
 * | b. the name is looked at | the same | the same |
 * | c. `mq_unlink` | no name | makes its own |
 *
 * Between 1 and 2, a newborn looks stale to another listener, which may remove it. Then its maker finds at 2 that the lock is taken, or at 3 that the
 * name is gone, and begins again. If two come to b for one queue, one after the other, the second finds that the name is gone. Whoever finds the lock
 * taken gives way with EADDRINUSE; so the last of several that has found none taken has the name.
 * (tests/channel/mq_name_model_test.ts runs every interleaving of three, with deaths at any step.)
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { posixHints } from "../queue/limits.ts";
import { unlinkMessageQueue } from "../queue/posix.ts";
import { OfdLock } from "../sync/lock_calls.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { MQ, O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { publish } from "../sys/probe.ts";

/** The sticky bit: a channel made this queue. */
const MADE_BY_A_CHANNEL = 0o1000;

/** Most messages that a queue holds: `fs.mqueue.msg_max`, if nobody raised it. */
const MESSAGES = 10;

/** The byte that each end locks while it lives, and the one of who makes, has or cleans the name. */
const LOCKS = { receive: new OfdLock(0, 1), send: new OfdLock(1, 1), name: new OfdLock(2, 1) } as const;

/**
 * Makes a queue and takes its name, for a receiver. What a killed one left there is replaced.
 *
 * @returns The queue. While it is open, the name is its own, and senders see that their receiver lives.
 * @throws {PosixError} EADDRINUSE when somebody has the name; EACCES when another user's queue has it; and at a limit, what `mq_open` says.
 */
export function takeQueue(name: string, messageSize: number, permissions: number): Fd {
  // Each round after the first one follows something that another process did.
  while (true) {
    const fd = create(name, messageSize);
    if (fd === undefined) {
      removeStale(name);
      continue;
    }
    let own = false;
    try {
      own = LOCKS.name.try(fd, "exclusive") && hasName(fd);
      if (own) {
        // Nobody takes this one without the other.
        if (!LOCKS.receive.try(fd, "exclusive")) throw inUse(name, "another program has locked it");
        check(libc().fchmod(fd.raw, permissions | MADE_BY_A_CHANNEL), "fchmod", name);
        publish(() => ({ kind: "queue.create", queue: "posix", name, maxMessages: MESSAGES, messageSize }));
        return fd;
      }
    } catch (error) {
      // What is not locked may be somebody else's by now.
      if (own) giveName(name, fd);
      fd.close();
      throw error;
    }
    fd.close();
  }
}

/** Removes the name of a queue that `takeQueue` has returned, and that is open. May be called twice. */
export function giveName(name: string, fd: Fd): void {
  // Somebody who holds to no rule may have removed it, and made another.
  if (hasName(fd)) unlink(name);
}

/**
 * Opens a queue for a sender, and takes the sender's lock.
 *
 * @returns `undefined` when there is none with a receiver that lives, or another sender is there.
 * @throws {PosixError} EACCES for another user's queue.
 */
export function visitQueue(name: string): Fd | undefined {
  const fd = open(name);
  if (fd === undefined) return undefined;
  if (isMarked(fd) && isHeld(fd, "receive") && LOCKS.send.try(fd, "exclusive")) return fd;
  fd.close();
  return undefined;
}

/** Whether an end lives, asked by the other. Taking its lock to find out would keep it, for that moment, from being taken by whoever it is for. */
export function isHeld(fd: Fd, end: "send" | "receive"): boolean {
  return LOCKS[end].isHeldElsewhere(fd);
}

/** @returns `undefined` when the name is taken. */
function create(name: string, messageSize: number): Fd | undefined {
  const attributes = new DataView(new ArrayBuffer(MQ.attr.byteLength));
  attributes.setBigInt64(MQ.attr.maxmsg, BigInt(MESSAGES), true);
  attributes.setBigInt64(MQ.attr.msgsize, BigInt(messageSize), true);
  const flags = O.RDWR | O.CREAT | O.EXCL;
  // Widened when the locks are held: before, nobody finds a queue without a receiver.
  const raw = libc().mq_open(cString(name, "name"), flags, MADE_BY_A_CHANNEL | 0o600, attributes);
  const number = errno();
  if (raw !== -1) return Fd.own(raw, `Message queue ${name}`);
  if (number !== ERRNO.EEXIST) fail(number, "mq_open", name, posixHints(true));
  return undefined;
}

/** Removes a queue that a channel made and that nobody holds. @throws {PosixError} EADDRINUSE when it is another one. */
function removeStale(name: string): void {
  using fd = open(name);
  if (fd === undefined) return;
  if (!isMarked(fd)) throw inUse(name, "no channel made it: unlink it if nobody needs it");
  if (!LOCKS.name.try(fd, "exclusive")) throw inUse(name, "a channel listens there");
  if (hasName(fd)) unlink(name);
}

/** @returns `undefined` when there is none. */
function open(name: string): Fd | undefined {
  const raw = libc().mq_open(cString(name, "name"), O.RDWR, 0, null);
  const number = raw === -1 ? errno() : 0;
  if (number === ERRNO.ENOENT) return undefined;
  if (number !== 0) fail(number, "mq_open", name);
  const fd = Fd.own(raw, `Message queue ${name}`);
  const { uid } = fileFacts(fd);
  if (uid === libc().geteuid() || uid === 0) return fd;
  fd.close();
  throw new PosixError({ code: "EACCES", syscall: "mq_open", target: name, hint: `it belongs to user ${uid}` });
}

function isMarked(fd: Fd): boolean {
  return (fileFacts(fd).mode & MADE_BY_A_CHANNEL) !== 0;
}

/** Whether a queue still is the one that its name stands for. */
function hasName(fd: Fd): boolean {
  return fileFacts(fd).links > 0;
}

function unlink(name: string): void {
  try {
    unlinkMessageQueue(name);
  } catch (error) {
    if (!(error instanceof PosixError && error.code === "ENOENT")) throw error;
  }
}

function inUse(name: string, hint: string): PosixError {
  return new PosixError({ code: "EADDRINUSE", syscall: "mq_open", target: name, hint });
}
