/**
 * An open POSIX message queue: sending and receiving in three ways each.
 *
 * The descriptor is a blocking one. "Never wait" is a deadline that has passed, which the kernel answers at once; "wait for ever" is one
 * call that the kernel itself keeps waiting. Between them, `poll` and the epoll thread wait without touching the queue.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { Deadline, type SyncWaitOptions, turned, type WaitOptions } from "../sys/clock.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { closeWaited, waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { Line } from "../sys/line.ts";
import { EPOLL, MQ, POLL } from "../sys/linux.ts";
import { pollSync } from "../sys/poll.ts";
import { publish, startedNs } from "../sys/probe.ts";
import { LONGEST_MESSAGE, requireInteger, requireMessage } from "./arguments.ts";
import { arrival } from "./notification.ts";
import { giveTurn, isForEver } from "./waiting.ts";

/** How urgent a message is. */
export interface PriorityOptions {
  /**
   * 0 to 32767; a higher one is received first.
   * @default {0}
   */
  priority?: number | undefined;
}

/** Where a message is received to. */
export interface MessageQueueReceiveOptions {
  /** Memory to receive into, of at least `messageSize` bytes, to spare an allocation a message. When left out: memory of its own. */
  into?: Uint8Array<ArrayBuffer> | undefined;
}

/** A message as it was received. */
export interface QueueMessage {
  /** The bytes: the receiver's own copy, or the beginning of `into`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The priority that it was sent with. */
  readonly priority: number;
}

/** What the kernel says of a queue. */
export interface MessageQueueAttributes {
  /** Most messages that the queue holds. */
  readonly maxMessages: number;
  /** Most bytes of one message. */
  readonly messageSize: number;
  /** Messages in the queue now. */
  readonly messages: number;
}

/** A moment that has passed: `struct timespec` of the kernel's clock. */
const LONG_AGO = new BigInt64Array(2);

/**
 * An open message queue, made by `createMessageQueue()` or `openMessageQueue()`.
 *
 * Model: synchronous, through the kernel; two copies a message. A receiver waits for a message, a sender for room. Order: the highest
 * priority first, first in first out within one. A message is whole or not there: never torn, merged or delivered twice. Messages stay in the
 * queue when it is closed, and when their sender dies. What a receiver has taken is gone with it when it dies.
 *
 * Several `send()` of one object are served in the order of their calls, and so are several `receive()`; the `Sync` and `try` forms do not stand in
 * that line. Between processes, the kernel serves those that block in it (C programs, the `Sync` forms without a time limit) before those that
 * wait for the descriptor (the event loop).
 *
 * @see {@link https://man7.org/linux/man-pages/man7/mq_overview.7.html mq_overview(7)}
 */
export class MessageQueue implements Disposable, AsyncIterable<QueueMessage> {
  /** The name that it was opened by. It may have been unlinked since. */
  readonly name: string;
  readonly #fd: Fd;
  readonly #messageSize: number;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  readonly #priority = new Uint32Array(1);
  readonly #senders = new Line();
  readonly #receivers = new Line();

  /** Made by `createMessageQueue()` and `openMessageQueue()`. */
  constructor(name: string, fd: Fd) {
    this.name = name;
    this.#fd = fd;
    this.#messageSize = this.attributes.messageSize;
  }

  /**
   * `mq_getattr(3)`: the limits, and how many messages there are now.
   *
   * @throws {ClosedError} After `close()`.
   */
  get attributes(): MessageQueueAttributes {
    const attributes = new DataView(new ArrayBuffer(MQ.attr.byteLength));
    check(libc().mq_getattr(this.#fd.raw, attributes), "mq_getattr", this.name);
    const read = (offset: number) => Number(attributes.getBigInt64(offset, true));
    return {
      maxMessages: read(MQ.attr.maxmsg),
      messageSize: read(MQ.attr.msgsize),
      messages: read(MQ.attr.curmsgs),
    };
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#fd.closed;
  }

  /**
   * Sends a message, waiting on the event loop while the queue is full. A wait that ends early has sent nothing. The bytes must not change
   * until the promise settles.
   *
   * @throws {PosixError} EMSGSIZE when it is larger than `messageSize`; EBADF when the queue was opened to receive only.
   * @throws {RangeError} For a priority outside 0..32767 (the kernel's EINVAL).
   * @throws {TypeError} For what is no `Uint8Array`.
   * @throws {ClosedError} After `close()`, and when it is closed during the wait.
   */
  async send(bytes: Uint8Array, options: PriorityOptions & WaitOptions = {}): Promise<void> {
    const priority = sendArguments(bytes, options);
    options.signal?.throwIfAborted();
    const what = `Sending to ${this.name}`;
    const deadline = new Deadline(what, options.timeoutMs);
    if (this.#senders.taken || !this.#send(bytes, priority, LONG_AGO)) {
      await this.#senders.enter(what, options, deadline);
      try {
        while (!this.#send(bytes, priority, LONG_AGO)) {
          await waitFor(this.#fd, EPOLL.OUT, options, deadline);
          turned();
        }
      } finally {
        this.#senders.leave();
      }
    }
    await giveTurn();
  }

  /** Sends a message, blocking this thread while the queue is full. Throws as `send()` does. */
  sendSync(bytes: Uint8Array, options: PriorityOptions & SyncWaitOptions = {}): void {
    const priority = sendArguments(bytes, options);
    if (isForEver(options)) {
      this.#send(bytes, priority, null);
      return;
    }
    const deadline = new Deadline(`Sending to ${this.name}`, options.timeoutMs);
    while (!this.#send(bytes, priority, LONG_AGO)) pollSync(this.#fd, POLL.OUT, deadline);
  }

  /** Sends a message if there is room: `false`, and nothing sent, when there is none. Throws as `send()` does. */
  trySend(bytes: Uint8Array, options: PriorityOptions = {}): boolean {
    return this.#send(bytes, sendArguments(bytes, options), LONG_AGO);
  }

  /**
   * Receives the first message, waiting on the event loop while the queue is empty. A wait that ends early has taken no message.
   *
   * @throws {PosixError} EBADF when the queue was opened to send only; EMSGSIZE when `into` is smaller than `messageSize`, whatever the size of
   * the message, which stays in the queue.
   * @throws {ClosedError} After `close()`, and when it is closed during the wait.
   */
  async receive(options: MessageQueueReceiveOptions & WaitOptions = {}): Promise<QueueMessage> {
    requireInto(options);
    options.signal?.throwIfAborted();
    const what = `Receiving from ${this.name}`;
    const deadline = new Deadline(what, options.timeoutMs);
    let message = this.#receivers.taken ? undefined : this.#receive(options, LONG_AGO);
    if (message === undefined) {
      await this.#receivers.enter(what, options, deadline);
      try {
        while ((message = this.#receive(options, LONG_AGO)) === undefined) {
          await waitFor(this.#fd, EPOLL.IN, options, deadline);
          turned();
        }
      } finally {
        this.#receivers.leave();
      }
    }
    await giveTurn();
    return message;
  }

  /** Receives the first message, blocking this thread while the queue is empty. Throws as `receive()` does. */
  receiveSync(options: MessageQueueReceiveOptions & SyncWaitOptions = {}): QueueMessage {
    requireInto(options);
    const deadline = isForEver(options) ? undefined : new Deadline(`Receiving from ${this.name}`, options.timeoutMs);
    while (true) {
      const message = this.#receive(options, deadline === undefined ? null : LONG_AGO);
      if (message !== undefined) return message;
      if (deadline !== undefined) pollSync(this.#fd, POLL.IN, deadline);
    }
  }

  /** Receives the first message if there is one. Throws as `receive()` does. */
  tryReceive(options: MessageQueueReceiveOptions = {}): QueueMessage | undefined {
    requireInto(options);
    return this.#receive(options, LONG_AGO);
  }

  /**
   * `mq_notify(3)`: waits until a message arrives in the empty queue, and leaves it there. What is in the queue already does not count.
   *
   * The registration is made before this method returns its promise, and gone when the promise settles. To miss nothing: call this, then receive
   * what is there, then await. One process at a time can be registered; a message that goes straight to a blocked receiver (a C program,
   * `receiveSync()`) is not told. When this process closes another handle of the queue meanwhile, the kernel drops the registration; it is made
   * again, and a message that is there by then counts as arrived.
   *
   * @throws {PosixError} EBUSY when a process is registered already, this one included.
   * @throws {ClosedError} After `close()`, and when it is closed during the wait.
   *
   * @example Drain the queue, then sleep until there is more
   * ```ts
   * import { createMessageQueue, unlinkMessageQueue } from "@causeway/causeway";
   * import { assertEquals } from "@std/assert";
   *
   * const name = `/causeway-doc-${crypto.randomUUID()}`;
   * using queue = createMessageQueue(name, { maxMessages: 2, messageSize: 8 });
   * unlinkMessageQueue(name);
   * const arrived = queue.arrival();
   * while (queue.tryReceive() !== undefined);
   * queue.trySend(new Uint8Array([1]));
   * await arrived;
   * assertEquals(queue.attributes.messages, 1);
   * ```
   *
   * @see {@link https://man7.org/linux/man-pages/man3/mq_notify.3.html mq_notify(3)}
   */
  async arrival(options: WaitOptions = {}): Promise<void> {
    await arrival(this.#fd, this.name, options, () => this.attributes.messages > 0);
  }

  /**
   * Every message as it comes, until the queue is closed here.
   *
   * @throws {ClosedError} When it is closed already.
   */
  [Symbol.asyncIterator](): AsyncGenerator<QueueMessage, void, void> {
    void this.#fd.raw;
    return this.#messages();
  }

  /** Gives up this handle; the queue stays. Pending waits reject with `ClosedError`. May be called twice. */
  close(): void {
    closeWaited(this.#fd);
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async *#messages(): AsyncGenerator<QueueMessage, void, void> {
    while (true) {
      let message: QueueMessage;
      try {
        message = await this.receive();
      } catch (error) {
        if (error instanceof ClosedError) return;
        throw error;
      }
      yield message;
    }
  }

  /** One send. `until` is `LONG_AGO` to never wait, `null` to wait for ever. */
  #send(bytes: Uint8Array, priority: number, until: BigInt64Array<ArrayBuffer> | null): boolean {
    const fd = this.#fd.raw;
    const { byteLength } = bytes;
    const started = startedNs();
    while (true) {
      const result = libc().mq_timedsend(fd, bytes as Uint8Array<ArrayBuffer>, byteLength, priority, until);
      const number = errno();
      if (result === 0) {
        publish(() => ({
          kind: "queue.send",
          queue: "posix",
          name: this.name,
          bytes: byteLength,
          priority,
          startedNs: started,
        }));
        return true;
      }
      if (number === ERRNO.ETIMEDOUT) return false;
      if (number !== ERRNO.EINTR) {
        fail(number, "mq_send", this.name, {
          EMSGSIZE: `the queue takes messages of at most ${this.#messageSize} bytes, got ${byteLength}`,
          EBADF: "it was opened to receive only",
        });
      }
    }
  }

  /** One receive. `until` is `LONG_AGO` to never wait, `null` to wait for ever. */
  #receive(
    { into }: MessageQueueReceiveOptions,
    until: BigInt64Array<ArrayBuffer> | null,
  ): QueueMessage | undefined {
    const fd = this.#fd.raw;
    const buffer = into ?? (this.#buffer ??= new Uint8Array(this.#messageSize));
    const room = Math.min(buffer.byteLength, LONGEST_MESSAGE);
    while (true) {
      const count = libc().mq_timedreceive(fd, buffer, room, this.#priority, until);
      const number = errno();
      if (count >= 0) {
        const priority = this.#priority[0]!;
        publish(() => ({ kind: "queue.receive", queue: "posix", name: this.name, bytes: count, priority }));
        return { bytes: into === undefined ? buffer.slice(0, count) : buffer.subarray(0, count), priority };
      }
      if (number === ERRNO.ETIMEDOUT) return undefined;
      if (number !== ERRNO.EINTR) {
        fail(number, "mq_receive", this.name, {
          EMSGSIZE: `messages have up to ${this.#messageSize} bytes, into has ${room}`,
          EBADF: "it was opened to send only",
        });
      }
    }
  }
}

function sendArguments(bytes: Uint8Array, { priority = 0 }: PriorityOptions): number {
  requireMessage(bytes);
  requireInteger("priority", priority, 0, MQ.PRIO_MAX - 1);
  return priority;
}

function requireInto({ into }: MessageQueueReceiveOptions): void {
  if (into !== undefined && !(into instanceof Uint8Array)) {
    throw new TypeError(`into must be a Uint8Array, got ${typeof into}`);
  }
}
