/**
 * POSIX message queues by name: creating, opening, unlinking.
 *
 * @module
 */

import { type Owner, requireMode, requireOwner } from "../memory/arguments.ts";
import { check, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { MQ, O } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import { slashName } from "../sys/slash_name.ts";
import { LONGEST_MESSAGE, requireInteger } from "./arguments.ts";
import { posixHints } from "./limits.ts";
import { MessageQueue } from "./message_queue.ts";

/** Most bytes of a name after its slash: a file name of Linux. */
const MAX_NAME_BYTES = 255;

/** How a message queue is made. */
export interface CreateMessageQueueOptions {
  /**
   * Most messages that the queue holds. More than `fs.mqueue.msg_max` (10, if nobody raised it) needs CAP_SYS_RESOURCE.
   * @default {10}
   */
  maxMessages?: number | undefined;
  /**
   * Most bytes of one message. More than `fs.mqueue.msgsize_max` (8192, if nobody raised it) needs CAP_SYS_RESOURCE.
   * @default {8192}
   */
  messageSize?: number | undefined;
  /**
   * Permission bits, whatever the umask.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/** How a message queue is opened. */
export interface OpenMessageQueueOptions {
  /**
   * What it is opened for.
   * @default {"both"}
   */
  access?: "receive" | "send" | "both" | undefined;
  /** Whose queue is accepted: a user id, or `"any"`. Anybody may create any name. When left out: this user's or root's. */
  owner?: number | "any" | undefined;
}

/**
 * `mq_open("/name", O_CREAT|O_EXCL)`: creates a message queue, private to this user, and opens it for both directions.
 *
 * Of many creators exactly one wins. The queue and its messages outlive their creator, until `unlinkMessageQueue()` or the end of the machine. The
 * kernel charges the user for the whole queue at once (`maxMessages * messageSize` and a little more), to RLIMIT_MSGQUEUE: with the usual
 * limit of 819,200 bytes, a user can have nine queues of the default size.
 *
 * `--allow-ffi` is full trust: no other permission guards the names.
 *
 * @param name A slash and then at most 255 bytes without a slash.
 * @param options Its limits and its mode.
 * @returns The queue. `close()` gives up the handle, `unlinkMessageQueue()` removes the name.
 * @throws {PosixError} EEXIST; EINVAL, EMFILE, ENOSPC at a limit, which the message names with its value; EACCES, ENFILE, ENOMEM.
 * @throws {TypeError} For a name of another form.
 * @throws {RangeError} For sizes or a mode that cannot be.
 *
 * @example The higher priority comes first
 * ```ts
 * import { createMessageQueue, unlinkMessageQueue } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * using queue = createMessageQueue(name, { maxMessages: 4, messageSize: 64 });
 * unlinkMessageQueue(name);
 * const text = (value: string) => new TextEncoder().encode(value);
 * queue.trySend(text("later"), { priority: 1 });
 * queue.trySend(text("urgent"), { priority: 9 });
 * const { bytes, priority } = await queue.receive();
 * assertEquals([new TextDecoder().decode(bytes), priority], ["urgent", 9]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/mq_overview.7.html mq_overview(7)}
 * @tags allow-ffi
 */
export function createMessageQueue(name: string, options: CreateMessageQueueOptions = {}): MessageQueue {
  const path = slashName(name, MAX_NAME_BYTES);
  const { maxMessages = 10, messageSize = 8192, mode = 0o600 } = options;
  requireInteger("maxMessages", maxMessages, 1, LONGEST_MESSAGE);
  requireInteger("messageSize", messageSize, 1, LONGEST_MESSAGE);
  requireMode(mode);
  const attributes = new DataView(new ArrayBuffer(MQ.attr.byteLength));
  attributes.setBigInt64(MQ.attr.maxmsg, BigInt(maxMessages), true);
  attributes.setBigInt64(MQ.attr.msgsize, BigInt(messageSize), true);
  const raw = libc().mq_open(path, O.RDWR | O.CREAT | O.EXCL, mode, attributes);
  const number = errno();
  if (raw === -1) fail(number, "mq_open", name, posixHints(true));
  const fd = own(raw, name);
  try {
    // The umask can only have taken bits away: the queue was never more open than asked.
    check(libc().fchmod(fd.raw, mode), "fchmod", name);
    const queue = new MessageQueue(name, fd);
    publish(() => ({ kind: "queue.create", queue: "posix", name, maxMessages, messageSize }));
    return queue;
  } catch (error) {
    fd.close();
    libc().mq_unlink(path);
    throw error;
  }
}

/**
 * `mq_open("/name")`: opens a message queue that exists.
 *
 * @param name A slash and then at most 255 bytes without a slash.
 * @throws {PosixError} ENOENT; EACCES (also for another user's queue); EMFILE, ENFILE.
 * @throws {TypeError} For a name or an access of another form.
 *
 * @example A handle that can only send
 * ```ts
 * import { createMessageQueue, openMessageQueue, unlinkMessageQueue } from "@causeway/causeway";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * using queue = createMessageQueue(name, { maxMessages: 1, messageSize: 8 });
 * using sender = openMessageQueue(name, { access: "send" });
 * unlinkMessageQueue(name);
 * sender.sendSync(new Uint8Array([7]));
 * assertEquals(queue.receiveSync().bytes, new Uint8Array([7]));
 * assertThrows(() => sender.tryReceive(), Error, "EBADF");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/mq_open.3.html mq_open(3)}
 * @tags allow-ffi
 */
export function openMessageQueue(name: string, options: OpenMessageQueueOptions = {}): MessageQueue {
  const path = slashName(name, MAX_NAME_BYTES);
  const { access = "both", owner } = options;
  const flags = { receive: O.RDONLY, send: O.WRONLY, both: O.RDWR }[access];
  if (flags === undefined) {
    throw new TypeError(`access must be "receive", "send" or "both", got ${Deno.inspect(access)}`);
  }
  const raw = libc().mq_open(path, flags, 0, null);
  const number = errno();
  if (raw === -1) fail(number, "mq_open", name, posixHints(false));
  const fd = own(raw, name);
  try {
    return opened(name, fd, owner);
  } catch (error) {
    fd.close();
    throw error;
  }
}

/**
 * `mq_unlink("/name")`: removes a name at once, whoever created it. Whoever has the queue open goes on with it, and a new queue may take the name;
 * the kernel frees the old one, and its messages, with its last handle.
 *
 * @throws {PosixError} ENOENT, EACCES.
 * @throws {TypeError} For a name that no queue can have.
 *
 * @example Clean up after a process that was killed
 * ```ts
 * import { createMessageQueue, unlinkMessageQueue } from "@causeway/causeway";
 *
 * const name = `/causeway-doc-${crypto.randomUUID()}`;
 * createMessageQueue(name, { maxMessages: 1, messageSize: 8 }).close();
 * unlinkMessageQueue(name);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/mq_unlink.3.html mq_unlink(3)}
 * @tags allow-ffi
 */
export function unlinkMessageQueue(name: string): void {
  check(libc().mq_unlink(slashName(name, MAX_NAME_BYTES)), "mq_unlink", name);
  publish(() => ({ kind: "queue.unlink", queue: "posix", name }));
}

function opened(name: string, fd: Fd, owner: Owner | undefined): MessageQueue {
  requireOwner(fileFacts(fd).uid, owner, "mq_open", name);
  const queue = new MessageQueue(name, fd);
  publish(() => ({ kind: "queue.open", queue: "posix", name }));
  return queue;
}

/** The kernel opens queues close-on-exec. */
function own(raw: number, name: string): Fd {
  return Fd.own(raw, `Message queue ${name}`);
}
